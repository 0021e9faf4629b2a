/* SPDX-License-Identifier: MIT */
/*
 * info registers for x86, in QEMU's layout.
 *
 * Talks to: arch/x86/regs.h for the snapshot.
 *
 * FPRn is physical register n: the snapshot's are in stack order and are
 * turned by TOP here.
 */
#include "monitor/x86.h"
#include "vmm/vcpu.h"

#include <stdlib.h>
#include <string.h>

enum {
	CR0_PE = BIT(0),
	CR4_PKE = BIT(22),
	EFER_LMA = BIT(10),
	XSAVE_BYTES = sizeof(((struct kvm_xsave *)0)->region),
};

/* XCR0 bits, SDM volume 1, 13.1. */
enum {
	XCR0_AVX = BIT(2),
	XCR0_AVX512 = BIT(5) | BIT(6) | BIT(7),
};

/* The bits of a descriptor's second word that KVM keeps. */
enum {
	DESC_A = BIT(8), DESC_W = BIT(9), DESC_E = BIT(10), DESC_CODE = BIT(11),
	DESC_S = BIT(12), DESC_P = BIT(15), DESC_L = BIT(21), DESC_B = BIT(22),
};

static u32 descriptor_flags(const struct kvm_segment *s)
{
	return (u32)s->type << 8 | (u32)s->s << 12 | (u32)s->dpl << 13 |
	       (u32)(s->present && !s->unusable) << 15 | (u32)s->avl << 20 |
	       (u32)s->l << 21 | (u32)s->db << 22 | (u32)s->g << 23;
}

static bool long_mode(const struct x86_regs *r)
{
	return r->s.efer & EFER_LMA;
}

static unsigned code_bits(const struct x86_regs *r)
{
	if (long_mode(r) && r->s.cs.l)
		return 64;
	return r->s.cs.db ? 32 : 16;
}

unsigned mon_x86_code_bits(struct mon *m)
{
	const struct x86_regs *r = mon_regs(m);

	return r ? code_bits(r) : 16;
}

/* --- general registers --- */

static void put_state(struct strbuf *out, const struct x86_regs *r)
{
	static const struct { u8 bit; char letter; } flags[] = {
		{ 10, 'D' }, { 11, 'O' }, { 7, 'S' }, { 6, 'Z' }, { 4, 'A' },
		{ 2, 'P' }, { 0, 'C' },
	};
	bool halted = r->mp.mp_state != KVM_MP_STATE_RUNNABLE;

	strbuf_addstr(out, " [");
	for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
		strbuf_addc(out, r->gp.rflags >> flags[i].bit & 1 ?
				 flags[i].letter : '-');
	strbuf_addf(out, "] CPL=%d II=%d A20=1 SMM=%d HLT=%d\n",
		    r->s.cr0 & CR0_PE ? r->s.ss.dpl : 0,
		    r->events.interrupt.shadow != 0, r->events.smi.smm != 0,
		    halted);
}

