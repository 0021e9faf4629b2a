/* SPDX-License-Identifier: MIT */
/*
 * Entering the sandbox.
 *
 * Room:     modes, capabilities, the one system call that installs a filter.
 * Talks to: the programs seccomp/gen made from policy.def.
 * Never:    builds a filter at run time.
 */
#include "seccomp/seccomp.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/filters.h"

#define PROGRAM(f) { .len = ARRAY_LEN(f), .filter = (struct sock_filter *)(f) }

static const struct {
	const char *name;
	struct sock_fprog on, log;
} roles[] = {
	[SANDBOX_MAIN]    = { "main", PROGRAM(filter_main_on),
			      PROGRAM(filter_main_log) },
	[SANDBOX_VCPU]    = { "vcpu", PROGRAM(filter_vcpu_on),
			      PROGRAM(filter_vcpu_log) },
	[SANDBOX_IO]      = { "io", PROGRAM(filter_io_on),
			      PROGRAM(filter_io_log) },
	[SANDBOX_MONITOR] = { "monitor", PROGRAM(filter_monitor_on),
			      PROGRAM(filter_monitor_log) },
};

static const char *const modes[] = {
	[SANDBOX_OFF] = "off", [SANDBOX_ON] = "on", [SANDBOX_LOG] = "log",
};

int sandbox_parse(const char *text, enum sandbox_mode *mode, struct err *e)
{
	for (unsigned n = 0; n < ARRAY_LEN(modes); n++)
		if (!strcmp(text, modes[n])) {
			*mode = n;
			return 0;
		}
	return err_set(e, -EINVAL,
		       "-sandbox %s: expected 'on', 'off' or 'log'", text);
}

const char *sandbox_role_name(enum sandbox_role r)
{
	return roles[r].name;
}

int sandbox_enter(enum sandbox_role r, enum sandbox_mode mode, struct err *e)
{
	const struct sock_fprog *p = mode == SANDBOX_LOG ? &roles[r].log
							 : &roles[r].on;

	if (mode == SANDBOX_OFF)
		return 0;
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return err_set(e, -EPERM, "sandbox: capabilities of the %s thread cannot be dropped",
			       roles[r].name);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, -errno, "sandbox: no_new_privs: %m");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p) < 0)
		return err_set(e, -errno, "sandbox: the %s thread's filter: %m",
			       roles[r].name);
	return 0;
}
