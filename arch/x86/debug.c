/* SPDX-License-Identifier: MIT */
/*
 * What gdb has to know about an x86-64 CPU: its registers in gdb's order and
 * encoding, and breakpoints in the debug registers (SDM volume 3, 18.2).
 *
 * Room:     one table of registers; description, reads and writes loop over
 *           it.
 * Talks to: a register snapshot (regs.h), the layout of the XSAVE area.
 * Never:    issues an ioctl.
 */
#include <errno.h>
#include <string.h>

#include "arch/x86/regs.h"

/* --- the table --------------------------------------------------------------- */

enum reg_class {
	RC_PLAIN,                      /* little-endian in the snapshot     */
	RC_PC,
	RC_SELECTOR,                   /* kvm_segment; a write loads it     */
	RC_FPU,                        /* in the XSAVE area, component `bv` */
	RC_FTAG,                       /* one bit there, two for gdb        */
	RC_PKRU,                       /* there, where CPUID says           */
};

struct gdb_reg {
	const char *name, *type, *group;
	const char *feature;           /* begins one; NULL: goes on         */
	u16 off;                       /* in struct x86_regs                */
	u8 width;                      /* bytes kept there                  */
	u8 size;                       /* bytes on the wire                 */
	u8 class, bv;                  /* bv: bit of XSTATE_BV              */
};

#define SNAP(m)   offsetof(struct x86_regs, m)
#define XSAVE(o)  (SNAP(xsave) + (o))
#define XSTATE_BV 512
#define YMM_HIGH  576                  /* standard format, SDM 13.4.2 */

#define CORE(n, t) { #n, t, NULL, NULL, SNAP(gp.n), 8, 8, RC_PLAIN, 0 }
#define SEL(n)     { #n, "int32", NULL, NULL, SNAP(s.n), 2, 4, RC_SELECTOR, 0 }
#define ST(n)      { "st" #n, "i387_ext", "float", NULL, \
		     XSAVE(32 + 16 * (n)), 10, 10, RC_FPU, 0 }
#define FCTL(n, o, w) { n, "int", "float", NULL, XSAVE(o), w, 4, RC_FPU, 0 }
#define XMM(n)     { "xmm" #n, "vec128", "vector", NULL, \
		     XSAVE(160 + 16 * (n)), 16, 16, RC_FPU, 1 }
#define YMMH(n)    { "ymm" #n "h", "uint128", NULL, NULL, \
		     XSAVE(YMM_HIGH + 16 * (n)), 16, 16, RC_FPU, 2 }
#define CTL(n, m)  { n, "int64", "system", NULL, SNAP(m), 8, 8, RC_PLAIN, 0 }

#define FEATURE_CORE "org.gnu.gdb.i386.core"
#define FEATURE_SSE  "org.gnu.gdb.i386.sse"
#define FEATURE_SEG  "org.gnu.gdb.i386.segments"
#define FEATURE_AVX  "org.gnu.gdb.i386.avx"
#define FEATURE_KEYS "org.gnu.gdb.i386.pkeys"
#define FEATURE_CTL  "org.mote.x86.control"

static const struct gdb_reg gdb_regs[] = {
	{ "rax", "int64", NULL, FEATURE_CORE, SNAP(gp.rax), 8, 8, RC_PLAIN, 0 },
	CORE(rbx, "int64"), CORE(rcx, "int64"), CORE(rdx, "int64"),
	CORE(rsi, "int64"), CORE(rdi, "int64"), CORE(rbp, "data_ptr"),
	CORE(rsp, "data_ptr"), CORE(r8, "int64"), CORE(r9, "int64"),
	CORE(r10, "int64"), CORE(r11, "int64"), CORE(r12, "int64"),
	CORE(r13, "int64"), CORE(r14, "int64"), CORE(r15, "int64"),
	{ "rip", "code_ptr", NULL, NULL, SNAP(gp.rip), 8, 8, RC_PC, 0 },
	{ "eflags", "eflags", NULL, NULL, SNAP(gp.rflags), 4, 4, RC_PLAIN, 0 },
	SEL(cs), SEL(ss), SEL(ds), SEL(es), SEL(fs), SEL(gs),
	ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
	FCTL("fctrl", 0, 2), FCTL("fstat", 2, 2),
	{ "ftag", "int", "float", NULL, XSAVE(4), 1, 4, RC_FTAG, 0 },
	FCTL("fiseg", 12, 2), FCTL("fioff", 8, 4), FCTL("foseg", 20, 2),
	FCTL("fooff", 16, 4), FCTL("fop", 6, 2),

	{ "xmm0", "vec128", "vector", FEATURE_SSE, XSAVE(160), 16, 16,
	  RC_FPU, 1 },
	XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7), XMM(8),
	XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
	{ "mxcsr", "mxcsr", "vector", NULL, XSAVE(24), 4, 4, RC_PLAIN, 0 },

	{ "fs_base", "int64", NULL, FEATURE_SEG, SNAP(s.fs.base), 8, 8,
	  RC_PLAIN, 0 },
	{ "gs_base", "int64", NULL, NULL, SNAP(s.gs.base), 8, 8, RC_PLAIN, 0 },

	{ "ymm0h", "uint128", NULL, FEATURE_AVX, XSAVE(YMM_HIGH), 16, 16,
	  RC_FPU, 2 },
	YMMH(1), YMMH(2), YMMH(3), YMMH(4), YMMH(5), YMMH(6), YMMH(7),
	YMMH(8), YMMH(9), YMMH(10), YMMH(11), YMMH(12), YMMH(13), YMMH(14),
	YMMH(15),

	{ "k_gs_base", "int64", "system", FEATURE_CTL,
	  SNAP(msr[MSR_KERNEL_GS_BASE]), 8, 8, RC_PLAIN, 0 },
	CTL("cr0", s.cr0), CTL("cr2", s.cr2), CTL("cr3", s.cr3),
	CTL("cr4", s.cr4), CTL("cr8", s.cr8), CTL("efer", s.efer),

	{ "pkru", "uint32", "system", FEATURE_KEYS, SNAP(xsave), 4, 4, RC_PKRU,
	  XSAVE_PKRU },
};