static void put_gp64(struct strbuf *out, const struct x86_regs *r)
{
	const struct kvm_regs *g = &r->gp;
	const struct { const char *name; u64 v; } regs[] = {
		{ "RAX", g->rax }, { "RBX", g->rbx }, { "RCX", g->rcx },
		{ "RDX", g->rdx }, { "RSI", g->rsi }, { "RDI", g->rdi },
		{ "RBP", g->rbp }, { "RSP", g->rsp }, { "R8 ", g->r8 },
		{ "R9 ", g->r9 },  { "R10", g->r10 }, { "R11", g->r11 },
		{ "R12", g->r12 }, { "R13", g->r13 }, { "R14", g->r14 },
		{ "R15", g->r15 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(regs); i++)
		strbuf_addf(out, "%s=%016llx%c", regs[i].name,
			    (long long)regs[i].v, i % 4 == 3 ? '\n' : ' ');
	strbuf_addf(out, "RIP=%016llx RFL=%08x", (long long)g->rip,
		    (u32)g->rflags);
}

static void put_gp32(struct strbuf *out, const struct x86_regs *r)
{
	const struct kvm_regs *g = &r->gp;

	strbuf_addf(out, "EAX=%08x EBX=%08x ECX=%08x EDX=%08x\n", (u32)g->rax,
		    (u32)g->rbx, (u32)g->rcx, (u32)g->rdx);
	strbuf_addf(out, "ESI=%08x EDI=%08x EBP=%08x ESP=%08x\n", (u32)g->rsi,
		    (u32)g->rdi, (u32)g->rbp, (u32)g->rsp);
	strbuf_addf(out, "EIP=%08x EFL=%08x", (u32)g->rip, (u32)g->rflags);
}

/* --- segments and tables --- */

static const char *system_type(unsigned type, bool lm)
{
	static const char *const names[2][16] = {
		{ "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16",
		  "TaskGate", "IntGate16", "TrapGate16", "Reserved",
		  "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32",
		  "Reserved", "IntGate32", "TrapGate32" },
		{ "<hiword>", "Reserved", "LDT", "Reserved", "Reserved",
		  "Reserved", "Reserved", "Reserved", "Reserved",
		  "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64",
		  "Reserved", "IntGate64", "TrapGate64" },
	};

	return names[lm][type & 15];
}

static void put_type(struct strbuf *out, const struct x86_regs *r, u32 f)
{
	const char *kind;

	strbuf_addf(out, " DPL=%d ", f >> 13 & 3);
	if (!(f & DESC_S)) {
		strbuf_addstr(out, system_type(f >> 8, long_mode(r)));
		return;
	}
	if (f & DESC_CODE)
		kind = f & DESC_L ? "CS64" : f & DESC_B ? "CS32" : "CS16";
	else
		kind = f & DESC_B || long_mode(r) ? "DS  " : "DS16";
	strbuf_addf(out, "%s [%c%c%c]", kind,
		    !(f & DESC_E) ? '-' : f & DESC_CODE ? 'C' : 'E',
		    !(f & DESC_W) ? '-' : f & DESC_CODE ? 'R' : 'W',
		    f & DESC_A ? 'A' : '-');
}

static void put_segment(struct strbuf *out, const struct x86_regs *r,
			const char *name, const struct kvm_segment *s)
{
	u32 f = descriptor_flags(s);

	if (code_bits(r) == 64)
		strbuf_addf(out, "%-3s=%04x %016llx %08x %08x", name,
			    s->selector, (long long)s->base, s->limit, f);
	else
		strbuf_addf(out, "%-3s=%04x %08x %08x %08x", name,
			    s->selector, (u32)s->base, s->limit, f);
	if (r->s.cr0 & CR0_PE && f & DESC_P)
		put_type(out, r, f);
	strbuf_addc(out, '\n');
}

static void put_table(struct strbuf *out, bool wide, const char *name,
		      const struct kvm_dtable *t)
{
	strbuf_addf(out, "%s=     %0*llx %08x\n", name, wide ? 16 : 8,
		    wide ? (long long)t->base : (long long)(u32)t->base,
		    t->limit);
}

static void put_segments(struct strbuf *out, const struct x86_regs *r)
{
	const struct kvm_sregs *s = &r->s;
	bool wide = code_bits(r) == 64;

	put_segment(out, r, "ES", &s->es);
	put_segment(out, r, "CS", &s->cs);
	put_segment(out, r, "SS", &s->ss);
	put_segment(out, r, "DS", &s->ds);
	put_segment(out, r, "FS", &s->fs);
	put_segment(out, r, "GS", &s->gs);
	put_segment(out, r, "LDT", &s->ldt);
	put_segment(out, r, "TR", &s->tr);
	put_table(out, wide, "GDT", &s->gdt);
	put_table(out, wide, "IDT", &s->idt);
}

static void put_control(struct strbuf *out, const struct x86_regs *r)
{
	const struct kvm_sregs *s = &r->s;

	if (code_bits(r) == 64)
		strbuf_addf(out, "CR0=%08x CR2=%016llx CR3=%016llx CR4=%08x\n",
			    (u32)s->cr0, (long long)s->cr2, (long long)s->cr3,
			    (u32)s->cr4);
	else
		strbuf_addf(out, "CR0=%08x CR2=%08x CR3=%08x CR4=%08x\n",
			    (u32)s->cr0, (u32)s->cr2, (u32)s->cr3,
			    (u32)s->cr4);
	for (unsigned i = 0; i < 4; i++)
		strbuf_addf(out, "DR%u=%016llx ", i, (long long)r->dr.db[i]);
	strbuf_addf(out, "\nDR6=%016llx DR7=%016llx\nEFER=%016llx\n",
		    (long long)r->dr.dr6, (long long)r->dr.dr7,
		    (long long)s->efer);
	if (s->cr4 & CR4_PKE)          /* QEMU is silent about it */
		strbuf_addf(out, "PKRU=%08x\n", x86_regs_pkru(r));
}

/* --- x87 and vectors --- */

static u64 u64_at(const void *p, size_t off)
{
	u64 v;

	memcpy(&v, (const u8 *)p + off, sizeof(v));
	return v;
}

static void put_x87(struct strbuf *out, const struct x86_regs *r)
{
	const struct kvm_fpu *f = &r->fpu;
	unsigned top = f->fsw >> 11 & 7;

	strbuf_addf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n",
		    f->fcw, f->fsw, top, f->ftwx, x86_regs_mxcsr(r));
	for (unsigned i = 0; i < 8; i++) {
		const u8 *st = f->fpr[(i - top) & 7];

		strbuf_addf(out, "FPR%u=%016llx %04x%c", i,
			    (long long)u64_at(st, 0),
			    (unsigned)(u64_at(st, 8) & 0xffff),
			    i & 1 ? '\n' : ' ');
	}
}

