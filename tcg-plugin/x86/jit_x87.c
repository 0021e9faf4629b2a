/* SPDX-License-Identifier: MIT */
/*
 * Translated code: x87, re-emitted against looked-up operands.
 *
 * Room:     operand sizes, and the error pointers: the host notes by itself
 *           where it ran the last instruction (fpu_pointers in jit_run.c makes
 *           that the guest's address), what its operand was is stored here.
 */
#include "tcg-plugin/x86/jit_priv.h"

/* Bytes of the memory operand by opcode and /reg; 0: left to the interpreter
 * (environments and states, which hold addresses). */
static const u8 mem_size[8][8] = {
	[0] = { 4, 4, 4, 4, 4, 4, 4, 4 },
	[1] = { 4, 0, 4, 4, 0, 2, 0, 2 },
	[2] = { 4, 4, 4, 4, 4, 4, 4, 4 },
	[3] = { 4, 4, 4, 4, 0, 10, 0, 10 },
	[4] = { 8, 8, 8, 8, 8, 8, 8, 8 },
	[5] = { 8, 8, 8, 8, 0, 0, 0, 2 },
	[6] = { 2, 2, 2, 2, 2, 2, 2, 2 },
	[7] = { 2, 2, 2, 2, 10, 8, 10, 8 },
};

/* Those that leave the error pointers alone. */
static bool is_control(const struct insn *i)
{
	const unsigned esc = i->byte & 7, reg = i->modrm >> 3 & 7;

	return (esc == 1 && (reg == 5 || reg == 7)) || (esc == 5 && reg == 7);
}

/* FDP = the operand's offset in its segment.  Behind the instruction, which
 * changes no address: it did not fault, and r14 is free again. */
static void note_operand(struct tr *t, const struct insn *i)
{
	struct insn flat = *i;

	if (is_control(i))
		return;
	flat.seg = DS;
	tr_ea(t, &flat);
	emit_store(&t->e, H_14, GS(jr.fdp));
}

/* The host has none of the guest's pointers from before to clear. */
static void note_init(struct tr *t)
{
	emit_mov_imm(&t->e, H_14, 0);
	emit_store(&t->e, H_14, GS(jr.fip));
	emit_store(&t->e, H_14, GS(jr.fdp));
	emit_store(&t->e, H_14, GS(jr.fop));
}

static void in_registers(struct tr *t, const struct insn *i)
{
	const bool init = i->byte == 0xdb && i->modrm == 0xe3;
	u32 first = t->j->nsite;

	tr_fault_site(t);
	e8(&t->e, i->byte);
	e8(&t->e, i->modrm);
	tr_lookup_done(t, first);
	if (init)
		note_init(t);
}

bool tr_x87(struct tr *t, const struct insn *i)
{
	unsigned esc = i->byte & 7, reg = i->modrm >> 3 & 7;
	u32 first = t->j->nsite;
	struct host_op op = { .byte = i->byte };
	bool store;

	if (!(i->flags & I_MEM)) {
		in_registers(t, i);
		return true;
	}
	if (!mem_size[esc][reg])
		return false;
	store = (esc & 1) && reg != 0 && !(esc == 3 && reg == 5) &&
		!(esc == 1 && reg == 5) && !(esc == 7 && (reg & 6) == 4);
	tr_ea(t, i);
	tr_lookup(t, store ? TLB_WRITE : TLB_READ, mem_size[esc][reg]);
	emit_modrm(&t->e, &op, (u8)reg, tr_host());
	tr_lookup_done(t, first);
	note_operand(t, i);
	return true;
}
