/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE, XSAVE and their families, MXCSR, and the provider's KVM_GET/SET_FPU
 * and _XSAVE (SDM volume 1, chapters 10.5 and 13).
 *
 * Room:     images of the FP state in guest memory and in KVM's structures.
 * Talks to: mem.h; CPUID leaf 0xd (as set by the VMM) for the layout.
 * Never:    changes the CPU before a whole image was read and checked.
 *
 * Components: 0 x87, 1 SSE, 2 AVX, 9 PKRU.
 */
#include "tcg-plugin/x86/fpu_priv.h"

#include <errno.h>

#include "tcg-plugin/x86/sys.h"

enum { X87_OFF = 32, XMM_OFF = 160, HDR_OFF = 512, EXT_OFF = 576 };
enum { AVX = 2, PKRU = 9, PKRU_LEN = 8 };
enum { XF_X87 = BIT(0), XF_SSE = BIT(1), XF_AVX = BIT(AVX), XF_PKRU = BIT(PKRU),
       XF_EXT = XF_AVX | XF_PKRU, XF_ALL = XF_X87 | XF_SSE | XF_EXT };
#define XCOMP_COMPACT BIT64(63)

static bool in_page(gva_t la, unsigned n)
{
	return la % PAGE_SIZE + n <= PAGE_SIZE;
}

/* Guest memory: at once, or in pieces that stay within a page. */
GUEST_MEM
static void put(struct x86_cpu *c, gva_t la, const void *buf, unsigned n)
{
	void *to = in_page(la, n) ? mem_rmw_ptr(c, la, n) : NULL;

	if (to) {
		memcpy(to, buf, n);
		return;
	}
	for (unsigned at = 0, k; at < n; at += k) {
		k = MIN(64 - (unsigned)((la + at) & 63), n - at);
		st_bytes(c, la + at, (const u8 *)buf + at, k);
	}
}

GUEST_MEM
static void get(struct x86_cpu *c, gva_t la, void *buf, unsigned n)
{
	u64 there = n;
	const void *from = in_page(la, n) ? mem_span(c, la, false, &there)
					  : NULL;

	if (from) {
		memcpy(buf, from, n);
		return;
	}
	for (unsigned at = 0, k; at < n; at += k) {
		k = MIN(64 - (unsigned)((la + at) & 63), n - at);
		ld_bytes(c, la + at, (u8 *)buf + at, k);
	}
}

static gva_t aligned_ea(struct x86_cpu *c, const struct insn *i, unsigned n,
			unsigned align, bool write)
{
	gva_t la = x86_ea(c, i, n, write);

	if (la & (align - 1))
		x86_raise_err(c, EXC_GP, 0);
	return la;
}

static unsigned xmm_count(const struct x86_cpu *c)
{
	return c->code_bits == 64 ? 16 : 8;
}

/* --- the legacy area -------------------------------------------------------- */

/*
 * FCW to FDP as stored.  CPUs whose error pointers are valid only with an
 * exception pending (AMD; CPUID 0x80000008 EBX bit 2) store zeros otherwise.
 */
static void x87_head(const struct x86_cpu *c, const struct insn *i, u8 *out)
{
	struct x86_fpu f;

	memcpy(&f, &c->fpu, 24);
	f.rsvd0 = 0;
	if (!(f.fsw & FSW_ES) && x86_has(c, 0x80000008, 0, 1, 2)) {
		f.fop = 0;
		f.fip = f.fdp = 0;
	}
	if (i && !(i->flags & I_REXW)) {
		f.fip = (u32)f.fip;
		f.fdp = (u32)f.fdp;
	}
	memcpy(out, &f, 24);
}

static void x87_load_head(struct x86_cpu *c, const struct insn *i,
			  const u8 *in)
{
	struct x86_fpu *f = &c->fpu;
	u16 fcw;

	memcpy(&fcw, in, 2);
	memcpy(f, in, 24);
	f->rsvd0 = 0;
	f->fop &= 0x7ff;
	if (i && !(i->flags & I_REXW)) {
		f->fip = (u32)f->fip;
		f->fdp = (u32)f->fdp;
	}
	fpu_set_fcw(f, fcw);
	fpu_update_es(f);
}

