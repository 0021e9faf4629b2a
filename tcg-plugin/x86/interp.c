/* SPDX-License-Identifier: MIT */
/*
 * Running decoded instructions: the block loop, the careful single step, and
 * the checks the decoder could not make.
 *
 * Talks to: handlers (through the insn), exec.c above.
 * Never:    looks for interrupts; that is exec.c's, between blocks.
 */
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/jit.h"

/* --- checks behind insn_checked ------------------------------------------- */

static void check_simd(struct x86_cpu *c, u32 attr)
{
	if (attr & A_FPU) {
		if (c->cr0 & (CR0_EM | CR0_TS))
			x86_raise(c, EXC_NM);
		return;
	}
	if (c->cr0 & CR0_EM)
		x86_raise(c, EXC_UD);
	if ((attr & A_SSE) && !(c->cr4 & CR4_OSFXSR))
		x86_raise(c, EXC_UD);
	if (c->cr0 & CR0_TS)
		x86_raise(c, EXC_NM);
}

/* VEX: protected mode; vectors want the AVX state switched on, whatever the
 * operation's own feature is, and do not look at CR0.EM or CR4.OSFXSR. */
static void check_vex(struct x86_cpu *c, u32 attr)
{
	if (!is_prot(c))
		x86_raise(c, EXC_UD);
	if (!(attr & A_SSE))
		return;
	if (!x86_avx_on(c) || !has_feat(c, FEAT_AVX))
		x86_raise(c, EXC_UD);
	if (c->cr0 & CR0_TS)
		x86_raise(c, EXC_NM);
}

/* The guest's FP state must be in *c, not in the host's registers. */
static bool wants_fpu(const struct insn_row *r)
{
	return (r->attr & (A_FPU | A_MMX | A_SSE)) ||
	       (r->feat >= FEAT_XSAVE && r->feat <= FEAT_XSAVES);
}

void insn_checked(struct x86_cpu *c, const struct insn *i)
{
	u32 attr = i->row->attr;

	if (UNLIKELY(!has_feat(c, i->row->feat)))
		x86_raise(c, EXC_UD);
	if (wants_fpu(i->row))
		jit_fpu_save(c);
	if (insn_is_vex(i->row)) {
		check_vex(c, attr);
	} else if (attr & (A_FPU | A_MMX | A_SSE)) {
		if (UNLIKELY((c->cr0 & (CR0_EM | CR0_TS)) ||
			     !(c->cr4 & CR4_OSFXSR)))
			check_simd(c, attr);
	} else {
		if ((attr & A_PROT) && !is_prot(c))
			x86_raise(c, EXC_UD);
		if ((attr & A_PRIV) && c->cpl)
			x86_raise_err(c, EXC_GP, 0);
	}
	insn_pick(i)(c, i);
}

/* --- one instruction, with everything that can hang on one ---------------- */

static void step_insn(struct x86_cpu *c, const struct insn *i)
{
	bool ends = i->row->attr & A_END;

	i->fn(c, i);
	if (!ends)
		x86_next(c, i);
	c->n_insn++;
}

/* The instruction is done: forget its device accesses, raise its traps. */
static void commit(struct x86_cpu *c, u32 traps)
{
	c->io.count = c->io.cursor = 0;
	atomic_fetch_and(&c->request, ~REQ_COMMIT);
	traps |= c->db_hits;
	c->db_hits = 0;
	if (UNLIKELY(traps))
		x86_raise_db(c, traps, false);
}

/* Fetch breakpoint on the instruction at rip? DR7: SDM vol. 3, 18.2.4. */
static u32 fetch_breaks(struct x86_cpu *c)
{
	u64 la = c->rip + (c->code_bits == 64 ? 0 : c->seg[CS].base);
	u32 hits = 0;

	if (c->code_bits != 64)
		la = (u32)la;
	for (unsigned n = 0; n < 4; n++) {
		bool on = c->dr[7] >> 2 * n & 3;

		if (on && !(c->dr[7] >> (16 + 4 * n) & 15) && c->dr[n] == la)
			hits |= BIT(n);
	}
	return hits;
}

static void step_careful(struct x86_cpu *c, const struct insn *i)
{
	u8 shadow = c->shadow;
	bool tf = c->rflags & FL_TF;

	if ((c->dr[7] & 0xff) && !(c->rflags & FL_RF) && shadow != 2) {
		u32 hits = fetch_breaks(c);

		if (hits)
			x86_raise_db(c, hits, true);
	}
	c->new_task = false;
	step_insn(c, i);
	if (c->shadow == shadow)
		c->shadow = 0;
	if (i->row->fn != op_iret && i->row->fn != op_popf && !c->new_task)
		c->rflags &= ~(u64)FL_RF;
	commit(c, tf && c->shadow != 2 ? BIT(14) : 0);
}

void x86_step(struct x86_cpu *c, const struct insn *i)
{
	step_careful(c, i);
}

static bool needs_care(const struct x86_cpu *c)
{
	return (c->rflags & (FL_TF | FL_RF)) || c->shadow || c->io.count ||
	       c->singlestep || c->one_insn || (c->dr[7] & 0xff);
}

static enum x86_leave run_end(struct x86_cpu *c)
{
	u32 req = atomic_load_explicit(&c->request, memory_order_relaxed);

	if (LIKELY(!req))
		return LEAVE_NONE;
	if (req & REQ_COMMIT)
		commit(c, 0);
	return LEAVE_AGAIN;
}

enum x86_leave x86_run_block(struct x86_cpu *c, const struct insn *insns,
			     unsigned n)
{
	const struct insn *i, *last = insns + n - 1;
	const u64 start = c->rip;
	u64 rip;

	if (UNLIKELY(needs_care(c))) {
		step_careful(c, insns);
		return LEAVE_AGAIN;
	}
again:
	rip = start;
	for (i = insns; i < last; i++) {
		i->fn(c, i);
		rip += i->len;
		c->rip = rip;
		if (UNLIKELY(atomic_load_explicit(&c->request,
						  memory_order_relaxed))) {
			c->n_insn += (u64)(i - insns) + 1;
			return run_end(c);
		}
	}
	i->fn(c, i);
	if (!(i->row->attr & A_END))
		x86_next(c, i);
	c->n_insn += n;
	/* a loop of one block: around again without asking anybody, if there
	 * is no translator to ask */
	if ((i->flags & I_NEAR) && c->rip == start && !c->counted &&
	    !c->slices && !c->jit &&
	    !atomic_load_explicit(&c->request, memory_order_relaxed))
		goto again;
	return run_end(c);
}
