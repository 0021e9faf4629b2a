/* SPDX-License-Identifier: MIT */
/*
 * The page-table walk of the vCPU's MMU (SDM vol. 3, chapter 4).
 *
 * Thread: the vCPU's.
 */
#ifndef TCG_X86_WALK_H
#define TCG_X86_WALK_H

#include "tcg-plugin/x86/cpu.h"

enum walk_flag {
	WALK_PROBE = BIT(16),          /* no rights, no A/D: a debugger looks */
	WALK_AC    = BIT(17),          /* RFLAGS.AC opens user pages (SMAP) */
};

struct walk {
	gpa_t pa;                      /* of the byte asked for           */
	u64 size;                      /* of the page that maps it        */
	bool user, writable, exec;     /* rights of all levels together   */
	bool dirty, global;
	u8 pkey;                       /* protection key                  */
};

/*
 * Translate `la` for an access described by page-fault bits PF_W, PF_U, PF_I
 * (and WALK_*).  0, or the error code of the #PF to raise with bit 31 set.
 */
#define WALK_FAULT BIT(31)
u32 x86_walk(struct x86_cpu *c, gva_t la, u32 access, struct walk *w);
/* May this be CR3 under PAE paging?  Loading it is #GP otherwise. */
bool x86_pdptes_ok(struct x86_cpu *c, u64 cr3);
/* May a remembered walk's result serve this access, without any look at the
 * tables? */
bool x86_walk_serves(const struct x86_cpu *c, const struct walk *w,
		     u32 access);

#endif
