#!/bin/sh
# TAP: a stock gdb attached to guests.
#
# Tiny guests of tests/guest under every provider, then Debian's kernel with
# two CPUs under the software CPU: a hardware breakpoint at start_kernel, a
# watchpoint on jiffies_64, stepping over a call, threads, a breakpoint in a
# user program, detach.  LINUX_KVM: that alone, under KVM (linux-kvm.t).
#
# O: the build folder.  GDB_BOOT: seconds Debian's kernel may take under KVM.
set -u

O=${O:-build}
. tests/boot/tap.sh
guests=$O/tests/guest
work=$O/tests/gdb
pid=
trap '[ -n "$pid" ] && kill "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT

# gdb_says NAME PATTERN: ok when gdb printed it.
gdb_says() {
	if grep -Eq "$2" "$tmp/gdb"; then ok "$1"; else not_ok "$1"; fi
}

if ! command -v gdb >/dev/null 2>&1; then
	echo "1..0 # SKIP gdb is not installed"
	exit 0
fi

# start OPTIONS...: a machine that waits for gdb at $tmp/gdb.sock.
start() {
	rm -f "$tmp/gdb.sock" "$tmp/out" "$tmp/err"
	: >"$tmp/out"
	timeout "${VM_LIMIT:-240}" "$O/mote" -nodefaults -display none -monitor none \
		-serial "file:$tmp/out" -gdb "unix:$tmp/gdb.sock" "$@" \
		</dev/null 2>"$tmp/err" &
	pid=$!
	i=0
	while [ ! -S "$tmp/gdb.sock" ] && [ $i -lt 100 ]; do
		kill -0 "$pid" 2>/dev/null || return
		sleep 0.05
		i=$((i + 1))
	done
}

stop() {
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid=
}

# debug: gdb with the commands of standard input; what it says is in $tmp/gdb.
debug() {
	{
		echo "set confirm off"
		echo "set pagination off"
		echo "set architecture i386:x86-64"
		echo "target remote $tmp/gdb.sock"
		cat
	} >"$tmp/script"
	timeout "${GDB_LIMIT:-180}" gdb -nx -q -batch -x "$tmp/script" \
		>"$tmp/gdb" 2>&1
}

address() { nm "$1" | awk -v s="$2" '$3 == s { print "0x" $1; exit }'; }

# --- tiny guests ---------------------------------------------------------------