/* n quadwords of the XSAVE image at `off`; zeros where it does not reach. */
static void xsave_quads(const struct x86_regs *r, u32 off, u64 *to, unsigned n)
{
	for (unsigned i = 0; i < n; i++, off += 8)
		to[i] = off + 8 <= XSAVE_BYTES ?
			u64_at(r->xsave.region, off) : 0;
}

static void put_quads(struct strbuf *out, const u64 *q, unsigned n)
{
	while (n--)
		strbuf_addf(out, "%016llx%s", (long long)q[n], n ? " " : "");
}

static void put_zmm(struct strbuf *out, const struct x86_regs *r,
		    const struct x86_xsave_offsets *o, unsigned count)
{
	u64 q[8], k;

	for (unsigned i = 0; i < 8; i++) {
		xsave_quads(r, o->opmask + i * 8, &k, 1);
		strbuf_addf(out, "Opmask%02u=%016llx%c", i, (long long)k,
			    i % 4 == 3 ? '\n' : ' ');
	}
	for (unsigned i = 0; i < count; i++) {
		if (i < 16) {
			memcpy(q, r->fpu.xmm[i], 16);
			xsave_quads(r, o->ymm + i * 16, q + 2, 2);
			xsave_quads(r, o->zmm_hi + i * 32, q + 4, 4);
		} else {
			xsave_quads(r, o->hi16_zmm + (i - 16) * 64, q, 8);
		}
		strbuf_addf(out, "ZMM%02u=", i);
		put_quads(out, q, 8);
		strbuf_addc(out, '\n');
	}
}

static void put_ymm(struct strbuf *out, const struct x86_regs *r,
		    const struct x86_xsave_offsets *o, unsigned count)
{
	u64 q[4];

	for (unsigned i = 0; i < count; i++) {
		memcpy(q, r->fpu.xmm[i], 16);
		xsave_quads(r, o->ymm + i * 16, q + 2, 2);
		strbuf_addf(out, "YMM%02u=", i);
		put_quads(out, q, 4);
		strbuf_addc(out, '\n');
	}
}

static void put_xmm(struct strbuf *out, const struct x86_regs *r,
		    unsigned count)
{
	u64 q[2];

	for (unsigned i = 0; i < count; i++) {
		memcpy(q, r->fpu.xmm[i], 16);
		strbuf_addf(out, "XMM%02u=", i);
		put_quads(out, q, 2);
		strbuf_addc(out, i & 1 ? '\n' : ' ');
	}
}

void x86_print_regs(struct strbuf *out, const struct x86_regs *r,
		    const struct x86_xsave_offsets *o)
{
	bool wide = code_bits(r) == 64;
	u64 xcr0 = x86_regs_xcr0(r);

	if (wide)
		put_gp64(out, r);
	else
		put_gp32(out, r);
	put_state(out, r);
	put_segments(out, r);
	put_control(out, r);
	put_x87(out, r);
	if ((xcr0 & (XCR0_AVX512 | XCR0_AVX)) == (XCR0_AVX512 | XCR0_AVX) &&
	    o->opmask)
		put_zmm(out, r, o, wide ? 32 : 8);
	else if (xcr0 & XCR0_AVX && o->ymm)
		put_ymm(out, r, o, wide ? 16 : 8);
	else
		put_xmm(out, r, wide ? 16 : 8);
}

/* Where this provider's XSAVE puts its parts: CPUID leaf 13. */
static void find_offsets(struct vm *vm, struct x86_xsave_offsets *o)
{
	enum { MAX_ENTRIES = 256, LEAF_XSAVE = 13 };
	struct kvm_cpuid2 *c;

	*o = (struct x86_xsave_offsets){ .ymm = 576 };
	c = calloc(1, sizeof(*c) + MAX_ENTRIES * sizeof(c->entries[0]));
	if (!c)
		return;
	c->nent = MAX_ENTRIES;
	if (kvm_sys_ioctl(&vm->kvm, KVM_GET_SUPPORTED_CPUID, c) < 0)
		c->nent = 0;
	for (u32 i = 0; i < MIN(c->nent, (u32)MAX_ENTRIES); i++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function != LEAF_XSAVE)
			continue;
		switch (e->index) {
		case 2:	o->ymm = e->ebx; break;
		case 5:	o->opmask = e->ebx; break;
		case 6:	o->zmm_hi = e->ebx; break;
		case 7:	o->hi16_zmm = e->ebx; break;
		}
	}
	free(c);
}

void mon_x86_registers(struct mon *m, struct vcpu *v)
{
	struct x86_regs *r = mon_regs_of(m, v);
	struct strbuf out = STRBUF_INIT;
	struct x86_xsave_offsets o;

	if (!r) {
		mon_puts(m, "Error: this CPU's registers cannot be read\n");
		return;
	}
	find_offsets(mon_vm(m), &o);
	x86_print_regs(&out, r, &o);
	mon_write(m, out.buf, out.len);
	strbuf_fini(&out);
	free(r);
}
