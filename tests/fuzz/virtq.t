#!/bin/sh
# The virtqueue fuzzer's corpus, input by input, without libFuzzer.
exec "$O/tests/fuzz/fuzz_virtq" "$(dirname "$0")"/corpus/virtq/*
