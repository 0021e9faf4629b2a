/* SPDX-License-Identifier: MIT */
/*
 * Looking before sleeping.  See halt_poll.h.
 */
#include "tcg-plugin/halt_poll.h"

#include <sched.h>
#include <stdatomic.h>

#include "tcg-plugin/x86/irqchip/timers.h"

enum { LOOKS = 32 };                   /* between two offers              */

static bool look(const _Atomic u32 *request)
{
	for (unsigned n = 0; n < LOOKS; n++) {
		if (atomic_load_explicit(request, memory_order_acquire))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

enum halt_end halt_poll(struct halt_poll *p, const _Atomic u32 *request)
{
	s64 from, was, now;

	if (!p->ns)
		return HALT_SLEPT;
	from = now = ic_now();
	do {
		if (look(request)) {
			if (++p->found % HALT_POLL_REST == 0)
				p->taken /= 2;
			return HALT_FOUND;
		}
		was = now;
		sched_yield();
		now = ic_now();
		if (now - was > HALT_POLL_TAKEN)
			return HALT_TAKEN;
	} while (now - from < p->ns);
	return HALT_SLEPT;
}

/* Grows while halts are short, and gives up when one was long: a guest that
 * sleeps is not looked after. */
void halt_poll_learn(struct halt_poll *p, enum halt_end how, s64 took)
{
	if (how == HALT_TAKEN) {
		p->ns = 0;
		p->taken = p->taken ? MIN(p->taken * 2,
					  (u32)HALT_POLL_REST_MAX)
				    : HALT_POLL_REST;
		p->rest = p->taken;
	} else if (p->rest) {
		p->rest--;
	} else if (took > HALT_POLL_MAX) {
		p->ns = 0;
	} else if (how == HALT_SLEPT) {
		p->ns = p->ns ? MIN(p->ns * 2, (s64)HALT_POLL_MAX)
			      : HALT_POLL_FIRST;
	}
}
