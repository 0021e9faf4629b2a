/* SPDX-License-Identifier: MIT */
/*
 * Run state: the machine starts, stops, resets and ends.
 *
 * Talks to: vm.h, on the main loop.
 */
#include "monitor/both.h"
#include "monitor/dump.h"
#include "monitor/mon.h"
#include "monitor/profile.h"
#include "vmm/base/log.h"
#include "vmm/gdb/gdb.h"
#include "vmm/dev/mc146818rtc.h"
#include "vmm/switch.h"
#include "vmm/vcpu.h"

#include <errno.h>
#include <string.h>

static void cmd_quit(struct mon *m, const struct mon_arg *a UNUSED)
{
	vm_quit(mon_vm(m), 0);
}

int mon_do_exit_preconfig(struct vm *vm, struct err *e)
{
	int rc;

	if (!vm->preconfig)
		return err_set(e, -EPERM, "The command is permitted only "
			       "before machine initialization");
	rc = vm->exit_preconfig(vm->exit_preconfig_opaque, e);
	if (rc < 0) {                  /* half a machine: of no use */
		log_warn("%s", e->msg);
		vm_quit(vm, 1);
	}
	return rc;
}

static void cmd_exit_preconfig(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct err e = { 0 };

	if (mon_do_exit_preconfig(mon_vm(m), &e) < 0)
		mon_error(m, &e);
}

void mon_do_stop(struct vm *vm)
{
	if (vm_state(vm) == RUN_RUNNING)
		vm_pause(vm, RUN_PAUSED);
}

static void cmd_stop(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_do_stop(mon_vm(m));
}

int mon_do_cont(struct vm *vm, struct err *e)
{
	if (vm->monitors && vm->monitors->dump.status == DUMP_ACTIVE)
		return err_set(e, -EBUSY, "There is a dump in process, please "
			       "wait.");
	switch (vm_state(vm)) {
	case RUN_RUNNING:
	case RUN_SUSPENDED:            /* system_wakeup ends that */
		return 0;
	default:
		return vm_cont(vm, e);
	}
}

static void cmd_cont(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct err e = { 0 };

	if (mon_do_cont(mon_vm(m), &e) < 0)
		mon_error(m, &e);
}

static void cmd_system_wakeup(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct err e = { 0 };

	if (vm_wakeup(mon_vm(m), &e) < 0)
		mon_error(m, &e);
}

static void cmd_system_reset(struct mon *m, const struct mon_arg *a UNUSED)
{
	vm_reset(mon_vm(m));
}

static void cmd_system_powerdown(struct mon *m,
				 const struct mon_arg *a UNUSED)
{
	vm_powerdown(mon_vm(m));
}

int mon_do_nmi(struct vm *vm, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < vm->nvcpus && rc >= 0; i++)
		rc = vm_inject_nmi(vm, i, e);
	return rc;
}

static void cmd_nmi(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct err e = { 0 };

	if (mon_do_nmi(mon_vm(m), &e) < 0)
		mon_error(m, &e);
}

static void cmd_cpu(struct mon *m, const struct mon_arg *a)
{
	if (a[0].num >= mon_vm(m)->nvcpus)
		mon_puts(m, "invalid CPU index\n");
	else
		m->cpu = a[0].num;
}

static void cmd_one_insn(struct mon *m, const struct mon_arg *a)
{
	const struct kvm_provider *p = mon_vm(m)->provider;
	bool on = !a[0].given || !strcmp(a[0].str, "on");

	if (!on && strcmp(a[0].str, "off")) {
		mon_printf(m, "unexpected option %s\n", a[0].str);
		return;
	}
	if (!p || !p->control ||
	    p->control(mon_vm(m)->kvm.fd, "one-insn-per-tb", on) < 0)
		mon_puts(m, "This accelerator does not support setting "
			 "one-insn-per-tb\n");
}

