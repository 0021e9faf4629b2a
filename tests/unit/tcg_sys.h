/* SPDX-License-Identifier: MIT */
/*
 * A box (tcg_box.h) in any CPU mode, with a GDT, an IDT whose handlers are one
 * HLT each, and a TSS; so a test sees which vector was taken and with what
 * frame.
 *
 *   0x0400 TSS   0x0800 GDT   0x0a00 LDT   0x1000 code   0x2000 IDT
 *   0x5000 handlers (vector n at 0x5000 + n)
 *   0x8000 stack, ring 0 stack from the TSS 0x9000, IST1 0xa000
 *   0x70000 page tables (long mode), 1 MiB mapped 1:1 for ring 3
 */
#ifndef TESTS_UNIT_TCG_SYS_H
#define TESTS_UNIT_TCG_SYS_H

#include "tests/unit/tcg_box.h"

enum { S_TSS = 0x400, S_GDT = 0x800, S_LDT = 0xa00, S_IDT = 0x2000,
       S_HANDLERS = 0x5000, S_STACK = 0x8000, S_RSP0 = 0x9000,
       S_IST1 = 0xa000, S_TABLES = 0x70000 };

enum { CODE64 = 0x08, DATA0 = 0x10, CODE32 = 0x18, UCODE32 = 0x20,
       UDATA = 0x28, UCODE64 = 0x30, TSS_SEL = 0x38, CODE16 = 0x48,
       DATA16 = 0x50, LDT_SEL = 0x58, FREE = 0x70, GDT_END = 0x100 };

enum sys_mode { SYS_REAL, SYS_PROT16, SYS_PROT32, SYS_COMPAT, SYS_LONG };

static struct box sys;

static inline void wr(u32 at, const void *p, unsigned n)
{
	memcpy(sys.mem + at, p, n);
}
static inline void wr16(u32 at, u16 v) { wr(at, &v, 2); }
static inline void wr32(u32 at, u32 v) { wr(at, &v, 4); }
static inline void wr64(u32 at, u64 v) { wr(at, &v, 8); }
static inline u16 rd16(u32 at) { u16 v; memcpy(&v, sys.mem + at, 2); return v; }
static inline u32 rd32(u32 at) { u32 v; memcpy(&v, sys.mem + at, 4); return v; }
static inline u64 rd64(u32 at) { u64 v; memcpy(&v, sys.mem + at, 8); return v; }

/* attr as in a descriptor's bits 40-55 (limit bits left out). */
static inline u64 sys_desc(u32 base, u32 limit, u16 attr)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 |
	       (u64)attr << 40 | (u64)(limit >> 16 & 15) << 48 |
	       (u64)(base >> 24) << 56;
}

static inline void sys_gdt(u16 sel, u64 d)
{
	wr64(S_GDT + (sel & ~7u), d);
}

static inline void sys_gate(bool lma, unsigned vec, u16 sel, u32 off,
			    unsigned type, unsigned dpl, unsigned ist)
{
	u64 lo = (off & 0xffff) | (u64)sel << 16 | (u64)ist << 32 |
		 (u64)(0x80 | dpl << 5 | type) << 40 | (u64)(off >> 16) << 48;

	if (lma) {
		wr64(S_IDT + vec * 16, lo);
		wr64(S_IDT + vec * 16 + 8, 0);
	} else {
		wr64(S_IDT + vec * 8, lo);
	}
}

static inline void sys_tables(enum sys_mode m)
{
	bool lma = m >= SYS_COMPAT;

	sys_gdt(CODE64, sys_desc(0, 0xfffff, 0xa09b));
	sys_gdt(DATA0, sys_desc(0, 0xfffff, 0xc093));
	sys_gdt(CODE32, sys_desc(0, 0xfffff, 0xc09b));
	sys_gdt(UCODE32, sys_desc(0, 0xfffff, 0xc0fb));
	sys_gdt(UDATA, sys_desc(0, 0xfffff, 0xc0f3));
	sys_gdt(UCODE64, sys_desc(0, 0xfffff, 0xa0fb));
	sys_gdt(TSS_SEL, sys_desc(S_TSS, 0x67, 0x8b));
	sys_gdt(CODE16, sys_desc(0, 0xffff, 0x9b));
	sys_gdt(DATA16, sys_desc(0, 0xffff, 0x93));
	sys_gdt(LDT_SEL, sys_desc(S_LDT, 0xff, 0x82));
	memset(sys.mem + S_HANDLERS, 0xf4, 256);
	for (unsigned v = 0; v < 256; v++)
		sys_gate(lma, v, lma ? CODE64 : CODE32, S_HANDLERS + v, 14, 0,
			 0);
	if (lma) {
		wr64(S_TSS + 4, S_RSP0);
		wr64(S_TSS + 0x24, S_IST1);
	} else {
		wr32(S_TSS + 4, S_RSP0);
		wr32(S_TSS + 8, DATA0);
	}
	wr16(S_TSS + 0x66, 0x68);
	wr64(S_TABLES, (S_TABLES + 0x1000) | 7);
	wr64(S_TABLES + 0x1000, (S_TABLES + 0x2000) | 7);
	wr64(S_TABLES + 0x2000, (S_TABLES + 0x3000) | 7);
	for (unsigned n = 0; n < 256; n++)
		wr64(S_TABLES + 0x3000 + n * 8, (u64)n << 12 | 7);
}

