/* SPDX-License-Identifier: MIT */
/*
 * A box (tcg_box.h) in 64-bit mode, ring 0, with page tables of its own: small
 * kernels, each run to HLT.
 */
#ifndef TESTS_UNIT_TCG_LONG_H
#define TESTS_UNIT_TCG_LONG_H

#include "tests/unit/tcg_box.h"

enum { PML4 = 0x10000, PDPT = 0x11000, PD = 0x12000, PT = 0x13000,
       HOLE = 0x50000, DATA = 0x40000 };

#define CODE(name, text)                                                  \
	extern const u8 name[], name##_end[];                             \
	asm(".pushsection .rodata\n" #name ":\n" text "\n" #name "_end:\n" \
	    ".popsection\n")

static inline void put64(struct box *b, unsigned at, u64 v)
{
	memcpy(b->mem + at, &v, 8);
}

static inline u64 get64(const struct box *b, unsigned at)
{
	u64 v;

	memcpy(&v, b->mem + at, 8);
	return v;
}

/* 4 KiB pages at their own addresses; none at HOLE. */
static inline void map_low(struct box *b)
{
	put64(b, PML4, PDPT | 3);
	put64(b, PDPT, PD | 3);
	put64(b, PD, PT | 3);
	for (unsigned n = 0; n < BOX_MEM / 4096; n++)
		put64(b, PT + 8 * n, n * 4096 == HOLE ? 0 : n * 4096 | 3);
}

static inline void long_mode(struct box *b)
{
	struct kvm_sregs s;

	box_flat(b, &s);
	s.cs.db = 0;
	s.cs.l = 1;
	s.cr0 = 0x80010033;
	s.cr3 = PML4;
	s.cr4 = 0x220;
	s.efer = 0x500;
	assert_int_equal(box_io(b->cpu, KVM_SET_SREGS, &s), 0);
}

static inline void start(struct box *b, const u8 *code, const u8 *end, unsigned at)
{
	box_vm(b, false);
	box_cpu(b, code, (size_t)(end - code));
	box_place(b, code, (size_t)(end - code), at);
	map_low(b);
	long_mode(b);
}

/* To HLT, or a triple fault; the registers then. */
static inline struct kvm_regs run_at(struct box *b, const u8 *code, const u8 *end,
			      unsigned at, u32 reason)
{
	start(b, code, end, at);
	assert_int_equal(box_run(b), 0);
	assert_int_equal(b->run->exit_reason, reason);
	return box_regs(b);
}

#define RUN(b, name) run_at(&(b), name, name##_end, 0x1000, KVM_EXIT_HLT)

#endif
