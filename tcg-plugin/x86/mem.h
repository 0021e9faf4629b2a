/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as an instruction sees it: linear addresses, faults, devices.
 *
 * ldN/stN take linear addresses (see x86_lin for segment + offset), do the
 * inline soft-TLB look-up and fall to mem_slow_*, which walks the page tables
 * (setting A and D), raises #PF, splits page-crossing accesses (all pages are
 * checked before the first byte is written), and leaves by LEAVE_MMIO for
 * addresses that are not RAM.  Alignment checks (#AC) are made in x86_lin.
 *
 * The `_sys` variants access as supervisor whatever the CPL (descriptor
 * tables, TSS, IDT).
 */
#ifndef TCG_X86_MEM_H
#define TCG_X86_MEM_H

#include <string.h>

#include "tcg-plugin/x86/cpu.h"

/* Slow paths (x86/mmu.c). `kind` is TLB_READ or TLB_WRITE. */
void mem_slow_read(struct x86_cpu *c, gva_t la, void *buf, unsigned n,
		   unsigned mode);
void mem_slow_write(struct x86_cpu *c, gva_t la, const void *buf, unsigned n,
		    unsigned mode);
/* Host pointer for code bytes at `la`, valid to the end of its page, and the
 * guest physical address; raises #PF (with PF_I).  NULL when not RAM. */
const u8 *mem_fetch(struct x86_cpu *c, gva_t la, gpa_t *pa);
/*
 * Host pointer for a read-modify-write of n bytes within one page of RAM,
 * checked for writing (A and D set, code invalidated, page marked dirty).
 * NULL: device memory or page crossing; then use mem_rmw_lock + ld + st.
 */
void *mem_rmw_ptr(struct x86_cpu *c, gva_t la, unsigned n);
void mem_rmw_lock(struct x86_cpu *c);  /* one VM-wide lock for split LOCKs */
void mem_rmw_unlock(struct x86_cpu *c);/* also dropped by an unwind        */
/* Check that [la, la+n) may be written / read now; raises #PF otherwise. */
void mem_probe(struct x86_cpu *c, gva_t la, unsigned n, bool write);
/* Debug and monitor translation: no faults, no A/D bits. 0 or -EFAULT. */
int  mem_translate(struct x86_cpu *c, gva_t la, gpa_t *pa, u32 *attr);

/* REP fast paths: host pointer to as many bytes at `la` as lie in this page
 * (RAM, permitted), NULL for the slow way.  `*n` in: wanted, out: got. */
void *mem_span(struct x86_cpu *c, gva_t la, bool write, u64 *n);

/* REP handlers call this after each iteration that is committed: accesses
 * answered so far belong to the past. */
static inline void io_commit(struct x86_cpu *c)
{
	c->io.count = c->io.cursor = 0;
}

/* Port I/O: replays the log or leaves by LEAVE_IO (x86/portio.c). */
u32  io_in(struct x86_cpu *c, u16 port, unsigned size);
void io_out(struct x86_cpu *c, u16 port, u32 val, unsigned size);

#define MEM_ACCESSORS(T, N)                                              \
GUEST_MEM                                                                \
static inline T ld##N(struct x86_cpu *c, gva_t la)                       \
{                                                                        \
	const void *p = tlb_lookup(&c->tlb, c->tlb_mode, TLB_READ, la,   \
				   sizeof(T));                           \
	T v;                                                             \
	if (__builtin_expect(p != NULL, 1))                              \
		memcpy(&v, p, sizeof(v));                                \
	else                                                             \
		mem_slow_read(c, la, &v, sizeof(v), c->tlb_mode);        \
	return v;                                                        \
}                                                                        \
GUEST_MEM                                                                \
static inline void st##N(struct x86_cpu *c, gva_t la, T v)               \
{                                                                        \
	void *p = tlb_lookup(&c->tlb, c->tlb_mode, TLB_WRITE, la,        \
			     sizeof(T));                                 \
	if (__builtin_expect(p != NULL, 1))                              \
		memcpy(p, &v, sizeof(v));                                \
	else                                                             \
		mem_slow_write(c, la, &v, sizeof(v), c->tlb_mode);       \
}                                                                        \
GUEST_MEM                                                                \
static inline T ld##N##_sys(struct x86_cpu *c, gva_t la)                 \
{                                                                        \
	const void *p = tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, la,     \
				   sizeof(T));                           \
	T v;                                                             \
	if (p)                                                           \
		memcpy(&v, p, sizeof(v));                                \
	else                                                             \
		mem_slow_read(c, la, &v, sizeof(v), TLB_SUPER);          \
	return v;                                                        \
}                                                                        \
GUEST_MEM                                                                \
static inline void st##N##_sys(struct x86_cpu *c, gva_t la, T v)         \
{                                                                        \
	void *p = tlb_lookup(&c->tlb, TLB_SUPER, TLB_WRITE, la,          \
			     sizeof(T));                                 \
	if (p)                                                           \
		memcpy(p, &v, sizeof(v));                                \
	else                                                             \
		mem_slow_write(c, la, &v, sizeof(v), TLB_SUPER);         \
}
MEM_ACCESSORS(u8, 8)
MEM_ACCESSORS(u16, 16)
MEM_ACCESSORS(u32, 32)
MEM_ACCESSORS(u64, 64)
#undef MEM_ACCESSORS

GUEST_MEM
static inline void ld_bytes(struct x86_cpu *c, gva_t la, void *buf, unsigned n)
{
	const void *p = tlb_lookup(&c->tlb, c->tlb_mode, TLB_READ, la, n);

	if (p)
		memcpy(buf, p, n);
	else
		mem_slow_read(c, la, buf, n, c->tlb_mode);
}

GUEST_MEM
static inline void st_bytes(struct x86_cpu *c, gva_t la, const void *buf,
			    unsigned n)
{
	void *p = tlb_lookup(&c->tlb, c->tlb_mode, TLB_WRITE, la, n);

	if (p)
		memcpy(p, buf, n);
	else
		mem_slow_write(c, la, buf, n, c->tlb_mode);
}

/*
 * Segment + offset -> linear, with limit, type, canonical and (CPL 3, CR0.AM,
 * RFLAGS.AC) alignment checks; raises #GP(0), #SS(0) or #AC(0).
 * `off` is already cut to the address size. (x86/segment.c; the 64-bit case
 * is inlined by callers through x86_ea in insn.h.)
 */
gva_t x86_lin(struct x86_cpu *c, unsigned seg, u64 off, unsigned n,
	      bool write);

#endif
