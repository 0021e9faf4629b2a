/* SPDX-License-Identifier: MIT */
/*
 * From argv to a running VM and out again.
 *
 * Room:     process things: daemon, pid file, signals, exit status.
 * Talks to: options, machine, monitors, the main loop.
 * Never:    anything a VM needs once it runs.
 *
 * This is the only file that prints sentences of struct err and ends the
 * process.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/monitor.h"
#include "vmm/base/fdset.h"
#include "vmm/base/log.h"
#include "vmm/base/trace.h"
#include "vmm/base/path.h"
#include "vmm/base/strbuf.h"
#include "vmm/confine.h"
#include "vmm/core/chardev.h"
#include "vmm/gdb/gdb.h"
#include "vmm/jail.h"
#include "vmm/machine.h"
#include "vmm/net/broker.h"

/* What this process holds; -1 and NULL when it does not. */
struct process {
	struct vm_config config;
	struct vm *vm;
	struct confine confine;
	char ids[32];                  /* of helpers                       */
	struct thread_rules rules;
	int report_fd;                 /* to the parent of a daemon */
	int pid_fd, signal_fd, null_fd;
};

static int complain(const struct err *e)
{
	fprintf(stderr, "mote: %s\n", e->msg);
	if (e->hint[0])
		fprintf(stderr, "mote: %s\n", e->hint);
	return -1;
}

/* --- daemon --- */

/* The first parent: ends as the daemon's start went. */
static int wait_for_daemon(int fd)
{
	char ok = 0;
	ssize_t n;

	do
		n = read(fd, &ok, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 && ok == 'r' ? 0 : 1;
}

/*
 * Returns in the daemon with 0.  In the first process `*status` gets what to
 * exit with, and it returns 1.
 */
static int daemon_begin(struct process *p, int *status, struct err *e)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(e, -errno, "-daemonize: pipe: %m");
	pid = fork();
	if (pid < 0)
		return err_set(e, -errno, "-daemonize: fork: %m");
	if (pid) {
		close(fds[1]);
		*status = wait_for_daemon(fds[0]);
		return 1;
	}
	close(fds[0]);
	p->report_fd = fds[1];
	p->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (p->null_fd < 0)
		return err_set(e, -errno, "-daemonize: /dev/null: %m");
	setsid();
	pid = fork();                  /* no session leader: no terminal */
	if (pid < 0)
		return err_set(e, -errno, "-daemonize: fork: %m");
	if (pid) {
		*status = 0;
		return 1;
	}
	umask(027);
	return 0;
}

/* It runs: let go of the terminal and tell the parent. */
static int daemon_ready(struct process *p, struct err *e)
{
	if (p->report_fd < 0)
		return 0;
	if (chdir("/") < 0)
		return err_set(e, -errno, "-daemonize: %m");
	for (int i = 0; i <= 2; i++)
		dup2(p->null_fd, i);
	if (p->null_fd > 2)
		close(p->null_fd);
	p->null_fd = -1;
	if (write(p->report_fd, "r", 1) < 0)
		return err_set(e, -errno, "-daemonize: report: %m");
	close(p->report_fd);
	p->report_fd = -1;
	return 0;
}

/* --- pid file --- */

static int pidfile_write(struct process *p, struct err *e)
{
	const char *path = p->config.pidfile;
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	pid_t pid;

	if (!path)
		return 0;
	p->pid_fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (p->pid_fd < 0)
		return err_set(e, -errno, "pid file %s: %m", path);
	if (fcntl(p->pid_fd, F_SETLK, &whole) < 0) {
		close(p->pid_fd);
		p->pid_fd = -1;        /* not ours to remove */
		return err_set(e, -EBUSY, "pid file %s belongs to a process "
			       "that runs", path);
	}
	pid = p->confine.jail ? jail_outer_pid(p->confine.jail) : getpid();
	if (ftruncate(p->pid_fd, 0) < 0 ||
	    dprintf(p->pid_fd, "%d\n", (int)pid) < 0)
		return err_set(e, -errno, "pid file %s: %m", path);
	return 0;
}

