#!/bin/sh
# Every fuzzer built by clang and run by libFuzzer for some seconds.
for f in hmp qmp gdb virtq virtio-blk virtio-net virtio-serial virtio-vsock \
	virtio-balloon virtio-rng i6300esb pci mmio; do
	n=$((${n:-0} + 1))
	if make -s "O=$O" "fuzz-$f" "FUZZ_SECONDS=${FUZZ_SECONDS:-10}" \
	    >"$O/fuzz-$f.log" 2>&1; then
		echo "ok $n - $f: $(grep -c NEW "$O/fuzz-$f.log") new inputs"
	else
		echo "not ok $n - $f"
		sed 's/^/# /' "$O/fuzz-$f.log" | tail -n 20
	fi
done
echo "1..$n"
