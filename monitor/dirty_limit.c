/* SPDX-License-Identifier: MIT */
/*
 * Dirty limits; see dirty_limit.h.
 *
 * Talks to: vcpu.h, which holds a vCPU back; a timer of the main loop.
 * Never:    waits for a vCPU.
 */
#include "monitor/dirty_limit.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/vcpu.h"

enum { TICKS_PER_S = 10, NS_PER_TICK = 100000000 };
#define PAGES_PER_MIB (MiB / PAGE_SIZE)
#define LIMIT_MAX     (1ull << 40)     /* MiB a second: nobody writes so fast */

struct limited {
	u64 limit;                     /* 0: none                         */
	u64 pages_then;                /* a second ago                    */
	u64 now;
};

struct dirty_limit {
	struct monitors *mons;
	struct timer timer;
	s64 then_ns;
	unsigned ticks, users;         /* users: vCPUs with a limit       */
	unsigned ncpus;
	struct limited cpu[];
};

static void measure(struct limited *c, u64 pages, s64 ns)
{
	c->now = (u64)((unsigned __int128)(pages - c->pages_then) *
		       1000000000 / (u64)ns / PAGES_PER_MIB);
	c->pages_then = pages;
}

static void on_tick(void *opaque)
{
	struct dirty_limit *l = opaque;
	struct vm *vm = l->mons->vm;
	const s64 now = clock_host_ns(), ns = MAX(now - l->then_ns, 1ll);
	const bool second = ++l->ticks % TICKS_PER_S == 0;

	for (unsigned i = 0; i < l->ncpus; i++) {
		const u64 pages = vcpu_charge_dirty(vm->vcpus[i]);

		if (second)
			measure(&l->cpu[i], pages, ns);
	}
	if (second)
		l->then_ns = now;
	timer_set(&l->timer, now + NS_PER_TICK);
}

static struct dirty_limit *get(struct monitors *s)
{
	const unsigned n = s->vm->nvcpus;
	struct dirty_limit *l = s->limit;

	if (l)
		return l;
	l = calloc(1, sizeof(*l) + n * sizeof(l->cpu[0]));
	if (!l)
		return NULL;
	l->mons = s;
	l->ncpus = n;
	timer_init(&l->timer, s->vm->loop, NULL, on_tick, l);
	s->limit = l;
	return l;
}

static int start(struct dirty_limit *l, struct err *e)
{
	struct vm *vm = l->mons->vm;
	int rc = kvm_vm_ring_track(&vm->kvm, true, e);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < l->ncpus; i++)
		l->cpu[i].pages_then = vcpu_charge_dirty(vm->vcpus[i]);
	l->then_ns = clock_host_ns();
	l->ticks = 0;
	timer_set(&l->timer, l->then_ns + NS_PER_TICK);
	return 0;
}

static void stop(struct dirty_limit *l)
{
	timer_cancel(&l->timer);
	kvm_vm_ring_track(&l->mons->vm->kvm, false, NULL);
}

static void limit_one(struct dirty_limit *l, unsigned cpu, u64 mib)
{
	l->users += (mib != 0) - (l->cpu[cpu].limit != 0);
	l->cpu[cpu].limit = mib;
	vcpu_limit_dirty(l->mons->vm->vcpus[cpu], mib * PAGES_PER_MIB);
}

static void limit_each(struct dirty_limit *l, s64 cpu, u64 mib)
{
	for (unsigned i = 0; i < l->ncpus; i++)
		if (cpu == DIRTY_LIMIT_ALL || cpu == i)
			limit_one(l, i, mib);
}

static int check_cpu(struct monitors *s, s64 cpu, struct err *e)
{
	if (cpu < DIRTY_LIMIT_ALL || cpu >= (s64)s->vm->nvcpus)
		return err_set(e, -EINVAL, "incorrect cpu index specified");
	return 0;
}

int dirty_limit_set(struct monitors *s, s64 cpu, u64 mib, struct err *e)
{
	struct dirty_limit *l;
	int rc;

	if (!s->vm->kvm.ring_entries)
		return err_set(e, -ENOTSUP, "dirty page limit feature requires "
			       "KVM with accelerator property "
			       "'dirty-ring-size' set'");
	rc = check_cpu(s, cpu, e);
	if (rc < 0)
		return rc;
	if (mib > LIMIT_MAX)
		return err_set(e, -EINVAL, "invalid dirty page limit %lld",
			       (long long)mib);
	if (!mib)
		return dirty_limit_cancel(s, cpu, e);
	l = get(s);
	if (!l)
		return err_set(e, -ENOMEM, "%m");
	rc = l->users ? 0 : start(l, e);
	if (rc < 0)
		return rc;
	limit_each(l, cpu, mib);
	return 0;
}

/* Where there are no rings there is nothing to end, whatever the number. */
int dirty_limit_cancel(struct monitors *s, s64 cpu, struct err *e)
{
	struct dirty_limit *l = s->limit;
	int rc = s->vm->kvm.ring_entries ? check_cpu(s, cpu, e) : 0;

	if (rc < 0 || !l || !l->users)
		return rc;
	limit_each(l, cpu, 0);
	if (!l->users)
		stop(l);
	return 0;
}

bool dirty_limit_of(struct monitors *s, unsigned cpu,
		    struct dirty_limit_report *r)
{
	const struct dirty_limit *l = s->limit;

	if (!l || cpu >= l->ncpus || !l->cpu[cpu].limit)
		return false;
	*r = (struct dirty_limit_report){ l->cpu[cpu].limit, l->cpu[cpu].now };
	return true;
}

void dirty_limit_free(struct monitors *s)
{
	if (!s->limit)
		return;
	timer_fini(&s->limit->timer);
	free(s->limit);
	s->limit = NULL;
}
