#!/bin/sh
# The device fuzzers' corpora, one line a device, without libFuzzer.
corpus=$(dirname "$0")/corpus
n=0
for d in virtio-blk virtio-net virtio-serial virtio-vsock virtio-balloon \
	virtio-rng i6300esb pci mmio; do
	n=$((n + 1))
	set -- "$corpus/$d"/*
	if "$O/tests/fuzz/fuzz_$d" "$@" >/dev/null; then
		echo "ok $n - $d: $# inputs"
	else
		echo "not ok $n - $d"
	fi
done
echo "1..$n"
