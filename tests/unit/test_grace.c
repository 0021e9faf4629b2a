/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/grace.c: nothing is freed under a reader. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/core/grace.h"

struct thing {
	struct grace_item item;
	int alive;
};

static struct thing *thing_new(void)
{
	struct thing *t = calloc(1, sizeof(*t));

	t->alive = 1;
	return t;
}

static struct grace *grace_new(void)
{
	struct grace *g = aligned_alloc(64, sizeof(*g));

	grace_init(g);
	return g;
}

static void a_reader_keeps_what_was_retired(void **state)
{
	struct grace *g = grace_new();
	struct grace_ticket a = grace_enter(g), b = grace_enter(g);
	struct thing *t = thing_new();

	grace_retire(g, &t->item);
	assert_true(g->pending);
	assert_int_equal(t->alive, 1);         /* asan would object */
	grace_leave(g, b);
	assert_int_equal(t->alive, 1);
	grace_leave(g, a);
	assert_false(g->pending);
	grace_wait(g);
	grace_fini(g);
	free(g);
}

static void fini_frees_what_is_left(void **state)
{
	struct grace *g = grace_new();
	struct grace_ticket t = grace_enter(g);

	grace_retire(g, &thing_new()->item);
	grace_retire(g, &thing_new()->item);
	(void)t;                       /* a reader that never left */
	grace_fini(g);
	free(g);
}

static struct grace *shared;
static struct thing *_Atomic current;

static void *reader(void *opaque)
{
	for (int i = 0; i < 20000; i++) {
		struct grace_ticket t = grace_enter(shared);

		if (current->alive != 1)
			opaque = shared;
		grace_leave(shared, t);
	}
	return opaque;
}

static void readers_never_see_a_freed_thing(void **state)
{
	pthread_t t[3];
	void *bad;

	shared = grace_new();
	current = thing_new();
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, reader, NULL);
	for (int i = 0; i < 2000; i++) {
		struct thing *old = current;

		current = thing_new();
		grace_retire(shared, &old->item);
		if (i % 100 == 0)
			grace_wait(shared);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
	grace_wait(shared);
	assert_false(shared->pending);
	grace_fini(shared);
	free(current);
	free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_keeps_what_was_retired),
		cmocka_unit_test(fini_frees_what_is_left),
		cmocka_unit_test(readers_never_see_a_freed_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
