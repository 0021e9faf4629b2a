/* SPDX-License-Identifier: MIT */
/*
 * Becoming another user, seeing another root.  See confine.h.
 *
 * Talks to: the user database, the kernel; jail.c.
 * Never:    asks glibc to change ids: it would do so in every thread, and
 *           those that run already may not any more.
 */
#include "vmm/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/jail.h"

void confine_ids(struct confine *c, uid_t uid, gid_t gid)
{
	c->change_user = true;
	c->uid = uid;
	c->gid = c->groups[0] = gid;
	c->ngroups = 1;
}

/* "UID:GID" in numbers; false: it is something else. */
static bool read_ids(struct confine *c, const char *text)
{
	char *end;
	unsigned long uid, gid;

	if (*text < '0' || *text > '9')
		return false;
	uid = strtoul(text, &end, 10);
	if (*end != ':' || end[1] < '0' || end[1] > '9')
		return false;
	gid = strtoul(end + 1, &end, 10);
	if (*end || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return false;
	confine_ids(c, uid, gid);
	return true;
}

static int read_user(struct confine *c, const char *text, struct err *e)
{
	const struct passwd *pw;

	if (read_ids(c, text))
		return 0;
	errno = 0;
	pw = getpwnam(text);
	if (!pw)
		return err_set(e, errno ? -errno : -ENOENT, "-runas %s: no "
			       "such user, and no UID:GID", text);
	confine_ids(c, pw->pw_uid, pw->pw_gid);
	c->ngroups = CONFINE_GROUPS_MAX;
	if (getgrouplist(text, c->gid, c->groups, &c->ngroups) < 0)
		return err_set(e, -E2BIG, "-runas %s: the user is in more than "
			       "%d groups", text, CONFINE_GROUPS_MAX);
	return 0;
}

/* May we become another user at all?  Threads must be able to, unasked. */
static int check_rights(const struct confine *c, struct err *e)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3] = { 0 };
	const u32 needed = BIT(CAP_SETUID) | BIT(CAP_SETGID);

	if (!c->change_user || (geteuid() == c->uid && getegid() == c->gid))
		return 0;
	if (syscall(SYS_capget, &h, d) < 0 ||
	    (d[0].effective & needed) != needed)
		return err_set(e, -EPERM, "cannot become user %u, group %u: "
			       "only root can", c->uid, c->gid);
	return 0;
}

int confine_prepare(struct confine *c, const struct vm_config *config,
		    struct err *e)
{
	int rc = 0;

	if (config->jail && (config->runas || config->chroot))
		return err_set(e, -EINVAL, "-jail does not go with -runas and "
			       "-chroot: it has a folder and ids of its own");
	c->root = config->chroot;
	if (config->runas)
		rc = read_user(c, config->runas, e);
	if (!rc && config->jail)
		rc = jail_create(c, config->jail, e);
	return rc ? rc : check_rights(c, e);
}

int confine_thread(const struct confine *c)
{
	int rc;

	if (!c->change_user || (geteuid() == c->uid && getegid() == c->gid))
		return 0;
	rc = c->jail ? jail_thread(c->jail) : 0;
	if (rc < 0)
		return rc;
	if (syscall(SYS_setgroups, c->ngroups, c->groups) < 0 ||
	    syscall(SYS_setresgid, c->gid, c->gid, c->gid) < 0 ||
	    syscall(SYS_setresuid, c->uid, c->uid, c->uid) < 0)
		return -errno;
	return 0;
}

static int change_root(const char *dir, struct err *e)
{
	if (chroot(dir) < 0 || chdir("/") < 0)
		return err_set(e, -errno, "-chroot %s: %m", dir);
	return 0;
}

int confine_enter(struct confine *c, struct err *e)
{
	int rc = 0;

	if (c->root)
		rc = change_root(c->root, e);
	if (c->jail)
		rc = jail_enter(c->jail, e);
	if (rc < 0)
		return rc;
	rc = confine_thread(c);
	if (rc < 0)
		return err_set(e, rc, "cannot become user %u, group %u%s: %m",
			       c->uid, c->gid, c->jail ? ", without a network"
			       : "");
	if (c->jail)                   /* changing ids has cleared it */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return 0;
}

bool confine_moves_root(const struct confine *c)
{
	return c->root || c->jail;
}

void confine_fini(struct confine *c)
{
	jail_destroy(c->jail);
	c->jail = NULL;
}
