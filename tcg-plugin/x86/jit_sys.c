/* SPDX-License-Identifier: MIT */
/*
 * Translated code: what kernels do all day, without leaving it.  Flags and the
 * interrupt flag, user access, segment bases, time, bit strings.
 *
 * Room:     the common case of each; the rest goes to the interpreter.
 * Invariant: as everywhere, flags the guest may still want are not touched:
 *           bits of rflags in memory are cleared by PEXT and PDEP.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/x86/handlers.h"

static bool same_page(const struct tr *t, u64 rip)
{
	return (rip & ~(u64)(PAGE_SIZE - 1)) == t->page;
}

static bool cpl0(const struct tr *t)
{
	return t->state & ST_CPL0;
}

static void raw(struct tr *t, const char *bytes, unsigned n)
{
	memcpy(t->e.p, bytes, n);
	t->e.p += n;
}

/* The block ends behind this instruction. */
static bool end_here(struct tr *t, const struct insn *i, u32 first_site)
{
	tr_lookup_done(t, first_site);
	tr_goto(t, t->rip + i->len);
	return t->ended = true;
}

/* rflags = (rflags & mask in memory) + set */
static void rflags_bit(struct tr *t, struct host_rm mask, s32 set)
{
	emit_load(&t->e, H_CX, GS(rflags));
	emit_pext(&t->e, H_CX, H_CX, mask);
	emit_pdep(&t->e, H_CX, H_CX, mask);
	if (set)
		emit_lea(&t->e, H_CX, rm_mem(H_CX, H_NONE, 0, set));
	emit_store(&t->e, H_CX, GS(rflags));
}

/* --- the interrupt flag ------------------------------------------------------- */

static bool sys_cli(struct tr *t, const struct insn *i)
{
	if (!cpl0(t))
		return false;
	rflags_bit(t, GS(jr.no_if), 0);
	return end_here(t, i, t->j->nsite);
}

void tr_load8(struct tr *t, u8 dst, struct host_rm m)
{
	const struct host_op movzx = { .map = 1, .byte = 0xb6 };

	emit_modrm(&t->e, &movzx, dst, m);
}

/* The instruction behind it runs before requests are looked at.  A vector that
 * already waits for IF is C's. */
static bool sys_sti(struct tr *t, const struct insn *i)
{
	u32 first = t->j->nsite;

	if (!cpl0(t) || !same_page(t, t->rip + i->len) ||
	    t->c->counted)       /* a look at the clock is no shadow */
		return false;
	tr_load8(t, H_CX, GS(irq_blocked));
	tr_slow_unless_rcx0(t);
	rflags_bit(t, GS(jr.no_if), FL_IF);
	tr_lookup_done(t, first);
	tr_goto_shadow(t, t->rip + i->len);
	return t->ended = true;
}

/* --- PUSHF POPF ------------------------------------------------------------------ */

/* rflags in memory has no arithmetic bits: add what LAHF and SETO say. */
void tr_rflags_to_rcx(struct tr *t)
{
	emit_store(&t->e, H_AX, GS(jr.tmp));
	raw(t, "\x9f\x0f\x90\xc0", 4);         /* lahf; seto %al           */
	raw(t, "\x0f\xb6\xcc\x0f\xb6\xc0", 6); /* movzx %ah,%ecx, %al,%eax */
	emit_rorx(&t->e, H_AX, H_AX, 64 - 11);
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_AX, 0, -2));
	emit_load(&t->e, H_AX, GS(rflags));
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_AX, 0, 0));
}

void tr_flags_from(struct tr *t, u8 h)
{
	emit_mov(&t->e, H_CX, h);
	emit_mov32(&t->e, H_AX, H_CX);
	raw(t, "\xc1\xe8\x0b\x83\xe0\x01", 6); /* shr $11,%eax; and $1,%eax */
	raw(t, "\x88\xcc\x04\x7f\x9e", 5);     /* %cl to %ah; OF; SAHF      */
}

static bool sys_pushf(struct tr *t, const struct insn *i)
{
	u32 first = t->j->nsite;

	if (i->opsize != t->word)
		return false;
	tr_push_slot(t, t->word);
	tr_rflags_to_rcx(t);
	emit_load(&t->e, H_AX, GS(jr.tmp));
	word_store(t, H_CX, tr_host());
	word_rsp(t, -t->word);
	tr_lookup_done(t, first);
	return true;
}