enum { REG_RIP = 16 };

/* --- the description --------------------------------------------------------- */

static void feature_types(const char *feature, struct strbuf *out)
{
	if (!strcmp(feature, FEATURE_CORE))
		strbuf_addstr(out,
			"<flags id=\"eflags\" size=\"4\">"
			"<field name=\"CF\" start=\"0\" end=\"0\"/>"
			"<field name=\"PF\" start=\"2\" end=\"2\"/>"
			"<field name=\"AF\" start=\"4\" end=\"4\"/>"
			"<field name=\"ZF\" start=\"6\" end=\"6\"/>"
			"<field name=\"SF\" start=\"7\" end=\"7\"/>"
			"<field name=\"TF\" start=\"8\" end=\"8\"/>"
			"<field name=\"IF\" start=\"9\" end=\"9\"/>"
			"<field name=\"DF\" start=\"10\" end=\"10\"/>"
			"<field name=\"OF\" start=\"11\" end=\"11\"/>"
			"<field name=\"NT\" start=\"14\" end=\"14\"/>"
			"<field name=\"RF\" start=\"16\" end=\"16\"/>"
			"<field name=\"VM\" start=\"17\" end=\"17\"/>"
			"<field name=\"AC\" start=\"18\" end=\"18\"/>"
			"<field name=\"ID\" start=\"21\" end=\"21\"/>"
			"</flags>\n");
	if (!strcmp(feature, FEATURE_SSE))
		strbuf_addstr(out,
			"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
			"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
			"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
			"<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
			"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
			"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>\n"
			"<union id=\"vec128\">"
			"<field name=\"v4_float\" type=\"v4f\"/>"
			"<field name=\"v2_double\" type=\"v2d\"/>"
			"<field name=\"v16_int8\" type=\"v16i8\"/>"
			"<field name=\"v8_int16\" type=\"v8i16\"/>"
			"<field name=\"v4_int32\" type=\"v4i32\"/>"
			"<field name=\"v2_int64\" type=\"v2i64\"/>"
			"<field name=\"uint128\" type=\"uint128\"/>"
			"</union>\n"
			"<flags id=\"mxcsr\" size=\"4\">"
			"<field name=\"IE\" start=\"0\" end=\"0\"/>"
			"<field name=\"DE\" start=\"1\" end=\"1\"/>"
			"<field name=\"ZE\" start=\"2\" end=\"2\"/>"
			"<field name=\"OE\" start=\"3\" end=\"3\"/>"
			"<field name=\"UE\" start=\"4\" end=\"4\"/>"
			"<field name=\"PE\" start=\"5\" end=\"5\"/>"
			"<field name=\"DAZ\" start=\"6\" end=\"6\"/>"
			"<field name=\"FZ\" start=\"15\" end=\"15\"/>"
			"</flags>\n");
}

static void target_xml(struct strbuf *out)
{
	bool open = false;

	strbuf_addstr(out, "<?xml version=\"1.0\"?>\n"
		      "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
		      "<target>\n<architecture>i386:x86-64</architecture>\n");
	for (unsigned i = 0; i < ARRAY_LEN(gdb_regs); i++) {
		const struct gdb_reg *r = &gdb_regs[i];

		if (r->feature) {
			strbuf_addf(out, "%s<feature name=\"%s\">\n",
				    open ? "</feature>\n" : "", r->feature);
			feature_types(r->feature, out);
			open = true;
		}
		strbuf_addf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"",
			    r->name, r->size * 8u, r->type);
		if (r->group)
			strbuf_addf(out, " group=\"%s\"", r->group);
		strbuf_addf(out, " regnum=\"%u\"/>\n", i);
	}
	strbuf_addstr(out, "</feature>\n</target>\n");
}

