/* SPDX-License-Identifier: MIT */
/*
 * An event loop: descriptors, timers and posted calls, on one thread.
 *
 * Main loop, I/O threads and the monitor each own one.  Only loop_post,
 * loop_call and loop_stop may be used from other threads; all else belongs to
 * the owning thread (asserted).  timer_set/timer_cancel may be called from
 * any thread: devices arm timers from vCPU threads under their own lock.
 *
 * Invariants: callbacks run without any loop lock held; a callback may remove
 * any watch or timer, its own included; after timer_fini or loop_unwatch
 * returns on the loop thread, the callback will not run again.
 */
#ifndef MOTE_CORE_LOOP_H
#define MOTE_CORE_LOOP_H

#include "vmm/base/err.h"
#include "vmm/base/list.h"
#include "vmm/base/types.h"
#include "vmm/core/clock.h"

struct loop;

struct loop *loop_create(const char *name, struct err *e);
void loop_destroy(struct loop *l);     /* not running; posts left are dropped */

/* Run until loop_stop; the caller's thread becomes the owner.  Until then the
 * owner is the thread that created it.  A stop that came first ends it too. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);        /* [any]; posts so far still run */
bool loop_is_current(const struct loop *l);
bool loop_is_running(const struct loop *l);
const char *loop_name(const struct loop *l);

/*
 * Look again for up to `max_ns` before going to sleep, where that paid lately:
 * the time grows `grow`-fold (0: twofold) when a sleep turns out to have been
 * shorter than the most, and shrinks `shrink`-fold (0: to nothing) when it was
 * longer.  For a loop that is not running yet.
 */
void loop_set_poll(struct loop *l, u64 max_ns, u64 grow, u64 shrink);

/* --- descriptors: EPOLLIN/EPOLLOUT/EPOLLHUP..., level triggered --- */
typedef void loop_fd_fn(void *opaque, u32 events);
int  loop_watch(struct loop *l, int fd, u32 events, loop_fd_fn *fn,
		void *opaque);         /* -EEXIST when already watched */
void loop_rewatch(struct loop *l, int fd, u32 events);  /* 0 mutes it */
void loop_unwatch(struct loop *l, int fd);              /* absent is fine */

/* --- calls from other threads --- */
typedef void loop_call_fn(void *opaque);
void loop_post(struct loop *l, loop_call_fn *fn, void *opaque);  /* async */
/* Take back all posted calls of `fn` not yet run, giving each to `drop`. */
void loop_unpost(struct loop *l, loop_call_fn *fn, loop_call_fn *drop);
/* Wait until it ran; runs at once when already on the loop's thread.  The
 * caller must hold no lock the loop may want. */
void loop_call(struct loop *l, loop_call_fn *fn, void *opaque);

/* --- timers --- */
struct timer {
	struct loop *loop;
	const struct clock *clock;     /* NULL: host time                 */
	void (*fn)(void *opaque);      /* [loop]                          */
	void *opaque;
	s64 deadline;                  /* in its clock's ns; -1 unarmed   */
	unsigned heap_pos;             /* 0 when not queued               */
};
void timer_init(struct timer *t, struct loop *l, const struct clock *c,
		void (*fn)(void *), void *opaque);
void timer_set(struct timer *t, s64 deadline_ns);      /* [any] */
void timer_cancel(struct timer *t);                    /* [any] */
void timer_fini(struct timer *t);      /* [loop] a zeroed timer is fine */
bool timer_pending(const struct timer *t);
/* The guest clock started or stopped: recompute sleep times. [any] */
void loop_clock_changed(struct loop *l);

#endif
