/* SPDX-License-Identifier: MIT */
/*
 * Finding the row of an encoding: what decode.c asks insn_table.c.
 *
 * Rows are constant data, from insns_*.def; the index over them is made once.
 * Opcode maps and prefixes: SDM vol. 2, appendix A.
 *
 * Thread: any.
 */
#ifndef TCG_X86_INSN_TABLE_H
#define TCG_X86_INSN_TABLE_H

#include "tcg-plugin/x86/insn.h"

/* Per map and opcode byte: its first row, and whether ModRM follows. */
struct insn_index {
	u16  head[INSN_MAPS][256];
	bool modrm[INSN_MAPS][256];
};

/* What the decoder knows when it chooses a row. */
struct insn_key {
	u8 map, byte, modrm;           /* modrm 0 when there is none */
	u8 pfx;                        /* NP, P66, PF3 or PF2        */
	u8 bits;
	u32 lw;                        /* A_L0 or A_L1, A_W0 or A_W1; 0: no
					  VEX prefix                   */
};

/* Does this opcode byte of this map have a ModRM byte? */
bool insn_has_modrm(unsigned map, unsigned byte);
const struct insn_row *insn_find_row(const struct insn_key *k);   /* or NULL */

#endif
