/* SPDX-License-Identifier: MIT */
/*
 * x87 control: control and status words, environments, FNSAVE and FRSTOR in
 * their 16- and 32-bit, real and protected mode forms (SDM volume 1, 8.1.10).
 *
 * Room:     the instructions that do not wait or do not calculate.
 * Talks to: fpu.c for tags and pending exceptions.
 * Never:    needs the host's x87 unit.
 *
 * FCS and FDS are not kept: they are stored as zero, as on CPUs with CPUID
 * (7, 0) EBX bit 13.
 */
#include "tcg-plugin/x86/jit.h"
#include "tcg-plugin/x86/fpu_priv.h"
#include "tcg-plugin/x86/handlers.h"

/* WAIT looks at TS only with MP set. */
void op_fwait(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	jit_fpu_save(c);
	if ((c->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
		x86_raise(c, EXC_NM);
	fpu_wait(c);
}

void x87_nop(struct x86_cpu *c, const struct insn *i)
{
	(void)c;
	(void)i;                       /* FNENI, FNDISI, FNSETPM */
}

void x87_fninit(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	fpu_init_keep(&c->fpu);
}

void x87_fnclex(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	c->fpu.fsw &= (u16)~(FSW_EXC | FSW_SF | FSW_ES | FSW_B);
}

void x87_fldcw(struct x86_cpu *c, const struct insn *i)
{
	u16 v;

	fpu_wait(c);
	v = ld16(c, x86_ea(c, i, 2, false));
	fpu_set_fcw(&c->fpu, v);
	fpu_update_es(&c->fpu);
}

void x87_fnstcw(struct x86_cpu *c, const struct insn *i)
{
	st16(c, x86_ea(c, i, 2, true), c->fpu.fcw);
}

void x87_fnstsw(struct x86_cpu *c, const struct insn *i)
{
	st16(c, x86_ea(c, i, 2, true), c->fpu.fsw);
}

void x87_fnstsw_ax(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	c->r[RAX] = (c->r[RAX] & ~0xffffull) | c->fpu.fsw;
}

/* --- environments ----------------------------------------------------------- */

/* Real and V86 mode fold the opcode and linear pointers into two words. */
static bool real_form(const struct x86_cpu *c)
{
	return c->mode == MODE_REAL || c->mode == MODE_V86;
}

static bool is_wide(const struct insn *i, const struct x86_cpu *c)
{
	bool flip = i->flags & I_66;

	if (i->flags & I_REXW)
		return true;
	return c->code_bits == 16 ? flip : !flip;
}

/* As seven values; the narrow forms keep the low halves. */
static unsigned env_write(const struct x86_cpu *c, const struct insn *i, u8 *out)
{
	const struct x86_fpu *f = &c->fpu;
	u32 w[7] = { f->fcw, f->fsw, fpu_full_tag(f), (u32)f->fip, 0,
		     (u32)f->fdp, 0 };
	unsigned n = is_wide(i, c) ? 4 : 2;

	if (n == 4) {
		w[0] |= 0xffff0000;
		w[1] |= 0xffff0000;
		w[2] |= 0xffff0000;
		w[6] |= 0xffff0000;
	}
	if (!real_form(c)) {
		w[4] = n == 4 ? (u32)(f->fop & 0x7ff) << 16 : 0;
	} else {
		u32 ip = (u32)f->fip, dp = (u32)f->fdp;

		w[4] = (n == 4 ? (ip >> 16) << 12 : (ip >> 16 & 0xf) << 12) |
		       (f->fop & 0x7ff);
		w[6] = n == 4 ? (dp >> 16) << 12 : (dp >> 16 & 0xf) << 12;
		if (n == 4) {
			w[3] = (ip & 0xffff) | 0xffff0000;
			w[5] = (dp & 0xffff) | 0xffff0000;
		}
	}
	for (unsigned k = 0; k < 7; k++)
		memcpy(out + k * n, &w[k], n);
	return 7 * n;
}

static unsigned env_size(const struct x86_cpu *c, const struct insn *i)
{
	return is_wide(i, c) ? 28 : 14;
}

static void env_read(struct x86_cpu *c, const struct insn *i, const u8 *in)
{
	struct x86_fpu *f = &c->fpu;
	unsigned n = env_size(c, i) / 7;
	u32 w[7] = { 0 };

	for (unsigned k = 0; k < 7; k++)
		memcpy(&w[k], in + k * n, n);
	fpu_set_fcw(f, (u16)w[0]);
	f->fsw = (u16)w[1];
	f->ftw = fpu_abridge((u16)w[2]);
	if (real_form(c)) {
		f->fip = (w[3] & 0xffff) | (w[4] & 0x0ffff000) << 4;
		f->fdp = (w[5] & 0xffff) | (w[6] & 0x0ffff000) << 4;
		f->fop = w[4] & 0x7ff;
	} else {
		f->fip = w[3];
		f->fdp = w[5];
		f->fop = n == 4 ? w[4] >> 16 & 0x7ff : 0;
	}
	fpu_update_es(f);
}

void x87_fnstenv(struct x86_cpu *c, const struct insn *i)
{
	u8 buf[28];
	unsigned n = env_write(c, i, buf);

	st_bytes(c, x86_ea(c, i, n, true), buf, n);
	c->fpu.fcw |= FSW_EXC;         /* masks all */
	fpu_update_es(&c->fpu);
}

void x87_fldenv(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = env_size(c, i), old_top = fpu_top(&c->fpu);
	u8 buf[28];

	fpu_wait(c);
	ld_bytes(c, x86_ea(c, i, n, false), buf, n);
	env_read(c, i, buf);
	fpu_rotate(&c->fpu, old_top, fpu_top(&c->fpu));
}

void x87_fnsave(struct x86_cpu *c, const struct insn *i)
{
	u8 buf[108];
	unsigned n = env_write(c, i, buf);

	for (unsigned k = 0; k < 8; k++, n += 10)
		memcpy(buf + n, c->fpu.st[k].b, 10);
	st_bytes(c, x86_ea(c, i, n, true), buf, n);
	fpu_init_keep(&c->fpu);
}

void x87_frstor(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = env_size(c, i);
	u8 buf[108];

	fpu_wait(c);
	ld_bytes(c, x86_ea(c, i, n + 80, false), buf, n + 80);
	env_read(c, i, buf);
	for (unsigned k = 0; k < 8; k++, n += 10) {
		memset(c->fpu.st[k].b, 0, 16);
		memcpy(c->fpu.st[k].b, buf + n, 10);
	}
}
