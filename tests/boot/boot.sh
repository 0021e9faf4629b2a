#!/bin/sh
# TAP: a stock Debian kernel under the software CPU: to a shell with 1, 2 and
# 4 CPUs, its messages against QEMU's, power off, reboot, panic, the power
# button, suspend to RAM and its alarm, PVH.
#
# usage: boot.sh [cpus|dmesg|reboot|again|button|suspend|alarm|panic|pvh ...]
#
# O: the build folder.  BOOT_ACCEL: another -accel than tcg.
set -u

O=${O:-build}
. "$(dirname "$0")/tap.sh"
accel=${BOOT_ACCEL:-tcg}
groups=${*:-cpus dmesg reboot again button suspend alarm panic pvh}

wanted() { case " $groups " in *" $1 "*) ;; *) return 1 ;; esac; }

# guest MODE OPTIONS...: one boot.
guest() {
	mode=$1
	shift
	boot "$dir/initramfs.gz" "$mode" -accel "$accel" -m 512 -monitor none "$@"
}

test_cpus() {
	for cpus in 1 2 4; do
		guest poweroff -smp $cpus
		check "boots to a shell and powers off, $cpus CPUs" \
			eval "says 'guest: CPUs $cpus' && [ $rc -eq 0 ]"
	done
}

# Level and text of warnings and worse, without times, addresses and numbers.
messages() {
	tr -d '\r' <"$1" | sed -n '/guest: dmesg begins/,/guest: dmesg ends/p' |
		sed -nE 's/^<([0-4])>\[ *[0-9.]+\] /\1 /p' |
		sed -E 's/0x[0-9a-f]+/N/g; s/[0-9]+/N/g' | sort -u
}

test_dmesg() {
	guest dmesg -smp 2 -no-reboot
	messages "$tmp/out" >"$tmp/ours"
	check "dmesg has no ACPI error or warning" \
		eval "says 'dmesg ends' && ! grep -aE 'ACPI (BIOS )?(Error|Warning|Exception)|ACPI:.*(rror|arning)' '$tmp/out'"
	name="dmesg warns of nothing that QEMU's does not"
	if ! command -v qemu-system-x86_64 >/dev/null 2>&1; then
		skip "$name" "qemu-system-x86_64 is not installed"
		return
	fi
	timeout "$limit" qemu-system-x86_64 -M q35 -accel tcg -cpu max -m 512 \
		-smp 2 -nodefaults -vga none -display none -monitor none \
		-serial "file:$tmp/qemu" -no-reboot -kernel "$dir/vmlinuz" \
		-initrd "$dir/initramfs.gz" \
		-append "console=ttyS0 quiet panic=-1 cryptomgr.notests mote.test=dmesg" \
		</dev/null >/dev/null 2>&1
	messages "$tmp/qemu" >"$tmp/theirs"
	comm -23 "$tmp/ours" "$tmp/theirs" >"$tmp/new"
	sed 's/^/# only here: /' "$tmp/new"
	check "$name" [ ! -s "$tmp/new" ]
}

test_reboot() {
	guest reboot -no-reboot
	check "reboot ends the process with -no-reboot" \
		eval "says 'guest: rebooting' && [ $rc -eq 0 ]"
}

# Wait until the console of a running guest says something $2 times.
await() {
	i=0
	while [ "$(grep -ac "$1" "$tmp/out" 2>/dev/null || :)" -lt "$2" ]; do
		i=$((i + 1))
		[ $i -gt $((limit * 5)) ] && return 1
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.2
	done
}

# As guest, in the background, with the monitor reading from $tmp/monitor.
background() {
	mode=$1
	shift
	rm -f "$tmp/out" "$tmp/err" "$tmp/monitor"
	mkfifo "$tmp/monitor"
	: >"$tmp/out"
	"$O/mote" -accel "$accel" -m 512 -nodefaults -display none \
		-monitor stdio -serial "file:$tmp/out" \
		-kernel "$dir/vmlinuz" -initrd "$dir/initramfs.gz" \
		-append "console=ttyS0 quiet panic=-1 cryptomgr.notests mote.test=$mode" \
		"$@" <"$tmp/monitor" >"$tmp/mon.out" 2>"$tmp/err" &
	pid=$!
	exec 3>"$tmp/monitor"
}

end_background() {
	exec 3>&-
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

test_again() {
	background reboot
	check "reboot boots again" await "guest: rebooting" 2
	end_background
}

test_button() {
	background button
	await "waiting for the power button" 1
	sleep 1
	echo system_powerdown >&3
	check "system_powerdown is seen as the power button" \
		await "guest: power button" 1
	end_background
}

# Asleep when `info status` says so; the monitor's answers are in $tmp/mon.out.
asleep() {
	i=0
	until grep -aq 'paused (suspended)' "$tmp/mon.out"; do
		i=$((i + 1))
		[ $i -gt "$limit" ] && return 1
		echo info status >&3
		sleep 1
	done
}

test_suspend() {
	background suspend -smp 2
	await "CPUs 2, suspending" 1
	check "suspend to RAM stops the machine" asleep
	echo system_wakeup >&3
	check "system_wakeup lets the guest go on where it was" \
		eval 'await "guest: woke up, CPUs 2" 1 && await "guest: memory kept" 1'
	end_background
}

test_alarm() {
	guest alarm -smp 2
	check "the RTC's alarm wakes a guest suspended to RAM" \
		eval "says 'guest: woke up' && [ $rc -eq 0 ]"
	slept=$(tr -d '\r' <"$tmp/out" | sed -n 's/.*guest: slept \([0-9]*\) s.*/\1/p')
	check "not before its time, which has gone on" \
		[ "${slept:-0}" -ge 5 ]
}

test_panic() {
	guest panic -device pvpanic -action panic=exit-failure
	check "a panic with exit-failure ends the process with 1" \
		eval "says 'guest: panicking' && [ $rc -eq 1 ]"
	guest panic -device pvpanic -action panic=shutdown
	check "a panic with shutdown ends the process with 0" \
		eval "says 'guest: panicking' && [ $rc -eq 0 ]"
	guest panic -no-reboot
	check "a panic without pvpanic reboots, which ends with -no-reboot" \
		eval "says 'guest: panicking' && [ $rc -eq 0 ]"
}

test_pvh() {
	name="the same kernel as an ELF file boots by its PVH note"
	if [ ! -f "$dir/vmlinux" ]; then
		skip "$name" "no vmlinux could be unpacked"
		return
	fi
	kernel=$dir/vmlinux
	guest poweroff -smp 2
	kernel=
	check "$name" eval "says 'guest: CPUs 2' && [ $rc -eq 0 ]"
}

for g in cpus dmesg reboot again button suspend alarm panic pvh; do
	wanted $g && test_$g
done
echo "1..$n"
