/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints and watchpoints: gdb's Z and z, and whose stop it was.
 *
 * Room:     the list; instructions planted in memory; KVM_SET_GUEST_DEBUG.
 * Talks to: gmem, arch_debug, vCPUs by vcpu_call.
 * Never:    keeps the guest from its own breakpoints: those that are not in
 *           the list are given back to it (KVM_GUESTDBG_INJECT_*).
 *
 * A software breakpoint is planted by physical address, through the page
 * tables of the moment; it is then in every address space that maps the page.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/gdb_priv.h"

/* --- planting --- */

static int plant(struct gdb *g, gva_t at, struct gdb_plant *p)
{
	const unsigned n = g->arch->soft_len;
	int rc = gdb_mem_where(g, at, &p->gpa);

	if (rc >= 0)
		rc = gmem_read(g->vm->gmem, p->gpa, p->saved, n);
	if (rc >= 0)
		rc = gmem_load(g->vm->gmem, p->gpa, g->arch->soft_insn, n);
	p->planted = rc >= 0;
	return rc;
}

static bool still_there(struct gdb *g, const struct gdb_plant *p)
{
	const unsigned n = g->arch->soft_len;
	u8 now[4];

	return p->planted && !gmem_read(g->vm->gmem, p->gpa, now, n) &&
	       !memcmp(now, g->arch->soft_insn, n);
}

/* The guest may have put something else there meanwhile: that stays. */
static void unplant(struct gdb *g, struct gdb_plant *p)
{
	if (still_there(g, p))
		gmem_load(g->vm->gmem, p->gpa, p->saved, g->arch->soft_len);
	p->planted = false;
}

void gdb_breaks_check(struct gdb *g)
{
	for (unsigned i = 0; i < g->nbreaks; i++)
		if (!still_there(g, &g->plants[i]))
			g->plants[i].planted = false;
}

/* Byte k of plant p lies at buf[*at]; false: outside. */
static bool covers(const struct gdb_plant *p, unsigned k, gpa_t gpa, size_t n,
		   size_t *at)
{
	*at = (size_t)(p->gpa + k - gpa);
	return p->planted && p->gpa + k >= gpa && *at < n;
}

void gdb_breaks_hide(struct gdb *g, gpa_t gpa, u8 *buf, size_t n)
{
	size_t at;

	for (unsigned i = 0; i < g->nbreaks; i++)
		for (unsigned k = 0; k < g->arch->soft_len; k++)
			if (covers(&g->plants[i], k, gpa, n, &at) &&
			    buf[at] == g->arch->soft_insn[k])
				buf[at] = g->plants[i].saved[k];
}

void gdb_breaks_keep(struct gdb *g, gpa_t gpa, u8 *buf, size_t n)
{
	size_t at;

	for (unsigned i = 0; i < g->nbreaks; i++)
		for (unsigned k = 0; k < g->arch->soft_len; k++)
			if (covers(&g->plants[i], k, gpa, n, &at)) {
				g->plants[i].saved[k] = buf[at];
				buf[at] = g->arch->soft_insn[k];
			}
}

/* --- the list --- */

/* The list changed; the lock is held. */
static int rearm(struct gdb *g)
{
	memset(&g->armed, 0, sizeof(g->armed));
	return g->arch->arm(&g->armed, g->breaks, g->nbreaks, g->owner);
}

static struct arch_break *find(struct gdb *g, const struct arch_break *b)
{
	for (unsigned i = 0; i < g->nbreaks; i++)
		if (g->breaks[i].kind == b->kind &&
		    g->breaks[i].addr == b->addr &&
		    (b->kind <= BREAK_HARD || g->breaks[i].len == b->len))
			return &g->breaks[i];
	return NULL;
}

static int append(struct gdb *g, const struct arch_break *b,
		  const struct gdb_plant *p)
{
	int rc;

	SCOPED_LOCK(&g->lock);
	g->breaks[g->nbreaks] = *b;
	g->plants[g->nbreaks++] = *p;
	rc = rearm(g);
	if (rc < 0) {
		g->nbreaks--;
		rearm(g);
	}
	return rc;
}

static int insert(struct gdb *g, const struct arch_break *b)
{
	struct gdb_plant p = { 0 };
	int rc = 0;

	if (find(g, b))
		return 0;
	if (g->nbreaks == GDB_BREAKS_MAX)
		return -ENOSPC;
	if (b->kind == BREAK_SOFT)
		rc = plant(g, b->addr, &p);
	if (rc >= 0)
		rc = append(g, b, &p);
	if (rc < 0)
		unplant(g, &p);
	return rc;
}

static int drop(struct gdb *g, const struct arch_break *b)
{
	struct arch_break *at = find(g, b);
	unsigned i;

	if (!at)
		return -ENOENT;
	i = (unsigned)(at - g->breaks);
	unplant(g, &g->plants[i]);
	SCOPED_LOCK(&g->lock);
	g->nbreaks--;
	g->breaks[i] = g->breaks[g->nbreaks];
	g->plants[i] = g->plants[g->nbreaks];
	return rearm(g);
}

void gdb_breaks_clear(struct gdb *g)
{
	while (g->nbreaks)
		drop(g, &g->breaks[g->nbreaks - 1]);
	gdb_arm(g);
}

/* --- packets --- */

static bool parse(const char *args, struct arch_break *b)
{
	u64 kind;

	if (!gdb_number(&args, &kind) || kind > BREAK_ACCESS ||
	    !gdb_skip(&args, ',') || !gdb_number(&args, &b->addr) ||
	    !gdb_skip(&args, ',') || !gdb_number(&args, &b->len))
		return false;
	b->kind = (enum break_kind)kind;
	return !*args || *args == ';'; /* conditions: gdb checks them itself */
}

