// SPDX-License-Identifier: MIT
/* Unit test: vmm/base/thread.c: a thread starts in its role, named, and deaf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "vmm/base/thread.h"

struct seen {
	int entered;                   /* role + 1, 0: not yet            */
	bool first;                    /* the rules came before the thread */
	char name[16];
	sigset_t mask;
};

static void *look(void *opaque)
{
	struct seen *s = opaque;

	s->first = s->entered;
	prctl(PR_GET_NAME, s->name);
	pthread_sigmask(SIG_SETMASK, NULL, &s->mask);
	return s;
}

static void enter(enum thread_role role, void *opaque)
{
	((struct seen *)opaque)->entered = (int)role + 1;
}

static void start(struct seen *s, const char *name)
{
	pthread_t t;
	void *back = NULL;

	assert_int_equal(thread_start(&t, ROLE_PLUGIN, name, look, s), 0);
	assert_int_equal(pthread_join(t, &back), 0);
	assert_ptr_equal(back, s);
}

static void a_thread_enters_its_role_before_its_first_line(void **state)
{
	struct seen s = { 0 };
	const struct thread_rules rules = { enter, &s };

	(void)state;
	thread_rules_set(&rules);
	start(&s, "worker");
	thread_rules_set(NULL);
	assert_true(s.first);
	assert_int_equal(s.entered, ROLE_PLUGIN + 1);
}

static void a_thread_is_named_and_hears_no_signals(void **state)
{
	struct seen s = { 0 };

	(void)state;
	start(&s, "a name of more than fifteen bytes");
	assert_string_equal(s.name, "a name of more ");
	assert_true(sigismember(&s.mask, SIGTERM));
	assert_true(sigismember(&s.mask, SIGUSR1));
}

static void starting_one_leaves_our_own_signals_alone(void **state)
{
	struct seen s = { 0 };
	sigset_t mask;

	(void)state;
	start(&s, "worker");
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
	assert_false(s.entered);       /* no rules were set */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_enters_its_role_before_its_first_line),
		cmocka_unit_test(a_thread_is_named_and_hears_no_signals),
		cmocka_unit_test(starting_one_leaves_our_own_signals_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
