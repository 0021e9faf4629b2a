# TAP and one boot of a guest, for the tests of whole kernels; sourced.
#
# Before: O.  After: dir (kernel and initramfs), limit (seconds for a boot), tmp
# (removed at exit), n (tests so far).
dir=${BOOT_DIR:-$O/boot}
limit=${BOOT_LIMIT:-240}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

ok() { n=$((n + 1)); echo "ok $n - $*"; }
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
not_ok() {
	n=$((n + 1))
	echo "not ok $n - $1"
	for said in out gdb; do
		[ -f "$tmp/$said" ] &&
			tail -n 25 "$tmp/$said" | tr -d '\r' | sed 's/^/# /'
	done
	[ -f "$tmp/err" ] && tail -n 5 "$tmp/err" | sed 's/^/# stderr: /'
}

# check NAME CONDITION...: ok when the command succeeds.
check() {
	name=$1
	shift
	if "$@"; then ok "$name"; else not_ok "$name"; fi
}

# boot INITRD MODE OPTIONS...: $tmp/out has the console, $rc the exit.
boot() {
	initrd=$1
	mode=$2
	shift 2
	rm -f "$tmp/out" "$tmp/err"
	timeout "$limit" "$O/mote" -nodefaults -display none \
		-serial "file:$tmp/out" -kernel "${kernel:-$dir/vmlinuz}" \
		-initrd "$initrd" \
		-append "console=ttyS0 quiet panic=-1 cryptomgr.notests mote.test=$mode" \
		"$@" </dev/null 2>"$tmp/err"
	rc=$?
}

# The console says so.
says() { grep -aq "$1" "$tmp/out"; }