static void test_r14d(struct tr *t, u32 bits)
{
	const struct host_op test = { .byte = 0xf7, .imm_len = 4, .imm = bits };

	emit_modrm(&t->e, &test, 0, rm_reg(H_14));
}

/* IF of rflags ^= IF of r14, if no vector waits for it. */
static void popf_if(struct tr *t)
{
	const struct host_op cmp8 = { .byte = 0x80, .imm_len = 1 };
	const struct host_op and = { .byte = 0x81, .imm_len = 4, .imm = FL_IF };
	const struct host_op xor = { .byte = 0x31 };
	u8 *same;

	test_r14d(t, FL_IF);
	same = emit_jcc_fwd(&t->e, 4);
	emit_modrm(&t->e, &cmp8, 7, GS(irq_blocked));
	tr_slow(t, emit_jcc_fwd(&t->e, 5));
	emit_modrm(&t->e, &and, 4, rm_reg(H_14));
	emit_modrm(&t->e, &xor, H_14, GS(rflags));
	emit_here32(&t->e, same);
}

/* Only arithmetic flags change, in the common case, and in ring 0 IF. */
static bool sys_popf(struct tr *t, const struct insn *i)
{
	const struct host_op xor = { .byte = 0x33, .w = true };
	const u32 rare = FL_TF | FL_DF | FL_NT | FL_IOPL | FL_AC | FL_ID;
	u32 first = t->j->nsite;

	if (i->opsize != t->word)
		return false;
	tr_pop_slot(t, t->word);
	word_load(t, H_CX, tr_host());
	emit_load(&t->e, H_14, GS(rflags));
	emit_modrm(&t->e, &xor, H_14, rm_reg(H_CX));
	test_r14d(t, cpl0(t) ? rare : rare | FL_IF);
	tr_slow(t, emit_jcc_fwd(&t->e, 5));
	if (cpl0(t))
		popf_if(t);
	emit_mov(&t->e, H_14, H_AX);
	tr_flags_from(t, H_CX);
	emit_mov(&t->e, H_AX, H_14);
	word_rsp(t, t->word);
	return end_here(t, i, first);
}

/* --- user access ------------------------------------------------------------------- */

static bool sys_ac(struct tr *t, const struct insn *i, bool set)
{
	u8 mode = set && (t->state & ST_SMAP) ? TLB_SUPER_AC : TLB_SUPER;

	if (!cpl0(t))
		return false;
	rflags_bit(t, GS(jr.no_ac), set ? FL_AC : 0);
	emit_store8_imm(&t->e, mode, GS(tlb_mode));
	t->mode = mode;
	return end_here(t, i, t->j->nsite);
}

/* --- segments ------------------------------------------------------------------------ */

static bool sys_swapgs(struct tr *t)
{
	if (!cpl0(t))
		return false;
	emit_load(&t->e, H_CX, GS(seg[GS].base));
	emit_load(&t->e, H_14, GS(kernel_gs_base));
	emit_store(&t->e, H_14, GS(seg[GS].base));
	emit_store(&t->e, H_CX, GS(kernel_gs_base));
	return true;
}

static struct host_rm base_of(const struct insn *i)
{
	return i->modrm >> 3 & 1 ? GS(seg[GS].base) : GS(seg[FS].base);
}

static bool sys_rdbase(struct tr *t, const struct insn *i)
{
	if (!(t->state & ST_FSGS))
		return false;
	if (i->opsize == 8)
		emit_load(&t->e, H_14, base_of(i));
	else
		emit_load32(&t->e, H_14, base_of(i));
	tr_put(t, i->rm, H_14);
	return true;
}

/* Canonical: sign-extending it from bit 47 changes nothing. */
void tr_check_canonical(struct tr *t, u8 h)
{
	emit_mov_imm(&t->e, H_CX, 16);
	emit_shlx(&t->e, H_14, h, H_CX);
	emit_sarx(&t->e, H_14, H_14, H_CX);
	emit_not(&t->e, H_14);
	emit_lea(&t->e, H_CX, rm_mem(H_14, h, 0, 1));
	tr_slow_unless_rcx0(t);
}