static void change(struct gdb *g, const char *args,
		   int (*fn)(struct gdb *g, const struct arch_break *b))
{
	struct arch_break b;
	int rc;

	if (!parse(args, &b))
		return gdb_error(g, -EINVAL);
	rc = fn(g, &b);
	if (rc == -ENOTSUP)
		return;                /* an empty reply: gdb asks for another */
	if (rc < 0)
		return gdb_error(g, rc);
	if (vm_state(g->vm) == RUN_RUNNING)
		gdb_arm(g);
	gdb_ok(g);
}

void gdb_insert_break(struct gdb *g, const char *args, size_t n)
{
	change(g, args, insert);
}

void gdb_remove_break(struct gdb *g, const char *args, size_t n)
{
	change(g, args, drop);
}

/* --- arming --- */

static void push(struct vcpu *v, void *opaque)
{
	int rc = vcpu_debug(v, opaque);

	if (rc < 0)
		((struct kvm_guest_debug *)opaque)->pad = (u32)-rc;
}

/* What vCPU i is to stop at; the lock is held. */
static void wanted(struct gdb *g, unsigned i, struct kvm_guest_debug *d)
{
	*d = g->armed;
	if (g->cpu[i].step)
		g->arch->step(d, g->block_irqs);
}

/* A step is told anew each time: KVM notes where it begins. */
void gdb_arm(struct gdb *g)
{
	for (unsigned i = 0; i < g->vm->nvcpus; i++) {
		struct gdb_cpu *c = &g->cpu[i];
		struct kvm_guest_debug d;
		bool same;

		lock_take(&g->lock);
		wanted(g, i, &d);
		same = !c->step && d.control == c->pushed.control &&
		       !memcmp(&d.arch, &c->pushed.arch, sizeof(d.arch));
		c->pushed = d;
		lock_drop(&g->lock);
		if (!same)
			vcpu_call(g->vm->vcpus[i], push, &d);
	}
}

/* What was pushed went to vCPUs that are not the guest's any more. */
void gdb_arm_anew(struct gdb *g)
{
	lock_take(&g->lock);
	for (unsigned i = 0; i < g->vm->nvcpus; i++)
		g->cpu[i].pushed.control = ~0u;
	lock_drop(&g->lock);
	gdb_arm(g);
}

/* --- whose stop was it? [vcpu], the lock is held --- */

static gpa_t where_on_vcpu(struct vcpu *v, gva_t va)
{
	const struct arch *a = v->vm->arch;
	void *regs = calloc(1, a->regs_size);
	gpa_t pa = (gpa_t)-1;
	u64 attr;

	if (!regs || a->get_regs(v, regs) < 0 ||
	    a->translate(v->vm, regs, va, &pa, &attr) < 0)
		pa = (gpa_t)-1;
	free(regs);
	return pa;
}

/* By address; by page, where something else maps it elsewhere. */
static bool planted_at(struct gdb *g, struct vcpu *v, gva_t pc)
{
	gpa_t pa = 0;

	for (unsigned i = 0; i < g->nbreaks; i++)
		if (g->plants[i].planted && g->breaks[i].addr == pc)
			return true;
	for (unsigned i = 0; i < g->nbreaks; i++) {
		if (!g->plants[i].planted ||
		    (g->plants[i].gpa ^ pc) % PAGE_SIZE)
			continue;
		if (!pa)
			pa = where_on_vcpu(v, pc);
		if (g->plants[i].gpa == pa)
			return true;
	}
	return false;
}

static bool slot_hit(struct gdb *g, struct gdb_cpu *c, u32 slots)
{
	for (unsigned i = 0; i < ARCH_BREAK_SLOTS; i++) {
		const struct arch_break *b;

		if (!(slots & BIT(i)) || g->owner[i] >= g->nbreaks)
			continue;
		b = &g->breaks[g->owner[i]];
		c->stop = b->kind == BREAK_HARD ? STOP_HARD : STOP_WATCH;
		c->watch_kind = b->kind;
		c->watch_addr = b->addr;
		return true;
	}
	return false;
}

enum whose { GDBS, GUESTS, NOBODYS };

static enum whose whose_stop(struct gdb *g, struct vcpu *v,
			     const struct arch_debug_stop *s)
{
	struct gdb_cpu *c = &g->cpu[v->index];

	if (s->soft) {
		if (!planted_at(g, v, s->pc))
			return GUESTS;
		c->stop = STOP_SOFT;
		return GDBS;
	}
	if (slot_hit(g, c, s->slots))
		return GDBS;
	if (!s->step)                  /* removed a moment ago, or the guest's */
		return s->slots && !g->armed.control ? NOBODYS : GUESTS;
	if (!c->step)
		return c->pushed.control ? GUESTS : NOBODYS;
	if (s->pc >= c->range_start && s->pc < c->range_end)
		return NOBODYS;
	c->stop = STOP_STEP;
	return GDBS;
}

bool gdb_debug_exit(struct vcpu *v)
{
	struct gdb *g = v->vm->gdb;
	struct arch_debug_stop s;
	struct kvm_guest_debug d;
	enum whose whose;

	g->arch->stopped(v->kvm.run, &s);
	lock_take(&g->lock);
	whose = whose_stop(g, v, &s);
	wanted(g, v->index, &d);
	lock_drop(&g->lock);
	if (whose == GDBS)
		return false;
	if (whose == GUESTS)
		d.control |= KVM_GUESTDBG_ENABLE | s.inject;
	push(v, &d);
	return true;
}
