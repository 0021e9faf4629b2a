/* SPDX-License-Identifier: MIT */
/*
 * Lazy flags made real (the scheme is described in interp.h).
 */
#include "tcg-plugin/x86/interp.h"

u32 flags_arith(const struct x86_cpu *c)
{
	if (!c->cc_op)
		return c->rflags & FL_ARITH;
	return (flag_cf(c) ? FL_CF : 0) | (flag_pf(c) ? FL_PF : 0) |
	       flag_af(c) | (flag_zf(c) ? FL_ZF : 0) |
	       (flag_sf(c) ? FL_SF : 0) | (flag_of(c) ? FL_OF : 0);
}

u64 x86_rflags(struct x86_cpu *c)
{
	return flags_sync(c);
}

void x86_set_rflags(struct x86_cpu *c, u64 v)
{
	u64 changed = c->rflags ^ v;

	c->cc_op = CC_RFLAGS;
	c->rflags = v | 2;
	if (changed & (FL_VM | FL_AC))
		x86_update_mode(c);
}
