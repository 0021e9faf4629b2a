/* SPDX-License-Identifier: MIT */
/*
 * The sandbox: what a thread may still ask of the kernel, by role.
 *
 * policy.def has the rows; seccomp/gen compiles them to BPF when mote is built.
 * Each thread enters its role once, before the guest's first instruction or,
 * for a thread made later, before it handles anything from outside.
 */
#ifndef MOTE_SECCOMP_SECCOMP_H
#define MOTE_SECCOMP_SECCOMP_H

#include "vmm/base/err.h"
#include "vmm/base/thread.h"
#include "vmm/base/types.h"

enum sandbox_mode {
	SANDBOX_OFF,
	SANDBOX_ON,                    /* refuse with EPERM, kill the worst */
	SANDBOX_LOG,                   /* let through, the kernel notes it  */
};

/* "on", "off", "log".  -EINVAL with a sentence. */
int  sandbox_parse(const char *text, enum sandbox_mode *mode, struct err *e);
const char *sandbox_role_name(enum thread_role r);

/* Can this kernel do what `mode` needs?  Asked before any thread exists: from
 * then on sandbox_enter cannot fail for a reason outside this program. */
int  sandbox_check(enum sandbox_mode mode, struct err *e);

/*
 * Drop every capability, forbid new privileges, and put the calling thread
 * under its role's filter.  Cannot be undone.  0, or -errno with a sentence:
 * the thread must not go on then.  Threads made later inherit the filter, and
 * enter their own role on top of it. [the thread itself]
 */
int  sandbox_enter(enum thread_role r, enum sandbox_mode mode,
		   struct err *e);

#endif