static void st_load(struct x86_cpu *c, const u8 *in)
{
	for (unsigned k = 0; k < 8; k++) {
		memset(c->fpu.st[k].b, 0, 16);
		memcpy(c->fpu.st[k].b, in + 16 * k, 10);
	}
}

static u32 image_mxcsr(const u8 *legacy)
{
	u32 v;

	memcpy(&v, legacy + 24, 4);
	return v;
}

static void mxcsr_load(struct x86_cpu *c, u32 v)
{
	c->fpu.mxcsr = v;
	c->fpu.mxcsr_mask = fpu_mxcsr_mask(c);
}

static bool mxcsr_bad(const struct x86_cpu *c, u32 v)
{
	return v & ~fpu_mxcsr_mask(c);
}

/* EFER.FFXSR: kernel FXSAVE in 64-bit mode leaves XMM alone. */
static bool fx_has_xmm(const struct x86_cpu *c)
{
	return !((c->efer & EFER_FFXSR) && c->code_bits == 64 && !c->cpl) &&
	       (c->cr4 & CR4_OSFXSR);
}

void fpu_fxsave(struct x86_cpu *c, const struct insn *i)
{
	gva_t la = aligned_ea(c, i, 512, 16, true);
	u8 head[32];
	u32 mask = fpu_mxcsr_mask(c);

	mem_probe(c, la, 512, true);
	x87_head(c, i, head);
	memcpy(head + 24, &c->fpu.mxcsr, 4);
	memcpy(head + 28, &mask, 4);
	put(c, la, head, 32);
	put(c, la + X87_OFF, c->fpu.st, 128);
	if (fx_has_xmm(c))
		put(c, la + XMM_OFF, c->fpu.xmm, 16 * xmm_count(c));
}

void fpu_fxrstor(struct x86_cpu *c, const struct insn *i)
{
	gva_t la = aligned_ea(c, i, 512, 16, false);
	u8 img[512];

	get(c, la, img, sizeof(img));
	if ((c->cr4 & CR4_OSFXSR) && mxcsr_bad(c, image_mxcsr(img)))
		x86_raise_err(c, EXC_GP, 0);
	x87_load_head(c, i, img);
	st_load(c, img + X87_OFF);
	if (c->cr4 & CR4_OSFXSR)
		mxcsr_load(c, image_mxcsr(img));
	if (fx_has_xmm(c))
		memcpy(c->fpu.xmm, img + XMM_OFF, 16 * xmm_count(c));
}

void fpu_ldmxcsr(struct x86_cpu *c, const struct insn *i)
{
	u32 v = ld32(c, x86_ea(c, i, 4, false));

	if (mxcsr_bad(c, v))
		x86_raise_err(c, EXC_GP, 0);
	c->fpu.mxcsr = v;
}

void fpu_stmxcsr(struct x86_cpu *c, const struct insn *i)
{
	st32(c, x86_ea(c, i, 4, true), c->fpu.mxcsr);
}

/* --- XSAVE ------------------------------------------------------------------ */

/* Where a component above SSE lies in an image; 0 when it does not. */
static unsigned comp_off(const struct x86_cpu *c, unsigned n, u64 xcomp)
{
	unsigned at = EXT_OFF;

	if (!(xcomp & XCOMP_COMPACT))
		return c->xcomp[n].off;
	if (!(xcomp & BIT64(n)))
		return 0;
	for (unsigned k = 2; k <= n; k++) {
		if (!(xcomp & BIT64(k)))
			continue;
		if (c->xcomp[k].aligned)
			at = ALIGN_UP(at, 64);
		if (k < n)
			at += c->xcomp[k].size;
	}
	return at;
}

/* Bytes of a component above SSE; 0 for one we do not know. */
static unsigned comp_len(const struct x86_cpu *c, unsigned n)
{
	return n == AVX ? 16 * xmm_count(c) : n == PKRU ? PKRU_LEN : 0;
}

static bool is_zero(const void *p, size_t n)
{
	const u8 *b = p;
	u64 v;

	for (; n >= sizeof(v); n -= sizeof(v), b += sizeof(v)) {
		__builtin_memcpy(&v, b, sizeof(v));
		if (v)
			return false;
	}
	while (n--)
		if (*b++)
			return false;
	return true;
}

