/* SPDX-License-Identifier: MIT */
/*
 * dump-guest-memory: which memory, in which steps, and how far it is.
 *
 * Talks to: gmem for the bytes, vCPUs for registers and page tables, a
 *           dump_writer for the format, the main loop to stop and go on.
 * Never:    trusts the guest's page tables: mappings are counted and cut.
 *
 * States: none -(dump_run)-> active -(finish)-> completed | failed.
 */
#include "monitor/dump.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/monitor.h"
#include "vmm/arch.h"
#include "vmm/vcpu.h"

enum { STEP = 4 << 20, CHUNK = 64 << 10, MAPS_FIRST = 64 };

const char *const dump_status_names[] = {
	[DUMP_NONE] = "none", [DUMP_ACTIVE] = "active",
	[DUMP_COMPLETED] = "completed", [DUMP_FAILED] = "failed", NULL
};

struct dump_progress dump_progress(struct monitors *s)
{
	return (struct dump_progress){ (enum dump_status)s->dump.status,
				       s->dump.done, s->dump.total };
}

int dump_write(struct dump *d, const void *p, size_t n)
{
	const u8 *at = p;

	while (n) {
		ssize_t k = write(d->fd, at, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return err_set(&d->e, k ? -errno : -EIO,
				       "dump: failed to save memory: %m");
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

/* --- which memory --- */

static bool clip(const struct dump_wish *w, struct dump_range *r)
{
	const u64 end = r->gpa + r->len;
	u64 last;

	if (!w->has_range)
		return true;
	if (__builtin_add_overflow(w->begin, w->length, &last))
		last = UINT64_MAX;
	if (end <= w->begin || r->gpa >= last)
		return false;
	r->gpa = MAX(r->gpa, w->begin);
	r->len = MIN(end, last) - r->gpa;
	return true;
}

static int by_gpa(const void *a, const void *b)
{
	const struct dump_range *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

static int collect_ranges(struct dump *d)
{
	unsigned n;
	const struct gmem_block *const *b = gmem_blocks(d->mons->vm->gmem, &n);

	d->ranges = calloc(n + 1, sizeof(d->ranges[0]));
	if (!d->ranges)
		return err_set(&d->e, -ENOMEM, "dump: %m");
	for (unsigned i = 0; i < n; i++) {
		struct dump_range r = { b[i]->gpa, b[i]->len };

		if (clip(&d->wish, &r)) {
			d->ranges[d->nranges++] = r;
			d->total += r.len;
		}
	}
	qsort(d->ranges, d->nranges, sizeof(d->ranges[0]), by_gpa);
	if (!d->nranges)
		return err_set(&d->e, -EINVAL, "dump: no guest memory to "
			       "dump");
	return 0;
}

/* --- the CPUs --- */

/* A new mapping, or more of the last. */
static bool add_map(struct dump *d, const struct dump_mapping *m)
{
	struct dump_mapping *last = d->nmaps ? &d->maps[d->nmaps - 1] : NULL;
	void *more;

	if (last && last->va + last->len == m->va &&
	    last->pa + last->len == m->pa) {
		last->len += m->len;
		return true;
	}
	if (d->nmaps + d->nranges >= DUMP_MAPPINGS_MAX)
		return false;
	if (!(d->nmaps & (d->nmaps - 1)) || !d->maps) {
		more = realloc(d->maps, sizeof(d->maps[0]) *
			       MAX(d->nmaps * 2, (unsigned)MAPS_FIRST));
		if (!more)
			return false;
		d->maps = more;
	}
	d->maps[d->nmaps++] = *m;
	return true;
}

/* What of a leaf lies in the ranges; pieces of one leaf stay in order. */
static int add_leaf(const struct arch_mapping *leaf, void *opaque)
{
	struct dump *d = opaque;
	const u64 end = leaf->pa + leaf->size;

	if (!leaf->size) {             /* the walk gave up */
		d->maps_cut = true;
		return 1;
	}
	for (unsigned i = 0; i < d->nranges; i++) {
		const struct dump_range *r = &d->ranges[i];
		const u64 from = MAX(leaf->pa, r->gpa);
		const u64 to = MIN(end, r->gpa + r->len);
		const struct dump_mapping m = {
			leaf->va + (from - leaf->pa), from, to - from };

		if (from < to && !add_map(d, &m)) {
			d->maps_cut = true;
			return 1;
		}
	}
	return 0;
}

static bool long_mode(const struct x86_regs *r)
{
	return r->s.efer & BIT(10);
}

static bool beyond_4g(const struct dump *d)
{
	const struct dump_range *r = &d->ranges[d->nranges - 1];

	return r->gpa + r->len > BIT64(32);
}

static int add_cpu(struct mon *m, struct dump *d, unsigned cpu)
{
	struct vm *vm = d->mons->vm;
	struct x86_regs *r = mon_regs_of(m, vm->vcpus[cpu]);

	if (!r)
		return err_set(&d->e, -EIO, "dump: CPU %u does not give its "
			       "registers", cpu);
	if (!cpu)
		d->wide = long_mode(r) || beyond_4g(d);
	x86_dump_notes(&d->notes, r, cpu, d->wide);
	if (d->wish.paging && vm->arch->walk && !d->maps_cut)
		vm->arch->walk(vm, r, add_leaf, d);
	free(r);
	return 0;
}

/* --- steps --- */

/* true: there is more. */
static bool step(struct dump *d)
{
	static const size_t page = PAGE_SIZE;
	u8 buf[CHUNK] __attribute__((aligned(16)));
	struct monitors *s = d->mons;
	u64 budget = STEP;

	while (budget && d->range < d->nranges && !s->stopping) {
		const struct dump_range *r = &d->ranges[d->range];
		const size_t n = MIN(r->len - d->at, (u64)MIN(budget,
							(u64)CHUNK));

		assert(n);
		if (gmem_read(s->vm->gmem, r->gpa + d->at, buf, n))
			memset(buf, 0, n);     /* it was unplugged */
		if (d->writer->memory(d, r->gpa + d->at, buf, n) < 0)
			return false;
		d->at += n;
		d->done += n;
		budget -= MIN(budget, ALIGN_UP(n, page));
		if (d->at == r->len) {
			d->range++;
			d->at = 0;
		}
	}
	s->dump.done = d->done;
	return d->range < d->nranges && !s->stopping;
}

static void tell(struct monitors *s)
{
	const struct dump_progress p = dump_progress(s);
	struct strbuf data = STRBUF_INIT;

	strbuf_addf(&data, "{\"result\": {\"total\": %llu, \"status\": "
		    "\"%s\", \"completed\": %llu}", (unsigned long long)
		    p.total, dump_status_names[p.status],
		    (unsigned long long)p.done);
	if (p.status == DUMP_FAILED)
		strbuf_addstr(&data, ", \"error\": \"the file could not be "
			      "written\"");
	strbuf_addc(&data, '}');
	monitors_event(s->vm, "DUMP_COMPLETED", data.buf);
	strbuf_fini(&data);
}

/* [main loop] */
static void go_on(void *opaque)
{
	struct monitors *s = opaque;

	tell(s);
	if (s->dump.resume && vm_state(s->vm) == RUN_PAUSED)
		vm_start(s->vm, NULL);
	s->dump.resume = false;
}

static void stop(void *opaque)
{
	struct monitors *s = opaque;

	s->dump.resume = vm_state(s->vm) == RUN_RUNNING;
	if (s->dump.resume)
		vm_pause(s->vm, RUN_PAUSED);
}

static void dump_free(struct dump *d)
{
	if (d->writer->free)
		d->writer->free(d);
	strbuf_fini(&d->notes);
	free(d->ranges);
	free(d->maps);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

static int finish(struct dump *d)
{
	if (!d->e.rc && d->range == d->nranges && d->writer->end)
		d->writer->end(d);
	d->mons->dump.status = d->e.rc || d->range < d->nranges ?
			       DUMP_FAILED : DUMP_COMPLETED;
	return d->e.rc;
}

/* One visit of the monitor's loop of a detached dump. */
static void visit(void *opaque)
{
	struct dump *d = opaque;
	struct monitors *s = d->mons;

	if (step(d)) {
		loop_post(s->loop, visit, d);
		return;
	}
	finish(d);
	s->dump.running = NULL;
	dump_free(d);
	if (!s->stopping)
		loop_post(s->vm->loop, go_on, s);
}

void dump_cancel(struct monitors *s)
{
	if (s->dump.running)
		dump_free(s->dump.running);
	s->dump.running = NULL;
}

int dump_check(struct monitors *s, const struct dump_wish *w, struct err *e)
{
	if (s->dump.status == DUMP_ACTIVE)
		return err_set(e, -EBUSY, "There is a dump in process, please "
			       "wait.");
	if (w->format != DUMP_ELF && (w->paging || w->has_range))
		return err_set(e, -EINVAL, "kdump-compressed format doesn't "
			       "support paging or filter");
	return 0;
}

static int prepare(struct mon *m, struct dump *d)
{
	const unsigned n = d->mons->vm->nvcpus;
	int rc = 0;

	if (d->wish.has_range && !d->wish.length)
		return err_set(&d->e, -EINVAL, "Invalid parameter 'length'");
	rc = collect_ranges(d);
	d->mons->dump.total = d->total;
	for (unsigned i = 0; i < n && !rc; i++)
		rc = add_cpu(m, d, i);
	d->ncpus = n;
	return rc ? rc : d->writer->begin(d);
}

static struct dump *dump_create(struct mon *m, const struct dump_wish *w,
				int fd)
{
	struct dump *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->mons = m->mons;
	d->wish = *w;
	d->fd = fd;
	d->writer = w->format == DUMP_ELF ? &dump_elf_writer :
		    &dump_kdump_writer;
	strbuf_init(&d->notes);
	return d;
}

/* Takes the one place there is. */
static bool claim(struct monitors *s)
{
	int status = s->dump.status;

	do
		if (status == DUMP_ACTIVE)
			return false;
	while (!atomic_compare_exchange_weak(&s->dump.status, &status,
					     DUMP_ACTIVE));
	s->dump.done = s->dump.total = 0;
	return true;
}

int dump_run(struct mon *m, const struct dump_wish *w, int fd, struct err *e)
{
	struct monitors *s = m->mons;
	struct dump *d = dump_create(m, w, fd);
	int rc;

	if (!d || !claim(s)) {
		rc = d ? dump_check(s, w, e) : err_set(e, -ENOMEM, "%m");
		if (d)
			dump_free(d);
		else
			close(fd);
		return rc;
	}
	mon_on_main(m, stop, s);
	rc = prepare(m, d);
	if (!rc && w->detach && s->loop && loop_is_current(s->loop)) {
		s->dump.running = d;
		loop_post(s->loop, visit, d);
		return 0;
	}
	while (!rc && step(d))
		;
	rc = finish(d);
	if (e)
		*e = d->e;
	dump_free(d);
	mon_on_main(m, go_on, s);
	return rc;
}
