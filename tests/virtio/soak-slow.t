#!/bin/sh
# Ten million requests with resets, unplugs, pauses and full disks.
exec "$O/tests/virtio/soak" 10000000
