#!/bin/sh
# The sessions that need no device models, as TAP; all: make monitor-conform.
exec python3 "$(dirname "$0")/conform.py" --tap