static void cmd_accel_switch(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	if (switch_to(mon_vm(m), a[0].str, &e) < 0)
		mon_error(m, &e);
}

static void complete_accel(struct mon *m, unsigned n, const char *typed)
{
	static const char *const words[] = { "kvm", "tcg", NULL };

	if (n == 0)
		mon_offer_list(m, words, typed);
}

static void cmd_gdbserver(struct mon *m, const struct mon_arg *a)
{
	const char *device = a[0].given ? a[0].str : "tcp::1234";
	struct err e = { 0 };

	if (gdb_open(mon_vm(m), device, &e) < 0)
		mon_printf(m, "%s\nCould not open gdbserver on device '%s'\n",
			   e.msg, device);
	else if (!strcmp(device, "none"))
		mon_puts(m, "Disabled gdbserver\n");
	else
		mon_printf(m, "Waiting for gdb connection on device '%s'\n",
			   device);
}

static void cmd_xen(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_puts(m, "Error: Xen event channel emulation not enabled\n");
}

const char *const mon_watchdog_actions[] = {
	[WATCHDOG_RESET]      = "reset",
	[WATCHDOG_SHUTDOWN]   = "shutdown",
	[WATCHDOG_POWEROFF]   = "poweroff",
	[WATCHDOG_INJECT_NMI] = "inject-nmi",
	[WATCHDOG_PAUSE]      = "pause",
	[WATCHDOG_DEBUG]      = "debug",
	[WATCHDOG_NONE]       = "none",
	NULL
};

static void cmd_watchdog_action(struct mon *m, const struct mon_arg *a)
{
	for (unsigned i = 0; mon_watchdog_actions[i]; i++) {
		if (strcasecmp(mon_watchdog_actions[i], a[0].str))
			continue;
		mon_vm(m)->config->on_watchdog = (enum action_watchdog)i;
		return;
	}
	mon_printf(m, "Error: invalid parameter value: %s\n", a[0].str);
}

static void complete_watchdog(struct mon *m, unsigned n UNUSED,
			      const char *typed)
{
	mon_offer_list(m, mon_watchdog_actions, typed);
}

/* --- boot order: three nibbles in the CMOS, as firmware reads it --- */

enum { CMOS_BOOT_LOW = 0x3d, CMOS_BOOT_HIGH = 0x38, BOOT_MAX = 3 };

static int boot_nibble(char c)
{
	switch (c) {
	case 'a': case 'b': return 1;
	case 'c':           return 2;
	case 'd':           return 3;
	case 'n':           return 4;
	default:            return -1;
	}
}

static int check_boot_order(const char *order, struct err *e)
{
	u32 seen = 0;

	for (const char *p = order; *p; p++) {
		if (*p < 'a' || *p > 'p')
			return err_set(e, -EINVAL, "Invalid boot device '%c'",
				       *p);
		if (seen & BIT(*p - 'a'))
			return err_set(e, -EINVAL, "Boot device '%c' was "
				       "given twice", *p);
		seen |= BIT(*p - 'a');
	}
	if (strlen(order) > BOOT_MAX)
		return err_set(e, -EINVAL, "Too many boot devices for PC");
	for (const char *p = order; *p; p++)
		if (boot_nibble(*p) < 0)
			return err_set(e, -EINVAL, "Invalid boot device for "
				       "PC: '%c'", *p);
	return 0;
}

static struct device *find_rtc(struct vm *vm)
{
	struct list *p;

	list_for_each(p, &vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (!strcmp(d->class->name, "mc146818rtc"))
			return d;
	}
	return NULL;
}

