/* SPDX-License-Identifier: MIT */
/*
 * The jail.  See jail.h.
 *
 * Room:     namespaces, the new root, limits; the process that waits outside.
 * Talks to: the kernel; nothing of a VM.
 * Never:    leaves a way back: no mount, no folder's descriptor of the host.
 */
#include "vmm/jail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seccomp/seccomp.h"
#include "vmm/base/opts.h"
#include "vmm/base/path.h"
#include "vmm/base/strbuf.h"
#include "vmm/confine.h"

struct jail {
	char *dir, *netns, *cgroup;
	u64 nofile, fsize;             /* 0: as it is                      */
	pid_t outer;
};

/* --- the option ------------------------------------------------------------ */

static char *take_copy(struct opts *o, const char *key)
{
	const char *text = opts_take(o, key);

	return text ? strdup(text) : NULL;
}

static int read_opts(struct jail *j, struct confine *c, struct opts *o,
		     struct err *e)
{
	u64 uid = 0, gid = 0;
	int rc;

	j->dir = take_copy(o, "dir");
	j->netns = take_copy(o, "netns");
	j->cgroup = take_copy(o, "cgroup");
	rc = opts_take_u64(o, "uid", &uid, e);
	if (!rc)
		rc = opts_take_u64(o, "gid", &gid, e);
	if (!rc)
		rc = opts_take_u64(o, "nofile", &j->nofile, e);
	if (!rc)
		rc = opts_take_size(o, "fsize", &j->fsize, e);
	if (!rc)
		rc = opts_check_taken(o, e);
	if (rc < 0)
		return rc;
	if (!j->dir || !*j->dir)
		return err_set(e, -EINVAL, "it needs a folder");
	if (!uid || !gid || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return err_set(e, -EINVAL, "it needs uid= and gid=, and "
			       "neither may be root's");
	confine_ids(c, uid, gid);
	return 0;
}

int jail_create(struct confine *c, const char *text, struct err *e)
{
	struct jail *j = calloc(1, sizeof(*j));
	struct opts o = OPTS_INIT;
	struct stat st;
	int rc = opts_parse(&o, text, "dir", e);

	assert(j);
	c->jail = j;
	if (!rc)
		rc = read_opts(j, c, &o, e);
	opts_fini(&o);
	if (!rc && stat(j->dir, &st) < 0)
		rc = err_set(e, -errno, "folder '%s': %m", j->dir);
	else if (!rc && !S_ISDIR(st.st_mode))
		rc = err_set(e, -ENOTDIR, "'%s': %m", j->dir);
	if (!rc && geteuid())
		rc = err_set(e, -EPERM, "only root can make one");
	if (rc < 0)
		err_prefix(e, "-jail");
	return rc;
}

void jail_destroy(struct jail *j)
{
	if (!j)
		return;
	free(j->dir);
	free(j->netns);
	free(j->cgroup);
	free(j);
}

pid_t jail_outer_pid(const struct jail *j)
{
	return j->outer;
}

/* --- the process outside --------------------------------------------------- */

static void watched_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
}

/* Hands signals in until the child ends; a terminal's reach it by themselves.
 * When it may not signal the child yet, it ends: that ends the child, too. */
static int wait_outside(pid_t child)
{
	sigset_t set;
	siginfo_t si;
	int st;

	watched_signals(&set);
	for (;;) {
		if (waitpid(child, &st, WNOHANG) == child)
			return WIFEXITED(st) ? WEXITSTATUS(st) :
			       128 + WTERMSIG(st);
		if (sigwaitinfo(&set, &si) < 0 || si.si_signo == SIGCHLD ||
		    si.si_code == SI_KERNEL)
			continue;
		if (kill(child, si.si_signo) < 0 && errno == EPERM)
			return 128 + si.si_signo;
	}
}

static int live_outside(const struct confine *c, pid_t child, bool daemon)
{
	struct err e = { 0 };
	int null = daemon ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;

	for (int i = 0; i <= 2 && null >= 0; i++)
		dup2(null, i);
	if (confine_thread(c) < 0 ||
	    sandbox_enter(ROLE_KEEPER, SANDBOX_ON, &e) < 0) {
		kill(child, SIGKILL);
		return 1;
	}
	return wait_outside(child);
}

/* --- namespaces, with the host's files still in sight ----------------------- */

