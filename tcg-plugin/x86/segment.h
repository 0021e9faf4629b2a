/* SPDX-License-Identifier: MIT */
/*
 * Segmentation (SDM vol. 3, chapters 3, 5 and 6): descriptors, segment
 * registers, and the tables they come from.
 */
#ifndef TCG_X86_SEGMENT_H
#define TCG_X86_SEGMENT_H

#include "tcg-plugin/x86/cpu.h"

struct desc {
	u32 lo, hi;
	u64 la;                        /* where it was read */
};

enum {                                 /* system descriptor types */
	DT_TSS16 = 1, DT_LDT = 2, DT_TSS16_BUSY = 3, DT_CALL16 = 4,
	DT_TASK = 5, DT_INT16 = 6, DT_TRAP16 = 7, DT_TSS = 9, DT_TSS_BUSY = 11,
	DT_CALL = 12, DT_INT = 14, DT_TRAP = 15,
};

static inline unsigned desc_type(const struct desc *d) { return d->hi >> 8 & 15; }
static inline bool desc_s(const struct desc *d) { return d->hi >> 12 & 1; }
static inline unsigned desc_dpl(const struct desc *d) { return d->hi >> 13 & 3; }
static inline bool desc_p(const struct desc *d) { return d->hi >> 15 & 1; }
static inline bool desc_l(const struct desc *d) { return d->hi >> 21 & 1; }
static inline bool desc_db(const struct desc *d) { return d->hi >> 22 & 1; }
static inline bool desc_code(const struct desc *d) { return (d->hi >> 11 & 3) == 3; }
static inline bool desc_conforming(const struct desc *d) { return d->hi >> 10 & 1; }
static inline bool desc_rw(const struct desc *d) { return d->hi >> 9 & 1; }
u32 desc_base(const struct desc *d);
u32 desc_limit(const struct desc *d);
static inline bool sel_null(u16 sel) { return !(sel & 0xfffc); }

/* Descriptor of `sel`; false: outside its table. */
bool desc_read(struct x86_cpu *c, u16 sel, struct desc *d);
/* As desc_read, but raises vec(sel) when null or outside. */
void desc_fetch(struct x86_cpu *c, u16 sel, struct desc *d, unsigned vec);
void desc_set_accessed(struct x86_cpu *c, struct desc *d);
void desc_set_busy(struct x86_cpu *c, const struct desc *d, bool busy);
/* 16-byte system descriptor's upper base half (long mode). */
u64  desc_base64(struct x86_cpu *c, const struct desc *d);

/* The hidden part from a checked descriptor; no further checks. */
void seg_set(struct x86_cpu *c, unsigned seg, u16 sel, const struct desc *d);
void seg_set_real(struct x86_cpu *c, unsigned seg, u16 sel);
void seg_set_v86(struct x86_cpu *c, unsigned seg, u16 sel);
void seg_set_null(struct x86_cpu *c, unsigned seg, u16 sel);
/* Flat segments that SYSCALL and friends make up, and their attributes. */
enum { FLAT_CODE64 = 0xa09b, FLAT_CODE32 = 0xc09b, FLAT_DATA = 0xc093,
       SEG_DPL_3 = 3 << 5 };
void seg_set_flat(struct x86_cpu *c, unsigned seg, u16 sel, u32 attr);
/* c->flat follows; the loaders and x86_update_mode call it (system.c). */
void x86_update_flat(struct x86_cpu *c);
/* Load ES, SS, DS, FS or GS by the rules of the current mode. */
void seg_load(struct x86_cpu *c, unsigned seg, u16 sel);
/* The check of a stack selector for privilege level cpl; raises vec(sel) (or
 * #SS(sel) when not present). A null one is the caller's business. */
void seg_check_ss(struct x86_cpu *c, u16 sel, struct desc *d, unsigned cpl,
		  unsigned vec);
/* CS at privilege `cpl` with RPL set to it. */
void seg_set_cs(struct x86_cpu *c, u16 sel, const struct desc *d, unsigned cpl);
/* Drop DS, ES, FS, GS that cpl may not keep (return to outer level). */
void seg_drop_outer(struct x86_cpu *c);

/* --- task.c --- */
enum task_cause { TASK_JMP, TASK_CALL, TASK_IRET, TASK_INT };
/* Switch to the task of the TSS descriptor `d`; next_rip is saved in the old
 * one, with RF if `rf`.  Raises faults in the context the SDM says. */
void task_switch(struct x86_cpu *c, u16 sel, struct desc *d,
		 enum task_cause why, u64 next_rip, bool rf);
/* Stack for privilege level `pl` from the TSS. */
void tss_stack(struct x86_cpu *c, unsigned pl, u16 *ss, u64 *sp);
/* RSP0-2 or IST1-7 (64-bit TSS). */
u64  tss_rsp(struct x86_cpu *c, unsigned pl);
u64  tss_ist(struct x86_cpu *c, unsigned ist);
/* I/O permission: raises #GP(0) unless [port, port+size) is allowed. */
void io_check(struct x86_cpu *c, u16 port, unsigned size);

/* --- exception.c --- */
/* Before a privilege change whose pushes may fault; clear undo.armed when done. */
void undo_arm(struct x86_cpu *c);
/* Is [sp - n, sp) inside the stack segment just loaded? #SS(sel) if not. */
void check_room(struct x86_cpu *c, u16 sel, u64 sp, unsigned n);
enum int_kind { INT_HW, INT_EXC, INT_SOFT, INT_ICEBP };
/* Through the IDT or IVT; next_rip is pushed. */
void x86_interrupt(struct x86_cpu *c, unsigned vec, enum int_kind k,
		   bool has_err, u32 err, u64 next_rip);

/* --- trap.c: the usual case; false: nothing was done, do it step by step --- */
/* Not of an INT n.  `flags` as pushed. */
bool trap_enter(struct x86_cpu *c, unsigned vec, bool has_err, u32 err,
		u64 next_rip, u64 flags);
/* IRETQ, NT clear. */
bool trap_leave(struct x86_cpu *c);

#endif