tiny() {
	accel=$1
	elf=$guests/long.elf
	main=$(address "$elf" main)
	say=$(address "$elf" say)
	seen=$(address "$elf" seen)
	touch=$(address "$elf" touch)
	GDB_LIMIT=30
	start -accel "$accel" -m 64 -kernel "$elf" -S
	debug <<END
printf "first %x\n", \$pc
stepi
stepi
printf "stepped %d\n", \$pc > $(address "$elf" _start)
hbreak *$main
continue
printf "main %d cr0 %d lma %d\n", \$pc == $main, \$cr0 & 1, (\$efer >> 10) & 1
delete
break *$say
continue
printf "say %d\n", \$pc == $say
x/1xb $say
set \$old = \$r15
set \$r15 = 0x1122334455667788
set \$xmm9.v2_int64[1] = 0x99
printf "r15 %lx xmm9 %d\n", \$r15, \$xmm9.v2_int64[1]
set \$r15 = \$old
set \$ret = *(unsigned long *)\$rsp
delete
tbreak *\$ret
continue
printf "returned %d\n", \$pc == \$ret
break *$touch
continue
printf "touch %d ring %d\n", \$pc == $touch, \$cs & 3
delete
set var *(int *)$seen = 305419896
maintenance packet Qqemu.PhyMemMode:1
printf "physical %x\n", *(int *)$seen
maintenance packet Qqemu.PhyMemMode:0
set var *(int *)$seen = 0
watch *(char *)$seen
continue
monitor info status
monitor x /1i \$pc
detach
END
	gdb_says "$accel: single steps" '^stepped 1'
	gdb_says "$accel: a hardware breakpoint is hit in long mode" \
		'^main 1 cr0 1 lma 1'
	gdb_says "$accel: a breakpoint is hit again and again" '^say 1'
	gdb_says "$accel: a software breakpoint is hit in ring 3" '^touch 1 ring 3'
	gdb_says "$accel: registers are written" '^r15 1122334455667788 xmm9 153'
	gdb_says "$accel: a call is stepped over" '^returned 1'
	gdb_says "$accel: memory is read by physical address" '^physical 12345678'
	gdb_says "$accel: a watchpoint says old and new value" '^New value = 1'
	gdb_says "$accel: monitor commands run" 'VM status: paused \(debug\)'
	i=0
	while ! grep -aq '^done' "$tmp/out" && [ $i -lt 100 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if grep -aq '^done' "$tmp/out"; then
		ok "$accel: the guest goes on after detach"
	else
		not_ok "$accel: the guest goes on after detach"
	fi
	stop
}

if [ -n "${LINUX_KVM:-}" ]; then
	:
elif [ -w /dev/kvm ]; then
	tiny tcg
	tiny kvm
else
	tiny tcg
	skip "kvm: the same" "/dev/kvm cannot be used"
fi

# --- Debian's kernel -------------------------------------------------------------

mkdir -p "$work"
mkdir "$tmp/root" && cp tests/gdb/init "$tmp/root/init" &&
	chmod 755 "$tmp/root/init"
(cd "$tmp/root" && echo init | cpio --quiet -o -H newc -R 0:0) |
	gzip -1n | cat "$dir/initramfs.gz" - >"$tmp/initramfs.gz"
kernel=$dir/vmlinux
[ -f "$kernel" ] || kernel=$dir/vmlinuz
args="console=ttyS0 quiet nokaslr panic=-1 cryptomgr.notests"

# The addresses, from the running kernel's own list; they change with it.
if [ ! "$work/symbols" -nt "$kernel" ]; then
	timeout 240 "$O/mote" -accel tcg -m 512 -nodefaults -display none \
		-monitor none -serial "file:$tmp/out" -kernel "$kernel" \
		-initrd "$tmp/initramfs.gz" -append "$args mote.gdb=symbols" \
		</dev/null 2>"$tmp/err"
	tr -d '\r' <"$tmp/out" | sed -n '/symbols begin/,/symbols end/p' |
		grep -E '^[0-9a-f]{16} ' >"$work/symbols"
fi
symbol() { awk -v s="$1" '$3 == s { print "0x" $1; exit }' "$work/symbols"; }
start_kernel=$(symbol start_kernel)
jiffies=$(symbol jiffies_64)
openat=$(symbol do_sys_openat2)
# The third and the fifth instruction of busybox: its first page is there then.
entry=$(readelf -h "$dir/busybox" | awk '/Entry point/ { print $4 }')
user=$(objdump -d --start-address="$entry" \
	--stop-address=$((entry + 40)) "$dir/busybox" |
	awk '/^ +[0-9a-f]+:/ { sub(":", "", $1); print "0x" $1 }' | sed -n '3p;5p')
user3=$(echo "$user" | head -n 1)
user5=$(echo "$user" | tail -n 1)

linux() {
	accel=$1
	start -accel "$accel" -m 512 -smp 2 -S -kernel "$kernel" \
		-initrd "$tmp/initramfs.gz" -append "$args"
	debug <<END
hbreak *$start_kernel
continue
printf "start_kernel %d\n", \$pc == $start_kernel
delete
watch *(unsigned long *)$jiffies
continue
continue
delete
break *$openat
continue
printf "openat %d\n", \$pc == $openat
info threads
delete
set \$ret = *(unsigned long *)\$rsp
tbreak *\$ret
continue
printf "returned %d\n", \$pc == \$ret
hbreak *$user3
continue
printf "user %d ring %d\n", \$pc == $user3, \$cs & 3
delete
break *$user5
x/1xb $user5
continue
printf "user soft %d\n", \$pc == $user5
stepi
printf "user step %d\n", \$pc > $user5 && \$pc < $user5 + 16
monitor info cpus
delete
detach
END
	gdb_says "$accel, Linux: a hardware breakpoint at start_kernel" '^start_kernel 1'
	if [ "$(grep -c '^New value' "$tmp/gdb")" -eq 2 ]; then
		ok "$accel, Linux: a watchpoint on jiffies_64, twice"
	else
		not_ok "$accel, Linux: a watchpoint on jiffies_64, twice"
	fi
	gdb_says "$accel, Linux: a software breakpoint in the kernel" '^openat 1'
	gdb_says "$accel, Linux: a thread for each of two CPUs" ' 2 +Thread 2 \(CPU#1'
	gdb_says "$accel, Linux: step over a function, by its return address" '^returned 1'
	gdb_says "$accel, Linux: a hardware breakpoint in a user program" '^user 1 ring 3'
	gdb_says "$accel, Linux: a software breakpoint in a user program" '^user soft 1'
	gdb_says "$accel, Linux: a step in a user program" '^user step 1'
	rounds=$(grep -ac 'guest: round' "$tmp/out")
	i=0
	while [ "$(grep -ac 'guest: round' "$tmp/out")" -le "$((rounds + 2))" ] &&
		[ $i -lt 200 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if [ $i -lt 200 ]; then
		ok "$accel, Linux: goes on after detach"
	else
		not_ok "$accel, Linux: goes on after detach"
	fi

	# A second gdb, while it runs: Ctrl-C is what `target remote` begins with.
	debug <<END
printf "again %d\n", \$_thread
monitor gdbserver none
kill
END
	gdb_says "$accel, Linux: another gdb attaches to the running guest" '^again 1'
	gdb_says "$accel, Linux: a session cannot close its own server" 'cannot close its own'
	wait "$pid"
	rc=$?
	pid=
	if [ $rc -eq 0 ]; then ok "$accel, Linux: kill ends the VM"; else not_ok "$accel, Linux: kill ends the VM"; fi
}

# A KVM that emulates kernel code has the plugin interpret all of it meanwhile.
GDB_LIMIT=180
if [ -n "${LINUX_KVM:-}" ]; then
	GDB_LIMIT=${GDB_BOOT:-900}
	VM_LIMIT=$GDB_LIMIT
	linux kvm
else
	linux tcg
fi
echo "1..$n"