static bool sys_wrbase(struct tr *t, const struct insn *i)
{
	u32 first = t->j->nsite;
	u8 h;

	if (!(t->state & ST_FSGS))
		return false;
	h = tr_get(t, i->rm, H_15);
	if (i->opsize == 8) {
		emit_mov(&t->e, H_15, h);
		tr_check_canonical(t, H_15);
	} else {
		emit_mov32(&t->e, H_15, h);
	}
	emit_store(&t->e, H_15, base_of(i));
	tr_lookup_done(t, first);
	return true;
}

static void put16(struct tr *t, unsigned g, u8 h)
{
	const struct host_op store16 = { .byte = 0x89, .p66 = true };

	emit_modrm(&t->e, &store16, h, jit_home[g] == HOME_SLOT ?
		   rm_gs(gs_reg(g)) : rm_reg(jit_home[g]));
}

/* MOV r/m, sreg. */
static bool sys_mov_sreg(struct tr *t, const struct insn *i)
{
	const struct host_op movzx = { .map = 1, .byte = 0xb7 };
	const struct host_op store16 = { .byte = 0x89, .p66 = true };
	u32 first = t->j->nsite;
	struct host_rm sel;

	if (i->reg > GS)
		return false;
	sel = gs_field(offsetof(struct x86_cpu, seg) +
		       i->reg * sizeof(struct x86_seg) +
		       offsetof(struct x86_seg, sel));
	if (i->flags & I_MEM) {
		tr_ea(t, i);
		tr_lookup(t, TLB_WRITE, 2);
		emit_modrm(&t->e, &movzx, H_CX, sel);
		emit_modrm(&t->e, &store16, H_CX, tr_host());
	} else {
		emit_modrm(&t->e, &movzx, H_CX, sel);
		if (i->opsize == 2)
			put16(t, i->rm, H_CX);
		else
			tr_put(t, i->rm, H_CX);
	}
	tr_lookup_done(t, first);
	return true;
}

/* MOV r, CR0, CR2, CR3, CR4.  CR8 is the local APIC's. */
static bool sys_mov_rc(struct tr *t, const struct insn *i)
{
	if (!cpl0(t) || i->opsize != 8 || (i->flags & I_LOCK))
		return false;
	switch (i->reg) {
	case 0: emit_load(&t->e, H_14, GS(cr0)); break;
	case 2: emit_load(&t->e, H_14, GS(cr2)); break;
	case 3: emit_load(&t->e, H_14, GS(cr3)); break;
	case 4: emit_load(&t->e, H_14, GS(cr4)); break;
	default: return false;
	}
	tr_put(t, i->rm, H_14);
	return true;
}

/* --- time ------------------------------------------------------------------------------- */

static bool sys_rdtsc(struct tr *t, const struct insn *i)
{
	if (((t->state & ST_TSD) && !cpl0(t)) || t->c->counted)
		return false;
	raw(t, "\x0f\x31", 2);
	emit_rorx(&t->e, H_DX, H_DX, 32);
	emit_lea(&t->e, H_DX, rm_mem(H_DX, H_AX, 0, 0));
	emit_load(&t->e, H_CX, GS(tsc_offset));
	emit_lea(&t->e, H_DX, rm_mem(H_DX, H_CX, 0, 0));
	emit_mov32(&t->e, H_AX, H_DX);
	emit_rorx(&t->e, H_DX, H_DX, 32);
	emit_mov32(&t->e, H_DX, H_DX);
	if (i->byte == 0x01)                   /* RDTSCP */
		emit_load32(&t->e, H_13, GS(tsc_aux));
	return end_here(t, i, t->j->nsite);
}

/* --- protection keys ----------------------------------------------------------------------- */

/* Linux reads PKRU at each switch of threads. */
static bool sys_rdpkru(struct tr *t)
{
	u32 first = t->j->nsite;

	if (!(t->state & ST_PKE))
		return false;
	emit_mov32(&t->e, H_CX, H_13);         /* must be zero */
	tr_slow_unless_rcx0(t);
	emit_load32(&t->e, H_AX, GS(pkru));
	emit_mov_imm(&t->e, H_DX, 0);
	tr_lookup_done(t, first);
	return true;
}

