/* SPDX-License-Identifier: MIT */
/*
 * Integer expressions as QEMU's monitor reads them: 64 bits, wrapping.
 *
 *   sum:   logic { (+|-) logic }        logic: product { (&|^||) product }
 *   product: unary { (*|/|%) unary }    unary: (+|-|~) unary | primary
 *   primary: number | 'c' | $register | ( sum )
 */
#ifndef MOTE_MONITOR_EXPR_H
#define MOTE_MONITOR_EXPR_H

#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

/* 0 and *val, or -ENOENT. */
typedef int expr_reg_fn(void *opaque, const char *name, u64 *val);

/*
 * Evaluate at *pp and move it behind the expression and the blanks after it.
 * -EINVAL leaves a sentence in `why` and *pp alone.  `reg` NULL: no
 * registers.
 */
int expr_eval(const char **pp, u64 *val, expr_reg_fn *reg, void *opaque,
	      struct strbuf *why);

#endif
