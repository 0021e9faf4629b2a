// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/jail.c: what the option may say.  What a jail is like from
 * inside and outside is tests/process/confine.t's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/confine.h"
#include "vmm/jail.h"

static struct confine c;
static struct err e;

static int create(const char *text)
{
	int rc;

	c = (struct confine){ 0 };
	e = (struct err){ 0 };
	rc = jail_create(&c, text, &e);
	confine_fini(&c);
	return rc;
}

static void refused(const char *text, int rc, const char *word)
{
	assert_int_equal(create(text), rc);
	assert_memory_equal(e.msg, "-jail: ", 7);
	if (!strstr(e.msg, word))
		fail_msg("'%s' has no '%s'", e.msg, word);
}

static void it_takes_a_folder_and_ids(void **state)
{
	int rc = create("/tmp,uid=10,gid=11,netns=x,cgroup=y,nofile=64,"
			"fsize=1G");

	(void)state;
	assert_int_equal(rc, geteuid() ? -EPERM : 0);
	assert_true(c.change_user);
	assert_int_equal(c.uid, 10);
	assert_int_equal(c.gid, 11);
}

static void what_is_missing_or_wrong_is_a_sentence(void **state)
{
	(void)state;
	refused("uid=1,gid=1", -EINVAL, "a folder");
	refused("/tmp", -EINVAL, "uid= and gid=");
	refused("/tmp,uid=1", -EINVAL, "uid= and gid=");
	refused("/tmp,uid=0,gid=1", -EINVAL, "root's");
	refused("/tmp,uid=4294967295,gid=1", -EINVAL, "uid= and gid=");
	refused("/tmp,uid=x,gid=1", -EINVAL, "uid");
	refused("/tmp,uid=1,gid=1,colour=red", -EINVAL, "colour");
	refused("/nowhere,uid=1,gid=1", -ENOENT, "/nowhere");
	refused("/etc/passwd,uid=1,gid=1", -ENOTDIR, "/etc/passwd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_takes_a_folder_and_ids),
		cmocka_unit_test(what_is_missing_or_wrong_is_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
