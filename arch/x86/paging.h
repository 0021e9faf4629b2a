/* SPDX-License-Identifier: MIT */
/*
 * The x86 page-table walk as a pure function over guest RAM.
 *
 * Room:     SDM volume 3, chapter 4: no paging, 32-bit (PSE), PAE, 4- and
 *           5-level.  Used by the monitor and gdb; vCPUs have their own MMU.
 * Talks to: gmem.
 * Never:    sets A/D bits, checks rights, trusts an entry.
 */
#ifndef MOTE_X86_PAGING_H
#define MOTE_X86_PAGING_H

#include "vmm/arch.h"
#include "vmm/base/types.h"

struct gmem;

/* Page-table entry bits, SDM 4.5. */
enum {
	PG_P   = BIT(0),
	PG_RW  = BIT(1),
	PG_US  = BIT(2),
	PG_PWT = BIT(3),
	PG_PCD = BIT(4),
	PG_A   = BIT(5),
	PG_D   = BIT(6),
	PG_PS  = BIT(7),
	PG_G   = BIT(8),
};
#define PG_NX BIT64(63)

/* The control registers a walk depends on. */
struct paging {
	u64 cr0, cr3, cr4, efer;
};

/*
 * 0 and *pa, or -EFAULT.  *attr (may be NULL): PG_P, PG_RW and PG_US ANDed,
 * PG_NX ORed over the levels; all of P, RW, US without paging.
 */
int paging_translate(struct gmem *g, const struct paging *p, gva_t va,
		     gpa_t *pa, u64 *attr);

bool paging_enabled(const struct paging *p);

/* Tables one walk reads: 256 GiB mapped by 4 KiB pages. */
enum { PAGING_TABLES_MAX = 1 << 17 };

/* Every present leaf in address order until fn returns non-zero; nothing
 * without paging.  attr as above; addresses are sign-extended.  A guest's
 * tables may be a knot: beyond PAGING_TABLES_MAX fn is called a last time,
 * with size 0. */
void paging_walk(struct gmem *g, const struct paging *p,
		 int (*fn)(const struct arch_mapping *m, void *o), void *o);

#endif
