/* SPDX-License-Identifier: MIT */
/*
 * Guest FP state: reset values, tags, MMX aliasing, pending exceptions.
 *
 * Room:     what the x87, MMX and SSE handlers have in common (SDM volume 1,
 *           chapters 8, 9 and 11.5).
 * Talks to: exception.c through x86_raise.
 * Never:    executes guest arithmetic.
 */
#include "tcg-plugin/x86/fpu.h"

#include <string.h>

#include "tcg-plugin/x86/host_cpu.h"
#include "tcg-plugin/x86/mem.h"

void fpu_set_fcw(struct x86_fpu *f, u16 v)
{
	f->fcw = (v & 0x1f3f) | 0x40;
}

void fpu_rotate(struct x86_fpu *f, unsigned from, unsigned to)
{
	__typeof__(f->st[0]) old[8];

	if (from == to)
		return;
	memcpy(old, f->st, sizeof(old));
	for (unsigned k = 0; k < 8; k++)
		f->st[k] = old[(k + to - from) & 7];
}

void fpu_init_keep(struct x86_fpu *f)
{
	fpu_rotate(f, fpu_top(f), 0);
	f->fcw = FCW_INIT;
	f->fsw = 0;
	f->ftw = 0;
	f->fop = 0;
	f->fip = f->fdp = 0;
}

void fpu_init(struct x86_fpu *f)
{
	fpu_init_keep(f);
	memset(f->st, 0, sizeof(f->st));
}

void fpu_reset(struct x86_cpu *c)
{
	memset(&c->fpu, 0, sizeof(c->fpu));
	fpu_init(&c->fpu);
	c->fpu.mxcsr = MXCSR_INIT;
	c->fpu.mxcsr_mask = fpu_mxcsr_mask(c);
	c->pkru = 0;
}

u32 fpu_mxcsr_mask(const struct x86_cpu *c)
{
	/* AMD's misaligned SSE mode; the host's unit is what holds it. */
	return host_has_misaligned_sse() && x86_has(c, 0x80000001, 0, 2, 7)
		? 0x2ffff : 0xffff;
}

/* Tag of one register: 0 valid, 1 zero, 2 special. */
static unsigned tag_of(const u8 *st)
{
	u64 frac;
	u16 se;

	memcpy(&frac, st, 8);
	memcpy(&se, st + 8, 2);
	se &= 0x7fff;
	if (!se && !frac)
		return 1;
	return se && se != 0x7fff && frac >> 63 ? 0 : 2;
}

u16 fpu_full_tag(const struct x86_fpu *f)
{
	u16 full = 0;

	for (unsigned phys = 0; phys < 8; phys++) {
		unsigned k = (phys - fpu_top(f)) & 7;
		unsigned t = f->ftw >> phys & 1 ? tag_of(f->st[k].b) : 3;

		full |= (u16)(t << 2 * phys);
	}
	return full;
}

u8 fpu_abridge(u16 full)
{
	u8 ftw = 0;

	for (unsigned phys = 0; phys < 8; phys++)
		if ((full >> 2 * phys & 3) != 3)
			ftw |= (u8)BIT(phys);
	return ftw;
}

void fpu_update_es(struct x86_fpu *f)
{
	f->fsw &= (u16)~(FSW_ES | FSW_B);
	if (f->fsw & ~f->fcw & FSW_EXC)
		f->fsw |= FSW_ES | FSW_B;
}

void fpu_wait(struct x86_cpu *c)
{
	if (__builtin_expect(c->fpu.fsw & FSW_ES, 0))
		x86_raise(c, EXC_MF);
}

u64 fpu_mmx_get(const struct x86_fpu *f, unsigned n)
{
	u64 v;

	memcpy(&v, f->st[(n - fpu_top(f)) & 7].b, 8);
	return v;
}

void fpu_mmx_top(struct x86_fpu *f)
{
	fpu_rotate(f, fpu_top(f), 0);
	f->fsw &= (u16)~FSW_TOP;
}

void fpu_mmx_enter(struct x86_fpu *f)
{
	fpu_mmx_top(f);
	f->ftw = 0xff;
}

void fpu_mmx_set(struct x86_fpu *f, unsigned n, u64 v)
{
	memcpy(f->st[n & 7].b, &v, 8);
	f->st[n & 7].b[8] = f->st[n & 7].b[9] = 0xff;
}

/*
 * SDM volume 1, 11.5.2: an unmasked pre-computation exception (invalid,
 * denormal, divide by zero) hides the post-computation ones of the same
 * instruction.
 */
void fpu_simd_flags(struct x86_cpu *c, u32 mxcsr)
{
	const u32 pre = MXCSR_IE | MXCSR_DE | MXCSR_ZE;
	u32 flags = mxcsr & MXCSR_EXC;
	u32 open = ~(c->fpu.mxcsr >> 7);

	if (flags & pre & open)
		flags &= pre;
	c->fpu.mxcsr |= flags;
	if (__builtin_expect(flags & open, 0))
		x86_raise(c, c->cr4 & CR4_OSXMMEXCPT ? EXC_XM : EXC_UD);
}
