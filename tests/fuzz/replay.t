#!/bin/sh
# The monitor and gdb fuzzers' corpus, input by input, without libFuzzer.
corpus=$(dirname "$0")/corpus
n=0
for f in "$corpus"/hmp/* "$corpus"/qmp/* "$corpus"/gdb/*; do
	kind=${f#"$corpus"/}
	n=$((n + 1))
	if "$O/tests/fuzz/fuzz_${kind%/*}" "$f" >/dev/null 2>&1; then
		echo "ok $n - $kind"
	else
		echo "not ok $n - $kind"
	fi
done
echo "1..$n"
