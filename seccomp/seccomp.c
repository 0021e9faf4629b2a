/* SPDX-License-Identifier: MIT */
/*
 * Entering the sandbox.
 *
 * Room:     modes, capabilities, the one system call that installs a filter.
 * Talks to: the programs seccomp/gen made from policy.def.
 * Never:    builds a filter at run time.
 */
#include "seccomp/seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/filters.h"
#include "vmm/base/trace.h"

#define PROGRAM(f) { .len = ARRAY_LEN(f), .filter = (struct sock_filter *)(f) }

#define ROLE(r) { #r, PROGRAM(filter_##r##_on), PROGRAM(filter_##r##_log) }

static const struct {
	const char *name;
	struct sock_fprog on, log;
} roles[ROLE_COUNT] = {
	[ROLE_MAIN]      = ROLE(main),
	[ROLE_VCPU]      = ROLE(vcpu),
	[ROLE_IO]        = ROLE(io),
	[ROLE_MONITOR]   = ROLE(monitor),
	[ROLE_MIGRATION] = ROLE(migration),
	[ROLE_PLUGIN]    = ROLE(plugin),
	[ROLE_KEEPER]    = ROLE(keeper),
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
		       "'%s': expected 'on', 'off' or 'log'", text);
}

const char *sandbox_role_name(enum thread_role r)
{
	return roles[r].name;
}

int sandbox_check(enum sandbox_mode mode, struct err *e)
{
	u32 act = mode == SANDBOX_LOG ? SECCOMP_RET_LOG
				      : SECCOMP_RET_KILL_PROCESS;

	if (mode != SANDBOX_OFF &&
	    syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &act) < 0)
		return err_set(e, -errno, "-sandbox: this kernel has no system "
			       "call filters: %m");
	return 0;
}

/* The calling thread's; its user keeps what being that user allows. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capset, &h, none) < 0 ? -errno : 0;
}

int sandbox_enter(enum thread_role r, enum sandbox_mode mode, struct err *e)
{
	const struct sock_fprog *p = mode == SANDBOX_LOG ? &roles[r].log
							 : &roles[r].on;
	int rc;

	if (mode == SANDBOX_OFF)
		return 0;
	rc = drop_capabilities();
	if (rc < 0)
		return err_set(e, rc, "sandbox: capabilities of the %s thread "
			       "cannot be dropped: %m", roles[r].name);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, -errno, "sandbox: no_new_privs: %m");
	trace(sandbox_enter, "%s", roles[r].name);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p) < 0)
		return err_set(e, -errno, "sandbox: the %s thread's filter: %m",
			       roles[r].name);
	return 0;
}
