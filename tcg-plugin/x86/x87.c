/* SPDX-License-Identifier: MIT */
/*
 * x87 arithmetic, loads and stores (SDM volume 1, chapter 8).
 *
 * Room:     one handler per operand shape; the host executes the guest's own
 *           opcode on a copy of the guest's registers, control word and masks
 *           included, so results, stack faults, condition codes and pending
 *           exceptions are the hardware's.
 * Talks to: fpu_host.h (host_x87), x87_env.c for the control instructions.
 * Never:    writes c->fpu before the instruction's last memory access.
 */
#include "tcg-plugin/x86/fpu_priv.h"

/* The x87 part of an FXSAVE image: FCW to FDP, then the registers. */
struct x87_image {
	u8 head[24];
	u32 mxcsr, mxcsr_mask;
	u8 st[128], rest[352];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct x87_image) == 512, "FXSAVE image");

/* Run i on a copy of the guest's unit; the result stays in *img. */
static u64 run(struct x86_cpu *c, const struct insn *i, struct x87_image *img,
	       void *mem)
{
	const u64 flags = FL_CF | FL_PF | FL_ZF;

	memcpy(img->head, &c->fpu, sizeof(img->head));
	memset(img->head + 6, 0, 18);  /* host pointers are of no use */
	memcpy(img->st, c->fpu.st, sizeof(img->st));
	img->mxcsr = MXCSR_INIT;
	img->mxcsr_mask = 0;
	memset(img->rest, 0, 256);     /* XMM: the caller's to lose */
	return host_x87(img, i->byte, i->modrm, mem,
			(i->row->attr & R_ALL ? x86_rflags(c) & flags : 0) | 2);
}

static void commit(struct x86_cpu *c, const struct insn *i,
		   const struct x87_image *img)
{
	memcpy(&c->fpu, img->head, 6);
	memcpy(c->fpu.st, img->st, sizeof(img->st));
	c->fpu.fop = (u16)((i->byte & 7) << 8 | i->modrm);
	c->fpu.fip = c->rip;
	if (i->flags & I_MEM)
		c->fpu.fdp = x86_ea_off(c, i);
}

/* Bytes of the memory operand: the size column's, else 80 bits. */
static unsigned mem_size(const struct insn *i)
{
	return i->row->size == S_NONE ? 10 : i->opsize;
}

void x87_load(struct x86_cpu *c, const struct insn *i)
{
	struct x87_image img;
	u8 mem[16] = { 0 };
	unsigned n = mem_size(i);

	fpu_wait(c);
	ld_bytes(c, x86_ea(c, i, n, false), mem, n);
	run(c, i, &img, mem);
	commit(c, i, &img);
}

/*
 * An unmasked exception other than precision keeps the host from storing, and
 * the guest's memory must then be left alone too.
 */
void x87_store(struct x86_cpu *c, const struct insn *i)
{
	struct x87_image img;
	u8 mem[16] = { 0 };
	unsigned n = mem_size(i);
	gva_t la;
	u16 fsw;

	fpu_wait(c);
	la = x86_ea(c, i, n, true);
	if (host_is_amd())             /* a page fault comes first */
		mem_probe(c, la, n, true);
	run(c, i, &img, mem);
	memcpy(&fsw, img.head + 2, 2);
	if (!(fsw & ~c->fpu.fcw & (FSW_EXC & ~FSW_PE)))
		st_bytes(c, la, mem, n);
	commit(c, i, &img);
}

void x87_reg(struct x86_cpu *c, const struct insn *i)
{
	struct x87_image img;

	fpu_wait(c);
	run(c, i, &img, NULL);
	commit(c, i, &img);
}

void x87_fcmov(struct x86_cpu *c, const struct insn *i)
{
	x87_reg(c, i);                 /* R_ALL: run passes the flags */
}

void x87_fcomi(struct x86_cpu *c, const struct insn *i)
{
	const u64 written = FL_CF | FL_PF | FL_ZF;
	struct x87_image img;
	u64 flags;

	fpu_wait(c);
	flags = run(c, i, &img, NULL);
	commit(c, i, &img);
	x86_set_rflags(c, (x86_rflags(c) & ~(u64)FL_ARITH) |
			  (flags & written));
}
