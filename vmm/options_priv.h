/* SPDX-License-Identifier: MIT */
/*
 * Between the option table (options.c) and the parsers of arguments that need
 * one (option_args.c).
 */
#ifndef MOTE_OPTIONS_PRIV_H
#define MOTE_OPTIONS_PRIV_H

#include "vmm/base/strbuf.h"
#include "vmm/config.h"

/* One run of config_parse. */
struct option_run {
	struct vm_config *c;
	struct strbuf *out;            /* text of -help and its like        */
	const char *argv0;
	bool monitor_given;            /* -monitor or -mon: no default one  */
	bool display_none;             /* the terminal is not ours          */
};

/* `arg` is NULL for an option without one.  0 or -errno with a sentence that
 * does not name the option: the caller puts it in front. */
typedef int option_fn(struct option_run *r, const char *arg, struct err *e);

option_fn option_help, option_version, option_machine, option_accel,
	  option_enable_kvm, option_cpu, option_smp, option_m, option_display,
	  option_monitor, option_mon, option_chardev, option_device,
	  option_object, option_blockdev,
	  option_name, option_uuid, option_no_reboot, option_no_shutdown,
	  option_s,
	  option_action, option_watchdog, option_d, option_sandbox,
	  option_netdev, option_nic, option_net, option_rtc, option_icount,
	  option_set,
	  option_sync_profile, option_trace, option_no_hpet,
	  option_qmp, option_qmp_pretty;

/* option_machine.c: every -M is read; decide what the board has. */
int  option_machine_done(struct vm_config *c, struct err *e);

/* --- config.c --- */
void config_set_str(char **field, const char *text);
void config_append(struct config_item **list, const char *text);
/* One that may be a JSON object. */
int  config_append_spec(struct config_item **list, const char *text,
			struct err *e);
/* Fill in serial ports and monitors nobody asked for; list every monitor. */
int  config_defaults(struct option_run *r, struct err *e);

#endif