/* XINUSE: which components differ from their initial state. */
u64 fpu_in_use(const struct x86_cpu *c)
{
	const struct x86_fpu *f = &c->fpu;
	u64 v = 0;

	if (f->fcw != FCW_INIT || f->fsw || f->ftw || f->fop || f->fip ||
	    f->fdp || !is_zero(f->st, sizeof(f->st)))
		v |= XF_X87;
	if (!is_zero(f->xmm, sizeof(f->xmm)))
		v |= XF_SSE;
	if (!is_zero(f->ymmh, sizeof(f->ymmh)))
		v |= XF_AVX;
	if (c->pkru)
		v |= XF_PKRU;
	return v;
}

static void check_xsave(struct x86_cpu *c)
{
	if (!(c->cr4 & CR4_OSXSAVE))
		x86_raise(c, EXC_UD);
	if (c->cr0 & CR0_TS)
		x86_raise(c, EXC_NM);
}

static u64 request(const struct x86_cpu *c)
{
	return ((c->r[RDX] << 32 | (u32)c->r[RAX]) & c->xcr0) & XF_ALL;
}

/* Bytes from the start of the image that `which` may touch. */
static unsigned image_len(struct x86_cpu *c, u64 which, u64 xcomp)
{
	unsigned end = EXT_OFF;

	for (unsigned n = AVX; n <= PKRU; n++)
		if (which & BIT64(n) && comp_len(c, n))
			end = MAX(end, comp_off(c, n, xcomp) + comp_len(c, n));
	return end;
}

static void save_parts(struct x86_cpu *c, const struct insn *i, gva_t la,
		       u64 which, u64 xcomp)
{
	const u64 pkru = c->pkru;
	u8 head[24];

	if (which & XF_X87) {
		x87_head(c, i, head);
		put(c, la, head, sizeof(head));
		put(c, la + X87_OFF, c->fpu.st, 128);
	}
	if (which & XF_SSE)
		put(c, la + XMM_OFF, c->fpu.xmm, 16 * xmm_count(c));
	if (which & XF_AVX)
		put(c, la + comp_off(c, AVX, xcomp), c->fpu.ymmh,
		    comp_len(c, AVX));
	if (which & XF_PKRU)
		put(c, la + comp_off(c, PKRU, xcomp), &pkru, sizeof(pkru));
}

static void save_mxcsr(struct x86_cpu *c, gva_t la)
{
	st32(c, la + 24, c->fpu.mxcsr);
	st32(c, la + 28, fpu_mxcsr_mask(c));
}

/* XSAVE and XSAVEOPT: the standard form. */
static void xsave_standard(struct x86_cpu *c, const struct insn *i, bool opt)
{
	u64 rfbm, bv, used = fpu_in_use(c);
	gva_t la;

	check_xsave(c);
	rfbm = request(c);
	la = aligned_ea(c, i, EXT_OFF, 64, true);
	mem_probe(c, la, image_len(c, rfbm, 0), true);
	bv = ld64(c, la + HDR_OFF);
	save_parts(c, i, la, opt ? rfbm & used : rfbm, 0);
	if (rfbm & (XF_SSE | XF_AVX))
		save_mxcsr(c, la);
	st64(c, la + HDR_OFF, (bv & ~rfbm) | (used & rfbm));
}

/* XSAVEC and XSAVES (IA32_XSS is zero): the compacted form. */
static void xsave_compact(struct x86_cpu *c, const struct insn *i)
{
	u64 rfbm, used = fpu_in_use(c), xcomp;
	gva_t la;

	check_xsave(c);
	rfbm = request(c);
	xcomp = rfbm | XCOMP_COMPACT;
	if (c->fpu.mxcsr != MXCSR_INIT)
		used |= XF_SSE;
	used &= rfbm;
	la = aligned_ea(c, i, EXT_OFF, 64, true);
	mem_probe(c, la, image_len(c, rfbm, xcomp), true);
	save_parts(c, i, la, used, xcomp);
	if (used & XF_SSE)
		save_mxcsr(c, la);
	st64(c, la + HDR_OFF, used);
	st64(c, la + HDR_OFF + 8, xcomp);
}