static inline struct kvm_segment sys_seg(u16 sel, u32 limit, u16 attr)
{
	return (struct kvm_segment){
		.selector = sel, .limit = limit, .type = attr & 15,
		.s = attr >> 4 & 1, .dpl = attr >> 5 & 3, .present = 1,
		.l = attr >> 13 & 1, .db = attr >> 14 & 1, .g = attr >> 15 & 1,
	};
}

/* Segments for ring `cpl` in the mode. */
static inline void sys_segs(struct kvm_sregs *s, enum sys_mode m, unsigned cpl)
{
	static const struct { u16 sel, usel, attr; u32 limit; } cs[] = {
		[SYS_PROT16] = { CODE16, CODE16, 0x9b, 0xffff },
		[SYS_PROT32] = { CODE32, UCODE32, 0xc09b, ~0u },
		[SYS_COMPAT] = { CODE32, UCODE32, 0xc09b, ~0u },
		[SYS_LONG] = { CODE64, UCODE64, 0xa09b, ~0u },
	};
	u16 dpl = (u16)(cpl << 5), rpl = (u16)cpl;
	bool w16 = m == SYS_PROT16;
	struct kvm_segment d = sys_seg((cpl ? UDATA : w16 ? DATA16 : DATA0) | rpl,
				       w16 ? 0xffff : ~0u,
				       (w16 ? 0x93 : 0xc093) | dpl);

	s->cs = sys_seg((cpl ? cs[m].usel : cs[m].sel) | rpl, cs[m].limit,
			cs[m].attr | dpl);
	s->ss = s->ds = s->es = s->fs = s->gs = d;
}

/* A fresh machine running `code` at 0x1000. */
static inline void sys_open(enum sys_mode m, unsigned cpl, const void *code,
			    size_t n)
{
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = BOX_CODE, .rflags = 2, .rsp = S_STACK };

	box_vm(&sys, false);
	box_cpu(&sys, code, n);
	assert_int_equal(box_io(sys.cpu, KVM_GET_SREGS, &s), 0);
	if (m != SYS_REAL) {
		sys_tables(m);
		sys_segs(&s, m, cpl);
		s.gdt = (struct kvm_dtable){ .base = S_GDT, .limit = GDT_END - 1 };
		s.idt = (struct kvm_dtable){ .base = S_IDT, .limit = 0xfff };
		s.tr = sys_seg(TSS_SEL, 0x67, 0x8b);
		s.tr.base = S_TSS;
		s.ldt = (struct kvm_segment){ .unusable = 1 };
		s.cr0 |= 1;
	}
	if (m >= SYS_COMPAT) {
		s.cr3 = S_TABLES;
		s.cr4 |= 0x20;
		s.cr0 |= 0x80000000;
		s.efer |= 0x500;
	}
	assert_int_equal(box_io(sys.cpu, KVM_SET_SREGS, &s), 0);
	assert_int_equal(box_io(sys.cpu, KVM_SET_REGS, &r), 0);
}

#define SYS(m, cpl, ...)                                        \
	do {                                                    \
		static const u8 sys_code[] = { __VA_ARGS__ };   \
		sys_open(m, cpl, sys_code, sizeof(sys_code));   \
	} while (0)

static inline struct kvm_sregs sys_sregs(void)
{
	struct kvm_sregs s;

	assert_int_equal(box_io(sys.cpu, KVM_GET_SREGS, &s), 0);
	return s;
}

static inline void sys_set_sregs(struct kvm_sregs *s)
{
	assert_int_equal(box_io(sys.cpu, KVM_SET_SREGS, s), 0);
}

static inline void sys_set_regs(struct kvm_regs r)
{
	assert_int_equal(box_io(sys.cpu, KVM_SET_REGS, &r), 0);
}

/* Run to the next exit, which must be `why`; the registers there. */
static inline struct kvm_regs sys_run(u32 why)
{
	assert_int_equal(box_run(&sys), 0);
	assert_int_equal(sys.run->exit_reason, why);
	return box_regs(&sys);
}

/* Run into a handler's HLT: its vector. */
static inline unsigned sys_vector(void)
{
	struct kvm_regs r = sys_run(KVM_EXIT_HLT);
	u64 v = r.rip - S_HANDLERS - 1;

	assert_true(v < 256);
	return (unsigned)v;
}

/* Give the CPU every feature the engine has, and say if it has one. */
static inline bool sys_cpuid_bit(u32 leaf, unsigned reg, unsigned bit)
{
	const struct box_cpuid c = box_cpuid(&sys);
	bool has = false;

	for (unsigned n = 0; n < c.head.nent; n++) {
		const u32 r[4] = { c.e[n].eax, c.e[n].ebx, c.e[n].ecx,
				   c.e[n].edx };

		if (c.e[n].function == leaf && !c.e[n].index)
			has |= r[reg] >> bit & 1;
	}
	return has;
}

static inline void sys_cpuid(void)
{
	box_cpuid(&sys);
}

static inline void sys_close(void)
{
	box_close(&sys);
}

#endif