/* --- values ------------------------------------------------------------------- */

static unsigned reg_size(unsigned n)
{
	return gdb_regs[n].size;
}

static u64 *xstate_bv(struct x86_regs *r)
{
	return (u64 *)(void *)((u8 *)&r->xsave + XSTATE_BV);
}

/* A component that is not in the area has its initial values: zeroes, but for
 * the control word. */
static bool fpu_present(const struct x86_regs *r, const struct gdb_reg *g)
{
	u64 bv;

	memcpy(&bv, (const u8 *)&r->xsave + XSTATE_BV, sizeof(bv));
	return bv & BIT64(g->bv);
}

/* The two-bit tags FSAVE would store (SDM volume 1, 8.1.7). */
static u16 full_tags(const struct x86_regs *r)
{
	const u8 *x = (const u8 *)&r->xsave;
	const unsigned top = x[3] >> 3 & 7;
	u16 tags = 0;

	for (unsigned phys = 0; phys < 8; phys++) {
		const u8 *st = x + 32 + 16 * ((phys - top) & 7);
		unsigned tag = 3, exp;
		u64 mant;

		memcpy(&mant, st, sizeof(mant));
		exp = (st[8] | st[9] << 8) & 0x7fff;
		if (x[4] & BIT(phys)) {
			if (exp == 0x7fff || (exp && !(mant >> 63)))
				tag = 2;
			else if (!exp)
				tag = mant ? 2 : 1;
			else
				tag = 0;
		}
		tags |= (u16)(tag << 2 * phys);
	}
	return tags;
}

static void reg_get(const void *regs, unsigned n, u8 *out)
{
	const struct gdb_reg *g = &gdb_regs[n];
	const struct x86_regs *r = regs;
	u16 tags;
	u32 pkru;

	memset(out, 0, g->size);
	switch (g->class) {
	case RC_SELECTOR:
		memcpy(out, (const u8 *)regs + g->off +
		       offsetof(struct kvm_segment, selector), 2);
		return;
	case RC_FTAG:
		tags = fpu_present(r, g) ? full_tags(r) : 0xffff;
		memcpy(out, &tags, 2);
		return;
	case RC_PKRU:
		pkru = x86_regs_pkru(r);
		memcpy(out, &pkru, sizeof(pkru));
		return;
	case RC_FPU:
		if (fpu_present(r, g))
			memcpy(out, (const u8 *)regs + g->off, g->width);
		else if (g->off == XSAVE(0))
			memcpy(out, "\x7f\x03", 2);    /* FCW after FNINIT */
		return;
	default:
		memcpy(out, (const u8 *)regs + g->off, g->width);
		return;
	}
}

/* A selector alone says all only where it is an address. */
static int set_selector(struct x86_regs *r, const struct gdb_reg *g, u32 sel)
{
	struct kvm_segment *s = (void *)((u8 *)r + g->off);
	const bool real = !(r->s.cr0 & 1) || (r->gp.rflags & BIT(17));

	if (sel == s->selector)
		return 0;
	if (!real || sel > 0xffff)
		return -EINVAL;
	s->selector = (u16)sel;
	s->base = (u64)sel << 4;
	return 0;
}

static void set_fpu(struct x86_regs *r, const struct gdb_reg *g, const u8 *in)
{
	u8 now[16];

	reg_get(r, (unsigned)(g - gdb_regs), now);
	if (!memcmp(now, in, g->size))
		return;
	if (!fpu_present(r, g) && g->bv == 0) {
		memset(&r->xsave, 0, 24);      /* what was initial is so now */
		memset((u8 *)&r->xsave + 32, 0, 128);
		memcpy(&r->xsave, "\x7f\x03", 2);
	} else if (!fpu_present(r, g)) {
		memset((u8 *)&r->xsave + (g->bv == 1 ? 160 : YMM_HIGH), 0, 256);
	}
	memcpy((u8 *)r + g->off, in, g->width);
	*xstate_bv(r) |= BIT64(g->bv);
}

static void set_ftag(struct x86_regs *r, const struct gdb_reg *g,
		     const u8 *in)
{
	const u16 tags = (u16)(in[0] | in[1] << 8);
	u8 one[4] = { 0 };

	for (unsigned i = 0; i < 8; i++)
		if ((tags >> 2 * i & 3) != 3)
			one[0] |= (u8)BIT(i);
	if (!fpu_present(r, g) && !one[0])
		return;
	((u8 *)r)[g->off] = one[0];
	*xstate_bv(r) |= 1;
}