int mon_do_boot_set(struct vm *vm, const char *order, struct err *e)
{
	struct device *rtc = find_rtc(vm);
	u8 nibble[BOOT_MAX] = { 0 };
	int rc;

	if (!rtc)
		return err_set(e, -ENODEV, "no function defined to set boot "
			       "device list for this architecture");
	rc = check_boot_order(order, e);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; order[i]; i++)
		nibble[i] = (u8)boot_nibble(order[i]);
	mc146818rtc_set_cmos(rtc, CMOS_BOOT_LOW,
			     (u8)(nibble[1] << 4 | nibble[0]));
	mc146818rtc_set_cmos(rtc, CMOS_BOOT_HIGH, (u8)(nibble[2] << 4));
	return 0;
}

static void cmd_boot_set(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	if (mon_do_boot_set(mon_vm(m), a[0].str, &e) < 0)
		mon_printf(m, "%s\n", e.msg);
	else
		mon_printf(m, "boot device list now set to %s\n", a[0].str);
}

static void cmd_sync_profile(struct mon *m, const struct mon_arg *a)
{
	const char *op = a[0].given ? a[0].str : NULL;

	if (!op)
		mon_printf(m, "sync-profile is %s\n",
			   lock_profiling ? "on" : "off");
	else if (!strcmp(op, "reset"))
		sync_profile_switch(mon_vm(m), LOCK_PROFILE_RESET);
	else if (!strcmp(op, "on") || !strcmp(op, "off"))
		sync_profile_switch(mon_vm(m), strcmp(op, "on") ?
				    LOCK_PROFILE_OFF : LOCK_PROFILE_ON);
	else
		mon_printf(m, "Error: invalid parameter '%s', expecting 'on', "
			   "'off', or 'reset'\n", op);
}