void fpu_xsave(struct x86_cpu *c, const struct insn *i)
{
	xsave_standard(c, i, false);
}

void fpu_xsaveopt(struct x86_cpu *c, const struct insn *i)
{
	xsave_standard(c, i, true);
}

void fpu_xsavec(struct x86_cpu *c, const struct insn *i)
{
	xsave_compact(c, i);
}

void fpu_xsaves(struct x86_cpu *c, const struct insn *i)
{
	xsave_compact(c, i);
}

/* --- XRSTOR ----------------------------------------------------------------- */

struct xheader { u64 bv, comp, rsvd[6]; };

static bool header_bad(const struct x86_cpu *c, const struct xheader *h)
{
	u64 have = h->comp & ~XCOMP_COMPACT;

	if (!is_zero(h->rsvd, h->comp & XCOMP_COMPACT ? 48 : 8))
		return true;
	if (!(h->comp & XCOMP_COMPACT))
		return h->comp || (h->bv & ~c->xcr0);
	return (have & ~c->xcr0) || (h->bv & ~have);
}

static void load_parts(struct x86_cpu *c, const struct insn *i, u64 rfbm,
		       u64 bv, const u8 *legacy, unsigned nxmm)
{
	if (rfbm & bv & XF_X87) {
		x87_load_head(c, i, legacy);
		st_load(c, legacy + X87_OFF);
	} else if (rfbm & XF_X87) {
		fpu_init(&c->fpu);
	}
	if (rfbm & bv & XF_SSE)
		memcpy(c->fpu.xmm, legacy + XMM_OFF, 16 * nxmm);
	else if (rfbm & XF_SSE)
		memset(c->fpu.xmm, 0, 16 * nxmm);
}

static void load_ext(struct x86_cpu *c, u64 rfbm, u64 bv, const u8 *ymmh,
		     u32 pkru, unsigned nxmm)
{
	if (rfbm & XF_AVX) {
		if (bv & XF_AVX)
			memcpy(c->fpu.ymmh, ymmh, 16 * nxmm);
		else
			memset(c->fpu.ymmh, 0, 16 * nxmm);
	}
	if (rfbm & XF_PKRU)
		mmu_set_pkru(c, bv & XF_PKRU ? pkru : 0);
}

static void xrstor(struct x86_cpu *c, const struct insn *i, bool supervisor)
{
	u8 legacy[512], ymmh[256];
	struct xheader h;
	u32 pkru = 0, mxcsr;
	u64 rfbm;
	gva_t la;
	bool compact;

	check_xsave(c);
	rfbm = request(c);
	la = aligned_ea(c, i, EXT_OFF, 64, false);
	get(c, la + HDR_OFF, &h, sizeof(h));
	compact = h.comp & XCOMP_COMPACT;
	if (header_bad(c, &h) || (supervisor && !compact))
		x86_raise_err(c, EXC_GP, 0);
	get(c, la, legacy, sizeof(legacy));
	if (rfbm & h.bv & XF_AVX)
		get(c, la + comp_off(c, AVX, h.comp), ymmh, 16 * xmm_count(c));
	if (rfbm & h.bv & XF_PKRU)
		get(c, la + comp_off(c, PKRU, h.comp), &pkru, 4);

	/* Compacted, MXCSR is part of SSE; else it comes with SSE or AVX
	 * whatever XSTATE_BV says. */
	mxcsr = compact && !(h.bv & XF_SSE) ? MXCSR_INIT : image_mxcsr(legacy);
	if (!(rfbm & (compact ? XF_SSE : XF_SSE | XF_AVX)))
		mxcsr = c->fpu.mxcsr;
	if (mxcsr_bad(c, mxcsr))
		x86_raise_err(c, EXC_GP, 0);
	mxcsr_load(c, mxcsr);
	load_parts(c, i, rfbm, h.bv, legacy, xmm_count(c));
	load_ext(c, rfbm, h.bv, ymmh, pkru, xmm_count(c));
}

