#!/bin/sh
# The process mote is to its user: options, exit codes, signals, pid file,
# daemon.  Uses the fastest way to run a tiny guest that this host has.
# TAP; `O` is the build folder.
O=${O:-build}
mote=$O/mote
guest=$O/tests/process/guest.elf
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

accel=tcg
[ -r /dev/kvm ] && [ -w /dev/kvm ] && accel=kvm
run="$mote -accel $accel -nodefaults -display none -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel $guest"

ok() {	# RC NAME
	n=$((n + 1))
	[ "$1" -eq 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}

is() {	# GOT WANTED NAME
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || echo "# got '$1', wanted '$2'"
}

says() {	# PATTERN NAME: it is one line in $dir/err
	grep -q -- "$1" "$dir/err" && [ "$(wc -l <"$dir/err")" -eq 1 ]
	ok $? "$2"
	grep -q -- "$1" "$dir/err" || sed 's/^/# /' "$dir/err"
}

wait_for() {	# COMMAND...: ten seconds for it to succeed
	for _ in $(seq 100); do
		"$@" 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

echo "# guests run with -accel $accel"

is "$($mote -version)" "$($mote --version)" "one dash and two are the same"
$mote -frobnicate 2>"$dir/err"
is $? 1 "an unknown option ends with status 1"
says '^mote: -frobnicate: invalid option$' "and one sentence"
$mote -vnc :1 2>"$dir/err"
is $? 1 "an option of tomorrow ends with status 1"
says 'not supported yet: VNC' "and says what is not there yet"
$mote -accel $accel -kernel /nowhere 2>"$dir/err" </dev/null
is $? 1 "a missing kernel ends with status 1"
says '/nowhere' "and the sentence names it"
$mote -accel $accel -kernel $guest -device nonsense 2>"$dir/err" </dev/null
is $? 1 "an unknown device ends with status 1"
says "'nonsense' is not a valid device model name" "and is named"

timeout 20 $run -append e
is $? 33 "isa-debug-exit decides the exit status"
timeout 20 $run -serial pty -append e 2>"$dir/err"
says 'char device redirected to /dev/pts/[0-9]* (label serial0)' \
	"a pseudo-terminal's name is said"
timeout 20 $run -nic stream,id=n0,server=on,addr.type=unix,addr.path="$dir/n" \
	-object filter-dump,id=f0,netdev=n0,file="$dir/pcap" -append e
is $? 33 "-object filter-dump knows the network of a -nic"
[ -s "$dir/pcap" ]
ok $? "and begins its file"
mkdir -p "$dir/any/bin" "$dir/any/lib/mote"
cp "$mote" "$dir/any/bin"
cp "$O/mote-tcg.so" "$dir/any/lib/mote"
timeout 20 "$dir/any/bin/mote" -accel tcg -nodefaults -display none \
	-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel $guest -append e
is $? 33 "wherever it is installed, mote finds its plugin"
rm -r "$dir/any"
timeout 20 $run -append t -no-reboot
is $? 0 "a triple fault with -no-reboot ends with status 0"
timeout 20 $run -append t -action reboot=shutdown
is $? 0 "-action reboot=shutdown is the same"

$run -append h -serial file:"$dir/com" -pidfile "$dir/pid" 2>"$dir/err" &
pid=$!
wait_for grep -q '!' "$dir/com"
ok $? "the guest's serial output arrives in a file"
is "$(cat "$dir/pid")" $pid "the pid file holds the process id"
$run -append e -pidfile "$dir/pid" 2>"$dir/err2"
is $? 1 "a second process does not take the pid file"
kill -TERM $pid
wait $pid
is $? 0 "SIGTERM ends it with status 0"
says "ended by signal 15 from process" "and it says so"
[ ! -e "$dir/pid" ]
ok $? "the pid file is gone"

for s in INT HUP; do
	timeout -s $s 1 $run -append h 2>"$dir/err"
	says "ended by signal" "SIG$s ends it too"
done

timeout 20 $run -append h -daemonize -pidfile "$dir/pid" \
	-serial file:"$dir/com2" 2>"$dir/err"
is $? 0 "the parent of a daemon ends with status 0 when it runs"
wait_for grep -q '!' "$dir/com2"
ok $? "the daemon's guest runs"
pid=$(cat "$dir/pid")
is "$(readlink /proc/$pid/fd/0)" /dev/null "a daemon has no terminal"
kill -TERM $pid
wait_for test ! -e /proc/$pid
ok $? "and ends when told"
timeout 20 $run -kernel /nowhere -daemonize 2>"$dir/err"
is $? 1 "the parent of a daemon that does not start ends with status 1"
says '/nowhere' "and the daemon's sentence is printed"

timeout 20 $run -append e -S -serial null 2>"$dir/err"
is $? 124 "-S does not run the guest"

# Every thread, whoever made it, is under a filter and has no capability.
all_filtered() {	# PID
	for t in /proc/$1/task/*/status; do
		grep -q '^Seccomp:	2' "$t" || return 1
		grep -q '^CapEff:	0000000000000000' "$t" || return 1
		grep -q '^NoNewPrivs:	1' "$t" || return 1
	done
}

truncate -s 1M "$dir/disk"
for a in $accel tcg; do
	$mote -accel $a -nodefaults -display none -smp 2 -kernel $guest -append h \
		-object iothread,id=io0 -serial file:"$dir/com3" \
		-drive file="$dir/disk",if=none,id=d,format=raw \
		-device virtio-blk-device,drive=d,iothread=io0 \
		-qmp unix:"$dir/qmp",server=on,wait=off 2>"$dir/err" &
	pid=$!
	wait_for grep -q '!' "$dir/com3"
	wait_for all_filtered $pid
	ok $? "every thread has a filter and no capability (-accel $a)"
	grep -L '^Seccomp:	2' /proc/$pid/task/*/status 2>/dev/null |
		while read -r f; do sed -n 's/^Name:/# without:/p' "$f"; done
	is "$(cat /proc/$pid/task/*/comm | grep -cE '^(IO io0|disk I/O)$')" 2 \
		"the disk's threads are among them (-accel $a)"
	kill -TERM $pid
	wait $pid
	rm -f "$dir/com3"
	[ $accel = tcg ] && break
done

echo "1..$n"
