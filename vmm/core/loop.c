/* SPDX-License-Identifier: MIT */
/*
 * An event loop over epoll.  See loop.h.
 *
 * Talks to: epoll, one eventfd, its timers (core/timer.c).
 * Never:    calls out with a lock held.
 *
 * Invariants:
 *  1. watches[] belongs to the owning thread; `lock` guards only the posted
 *     calls; timers have their own lock in struct timers.
 *  2. An epoll event carries (fd, generation); one whose generation is stale
 *     belongs to a watch removed earlier in the same round and is dropped.
 *  3. A descriptor epoll refuses (a regular file, /dev/null) is always ready.
 */
#include "vmm/core/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/lock.h"
#include "vmm/core/timer_priv.h"

enum { POLL_FIRST_NS = 4000, POLL_MOST_NS = 1000000 };

struct watch {
	loop_fd_fn *fn;
	void *opaque;
	u32 events, generation;
	bool used, always;             /* always: invariant 3 */
};

struct call {
	struct call *next;
	loop_call_fn *fn;
	void *opaque;
};

struct loop {
	char name[16];
	int epfd, wakefd;
	_Atomic pthread_t owner;
	_Atomic bool running, stop;
	struct watch *watches;         /* by descriptor       */
	int nwatches;
	unsigned nalways;              /* of them always ready */
	u32 generation;
	struct lock lock;              /* guards calls, tail  */
	struct call *calls, **tail;
	struct timers timers;
	struct {
		s64 now, max;          /* ns to look again before a sleep */
		u64 grow, shrink;
	} poll;
};

struct loop *loop_create(const char *name, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = UINT64_MAX };
	struct loop *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		abort();
	strncpy(l->name, name, sizeof(l->name) - 1);
	l->owner = pthread_self();
	l->tail = &l->calls;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epfd < 0 || l->wakefd < 0 ||
	    epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->wakefd, &ev) < 0) {
		rc = -errno;
		goto fail_fds;
	}
	lock_init(&l->lock, "loop");
	timers_init(&l->timers);
	return l;

fail_fds:
	if (l->epfd >= 0)
		close(l->epfd);
	if (l->wakefd >= 0)
		close(l->wakefd);
	free(l);
	err_set(e, rc, "event loop %s: %m", name);
	return NULL;
}

void loop_destroy(struct loop *l)
{
	struct call *c, *next;

	if (!l)
		return;
	assert(!l->running);
	for (c = l->calls; c; c = next) {
		next = c->next;
		free(c);
	}
	timers_fini(&l->timers);
	lock_fini(&l->lock);
	close(l->epfd);
	close(l->wakefd);
	free(l->watches);
	free(l);
}

const char *loop_name(const struct loop *l)
{
	return l->name;
}

bool loop_is_current(const struct loop *l)
{
	return pthread_equal(l->owner, pthread_self());
}

bool loop_is_running(const struct loop *l)
{
	return l->running;
}

/* Watches are the owner's; before it runs, whoever sets the loop up. */
static void check_owner(const struct loop *l)
{
	assert(!l->running || loop_is_current(l));
}

