/* SPDX-License-Identifier: MIT */
/*
 * QMP: run state, the protocol's own commands, human-monitor-command.
 *
 * Talks to: vm.h on the main loop; mon_run_line.
 */
#include "monitor/both.h"
#include "monitor/monitor.h"
#include "monitor/qmp.h"
#include "vmm/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void run_capabilities(struct qmp_call *c UNUSED)
{
	/* qmp.c does it: it is about the client. */
}

static void run_stop(struct qmp_call *c)
{
	mon_do_stop(mon_vm(c->m));
}

static void run_cont(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, mon_do_cont(mon_vm(c->m), &e), &e);
}

static void run_quit(struct qmp_call *c)
{
	vm_quit(mon_vm(c->m), 0);
}

static void run_reset(struct qmp_call *c)
{
	vm_reset(mon_vm(c->m));
}

static void run_powerdown(struct qmp_call *c)
{
	vm_powerdown(mon_vm(c->m));
}

static void run_wakeup(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, vm_wakeup(mon_vm(c->m), &e), &e);
}

static void run_exit_preconfig(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, mon_do_exit_preconfig(mon_vm(c->m), &e), &e);
}

static void run_nmi(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, mon_do_nmi(mon_vm(c->m), &e), &e);
}

static void run_accel_switch(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, switch_to(mon_vm(c->m), qmp_str(c, "accel"), &e), &e);
}

/* --- memory to files --- */

static void save(struct qmp_call *c, bool phys)
{
	const s64 cpu = qmp_int(c, "cpu-index", 0);
	struct err e = { 0 };
	struct mon m;

	if (cpu < 0 || cpu >= mon_vm(c->m)->nvcpus) {
		qmp_fail(c, QMP_GENERIC, "Parameter 'cpu-index' expects a CPU "
			 "number");
		return;
	}
	mon_init(&m, c->m->mons);
	m.cpu = (unsigned)cpu;
	qmp_check(c, mon_save_memory(&m, phys, (u64)qmp_int(c, "val", 0),
				     (u64)qmp_int(c, "size", 0),
				     qmp_str(c, "filename"), &e), &e);
	mon_fini(&m);
}

static void run_memsave(struct qmp_call *c)
{
	save(c, false);
}

static void run_pmemsave(struct qmp_call *c)
{
	save(c, true);
}

/* --- what events lead to --- */

static int index_of(const char *const *names, const char *name, int def)
{
	for (int i = 0; name && names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return def;
}

static void run_set_action(struct qmp_call *c)
{
	static const char *const reboot[] = { "reset", "shutdown", NULL };
	static const char *const down[] = { "poweroff", "pause", NULL };
	static const char *const panic[] = { "shutdown", "pause",
		"exit-failure", "none", NULL };
	struct vm_config *f = mon_vm(c->m)->config;

	f->on_reboot = (enum action_reboot)
		index_of(reboot, qmp_str(c, "reboot"), (int)f->on_reboot);
	f->on_shutdown = (enum action_shutdown)
		index_of(down, qmp_str(c, "shutdown"), (int)f->on_shutdown);
	f->on_panic = (enum action_panic)
		index_of(panic, qmp_str(c, "panic"), (int)f->on_panic);
	f->on_watchdog = (enum action_watchdog)
		index_of(mon_watchdog_actions, qmp_str(c, "watchdog"),
			 (int)f->on_watchdog);
}

static void run_watchdog(struct qmp_call *c)
{
	struct vm_config *f = mon_vm(c->m)->config;

	f->on_watchdog = (enum action_watchdog)
		index_of(mon_watchdog_actions, qmp_str(c, "action"),
			 (int)f->on_watchdog);
}


/* --- the other monitor --- */

static void run_human(struct qmp_call *c)
{
	const s64 index = qmp_int(c, "cpu-index", 0);
	struct vm *vm = mon_vm(c->m);
	struct strbuf out = STRBUF_INIT;
	unsigned cpu = (unsigned)index;

	if (index < 0 || (index >= vm->nvcpus && qmp_arg(c, "cpu-index"))) {
		qmp_fail(c, QMP_GENERIC, "Parameter 'cpu-index' expects a CPU "
			 "number");
		return;
	}
	mon_run_line_for(c->m, qmp_str(c, "command-line"), &cpu, &out);
	c->ret = qmp_text(out.buf, out.len);
	strbuf_fini(&out);
}

const struct qmp_cmd qmp_run_cmds[] = {
	{ "qmp_capabilities", "enable:[QMPCapability]?", "",
	  "Settles what the client wants; the first command of every client.",
	  MON_PRE, run_capabilities, NULL },
	{ "stop", "", "", "Stop the guest.", MON_MAIN, run_stop, NULL },
	{ "cont", "", "", "Let the guest run on.", MON_MAIN, run_cont, NULL },
	{ "quit", "", "", "End the process with status 0.",
	  MON_MAIN | MON_PRE, run_quit, NULL },
	{ "system_reset", "", "", "Reset the machine.", MON_MAIN, run_reset,
	  NULL },
	{ "system_powerdown", "", "", "Press the power button.", MON_MAIN,
	  run_powerdown, NULL },
	{ "system_wakeup", "", "", "Wake a suspended guest.", MON_MAIN,
	  run_wakeup, NULL },
	{ "x-exit-preconfig", "", "", "Build the machine and go on.",
	  MON_MAIN | MON_PRE, run_exit_preconfig, NULL },
	{ "x-accel-switch", "accel:Accelerator", "",
	  "Let the other accelerator run the guest.", MON_MAIN,
	  run_accel_switch, NULL },
	{ "inject-nmi", "", "", "Send a non-maskable interrupt to every CPU.",
	  MON_MAIN, run_nmi, NULL },
	{ "memsave", "val:int size:int filename:str cpu-index:int?", "",
	  "Write virtual memory to a file.", MON_ANYTIME, run_memsave, NULL },
	{ "pmemsave", "val:int size:int filename:str", "",
	  "Write physical memory to a file.", MON_ANYTIME, run_pmemsave,
	  NULL },
	{ "set-action", "reboot:RebootAction? shutdown:ShutdownAction? "
	  "panic:PanicAction? watchdog:WatchdogAction?", "",
	  "What a reboot, shutdown, panic or watchdog leads to.",
	  MON_MAIN | MON_PRE, run_set_action, NULL },
	{ "watchdog-set-action", "action:WatchdogAction", "",
	  "What a watchdog that fires does.", MON_MAIN, run_watchdog, NULL },
	{ "human-monitor-command", "command-line:str cpu-index:int?", "str",
	  "Run a line of the human monitor; what it would print.",
	  MON_PRE, run_human, NULL },
	{ 0 }
};