static void pidfile_remove(struct process *p)
{
	if (p->pid_fd < 0)
		return;
	if (confine_moves_root(&p->confine) || unlink(p->config.pidfile) < 0)
		if (ftruncate(p->pid_fd, 0) < 0)
			log_warn("pid file %s stays", p->config.pidfile);
	close(p->pid_fd);
}

/* --- signals --- */

static void signals_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGWINCH);
}

static void on_signal(void *opaque, u32 events)
{
	struct process *p = opaque;
	struct signalfd_siginfo si;

	(void)events;
	if (read(p->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGWINCH) {
		chardev_set_resized(p->vm->chardevs);
		return;
	}
	log_info("ended by signal %u from process %u", si.ssi_signo,
		 si.ssi_pid);
	p->vm->cause = VM_CAUSE_HOST_SIGNAL;
	vm_quit(p->vm, 0);
}

/* Before any thread exists: all of them inherit the mask. */
static int signals_open(struct process *p, struct err *e)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigaction(SIGPIPE, &ignore, NULL);
	signals_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signal_fd < 0 ? err_set(e, -errno, "signalfd: %m") : 0;
}

/* --- life --- */

static int log_open(const struct vm_config *c, struct err *e)
{
	u32 mask = 0;
	int rc = c->log_file ? log_set_file(c->log_file, e) : 0;

	if (rc < 0 || !c->log_items)
		return rc;
	rc = log_parse_mask(c->log_items, &mask, e);
	log_set_mask(mask);
	return rc;
}

/* Before anything is opened. */
static int add_fds(const struct vm_config *c, struct err *e)
{
	for (const struct config_item *i = c->add_fds; i; i = i->next) {
		int rc = fdset_add_spec(i->text, e);

		if (rc < 0) {
			err_prefix(e, "-add-fd %s", i->text);
			return rc;
		}
	}
	return 0;
}

static int start_gdb(struct vm *vm, struct err *e)
{
	const char *device = vm->config->gdb;
	int rc = device ? gdb_open(vm, device, e) : 0;

	if (rc < 0)
		err_prefix(e, "-gdb %s", device);
	return rc;
}

static void enter_role(enum thread_role role, void *opaque)
{
	const struct process *p = opaque;
	int rc = confine_thread(&p->confine);

	if (!rc)
		rc = sandbox_enter(role, p->config.sandbox, NULL);
	assert(rc == 0);               /* root may, sandbox_check said it can */
}

static int sandbox_prepare(struct process *p, struct err *e)
{
	p->rules = (struct thread_rules){ enter_role, p };
	thread_rules_set(&p->rules);
	return sandbox_check(p->config.sandbox, e);
}

static int paths_close(struct process *p, struct err *e)
{
	int rc = p->config.sandbox == SANDBOX_OFF ? 0 :
		 path_policy_set(p->config.sandbox_paths, e);

	if (rc < 0)
		err_prefix(e, "-sandbox");
	return rc;
}

/* There is a machine: no more opening, and go. */
static int machine_ready(struct process *p, struct err *e)
{
	int rc = start_gdb(p->vm, e);

	broker_seal(p->config.broker);
	if (!rc)                       /* all is open, no guest runs */
		rc = confine_enter(&p->confine, e);
	if (!rc)
		rc = machine_start_threads(p->vm, e);
	if (!rc)                       /* names are a client's from here on */
		rc = paths_close(p, e);
	if (!rc)
		rc = sandbox_enter(ROLE_MAIN, p->config.sandbox, e);
	if (!rc && !p->config.start_paused)
		rc = vm_start(p->vm, e);
	return rc;
}

/* --preconfig: a monitor said so.  What the command line names is opened
 * without asking whether clients may. */
static int exit_preconfig(void *opaque, struct err *e)
{
	struct process *p = opaque;
	int rc;

	path_policy_clear();
	rc = machine_finish(p->vm, e);
	if (!rc)
		rc = machine_ready(p, e);
	p->vm->preconfig = false;
	return rc;
}