void fpu_xrstor(struct x86_cpu *c, const struct insn *i)
{
	xrstor(c, i, false);
}

void fpu_xrstors(struct x86_cpu *c, const struct insn *i)
{
	xrstor(c, i, true);
}

/* --- the provider's doors ---------------------------------------------------- */

void fpu_get_kvm_fpu(struct x86_cpu *c, struct kvm_fpu *out)
{
	const struct x86_fpu *f = &c->fpu;

	memset(out, 0, sizeof(*out));
	memcpy(out->fpr, f->st, sizeof(out->fpr));
	memcpy(out->xmm, f->xmm, sizeof(out->xmm));
	out->fcw = f->fcw;
	out->fsw = f->fsw;
	out->ftwx = f->ftw;
	out->last_opcode = f->fop;
	out->last_ip = f->fip;
	out->last_dp = f->fdp;
	out->mxcsr = f->mxcsr;
}

void fpu_set_kvm_fpu(struct x86_cpu *c, const struct kvm_fpu *in)
{
	struct x86_fpu *f = &c->fpu;

	st_load(c, (const u8 *)in->fpr);
	memcpy(f->xmm, in->xmm, sizeof(f->xmm));
	fpu_set_fcw(f, in->fcw);
	f->fsw = in->fsw;
	f->ftw = in->ftwx;
	f->fop = in->last_opcode & 0x7ff;
	f->fip = in->last_ip;
	f->fdp = in->last_dp;
	fpu_update_es(f);
	mxcsr_load(c, in->mxcsr & fpu_mxcsr_mask(c));
}

/* May KVM's image of `len` bytes hold that component? */
static bool in_image(const struct x86_cpu *c, unsigned n, u64 size, u64 len)
{
	const u64 off = comp_off(c, n, 0);

	return off >= EXT_OFF && off + size <= len;
}

void fpu_get_xsave(struct x86_cpu *c, void *buf, size_t len)
{
	u32 mask = fpu_mxcsr_mask(c);
	u64 used = fpu_in_use(c) & (c->xcr0_allowed | XF_X87 | XF_SSE);
	const u64 pkru = c->pkru;
	u8 *out = buf;

	memset(out, 0, len);
	if (len < EXT_OFF)
		return;
	memcpy(out, &c->fpu, 416);
	out[5] = 0;
	memcpy(out + 28, &mask, 4);
	if (used & XF_AVX && in_image(c, AVX, sizeof(c->fpu.ymmh), len))
		memcpy(out + comp_off(c, AVX, 0), c->fpu.ymmh,
		       sizeof(c->fpu.ymmh));
	if (used & XF_PKRU && in_image(c, PKRU, sizeof(pkru), len))
		memcpy(out + comp_off(c, PKRU, 0), &pkru, sizeof(pkru));
	if (c->fpu.mxcsr != MXCSR_INIT)
		used |= XF_SSE;
	memcpy(out + HDR_OFF, &used, 8);
}

int fpu_set_xsave(struct x86_cpu *c, const void *buf, size_t len)
{
	u64 all = c->xcr0_allowed | XF_X87 | XF_SSE;
	const u8 *in = buf;
	u8 ymmh[256] = { 0 };
	struct xheader h;
	u32 pkru = 0;

	if (len < EXT_OFF)
		return -EINVAL;
	memcpy(&h, in + HDR_OFF, sizeof(h));
	if (h.comp || (h.bv & ~all) || mxcsr_bad(c, image_mxcsr(in)))
		return -EINVAL;
	if (h.bv & XF_AVX && in_image(c, AVX, sizeof(ymmh), len))
		memcpy(ymmh, in + comp_off(c, AVX, 0), sizeof(ymmh));
	if (h.bv & XF_PKRU && in_image(c, PKRU, PKRU_LEN, len))
		memcpy(&pkru, in + comp_off(c, PKRU, 0), sizeof(pkru));
	load_parts(c, NULL, all, h.bv, in, 16);
	load_ext(c, all, h.bv, ymmh, pkru, 16);
	mxcsr_load(c, h.bv & (XF_SSE | XF_AVX) ? image_mxcsr(in) : MXCSR_INIT);
	return 0;
}
