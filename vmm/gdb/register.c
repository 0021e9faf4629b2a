/* SPDX-License-Identifier: MIT */
/*
 * gdb's g, G, p and P: registers of one vCPU.
 *
 * Room:     a snapshot taken on the vCPU's thread, kept while the VM stands.
 * Talks to: arch->get_regs and set_regs by vcpu_call, arch_debug for values.
 * Never:    knows a register by name.
 */
#include "vmm/gdb/gdb_priv.h"

#include <errno.h>
#include <string.h>

struct regs_call {
	struct gdb *g;
	int rc;
};

static void take(struct vcpu *v, void *opaque)
{
	struct regs_call *c = opaque;

	c->rc = v->vm->arch->get_regs(v, c->g->regs);
}

static void load(struct vcpu *v, void *opaque)
{
	struct regs_call *c = opaque;

	c->rc = v->vm->arch->set_regs(v, c->g->regs);
}

void gdb_regs_forget(struct gdb *g)
{
	g->regs_ok = false;
}

const void *gdb_regs(struct gdb *g)
{
	struct vcpu *v = gdb_vcpu(g);
	struct regs_call c = { .g = g };

	if (!v)
		return NULL;
	if (g->regs_ok && g->regs_cpu == v->index &&
	    vm_state(g->vm) != RUN_RUNNING)
		return g->regs;
	vcpu_call(v, take, &c);
	g->regs_ok = c.rc >= 0;
	g->regs_cpu = v->index;
	return g->regs_ok ? g->regs : NULL;
}

static int store(struct gdb *g)
{
	struct vcpu *v = gdb_vcpu(g);
	struct regs_call c = { .g = g, .rc = -ESRCH };

	if (v)
		vcpu_call(v, load, &c);
	gdb_regs_forget(g);            /* what it really became */
	return c.rc;
}

static void add_reg(struct gdb *g, const void *regs, unsigned n)
{
	u8 value[16];

	g->arch->reg_get(regs, n, value);
	gdb_hex(&g->reply, value, g->arch->reg_size(n));
}

/* --- packets --- */

void gdb_read_regs(struct gdb *g, const char *args, size_t n)
{
	const void *regs = gdb_regs(g);

	if (!regs)
		return gdb_error(g, -ESRCH);
	for (unsigned i = 0; i < g->arch->nregs; i++)
		add_reg(g, regs, i);
}

/* A short G sets the first registers. */
void gdb_write_regs(struct gdb *g, const char *args, size_t n)
{
	int rc = 0;

	if (!gdb_regs(g))
		return gdb_error(g, -ESRCH);
	for (unsigned i = 0; i < g->arch->nregs && n && rc >= 0; i++) {
		const unsigned size = g->arch->reg_size(i);
		u8 value[16];

		if (n < 2 * size || !gdb_unhex(args, value, size)) {
			rc = -EINVAL;
			break;
		}
		rc = g->arch->reg_set(g->regs, i, value);
		args += 2 * size;
		n -= 2 * size;
	}
	if (rc >= 0)
		rc = store(g);
	gdb_regs_forget(g);
	return rc < 0 ? gdb_error(g, rc) : gdb_ok(g);
}

void gdb_read_reg(struct gdb *g, const char *args, size_t n)
{
	const void *regs;
	u64 which;

	if (!gdb_number(&args, &which) || *args || which >= g->arch->nregs)
		return gdb_error(g, -EINVAL);
	regs = gdb_regs(g);
	if (!regs)
		return gdb_error(g, -ESRCH);
	add_reg(g, regs, (unsigned)which);
}

void gdb_write_reg(struct gdb *g, const char *args, size_t n)
{
	u8 value[16];
	unsigned size;
	u64 which;
	int rc;

	if (!gdb_number(&args, &which) || !gdb_skip(&args, '=') ||
	    which >= g->arch->nregs)
		return gdb_error(g, -EINVAL);
	size = g->arch->reg_size((unsigned)which);
	if (strlen(args) != 2 * size || !gdb_unhex(args, value, size))
		return gdb_error(g, -EINVAL);
	if (!gdb_regs(g))
		return gdb_error(g, -ESRCH);
	rc = g->arch->reg_set(g->regs, (unsigned)which, value);
	if (rc >= 0)
		rc = store(g);
	gdb_regs_forget(g);
	return rc < 0 ? gdb_error(g, rc) : gdb_ok(g);
}
