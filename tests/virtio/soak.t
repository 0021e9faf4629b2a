#!/bin/sh
# A quarter of a million requests with resets, unplugs, pauses and full disks.
exec "$O/tests/virtio/soak" 250000