/* A terminal just made: the user cannot know its name. */
static void say_pty(struct chardev *c, void *opaque)
{
	struct strbuf what = STRBUF_INIT;

	(void)opaque;
	chardev_describe(c, &what);
	if (!strncmp(what.buf, "pty:", 4))
		log_info("char device redirected to %s (label %s)",
			 what.buf + 4, chardev_id(c));
	strbuf_fini(&what);
}

static int process_start(struct process *p, struct err *e)
{
	int rc = sandbox_prepare(p, e);

	if (!rc)
		rc = signals_open(p, e);
	if (!rc)
		rc = add_fds(&p->config, e);
	if (!rc)
		rc = log_open(&p->config, e);
	if (!rc)
		rc = pidfile_write(p, e);
	if (rc)
		return rc;
	p->vm = p->config.preconfig ? machine_begin(&p->config, e) :
		machine_build(&p->config, e);
	if (!p->vm)
		return -1;
	chardev_for_each(p->vm->chardevs, say_pty, NULL);
	p->vm->preconfig = p->config.preconfig;
	p->vm->exit_preconfig = exit_preconfig;
	p->vm->exit_preconfig_opaque = p;
	rc = loop_watch(p->vm->loop, p->signal_fd, EPOLLIN, on_signal, p);
	if (rc < 0)
		return err_set(e, rc, "watch for signals: %m");
	rc = monitors_create(p->vm, e);
	if (!rc)
		rc = p->config.preconfig ? paths_close(p, e) :
		     machine_ready(p, e);
	if (!rc)                       /* their first answer: it runs */
		rc = monitors_start(p->vm, e);
	if (!rc)
		rc = daemon_ready(p, e);
	return rc;
}

static void process_end(struct process *p)
{
	if (p->vm) {
		vm_pause(p->vm, RUN_SHUTDOWN);
		monitors_stop(p->vm);
		gdb_destroy(p->vm);
		machine_destroy(p->vm);
	}
	trace_file_off();              /* what it still holds */
	chardev_restore_tty();
	pidfile_remove(p);
	if (p->signal_fd >= 0)
		close(p->signal_fd);
	confine_fini(&p->confine);
	config_fini(&p->config);
}

static int process_run(struct process *p)
{
	struct err e = { 0 };
	int code = 1;

	if (process_start(p, &e) < 0) {
		chardev_restore_tty();
		complain(&e);
	} else {
		loop_run(p->vm->loop);
		code = p->vm->exit_code;
	}
	process_end(p);
	return code;
}

static int broker_begin(struct process *p, struct err *e)
{
	const struct confine *c = &p->confine;

	snprintf(p->ids, sizeof(p->ids), "%u:%u", c->uid, c->gid);
	return broker_fork(c->change_user ? p->ids : NULL, p->null_fd,
			   &p->config.broker, e);
}

/* From here on in the process the VM will be in; 1 in those that led to it. */
static int process_begin(struct process *p, int *status, struct err *e)
{
	int rc = confine_prepare(&p->confine, &p->config, e);

	if (!rc && p->config.daemonize)
		rc = daemon_begin(p, status, e);
	if (!rc && machine_wants_broker(&p->config, p->confine.change_user ||
					confine_moves_root(&p->confine)))
		rc = broker_begin(p, e);
	if (!rc && p->confine.jail)
		rc = jail_begin(&p->confine, p->config.daemonize, status, e);
	return rc;
}

int main(int argc, char **argv)
{
	struct process p = { .report_fd = -1, .pid_fd = -1, .signal_fd = -1,
			     .null_fd = -1 };
	struct strbuf out = STRBUF_INIT;
	struct err e = { 0 };
	int rc, status = 0;

	mallopt(M_ARENA_MAX, 1);       /* threads here hardly allocate */
	config_init(&p.config);
	rc = config_parse(&p.config, argc, argv, &out, &e);
	fputs(out.buf, stdout);
	strbuf_fini(&out);
	if (!rc && !p.config.wants_exit)
		rc = process_begin(&p, &status, &e);
	if (rc < 0) {
		complain(&e);
		status = 1;
	}
	if (rc || p.config.wants_exit) {
		confine_fini(&p.confine);
		config_fini(&p.config);
		return status;
	}
	return process_run(&p);
}
