// SPDX-License-Identifier: MIT
/* Unit test: vmm/confine.c: whom -runas names, and who may become another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/confine.h"

static struct confine c;
static struct err e;

static int prepare(const char *runas, const char *root, const char *jail)
{
	struct vm_config config = {
		.runas = (char *)runas, .chroot = (char *)root,
		.jail = (char *)jail,
	};

	c = (struct confine){ 0 };
	e = (struct err){ 0 };
	return confine_prepare(&c, &config, &e);
}

static void nothing_asked_for_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(prepare(NULL, NULL, NULL), 0);
	assert_false(c.change_user);
	assert_false(confine_moves_root(&c));
	assert_int_equal(confine_thread(&c), 0);
	assert_int_equal(confine_enter(&c, &e), 0);
	confine_fini(&c);
}

static void ids_may_be_numbers(void **state)
{
	char own[64];

	(void)state;
	snprintf(own, sizeof(own), "%u:%u", geteuid(), getegid());
	assert_int_equal(prepare(own, NULL, NULL), 0);
	assert_true(c.change_user);
	assert_int_equal(c.uid, geteuid());
	assert_int_equal(c.gid, getegid());
	assert_int_equal(c.ngroups, 1);
	assert_int_equal(c.groups[0], getegid());
	assert_int_equal(confine_thread(&c), 0);
}

static void a_user_is_known_by_name(void **state)
{
	(void)state;
	assert_int_equal(prepare("root", NULL, NULL), geteuid() ? -EPERM : 0);
	assert_int_equal(c.uid, 0);
	assert_int_equal(c.gid, 0);
}

static void what_is_no_user_is_a_sentence(void **state)
{
	static const char *const wrong[] = { "no-such-user", "1:", "12",
					     "1:2:3", "99999999999:1", "" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(prepare(wrong[i], NULL, NULL), -ENOENT);
		assert_non_null(strstr(e.msg, wrong[i]));
	}
}

static void a_jail_has_ids_and_a_root_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(prepare("root", NULL, "/tmp"), -EINVAL);
	assert_int_equal(prepare(NULL, "/", "/tmp"), -EINVAL);
}

/* In a child: this process stays who it is. */
static void who_may_not_change_is_told_before_any_thread_tries(void **state)
{
	pid_t pid = fork();
	int st;

	(void)state;
	if (!pid) {
		if (geteuid() == 0 &&
		    (syscall(SYS_setresgid, 1, 1, 1) < 0 ||
		     syscall(SYS_setresuid, 1, 1, 1) < 0))
			_exit(2);
		_exit(prepare("7:7", NULL, NULL) == -EPERM &&
		      strstr(e.msg, "only root can") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(st, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_for_changes_nothing),
		cmocka_unit_test(ids_may_be_numbers),
		cmocka_unit_test(a_user_is_known_by_name),
		cmocka_unit_test(what_is_no_user_is_a_sentence),
		cmocka_unit_test(a_jail_has_ids_and_a_root_of_its_own),
		cmocka_unit_test(who_may_not_change_is_told_before_any_thread_tries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
