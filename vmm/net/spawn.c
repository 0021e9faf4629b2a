// SPDX-License-Identifier: MIT
/*
 * Starting programs.  See spawn.h.
 *
 * Talks to: posix_spawn.
 * Never:    hands down a descriptor but the helper's two, or a blocked signal.
 */
#include "vmm/net/spawn.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slirp/proto.h"
#include "vmm/base/path.h"

/* With no signal blocked or ignored, whatever ours are. */
static int spawn(const char *path, char *const argv[],
		 const posix_spawn_file_actions_t *fa, pid_t *pid)
{
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(pid, path, fa, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return -rc;
}

static int check_open(const char *what, const char *path, struct err *e)
{
	if (prctl(PR_GET_SECCOMP) <= 0)
		return 0;
	return err_set(e, -EPERM, "%s %s: the sandbox is closed, no program "
		       "can start any more (-sandbox on,spawn=allow keeps a "
		       "broker that starts them)", what, path);
}

int spawn_helper(const char *path, const char *options, const char *ids,
		 int data, int control, pid_t *pid, struct err *e)
{
	char own[4096], *argv[4] = { own, (char *)options, (char *)ids };
	posix_spawn_file_actions_t fa;
	int rc;

	if (*path)
		snprintf(own, sizeof(own), "%s", path);
	else
		path_own_file("mote-slirp", own, sizeof(own));
	rc = check_open("network helper", own, e);
	if (rc < 0)
		return rc;
	posix_spawn_file_actions_init(&fa);
	/* First up out of the way: either may be 3 or 4 itself. */
	posix_spawn_file_actions_adddup2(&fa, data, 100);
	posix_spawn_file_actions_adddup2(&fa, control, 101);
	posix_spawn_file_actions_adddup2(&fa, 100, SLIRP_DATA_FD);
	posix_spawn_file_actions_adddup2(&fa, 101, SLIRP_CONTROL_FD);
	posix_spawn_file_actions_addclose(&fa, 100);
	posix_spawn_file_actions_addclose(&fa, 101);
	rc = spawn(own, argv, &fa, pid);
	posix_spawn_file_actions_destroy(&fa);
	return rc < 0 ? err_set(e, rc, "user mode networks need the helper "
				"%s: %m", own) : 0;
}

int spawn_script(const char *path, const char *ifname, struct err *e)
{
	char *const argv[] = { (char *)path, (char *)ifname, NULL };
	int rc = check_open("network script", path, e), status;
	pid_t pid;

	if (rc < 0)
		return rc;
	rc = spawn(path, argv, NULL, &pid);
	if (rc < 0)
		return err_set(e, rc, "network script %s: %m", path);
	do
		rc = waitpid(pid, &status, 0);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return err_set(e, -errno, "network script %s: %m", path);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return err_set(e, -EIO, "network script %s failed with status %d",
		       path, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}