/* A PKRU that allows more takes nothing from the TLB; one that forbids is C's. */
static bool sys_wrpkru(struct tr *t, const struct insn *i)
{
	u32 first = t->j->nsite;

	if (!(t->state & ST_PKE))
		return false;
	emit_mov32(&t->e, H_CX, H_13);         /* must be zero */
	tr_slow_unless_rcx0(t);
	emit_mov32(&t->e, H_CX, H_DX);         /* so must this */
	tr_slow_unless_rcx0(t);
	emit_mov32(&t->e, H_14, H_AX);
	emit_load32(&t->e, H_CX, GS(pkru));
	emit_not(&t->e, H_CX);
	emit_pext(&t->e, H_CX, H_14, rm_reg(H_CX));
	tr_slow_unless_rcx0(t);
	emit_store32(&t->e, H_14, GS(pkru));
	return end_here(t, i, first);
}

/* --- bit strings ---------------------------------------------------------------------------- */

/* BT r/m, reg with memory: the bit may be far from the address.  The host finds
 * it from there itself, once its word was looked up. */
static bool sys_bits(struct tr *t, const struct insn *i)
{
	struct host_op op = { .map = 1, .byte = i->byte,
			      .w = i->opsize == 8, .lock = i->flags & I_LOCK };
	u8 log2 = i->opsize == 8 ? 3 : 2, h;
	u32 first = t->j->nsite;

	if (i->opsize == 2 || i->addrsize != 8)
		return false;
	tr_ea(t, i);
	emit_store(&t->e, H_14, GS(jr.tmp));
	h = tr_get(t, i->reg, H_15);
	if (i->opsize == 8)
		emit_mov(&t->e, H_15, h);
	else
		emit_movsxd(&t->e, H_15, h);
	emit_mov_imm(&t->e, H_CX, log2 + 3u);
	emit_sarx(&t->e, H_15, H_15, H_CX);
	emit_lea(&t->e, H_14, rm_mem(H_14, H_15, log2, 0));
	tr_lookup(t, i->byte == 0xa3 ? TLB_READ : TLB_WRITE, i->opsize);
	emit_load(&t->e, H_14, GS(jr.tmp));
	h = tr_get(t, i->reg, H_CX);
	emit_modrm(&t->e, &op, h, tr_host());
	tr_lookup_done(t, first);
	return true;
}

/* --- the door --------------------------------------------------------------------------------- */

static bool is_bits(const struct insn *i)
{
	return i->row->map == M0F && (i->byte & 0xe7) == 0xa3 &&
	       (i->flags & I_MEM);
}

bool tr_sys(struct tr *t, const struct insn *i)
{
	insn_fn *fn = i->row->fn;

	if (!(t->c->feats >> i->row->feat & 1))
		return false;
	if (fn == op_cli)
		return sys_cli(t, i);
	if (fn == op_sti)
		return sys_sti(t, i);
	if (fn == op_pushf)
		return sys_pushf(t, i);
	if (fn == op_popf)
		return sys_popf(t, i);
	if (fn == op_clac || fn == op_stac)
		return sys_ac(t, i, fn == op_stac);
	if (fn == op_swapgs)
		return sys_swapgs(t);
	if (fn == op_syscall)
		return tr_syscall(t, i);
	if (fn == op_sysret)
		return tr_sysret(t, i);
	if (fn == op_rdseg)
		return sys_rdbase(t, i);
	if (fn == op_wrseg)
		return sys_wrbase(t, i);
	if (fn == op_mov_rc)
		return sys_mov_rc(t, i);
	if (fn == op_mov_es)
		return sys_mov_sreg(t, i);
	if (fn == op_rdtsc)
		return sys_rdtsc(t, i);
	if (fn == op_rdpkru)
		return sys_rdpkru(t);
	if (fn == op_wrpkru)
		return sys_wrpkru(t, i);
	if (fn == op_cld)
		return true;           /* DF is clear here */
	return is_bits(i) && sys_bits(t, i);
}
