/* SPDX-License-Identifier: MIT */
/*
 * The usual way into a handler and back: 64-bit code, flat segments, ring 0 or
 * 3 (SDM vol. 3, 6.14).
 *
 * Room:     the same as exception.c's deliver_long and interp_far.c's IRET,
 *           where everything they would read and write is in the TLB and says
 *           what it always says.  Neither function changes anything before it
 *           knows that it can do all of it.
 * Never:    raises, walks, or leaves by c->unwind.
 */
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/segment.h"

/* The eight bytes of a flat segment's descriptor that was used before. */
static u64 flat_bits(u32 attr)
{
	return 0xffffull | (u64)(attr & 0xff) << 40 | 0xfull << 48 |
	       (u64)(attr >> 12) << 52;
}

GUEST_MEM
static u64 load(const void *p, unsigned at)
{
	u64 v;

	memcpy(&v, (const u8 *)p + at, sizeof(v));
	return v;
}

GUEST_MEM
static bool desc_is(struct x86_cpu *c, u16 sel, u32 attr)
{
	const u32 at = sel & 0xfff8;
	const void *d;

	if (sel_null(sel) || (sel & 4) || at + 7 > c->gdtr.limit)
		return false;
	d = tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, c->gdtr.base + at, 8);
	return d && load(d, 0) == flat_bits(attr);
}

/* The mode is and stays 64-bit: what is left of x86_update_mode. */
static void set_ring(struct x86_cpu *c, u8 cpl)
{
	c->cpl = cpl;
	c->tlb_mode = cpl == 3 ? TLB_USER :
		      (c->cr4 & CR4_SMAP) && (c->rflags & FL_AC) ?
		      TLB_SUPER_AC : TLB_SUPER;
	c->align_check = cpl == 3 && (c->cr0 & CR0_AM) && (c->rflags & FL_AC);
}

/* --- in ------------------------------------------------------------------- */

struct trap {
	u64 off, sp;
	u16 sel;
	bool masks_if;
};

/* The gate, which must be ring 0's, without a stack of its own. */
GUEST_MEM
static bool usual_gate(struct x86_cpu *c, unsigned vec, struct trap *t)
{
	const void *g;
	u64 lo;

	if (vec * 16 + 15 > c->idtr.limit)
		return false;
	g = tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, c->idtr.base + vec * 16,
		       16);
	if (!g)
		return false;
	lo = load(g, 0);
	t->sel = (u16)(lo >> 16);
	t->off = (lo & 0xffff) | (lo >> 32 & 0xffff0000) | load(g, 8) << 32;
	t->masks_if = (lo >> 40 & 15) == DT_INT;
	return (lo >> 41 & 0x4f) == 0x47 &&    /* present, either gate    */
	       !(lo >> 32 & 7) && x86_canonical(c, t->off) &&
	       desc_is(c, t->sel, FLAT_CODE64);
}

GUEST_MEM
static bool usual_stack(struct x86_cpu *c, struct trap *t)
{
	const void *sp;

	t->sp = c->r[RSP];
	if (c->cpl == 3) {
		if (c->seg[TR].limit < 11)
			return false;
		sp = tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ,
				c->seg[TR].base + 4, 8);
		if (!sp)
			return false;
		t->sp = load(sp, 0);
	}
	t->sp &= ~15ull;
	return true;
}

GUEST_MEM
bool trap_enter(struct x86_cpu *c, unsigned vec, bool has_err, u32 err,
		u64 next_rip, u64 flags)
{
	const unsigned n = 40 + 8u * has_err;
	struct trap t;
	u64 frame[6], *f = frame;
	void *to;

	if (c->mode != MODE_LONG || (c->cpl != 0 && c->cpl != 3) ||
	    !usual_gate(c, vec, &t) || !usual_stack(c, &t))
		return false;
	to = tlb_lookup(&c->tlb, c->cpl ? TLB_SUPER : c->tlb_mode, TLB_WRITE,
			t.sp - n, n);
	if (!to || (c->cpl && (flags & FL_AC)))
		return false;
	if (has_err)
		*f++ = err;
	f[0] = next_rip;
	f[1] = c->seg[CS].sel;
	f[2] = flags;
	f[3] = c->r[RSP];
	f[4] = c->seg[SS].sel;
	memcpy(to, frame, n);
	seg_set_flat(c, CS, t.sel & 0xfffc, FLAT_CODE64);
	if (c->cpl)
		seg_set_null(c, SS, 0);
	c->r[RSP] = t.sp - n;
	c->rip = t.off;
	flags = x86_rflags(c) & ~(u64)(FL_TF | FL_NT | FL_RF);
	x86_set_rflags(c, t.masks_if ? flags & ~(u64)FL_IF : flags);
	set_ring(c, 0);
	return true;
}

/* --- out ------------------------------------------------------------------ */

static bool usual_segments(struct x86_cpu *c, u16 cs, u16 ss)
{
	const unsigned rpl = cs & 3;
	const u32 dpl = rpl << 5;

	if (!desc_is(c, cs, FLAT_CODE64 | dpl))
		return false;
	if (!rpl && !ss)
		return true;
	return (ss & 3u) == rpl && desc_is(c, ss, FLAT_DATA | dpl);
}

GUEST_MEM
bool trap_leave(struct x86_cpu *c)
{
	const u64 user = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_IF | FL_IOPL |
			 FL_RF | FL_AC | FL_ID | FL_VIF | FL_VIP;
	const void *f = tlb_lookup(&c->tlb, c->tlb_mode, TLB_READ, c->r[RSP],
				   40);
	u64 v[5];

	if (!f || c->mode != MODE_LONG || c->cpl)
		return false;
	memcpy(v, f, sizeof(v));
	if ((v[1] & 3 && (v[1] & 3) != 3) || !x86_canonical(c, v[0]) ||
	    !usual_segments(c, (u16)v[1], (u16)v[4]))
		return false;
	seg_set_flat(c, CS, (u16)v[1], FLAT_CODE64 | (v[1] & 3) << 5);
	if ((u16)v[4])
		seg_set_flat(c, SS, (u16)v[4], FLAT_DATA | (v[1] & 3) << 5);
	else
		seg_set_null(c, SS, 0);
	c->rip = v[0];
	c->r[RSP] = v[3];
	x86_set_rflags(c, (x86_rflags(c) & ~user) | (v[2] & user));
	set_ring(c, v[1] & 3);
	if (c->cpl)
		seg_drop_outer(c);
	return true;
}
