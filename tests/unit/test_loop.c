/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/loop.c: descriptors and calls, from many threads. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/core/loop.h"

static struct loop *l;
static int count;

static int setup(void **state)
{
	l = loop_create("test", NULL);
	count = 0;
	return !l;
}

static int teardown(void **state)
{
	loop_destroy(l);
	return 0;
}

static void stop(void *opaque)
{
	loop_stop(l);
}

static void count_up(void *opaque)
{
	++*(int *)opaque;
}

static void calls_run_in_order_and_stop_waits_for_them(void **state)
{
	int n = 0;

	assert_string_equal(loop_name(l), "test");
	loop_post(l, stop, NULL);
	for (int i = 0; i < 100; i++)
		loop_post(l, count_up, &n);
	assert_true(loop_is_current(l));
	assert_false(loop_is_running(l));
	loop_run(l);
	assert_int_equal(n, 100);
	loop_stop(l);                  /* before the run: ends it at once */
	loop_run(l);
}

static void two_events(void *opaque, u32 events)
{
	int *fds = opaque;
	char c;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(fds[0], &c, 1), 1);
	if (++count == 2) {
		loop_unwatch(l, fds[0]);
		assert_int_equal(write(fds[1], "x", 1), 1);
		loop_post(l, stop, NULL);
	}
}

static void a_callback_may_unwatch_itself(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(loop_watch(l, fds[0], EPOLLIN, two_events, fds), 0);
	assert_int_equal(loop_watch(l, fds[0], EPOLLIN, two_events, fds),
			 -EEXIST);
	assert_int_equal(write(fds[1], "ab", 2), 2);
	loop_run(l);
	assert_int_equal(count, 2);
	loop_unwatch(l, fds[0]);       /* absent is fine */
	loop_unwatch(l, 1000);
	close(fds[0]);
	close(fds[1]);
}

static int pair_fds[2][2];

/* Both pipes are ready: whoever runs first removes the other, for ever. */
static void remove_other(void *opaque, u32 events)
{
	int me = *(int *)opaque;

	count++;
	loop_unwatch(l, pair_fds[!me][0]);
	loop_unwatch(l, pair_fds[me][0]);
	loop_post(l, stop, NULL);
}

static void a_removed_watch_does_not_fire_in_the_same_round(void **state)
{
	int me[2] = { 0, 1 };

	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(pair_fds[i]), 0);
		assert_int_equal(write(pair_fds[i][1], "x", 1), 1);
		loop_watch(l, pair_fds[i][0], EPOLLIN, remove_other, &me[i]);
	}
	loop_run(l);
	assert_int_equal(count, 1);
	for (int i = 0; i < 4; i++)
		close(pair_fds[i / 2][i % 2]);
}

static void count_event(void *opaque, u32 events)
{
	if (++count > 5)
		loop_stop(l);
}

static void a_muted_hangup_does_not_spin(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	close(fds[1]);
	loop_watch(l, fds[0], EPOLLIN, count_event, NULL);
	loop_rewatch(l, fds[0], 0);
	loop_post(l, stop, NULL);
	loop_run(l);
	assert_int_equal(count, 0);
	loop_rewatch(l, fds[0], EPOLLIN);
	loop_run(l);
	assert_int_equal(count, 6);
	loop_unwatch(l, fds[0]);
	close(fds[0]);
}

static void a_regular_file_is_always_ready(void **state)
{
	char path[] = "/tmp/mote-loop-XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	assert_int_equal(loop_watch(l, fd, EPOLLIN, count_event, NULL), 0);
	loop_run(l);
	assert_int_equal(count, 6);
	loop_rewatch(l, fd, 0);
	loop_post(l, stop, NULL);
	loop_run(l);
	assert_int_equal(count, 6);
	loop_unwatch(l, fd);
	close(fd);
	assert_true(loop_watch(l, fd, EPOLLIN, count_event, NULL) < 0);
}

static void *other_thread(void *opaque)
{
	int seen = 0;

	for (int i = 0; i < 200; i++) {
		loop_post(l, count_up, &count);
		loop_call(l, count_up, &seen);
	}
	assert_int_equal(seen, 200);
	return NULL;
}

static void *run(void *opaque)
{
	loop_run(l);
	return NULL;
}

static void other_threads_post_and_wait(void **state)
{
	pthread_t t[3], runner;

	pthread_create(&runner, NULL, run, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, other_thread, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	loop_stop(l);
	pthread_join(runner, NULL);
	assert_int_equal(count, 600);
}

static void posts_can_be_taken_back(void **state)
{
	int kept = 0, dropped = 0;

	loop_post(l, count_up, &kept);
	loop_post(l, stop, NULL);
	loop_post(l, count_up, &kept);
	loop_unpost(l, count_up, count_up);
	assert_int_equal(kept, 2);     /* `drop` ran, twice */
	loop_post(l, count_up, &dropped);
	loop_run(l);
	assert_int_equal(kept, 2);
	assert_int_equal(dropped, 1);
	loop_post(l, count_up, &dropped);      /* freed by loop_destroy */
}

/* Answers on the other pipe, so that each turn waits a little. */
static void *echo(void *opaque)
{
	int *fds = opaque;
	char c;

	while (read(fds[0], &c, 1) == 1 && c != 'q')
		if (write(fds[3], &c, 1) != 1)
			break;
	return NULL;
}

static void ask_again(void *opaque, u32 events)
{
	int *fds = opaque;
	char c;

	(void)events;
	assert_int_equal(read(fds[2], &c, 1), 1);
	c = ++count == 1000 ? 'q' : 'a';
	assert_int_equal(write(fds[1], &c, 1), 1);
	if (c == 'q')
		loop_stop(l);
}

static void looking_again_before_sleep_misses_nothing(void **state)
{
	pthread_t t;
	int fds[4];

	loop_set_poll(l, 50000, 0, 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(fds + 2), 0);
	assert_int_equal(loop_watch(l, fds[2], EPOLLIN, ask_again, fds), 0);
	assert_int_equal(pthread_create(&t, NULL, echo, fds), 0);
	assert_int_equal(write(fds[1], "a", 1), 1);
	loop_run(l);
	pthread_join(t, NULL);
	assert_int_equal(count, 1000);
	loop_unwatch(l, fds[2]);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_run_in_order_and_stop_waits_for_them),
		TEST(a_callback_may_unwatch_itself),
		TEST(a_removed_watch_does_not_fire_in_the_same_round),
		TEST(a_muted_hangup_does_not_spin),
		TEST(a_regular_file_is_always_ready),
		TEST(other_threads_post_and_wait),
		TEST(posts_can_be_taken_back),
		TEST(looking_again_before_sleep_misses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
