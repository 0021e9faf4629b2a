/* SPDX-License-Identifier: MIT */
/*
 * Translated code: what an instruction does with its register operands.
 *
 * Guest r13-r15 live in memory.  Whoever emits an instruction that names one
 * asks here whether it is read, whether it is written, and whether the host
 * may work on the memory itself.
 */
#include "tcg-plugin/x86/jit_priv.h"

/* BT and friends, the exchanges: a memory operand would mean something else,
 * or a locked access. */
static bool memory_differs(const struct insn *i)
{
	if (i->row->map == M1)
		return i->byte == 0x86 || i->byte == 0x87;
	if (i->row->map != M0F)
		return false;
	return (i->byte & 0xe7) == 0xa3 || i->byte == 0xb0 || i->byte == 0xb1 ||
	       i->byte == 0xc0 || i->byte == 0xc1;
}

/* 32-bit results clear the upper half, which a store does not. */
bool tr_rm_in_place(const struct insn *i)
{
	switch (i->row->form) {
	case F_EG: case F_GE: case F_E: case F_EI8: case F_EI: case F_E1:
	case F_ECL: case F_EGI8: case F_EGCL: case F_GEI8: case F_GEI:
	case F_VE:
		break;
	default:
		return false;
	}
	if (!(i->row->attr & A_RMW) || memory_differs(i))
		return false;
	return !(i->row->attr & A_STORE) || i->opsize != 4;
}

bool tr_rm_written(const struct insn *i)
{
	return (i->row->attr & A_STORE) || !(i->row->attr & A_LOAD);
}

/* ... or only part of it is written. */
bool tr_rm_read(const struct insn *i)
{
	return (i->row->attr & A_LOAD) || !(i->row->attr & A_STORE) ||
	       i->opsize < 4;
}

static bool is_xchg_xadd(const struct insn *i)
{
	return i->row->map == M1 ? (i->byte & 0xfe) == 0x86
				 : i->row->map == M0F && (i->byte & 0xfe) == 0xc0;
}

bool tr_reg_written(const struct insn *i)
{
	switch (i->row->form) {
	case F_EG: case F_EGI8: case F_EGCL:
		return is_xchg_xadd(i);
	case F_GE:
		return i->row->map != M1 || (i->byte & 0xfe) != 0x3a;  /* cmp */
	default:
		return true;
	}
}

/* ... or only part of it is written. */
bool tr_reg_read(const struct insn *i)
{
	if (i->opsize < 4)
		return true;
	switch (i->row->form) {
	case F_GE:
		if (i->row->map == M1)
			return i->byte != 0x8b && i->byte != 0x63;
		return i->row->map != M0F ||   /* movzx, movsx */
		       ((i->byte & 0xfe) != 0xb6 && (i->byte & 0xfe) != 0xbe);
	case F_GEI: case F_GEI8: case F_GW: case F_GQ:
		return false;
	default:
		return true;
	}
}
