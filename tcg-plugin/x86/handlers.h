/* SPDX-License-Identifier: MIT */
/*
 * Prototypes of every handler and handler table the rows name.
 */
#ifndef TCG_X86_HANDLERS_H
#define TCG_X86_HANDLERS_H

#include "tcg-plugin/x86/insn.h"

#define ROW(m, p, b, x, n, fo, sz, at, fe, f)  insn_fn f;
#define VROW(m, p, b, x, n, fo, sz, at, fe, v) extern insn_fn *const v[12];
#include "tcg-plugin/x86/all_insns.def"
#undef ROW
#undef VROW

insn_fn op_gp;                         /* over-long instruction: #GP(0) */

#endif
