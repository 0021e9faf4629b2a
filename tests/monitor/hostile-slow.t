#!/bin/sh
# Hostile clients with lines of 200 MB.
HOSTILE_MB=200 exec python3 "$(dirname "$0")/hostile.t"