const struct mon_cmd mon_run_cmds[] = {
	{
		.name    = "quit|q",
		.args    = "",
		.params  = "",
		.help    = "end mote at once",
		.doc     = "The guest is not told. The process ends with "
			   "status 0.",
		.example = "quit",
		.when    = MON_MAIN | MON_PRE,
		.run     = cmd_quit,
	}, {
		.name    = "exit_preconfig",
		.args    = "",
		.params  = "",
		.help    = "leave the state before the machine is built",
		.doc     = "Of use only when started with --preconfig: builds "
			   "the machine and, without -S, starts it. When it "
			   "cannot be built mote ends with status 1.",
		.example = "exit_preconfig",
		.when    = MON_MAIN | MON_PRE,
		.run     = cmd_exit_preconfig,
	}, {
		.name    = "stop|s",
		.args    = "",
		.params  = "",
		.help    = "pause the guest",
		.doc     = "Parks every vCPU and stops the guest's clock. "
			   "Nothing happens when it is not running.",
		.example = "stop",
		.when    = MON_MAIN,
		.run     = cmd_stop,
	}, {
		.name    = "cont|c",
		.args    = "",
		.params  = "",
		.help    = "let the guest run on",
		.doc     = "From a state only a reset leaves (shutdown, "
			   "internal-error) it says so.",
		.example = "cont",
		.when    = MON_MAIN,
		.run     = cmd_cont,
	}, {
		.name    = "system_reset",
		.args    = "",
		.params  = "",
		.help    = "reset the machine",
		.doc     = "As the reset button does. With -no-reboot the "
			   "machine shuts down instead.",
		.example = "system_reset",
		.when    = MON_MAIN,
		.run     = cmd_system_reset,
	}, {
		.name    = "system_powerdown",
		.args    = "",
		.params  = "",
		.help    = "press the power button",
		.doc     = "An ACPI event; the guest decides what to do.",
		.example = "system_powerdown",
		.when    = MON_MAIN,
		.run     = cmd_system_powerdown,
	}, {
		.name    = "system_wakeup",
		.args    = "",
		.params  = "",
		.help    = "wake a suspended guest",
		.doc     = "Ends an ACPI S3 sleep: devices are reset and the "
			   "guest goes on where it asked to.",
		.example = "system_wakeup",
		.when    = MON_MAIN,
		.run     = cmd_system_wakeup,
	}, {
		.name    = "cpu",
		.args    = "index:int",
		.params  = "index",
		.help    = "choose the current CPU",
		.doc     = "Each monitor has its own. Registers in "
			   "expressions and virtual addresses are the "
			   "current CPU's.",
		.example = "cpu 1",
		.when    = MON_ANYTIME,
		.run     = cmd_cpu,
	}, {
		.name    = "nmi",
		.args    = "",
		.params  = "",
		.help    = "send a non-maskable interrupt to every CPU",
		.doc     = "On x86 it goes to all CPUs, whichever is current.",
		.example = "nmi",
		.when    = MON_MAIN,
		.run     = cmd_nmi,
	}, {
		.name    = "boot_set",
		.args    = "bootdevice:string",
		.params  = "bootdevice",
		.help    = "choose the boot order of the next reset",
		.doc     = "Letters: a floppy, c disk, d CD-ROM, n network.",
		.example = "boot_set dc",
		.when    = MON_MAIN,
		.run     = cmd_boot_set,
	}, {
		.name    = "watchdog_action",
		.args    = "action:string",
		.params  = "[reset|shutdown|poweroff|pause|debug|none]",
		.help    = "what a watchdog that fires does",
		.doc     = "Replaces what -action watchdog= chose.",
		.example = "watchdog_action pause",
		.when    = MON_MAIN,
		.run     = cmd_watchdog_action,
		.complete = complete_watchdog,
	}, {
		.name    = "one-insn-per-tb",
		.args    = "option:string?",
		.params  = "[on|off]",
		.help    = "run one guest instruction per translated block",
		.doc     = "Slow; makes logs exact. Only with accel=tcg. "
			   "Without a word it is switched on.",
		.example = "one-insn-per-tb off",
		.when    = MON_MAIN,
		.run     = cmd_one_insn,
	}, {
		.name    = "singlestep",
		.args    = "option:string?",
		.params  = "[on|off]",
		.help    = "the old name of one-insn-per-tb",
		.doc     = "Kept for scripts that use it.",
		.example = "singlestep",
		.when    = MON_MAIN,
		.run     = cmd_one_insn,
	}, {
		.name    = "accel_switch",
		.args    = "accel:string",
		.params  = "kvm|tcg",
		.help    = "let the other accelerator run the guest",
		.doc     = "While it runs, and without its noticing. The VM "
			   "must have been started with -accel "
			   "NAME,switch=on. If it fails, the VM stays where "
			   "it was.",
		.example = "accel_switch tcg",
		.when    = MON_MAIN,
		.run     = cmd_accel_switch,
		.complete = complete_accel,
	}, {
		.name    = "gdbserver",
		.args    = "device:string?",
		.params  = "[device]",
		.help    = "start, move or stop the gdb server",
		.doc     = "DEVICE is a TCP port, a chardev such as tcp::1234 "
			   "(the default) or none.",
		.example = "gdbserver 1234",
		.when    = MON_MAIN,
		.run     = cmd_gdbserver,
	}, {
		.name    = "sync-profile",
		.args    = "op:string?",
		.params  = "[on|off|reset]",
		.help    = "switch the lock profiler",
		.doc     = "Without a word, says whether it is on. Results: "
			   "info sync-profile.",
		.example = "sync-profile on",
		.when    = MON_MAIN,
		.run     = cmd_sync_profile,
	}, {
		.name    = "xen-event-inject",
		.args    = "port:int",
		.params  = "port",
		.help    = "raise a Xen event channel in the guest",
		.doc     = "mote has no Xen emulation and says so.",
		.example = "xen-event-inject 1",
		.when    = MON_MAIN,
		.run     = cmd_xen,
	}, {
		.name    = "xen-event-list",
		.args    = "",
		.params  = "",
		.help    = "list the guest's Xen event channels",
		.doc     = "mote has no Xen emulation and says so.",
		.example = "xen-event-list",
		.when    = MON_MAIN,
		.run     = cmd_xen,
	},
	{ 0 }
};
