/* SPDX-License-Identifier: MIT */
/* Unit test: seccomp/seccomp.c, from inside: each role tries what it must not. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seccomp/seccomp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { REFUSED = 1, LET_THROUGH = 2, NO_FILTER = 3 };

static int verdict(long rc)
{
	return rc < 0 && errno == EPERM ? REFUSED : LET_THROUGH;
}

static int try_open(void)
{
	return verdict(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}

static int try_socket(void)
{
	return verdict(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_exec(void)
{
	char *argv[] = { (char *)"true", NULL };

	return verdict(execve("/bin/true", argv, NULL));
}

static int try_exec_map(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return verdict(p == MAP_FAILED ? -1 : 0);
}

static int try_exec_protect(void)
{
	static char page[8192];
	char *at = (char *)(((uintptr_t)page + 4095) & ~(uintptr_t)4095);

	return verdict(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int try_ptrace(void)
{
	return verdict(ptrace(PTRACE_TRACEME, 0, 0, 0));
}

static int try_ring(void)
{
	return verdict(syscall(SYS_io_uring_setup, 1, NULL));
}

static int try_plain(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED || write(-1, "", 0) != -1 || errno != EBADF
		? REFUSED : LET_THROUGH;
}

/* What becomes of a child that enters `role` and tries: a verdict, or minus the
 * signal that ended it. */
static int attempt(enum thread_role role, enum sandbox_mode mode,
		   int (*try)(void))
{
	pid_t pid = fork();
	int st;

	if (!pid)
		_exit(sandbox_enter(role, mode, NULL) < 0 ? NO_FILTER : try());
	assert_int_equal(waitpid(pid, &st, 0), pid);
	return WIFSIGNALED(st) ? -WTERMSIG(st) : WEXITSTATUS(st);
}

static void no_role_may_exec_trace_or_map_code(void **state)
{
	(void)state;
	for (int r = ROLE_MAIN; r < ROLE_COUNT; r++) {
		assert_int_equal(attempt(r, SANDBOX_ON, try_exec), -SIGSYS);
		assert_int_equal(attempt(r, SANDBOX_ON, try_ptrace), -SIGSYS);
		assert_int_equal(attempt(r, SANDBOX_ON, try_exec_map),
				 -SIGSYS);
		assert_int_equal(attempt(r, SANDBOX_ON, try_exec_protect),
				 -SIGSYS);
	}
}

static void only_the_main_loop_opens_files_and_sockets(void **state)
{
	(void)state;
	assert_int_equal(attempt(ROLE_MAIN, SANDBOX_ON, try_open),
			 LET_THROUGH);
	assert_int_equal(attempt(ROLE_MAIN, SANDBOX_ON, try_socket),
			 LET_THROUGH);
	for (int r = ROLE_VCPU; r < ROLE_COUNT; r++) {
		assert_int_equal(attempt(r, SANDBOX_ON, try_open), REFUSED);
		assert_int_equal(attempt(r, SANDBOX_ON, try_socket), REFUSED);
		assert_int_equal(attempt(r, SANDBOX_ON, try_ring), REFUSED);
	}
}

/* As a hot-plugged I/O thread does: the main loop's filter, then its own. */
static int enter_both(void)
{
	return sandbox_enter(ROLE_IO, SANDBOX_ON, NULL) < 0 ? NO_FILTER
							    : try_open();
}

static void a_thread_made_later_still_enters_its_own_role(void **state)
{
	(void)state;
	assert_int_equal(attempt(ROLE_MAIN, SANDBOX_ON, enter_both), REFUSED);
}

static void the_kernel_is_asked_before_it_is_needed(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(sandbox_check(SANDBOX_ON, &e), 0);
	assert_int_equal(sandbox_check(SANDBOX_LOG, &e), 0);
	assert_int_equal(sandbox_check(SANDBOX_OFF, &e), 0);
}

static void every_role_may_do_its_daily_work(void **state)
{
	(void)state;
	for (int r = ROLE_MAIN; r < ROLE_COUNT; r++)
		assert_int_equal(attempt(r, SANDBOX_ON, try_plain),
				 LET_THROUGH);
}

static void off_and_log_let_an_open_through(void **state)
{
	(void)state;
	assert_int_equal(attempt(ROLE_MONITOR, SANDBOX_OFF, try_open),
			 LET_THROUGH);
	assert_int_equal(attempt(ROLE_MONITOR, SANDBOX_LOG, try_open),
			 LET_THROUGH);
}

static void the_mode_is_one_of_three_words(void **state)
{
	enum sandbox_mode m = SANDBOX_LOG;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(sandbox_parse("on", &m, &e), 0);
	assert_int_equal(m, SANDBOX_ON);
	assert_int_equal(sandbox_parse("yes", &m, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "yes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_role_may_exec_trace_or_map_code),
		cmocka_unit_test(only_the_main_loop_opens_files_and_sockets),
		cmocka_unit_test(every_role_may_do_its_daily_work),
		cmocka_unit_test(off_and_log_let_an_open_through),
		cmocka_unit_test(a_thread_made_later_still_enters_its_own_role),
		cmocka_unit_test(the_kernel_is_asked_before_it_is_needed),
		cmocka_unit_test(the_mode_is_one_of_three_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
