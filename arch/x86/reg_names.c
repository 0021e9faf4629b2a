/* SPDX-License-Identifier: MIT */
/*
 * The names by which the monitor's expressions know a CPU's registers: every
 * one in the snapshot.
 *
 * Room:     one table: QEMU's names with QEMU's values (64 bits under 32-bit
 *           names, selectors and limits signed), then the manual's.
 * Talks to: a register snapshot (regs.h), the layout of the XSAVE area.
 *
 * What is wider than 64 bits comes in parts: xmm3 and xmm3.hi, its upper half
 * in AVX ymm3h and ymm3h.hi, st3 (the significand) and st3.exp.
 */
#include "arch/x86/regs.h"

#define SNAP(m)    offsetof(struct x86_regs, m)
#define YMM_HIGH   576                 /* standard format, SDM 13.4.2 */

#define WIDTH(m)   sizeof(((struct x86_regs *)0)->m)

#define ROW(n, o, w, ...) { .name = n, .off = o, .size = w, __VA_ARGS__ }
#define REG(n, m)  ROW(n, SNAP(m), WIDTH(m), .rare = false)
#define RARE(n, m) ROW(n, SNAP(m), WIDTH(m), .rare = true)
#define PART(n, o, w) ROW(n, o, w, .rare = true)

/* What of a segment QEMU names, and a system segment of ours. */
#define SEGMENT(n) \
	REG(#n, s.n.selector), REG(#n ".base", s.n.base), \
	ROW(#n ".limit", SNAP(s.n.limit), 4, .sign = true)
#define TABLE(n) \
	RARE(#n ".base", s.n.base), RARE(#n ".limit", s.n.limit)
#define SYSTEM(n) RARE(#n, s.n.selector), TABLE(n)

#define ST(n) \
	PART("st" #n, SNAP(fpu.fpr[n]), 8), \
	PART("st" #n ".exp", SNAP(fpu.fpr[n]) + 8, 2)
#define VECTOR(n, o) PART(n, o, 8), PART(n ".hi", (o) + 8, 8)
#define XMM(n) VECTOR("xmm" #n, SNAP(fpu.xmm[n]))
#define YMM(n) VECTOR("ymm" #n "h", SNAP(xsave) + YMM_HIGH + 16 * (n))
#define EACH(X) X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7)
#define EACH16(X) EACH(X), X(8), X(9), X(10), X(11), X(12), X(13), X(14), X(15)

static u64 get_pc(const void *p)
{
	const struct x86_regs *r = p;

	return r->s.cs.base + r->gp.rip;
}

static u64 get_mxcsr(const void *p)
{
	return x86_regs_mxcsr(p);
}

static u64 get_xcr0(const void *p)
{
	return x86_regs_xcr0(p);
}

static u64 get_pkru(const void *p)
{
	return x86_regs_pkru(p);
}

const struct arch_reg x86_arch_regs[] = {
	REG("eax", gp.rax), REG("ecx", gp.rcx), REG("edx", gp.rdx),
	REG("ebx", gp.rbx), REG("esp", gp.rsp), REG("sp", gp.rsp),
	REG("ebp", gp.rbp), REG("fp", gp.rbp),  REG("esi", gp.rsi),
	REG("edi", gp.rdi), REG("r8", gp.r8),   REG("r9", gp.r9),
	REG("r10", gp.r10), REG("r11", gp.r11), REG("r12", gp.r12),
	REG("r13", gp.r13), REG("r14", gp.r14), REG("r15", gp.r15),
	REG("eflags", gp.rflags), REG("eip", gp.rip),
	SEGMENT(cs), SEGMENT(ds), SEGMENT(es), SEGMENT(ss), SEGMENT(fs),
	SEGMENT(gs),
	{ .name = "pc", .get = get_pc },

	REG("rax", gp.rax), REG("rcx", gp.rcx), REG("rdx", gp.rdx),
	REG("rbx", gp.rbx), REG("rsp", gp.rsp), REG("rbp", gp.rbp),
	REG("rsi", gp.rsi), REG("rdi", gp.rdi), REG("rip", gp.rip),
	REG("rflags", gp.rflags),
	REG("cr0", s.cr0), REG("cr2", s.cr2), REG("cr3", s.cr3),
	REG("cr4", s.cr4), REG("cr8", s.cr8), REG("efer", s.efer),
	REG("dr0", dr.db[0]), REG("dr1", dr.db[1]), REG("dr2", dr.db[2]),
	REG("dr3", dr.db[3]), REG("dr6", dr.dr6), REG("dr7", dr.dr7),
	{ .name = "xcr0", .rare = true, .get = get_xcr0 },
	{ .name = "pkru", .rare = true, .get = get_pkru },
	SYSTEM(tr), SYSTEM(ldt), TABLE(gdt), TABLE(idt),

	RARE("apic_base", s.apic_base), RARE("tsc", msr[MSR_TSC]),
	RARE("fs_base", s.fs.base), RARE("gs_base", s.gs.base),
	RARE("k_gs_base", msr[MSR_KERNEL_GS_BASE]),
	RARE("star", msr[MSR_STAR]), RARE("lstar", msr[MSR_LSTAR]),
	RARE("cstar", msr[MSR_CSTAR]), RARE("fmask", msr[MSR_FMASK]),
	RARE("sysenter_cs", msr[MSR_SYSENTER_CS]),
	RARE("sysenter_esp", msr[MSR_SYSENTER_ESP]),
	RARE("sysenter_eip", msr[MSR_SYSENTER_EIP]),
	RARE("pat", msr[MSR_PAT]), RARE("tsc_aux", msr[MSR_TSC_AUX]),
	RARE("misc_enable", msr[MSR_MISC_ENABLE]),
	RARE("mtrr_def_type", msr[MSR_MTRR_DEF_TYPE]),
	RARE("tsc_deadline", msr[MSR_TSC_DEADLINE]),

	RARE("fctrl", fpu.fcw), RARE("fstat", fpu.fsw), RARE("ftag", fpu.ftwx),
	RARE("fop", fpu.last_opcode), RARE("fip", fpu.last_ip),
	RARE("fdp", fpu.last_dp),
	{ .name = "mxcsr", .rare = true, .get = get_mxcsr },
	EACH(ST), EACH16(XMM), EACH16(YMM),
	{ .name = NULL }
};
