/* SPDX-License-Identifier: MIT */
/*
 * -runas, -chroot, -jail: who mote is and what it sees once its files are open.
 *
 * confine_prepare looks names up and, for a jail, makes the outer process
 * (jail.h) while there is one thread; everything the command line names is
 * then opened as the user who started mote; confine_enter gives that up.
 * Linux keeps user ids and network namespaces per thread: threads made in
 * between (I/O threads, and with --preconfig the monitors') see to that for
 * themselves (confine_thread), as they enter their sandbox role.  The root is
 * one for all of them.
 */
#ifndef MOTE_CONFINE_H
#define MOTE_CONFINE_H

#include "vmm/config.h"

enum { CONFINE_GROUPS_MAX = 64 };

struct jail;
struct confine {
	bool change_user;
	uid_t uid;
	gid_t gid, groups[CONFINE_GROUPS_MAX];
	int ngroups;
	const char *root;              /* -chroot, or NULL; borrowed       */
	struct jail *jail;             /* NULL: none                       */
};

/* Look things up; nothing changes yet.  0 or -errno with a sentence that
 * names the option. */
int  confine_prepare(struct confine *c, const struct vm_config *config,
		     struct err *e);
void confine_ids(struct confine *c, uid_t uid, gid_t gid);
/* The calling thread becomes the user. 0 or -errno. [any] */
int  confine_thread(const struct confine *c);
/* Root and user, for the process; before the main loop's filter. [main] */
int  confine_enter(struct confine *c, struct err *e);
bool confine_moves_root(const struct confine *c);
void confine_fini(struct confine *c);

#endif