static int join_cgroup(const struct jail *j, struct err *e)
{
	struct strbuf path = STRBUF_INIT;
	int fd, rc = 0;

	if (!j->cgroup)
		return 0;
	strbuf_addf(&path, "%s%s", *j->cgroup == '/' ? "" : "/sys/fs/cgroup/",
		    j->cgroup);
	if (mkdir(path.buf, 0755) < 0 && errno != EEXIST)
		rc = err_set(e, -errno, "cgroup %s: %m", path.buf);
	strbuf_addstr(&path, "/cgroup.procs");
	fd = rc < 0 ? rc : path_open(path.buf, O_WRONLY, 0, e);
	if (fd >= 0 && write(fd, "0", 1) != 1)
		rc = err_set(e, -errno, "cgroup %s: %m", path.buf);
	if (fd >= 0)
		close(fd);
	strbuf_fini(&path);
	return MIN(rc, MIN(fd, 0));
}

static int join_netns(const struct jail *j, struct err *e)
{
	struct strbuf path = STRBUF_INIT;
	int fd, rc = 0;

	if (!j->netns)
		return 0;
	strbuf_addf(&path, "%s%s", *j->netns == '/' ? "" : "/run/netns/",
		    j->netns);
	fd = path_open(path.buf, O_RDONLY, 0, e);
	if (fd >= 0 && setns(fd, CLONE_NEWNET) < 0)
		rc = err_set(e, -errno, "network namespace %s: %m", path.buf);
	if (fd >= 0)
		close(fd);
	strbuf_fini(&path);
	return MIN(rc, MIN(fd, 0));
}

static int new_namespaces(const struct jail *j, struct err *e)
{
	int rc;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_set(e, -errno, "%m");
	rc = join_cgroup(j, e);
	if (!rc)
		rc = join_netns(j, e);
	if (rc < 0)
		return rc;
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
		    CLONE_NEWCGROUP) < 0)
		return err_set(e, -errno, "new namespaces: %m");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, -errno, "private mounts: %m");
	return 0;
}

int jail_begin(struct confine *c, bool daemon, int *status, struct err *e)
{
	struct jail *j = c->jail;
	sigset_t set, old;
	pid_t child;
	int rc;

	j->outer = getpid();
	watched_signals(&set);
	sigprocmask(SIG_BLOCK, &set, &old);
	if (unshare(CLONE_NEWPID) < 0)
		return err_set(e, -errno, "-jail: a new process namespace: %m");
	child = fork();
	if (child < 0)
		return err_set(e, -errno, "-jail: fork: %m");
	if (child) {
		*status = live_outside(c, child, daemon);
		return 1;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	rc = new_namespaces(j, e);
	if (rc < 0)
		err_prefix(e, "-jail");
	return rc;
}

/* --- into the folder ------------------------------------------------------- */

/* A folder's descriptor would be a way out: names may start from it. */
static int check_descriptors(struct err *e)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *x;
	struct stat st;
	int rc = 0;

	if (!d)
		return err_set(e, -errno, "/proc/self/fd: %m");
	while (!rc && (x = readdir(d))) {
		int fd = atoi(x->d_name);

		if (*x->d_name != '.' && fd != dirfd(d) &&
		    fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			rc = err_set(e, -EPERM, "descriptor %d is an open "
				     "folder of the host: close it first", fd);
	}
	closedir(d);
	return rc;
}

static int change_root(const char *dir, struct err *e)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
			    MOUNT_ATTR_NOEXEC,
	};

	if (mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_set(e, -errno, "mounting %s: %m", dir);
	if (syscall(SYS_mount_setattr, AT_FDCWD, dir, AT_RECURSIVE, &attr,
		    sizeof(attr)) < 0)
		return err_set(e, -errno, "a root without devices: %m");
	if (chdir(dir) < 0)
		return err_set(e, -errno, "%s: %m", dir);
	/* The old root comes to lie over the new one, and is let go. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set(e, -errno, "pivot_root to %s: %m", dir);
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(e, -errno, "letting the old root go: %m");
	return 0;
}

static int limit(int what, const char *name, u64 value, struct err *e)
{
	const struct rlimit r = { value, value };

	return setrlimit(what, &r) < 0 ?
	       err_set(e, -errno, "%s=%llu: %m", name,
		       (unsigned long long)value) : 0;
}

static int set_limits(const struct jail *j, struct err *e)
{
	int rc = limit(RLIMIT_CORE, "core", 0, e);

	if (!rc && j->nofile)
		rc = limit(RLIMIT_NOFILE, "nofile", j->nofile, e);
	if (!rc && j->fsize)
		rc = limit(RLIMIT_FSIZE, "fsize", j->fsize, e);
	return rc;
}

static void drop_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
}

int jail_enter(struct jail *j, struct err *e)
{
	int rc = check_descriptors(e);

	if (!rc)
		rc = change_root(j->dir, e);
	if (!rc)
		rc = set_limits(j, e);
	if (rc < 0)
		err_prefix(e, "-jail");
	return rc;
}

int jail_thread(const struct jail *j)
{
	if (!j->netns && unshare(CLONE_NEWNET) < 0)
		return -errno;
	drop_bounding_set();
	return 0;
}