static int set_pkru(struct x86_regs *r, const u8 *in)
{
	const u32 now = x86_regs_pkru(r);

	if (!memcmp(&now, in, sizeof(now)))
		return 0;
	if (!r->pkru_at)
		return -EINVAL;
	memcpy((u8 *)&r->xsave + r->pkru_at, in, sizeof(now));
	*xstate_bv(r) |= BIT64(XSAVE_PKRU);
	return 0;
}

static int reg_set(void *regs, unsigned n, const u8 *in)
{
	const struct gdb_reg *g = &gdb_regs[n];
	u32 sel;

	switch (g->class) {
	case RC_SELECTOR:
		memcpy(&sel, in, sizeof(sel));
		return set_selector(regs, g, sel);
	case RC_FTAG:
		set_ftag(regs, g, in);
		return 0;
	case RC_FPU:
		set_fpu(regs, g, in);
		return 0;
	case RC_PKRU:
		return set_pkru(regs, in);
	default:
		memcpy((u8 *)regs + g->off, in, g->width);
		return 0;
	}
}

/* --- breakpoints -------------------------------------------------------------- */

enum { DR_EXECUTE = 0, DR_WRITE = 1, DR_ACCESS = 3 };

struct slots {
	struct kvm_guest_debug *d;
	u8 *owner;
	unsigned used;
};

static int take_slot(struct slots *s, unsigned owner, gva_t at, unsigned type,
		     unsigned len)
{
	static const u8 code[9] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	const unsigned n = s->used;

	if (n == ARCH_BREAK_SLOTS)
		return -ENOSPC;
	s->used++;
	s->owner[n] = (u8)owner;
	s->d->arch.debugreg[n] = at;
	s->d->arch.debugreg[7] |= 2ull << 2 * n |
				  (u64)(type | code[len] << 2) << (16 + 4 * n);
	s->d->control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
	return 0;
}

/* As many aligned pieces of 8, 4, 2 and 1 bytes as it takes. */
static int watch(struct slots *s, unsigned owner, const struct arch_break *b)
{
	const unsigned type = b->kind == BREAK_WRITE ? DR_WRITE : DR_ACCESS;
	u64 left = b->len ? b->len : 1;
	gva_t at = b->addr;

	while (left) {
		unsigned piece = 8;
		int rc;

		while (piece > left || at % piece)
			piece /= 2;
		rc = take_slot(s, owner, at, type, piece);
		if (rc < 0)
			return rc;
		at += piece;
		left -= piece;
	}
	return 0;
}

static int arm(struct kvm_guest_debug *d, const struct arch_break *b,
	       unsigned n, u8 owner[ARCH_BREAK_SLOTS])
{
	struct slots s = { .d = d, .owner = owner };
	int rc = 0;

	memset(owner, 0xff, ARCH_BREAK_SLOTS);
	d->arch.debugreg[7] = 0x400;           /* bit 10 reads as one */
	for (unsigned i = 0; i < n && rc == 0; i++) {
		switch (b[i].kind) {
		case BREAK_SOFT:
			d->control |= KVM_GUESTDBG_ENABLE |
				      KVM_GUESTDBG_USE_SW_BP;
			break;
		case BREAK_HARD:
			rc = take_slot(&s, i, b[i].addr, DR_EXECUTE, 1);
			break;
		case BREAK_WRITE:
		case BREAK_ACCESS:
			rc = watch(&s, i, &b[i]);
			break;
		case BREAK_READ:
			rc = -ENOTSUP; /* no such type in DR7 */
			break;
		}
	}
	return rc;
}

static void step(struct kvm_guest_debug *d, bool block_irqs)
{
	d->control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
	if (block_irqs)
		d->control |= KVM_GUESTDBG_BLOCKIRQ;
}

static void stopped(const struct kvm_run *run, struct arch_debug_stop *s)
{
	const struct kvm_debug_exit_arch *a = &run->debug.arch;

	memset(s, 0, sizeof(*s));
	s->pc = a->pc;
	s->soft = a->exception == 3;
	s->step = a->exception == 1 && (a->dr6 & BIT(14));
	s->slots = a->exception == 1 ? a->dr6 & 15 : 0;
	s->inject = s->soft ? KVM_GUESTDBG_INJECT_BP : KVM_GUESTDBG_INJECT_DB;
}

const struct arch_debug x86_arch_debug = {
	.nregs      = ARRAY_LEN(gdb_regs),
	.pc_reg     = REG_RIP,
	.soft_insn  = { 0xcc },
	.soft_len   = 1,
	.target_xml = target_xml,
	.reg_size   = reg_size,
	.reg_get    = reg_get,
	.reg_set    = reg_set,
	.arm        = arm,
	.step       = step,
	.stopped    = stopped,
};
