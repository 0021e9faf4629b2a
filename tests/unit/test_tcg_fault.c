/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/fault.c: a fault of our own ends the process. */
#include "tests/unit/tcg_box.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* As a vCPU's thread has it: no new handlers. */
static void forbid_handlers(void)
{
	static struct sock_filter row[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigaction, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog rows = { ARRAY_LEN(row), row };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &rows) < 0)
		_exit(1);
}

static void crash(bool filtered)
{
	const struct rlimit none = { 0 };
	volatile u8 *volatile nowhere = (u8 *)8;
	struct box b;

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGSEGV, SIG_DFL);
	box_vm(&b, false);
	if (filtered)
		forbid_handlers();
	alarm(20);                     /* not for ever, whatever happens   */
	*nowhere = 1;
	_exit(0);
}

static void end_of_a_crash(bool filtered)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child)
		crash(filtered);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

static void a_fault_of_our_own_ends_the_process(void **state)
{
	end_of_a_crash(false);
}

static void also_under_a_filter_that_allows_no_new_handler(void **state)
{
	end_of_a_crash(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_of_our_own_ends_the_process),
		cmocka_unit_test(also_under_a_filter_that_allows_no_new_handler),
	};

	return cmocka_run_group_tests_name("tcg_fault", tests, NULL, NULL);
}