void loop_wake(struct loop *l)
{
	u64 one = 1;

	/* Fails only when the counter is full, and then it is awake. */
	if (write(l->wakefd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

struct timers *loop_timers(struct loop *l)
{
	return &l->timers;
}

void loop_clock_changed(struct loop *l)
{
	loop_wake(l);
}

/* --- descriptors --- */

static struct watch *watch_of(struct loop *l, int fd)
{
	if (fd < 0 || fd >= l->nwatches || !l->watches[fd].used)
		return NULL;
	return &l->watches[fd];
}

static void grow(struct loop *l, int fd)
{
	int n = MAX(fd + 1, MAX(16, l->nwatches * 2));
	struct watch *w;

	if (fd < l->nwatches)
		return;
	w = realloc(l->watches, n * sizeof(*w));
	if (!w)
		abort();
	memset(w + l->nwatches, 0, (n - l->nwatches) * sizeof(*w));
	l->watches = w;
	l->nwatches = n;
}

static int epoll_set(struct loop *l, int op, int fd, const struct watch *w)
{
	struct epoll_event ev = {
		.events = w->events,
		.data.u64 = (u64)w->generation << 32 | (u32)fd,
	};

	return epoll_ctl(l->epfd, op, fd, &ev) < 0 ? -errno : 0;
}

/* Muting takes it out of epoll, which would still report EPOLLHUP. */
static int apply(struct loop *l, int fd, struct watch *w, u32 events)
{
	u32 old = w->events;
	int rc;

	w->events = events;
	if (w->always || old == events)
		return 0;
	if (!events)
		return epoll_set(l, EPOLL_CTL_DEL, fd, w);
	rc = epoll_set(l, old ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, w);
	if (rc == -EPERM) {
		w->always = true;
		l->nalways++;
		rc = 0;
	}
	return rc;
}

int loop_watch(struct loop *l, int fd, u32 events, loop_fd_fn *fn, void *opaque)
{
	struct watch *w;
	int rc;

	check_owner(l);
	assert(fd >= 0);
	grow(l, fd);
	w = &l->watches[fd];
	if (w->used)
		return -EEXIST;
	*w = (struct watch){
		.fn = fn, .opaque = opaque, .used = true,
		.generation = ++l->generation & INT32_MAX,
	};
	rc = apply(l, fd, w, events);
	if (rc < 0)
		w->used = false;
	return rc;
}

void loop_rewatch(struct loop *l, int fd, u32 events)
{
	struct watch *w = watch_of(l, fd);

	check_owner(l);
	if (w)
		apply(l, fd, w, events);
}

void loop_unwatch(struct loop *l, int fd)
{
	struct watch *w = watch_of(l, fd);

	check_owner(l);
	if (!w)
		return;
	apply(l, fd, w, 0);
	if (w->always)
		l->nalways--;
	w->used = false;
}

static void dispatch(struct loop *l, const struct epoll_event *ev)
{
	struct watch *w;

	if (ev->data.u64 == UINT64_MAX) {
		u64 n;

		if (read(l->wakefd, &n, sizeof(n)) < 0)
			assert(errno == EAGAIN);
		return;
	}
	w = watch_of(l, (u32)ev->data.u64);
	if (w && w->generation == ev->data.u64 >> 32 && w->events)
		w->fn(w->opaque, ev->events);
}

/* Is one of the always-ready descriptors being asked for anything? */
static bool always_ready(const struct loop *l)
{
	for (int fd = 0; l->nalways && fd < l->nwatches; fd++)
		if (l->watches[fd].used && l->watches[fd].always &&
		    l->watches[fd].events)
			return true;
	return false;
}

static void dispatch_always(struct loop *l)
{
	for (int fd = 0; l->nalways && fd < l->nwatches; fd++) {
		struct watch *w = &l->watches[fd];
		u32 ready = w->events & (EPOLLIN | EPOLLOUT);

		if (w->used && w->always && ready)
			w->fn(w->opaque, ready);
	}
}

/* --- calls --- */

void loop_post(struct loop *l, loop_call_fn *fn, void *opaque)
{
	struct call *c = malloc(sizeof(*c));
	bool first;

	if (!c)
		abort();
	*c = (struct call){ .fn = fn, .opaque = opaque };
	lock_take(&l->lock);
	first = !l->calls;
	*l->tail = c;
	l->tail = &c->next;
	lock_drop(&l->lock);
	if (first)
		loop_wake(l);
}

/* Those posted while this batch runs wait for the next round. */
static void run_calls(struct loop *l)
{
	struct call *c, *next;

	lock_take(&l->lock);
	c = l->calls;
	l->calls = NULL;
	l->tail = &l->calls;
	lock_drop(&l->lock);
	for (; c; c = next) {
		next = c->next;
		c->fn(c->opaque);
		free(c);
	}
}

void loop_unpost(struct loop *l, loop_call_fn *fn, loop_call_fn *drop)
{
	struct call *taken = NULL, *c, **at;

	lock_take(&l->lock);
	for (at = &l->calls; (c = *at) != NULL; ) {
		if (c->fn != fn) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		c->next = taken;
		taken = c;
	}
	l->tail = at;
	lock_drop(&l->lock);
	while ((c = taken) != NULL) {
		taken = c->next;
		drop(c->opaque);
		free(c);
	}
}

struct waiter {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done;
	loop_call_fn *fn;
	void *opaque;
};

static void run_waiter(void *opaque)
{
	struct waiter *w = opaque;

	w->fn(w->opaque);
	pthread_mutex_lock(&w->mutex);
	w->done = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->mutex);
}

void loop_call(struct loop *l, loop_call_fn *fn, void *opaque)
{
	struct waiter w = {
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER, .fn = fn, .opaque = opaque,
	};

	if (loop_is_current(l)) {
		fn(opaque);
		return;
	}
	loop_post(l, run_waiter, &w);
	pthread_mutex_lock(&w.mutex);
	while (!w.done)
		pthread_cond_wait(&w.cond, &w.mutex);
	pthread_mutex_unlock(&w.mutex);
	pthread_mutex_destroy(&w.mutex);
	pthread_cond_destroy(&w.cond);
}

/* --- running --- */

void loop_set_poll(struct loop *l, u64 max_ns, u64 grow, u64 shrink)
{
	assert(!l->running || loop_is_current(l));
	l->poll.max = MIN(max_ns, (u64)POLL_MOST_NS);
	l->poll.now = 0;
	l->poll.grow = grow ? grow : 2;
	l->poll.shrink = shrink;
}

/* Events that come soon, without a sleep; none: 0. */
static int poll_events(struct loop *l, struct epoll_event *ev, int max, s64 ns)
{
	const s64 end = clock_host_ns() + MIN(l->poll.now, ns);
	const struct timespec zero = { 0 };
	int n;

	do
		n = epoll_pwait2(l->epfd, ev, max, &zero, NULL);
	while (n == 0 && clock_host_ns() < end);
	return n;
}

/* It slept so long: would looking again have been better? */
static void learn(struct loop *l, s64 slept)
{
	if (slept > l->poll.max)
		l->poll.now = l->poll.shrink ? l->poll.now / l->poll.shrink : 0;
	else if (slept > l->poll.now)
		l->poll.now = MIN(l->poll.max, l->poll.now ? l->poll.now *
				  (s64)MIN(l->poll.grow, 1024u) : POLL_FIRST_NS);
}

static int sleep_events(struct loop *l, struct epoll_event *ev, int max, s64 ns)
{
	struct timespec ts = {
		.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000,
	};
	int n;

	n = epoll_pwait2(l->epfd, ev, max, ns < 0 ? NULL : &ts, NULL);
	if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
		s64 ms = ns < 0 ? -1 : (ns + 999999) / 1000000;

		n = epoll_wait(l->epfd, ev, max, (int)MIN(ms, INT32_MAX));
	}
	assert(n >= 0 || errno == EINTR);
	return MAX(n, 0);
}

static int wait_events(struct loop *l, struct epoll_event *ev, int max)
{
	const s64 ns = always_ready(l) ? 0 : timers_sleep(&l->timers);
	s64 began;
	int n = 0;

	if (l->poll.now)
		n = poll_events(l, ev, max, ns < 0 ? INT64_MAX : ns);
	if (n <= 0) {
		began = l->poll.max ? clock_host_ns() : 0;
		n = sleep_events(l, ev, max, ns);
		if (l->poll.max)
			learn(l, clock_host_ns() - began);
	}
	timers_awake(&l->timers);
	return n;
}

static void loop_turn(struct loop *l)
{
	struct epoll_event ev[32];
	int n = wait_events(l, ev, ARRAY_LEN(ev));

	for (int i = 0; i < n; i++)
		dispatch(l, &ev[i]);
	dispatch_always(l);
	run_calls(l);
	timers_run(&l->timers);
}

void loop_run(struct loop *l)
{
	assert(!l->running);
	l->owner = pthread_self();
	l->running = true;
	while (!l->stop)
		loop_turn(l);
	run_calls(l);                  /* nobody waits for ever in loop_call */
	l->stop = false;
	l->running = false;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
	loop_wake(l);
}
