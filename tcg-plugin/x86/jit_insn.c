/* SPDX-License-Identifier: MIT */
/*
 * Translated code: ordinary instructions are emitted again, with registers at
 * their homes and the memory operand at its host address.
 *
 * The shape table says what the ModRM fields of each form name; whatever has no
 * shape, or a quirk listed in `refused`, is left to the interpreter.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/x86/handlers.h"

enum operand { O_NONE, O_EXT, O_GPR, O_XMM, O_MMX };
enum imm_rule { IMM_NONE, IMM_8, IMM_Z };

struct shape {
	bool known;
	u8 reg, rm, imm;
	bool cl;                       /* CL is the count                 */
};

static const struct shape shapes[] = {
	[F_EG]   = { true, O_GPR, O_GPR, IMM_NONE, false },
	[F_GE]   = { true, O_GPR, O_GPR, IMM_NONE, false },
	[F_E]    = { true, O_EXT, O_GPR, IMM_NONE, false },
	[F_EI8]  = { true, O_EXT, O_GPR, IMM_8,    false },
	[F_EI]   = { true, O_EXT, O_GPR, IMM_Z,    false },
	[F_E1]   = { true, O_EXT, O_GPR, IMM_NONE, false },
	[F_ECL]  = { true, O_EXT, O_GPR, IMM_NONE, true  },
	[F_EGI8] = { true, O_GPR, O_GPR, IMM_8,    false },
	[F_EGCL] = { true, O_GPR, O_GPR, IMM_NONE, true  },
	[F_GEI8] = { true, O_GPR, O_GPR, IMM_8,    false },
	[F_GEI]  = { true, O_GPR, O_GPR, IMM_Z,    false },
	[F_M]    = { true, O_EXT, O_GPR, IMM_NONE, false },
	[F_VW]   = { true, O_XMM, O_XMM, IMM_NONE, false },
	[F_WV]   = { true, O_XMM, O_XMM, IMM_NONE, false },
	[F_VWI8] = { true, O_XMM, O_XMM, IMM_8,    false },
	[F_WVI8] = { true, O_XMM, O_XMM, IMM_8,    false },
	[F_PQ]   = { true, O_MMX, O_MMX, IMM_NONE, false },
	[F_QP]   = { true, O_MMX, O_MMX, IMM_NONE, false },
	[F_PQI8] = { true, O_MMX, O_MMX, IMM_8,    false },
	[F_VE]   = { true, O_XMM, O_GPR, IMM_NONE, false },
	[F_EV]   = { true, O_XMM, O_GPR, IMM_NONE, false },
	[F_GW]   = { true, O_GPR, O_XMM, IMM_NONE, false },
	[F_GQ]   = { true, O_GPR, O_MMX, IMM_NONE, false },
	[F_PE]   = { true, O_MMX, O_GPR, IMM_NONE, false },
	[F_EP]   = { true, O_MMX, O_GPR, IMM_NONE, false },
	[F_VQ]   = { true, O_XMM, O_MMX, IMM_NONE, false },
	[F_PW]   = { true, O_MMX, O_XMM, IMM_NONE, false },
	[F_UI8]  = { true, O_EXT, O_XMM, IMM_8,    false },
	[F_NI8]  = { true, O_EXT, O_MMX, IMM_8,    false },
	[F_VEI8] = { true, O_XMM, O_GPR, IMM_8,    false },
	[F_EVI8] = { true, O_XMM, O_GPR, IMM_8,    false },
	[F_PEI8] = { true, O_MMX, O_GPR, IMM_8,    false },
	[F_GUI8] = { true, O_GPR, O_XMM, IMM_8,    false },
	[F_GNI8] = { true, O_GPR, O_MMX, IMM_8,    false },
};

/* --- what is special -------------------------------------------------------- */

/* BT and friends with a register index and memory: a bit string, not a word. */
static bool is_bit_string(const struct insn *i)
{
	return i->row->map == M0F && (i->byte & 0xe7) == 0xa3 &&
	       (i->flags & I_MEM);
}

/* LDMXCSR, STMXCSR. */
static bool is_mxcsr(const struct insn *i)
{
	unsigned ext = i->modrm >> 3 & 7;

	return (i->flags & I_MEM) && (ext == 2 || ext == 3) &&
	       (i->row->attr & A_SSE);
}

/* Implied registers that are not at home under their own number, or results
 * that would show host addresses. */
static bool refused(const struct insn *i)
{
	const struct insn_row *r = i->row;

	if (r->attr & (A_PRIV | A_PROT | A_REP | A_END))
		return true;
	switch (r->map) {
	case M1:
		/* mov r/m, sreg; pop r/m; push r/m: jit_flow.c's, or nobody's */
		if (r->byte == 0x90 && r->pfx == PF3) /* PAUSE, or XCHG */
			return true;
		return i->byte == 0x8c || i->byte == 0x8f ||
		       (i->byte == 0xff && (i->modrm >> 3 & 7) == 6);
	case M0F:
		switch (i->byte) {
		case 0x00: case 0x01:                /* sldt, sgdt, smsw  */
		case 0xf7:                           /* maskmov*: rdi     */
			return true;
		case 0xae:                           /* fxsave ... clwb   */
			return !is_mxcsr(i) &&
			       !(i->modrm >= 0xe8 && r->pfx == NP);
		case 0xc7:
			return (i->modrm >> 3 & 7) != 1; /* rdrand, rdpid */
		default:
			return is_bit_string(i);
		}
	case M3A:                                    /* pcmp?str?: ecx    */
		return i->byte >= 0x60 && i->byte <= 0x63;
	default:
		return false;
	}
}

/* Hints: nothing to do, and no memory to touch. */
static bool is_hint(const struct insn *i)
{
	if (i->row->map == M1)         /* 90 is NOP, also where XCHG would
					  zero-extend; PAUSE is x86_spin's */
		return i->byte == 0x90 && i->rm == 0 && i->row->pfx != PF3;
	if (i->row->map != M0F)
		return false;
	return i->byte == 0x0d || (i->byte >= 0x18 && i->byte <= 0x1f);
}

unsigned tr_mem_size(const struct insn *i)
{
	const struct insn_row *r = i->row;

	if (r->form == F_GW && (r->map == M0F || r->size == S_Y))
		return r->pfx == PF3 ? 4 : 8;
	if (r->map == M0F) {
		switch (i->byte) {
		case 0xb6: case 0xbe: return 1;
		case 0xb7: case 0xbf: return 2;
		case 0xc7: return i->opsize * 2;     /* cmpxchg8b/16b     */
		default:   break;
		}
	}
	if (r->map == M1 && i->byte == 0x63)
		return 4;
	return i->opsize;
}

static bool is_byte_reg(const struct insn *i, bool rm)
{
	if (i->row->map == M0F && (i->byte & 0xf7) == 0xb6)
		return rm;                           /* movzx, movsx      */
	if (i->row->map == M38 && i->byte == 0xf0)
		return rm && i->row->pfx == PF2;     /* crc32 r32, r/m8   */
	return i->row->size == S_B;
}

/* --- encoding -------------------------------------------------------------- */

static u8 map_no(const struct insn_row *r)
{
	return r->map == M0F ? 1 : r->map == M38 ? 2 : r->map == M3A ? 3 : 0;
}

/* 82 is 80's twin, outside 64-bit code. */
static bool is_alias82(const struct insn *i)
{
	return i->row->map == M1 && i->byte == 0x82;
}

/* 40-4F outside 64-bit code. */
static bool is_short_inc(const struct insn *i)
{
	return i->row->map == M1 && (i->byte & 0xf0) == 0x40;
}

bool tr_has_twin(const struct insn *i)
{
	return is_alias82(i) || is_short_inc(i);
}

static struct host_op host_op_of(const struct insn *i, unsigned imm_rule)
{
	const struct insn_row *r = i->row;
	bool sized = r->size == S_V || r->size == S_Z;
	struct host_op op = {
		.map = map_no(r),
		.byte = is_alias82(i) ? 0x80 : i->byte, .w = i->flags & I_REXW,
		.lock = i->flags & I_LOCK, .imm = i->imm,
		.pfx = r->pfx == PF3 ? 0xf3 : r->pfx == PF2 ? 0xf2 : 0,
		.p66 = r->pfx == P66 || (sized && i->opsize == 2),
	};

	if (imm_rule == IMM_8)
		op.imm_len = 1;
	else if (imm_rule == IMM_Z)
		op.imm_len = (u8)MIN(i->opsize, 4);
	return op;
}

/* TZCNT and LZCNT are BSF and BSR for a guest without them. */
static bool is_old_scan(const struct tr *t, const struct insn *i)
{
	const unsigned feat = i->byte == 0xbc ? FEAT_BMI1 : FEAT_LZCNT;

	return i->row->map == M0F && i->row->pfx == PF3 &&
	       (i->byte == 0xbc || i->byte == 0xbd) &&
	       !(t->c->feats >> feat & 1);
}

/* A native fault in the instruction itself (divide, #XM) must find its site. */
static bool may_fault(const struct insn *i)
{
	const struct insn_row *r = i->row;
	const struct shape *s = &shapes[r->form];

	if (r->attr & (A_XM | A_FPU | A_MMX))
		return true;
	if (s->reg == O_MMX || s->rm == O_MMX)
		return true;           /* a pending x87 exception */
	return r->map == M1 && (i->byte == 0xf6 || i->byte == 0xf7) &&
	       (i->modrm >> 3 & 7) >= 6;
}

void tr_fault_site(struct tr *t)
{
	u32 site = tr_site(t);

	t->j->site[site].pc = (u32)(t->e.p - t->j->buf.rw);
	t->j->site[site].end = t->group.on || t->hold.on;  /* wants r15 */
	tr_fault_flags(t, site);
}

/*
 * Operands under AH..BH: no REX prefix may appear, so guest CL/CH/ECX are used
 * as host rcx itself, loaded before and stored after; memory is addressed by
 * rcx.
 */
static bool plain_high8(struct tr *t, const struct insn *i,
			const struct shape *s, struct host_op *op)
{
	bool mem = i->flags & I_MEM;
	bool reg_cx = s->reg == O_GPR && (i->reg == RCX ||
		      (is_byte_reg(i, false) && i->reg == 5));
	bool rm_cx = !mem && (i->rm == RCX || (is_byte_reg(i, true) &&
					       i->rm == 5));
	u32 first = t->j->nsite;
	struct host_rm rm = rm_reg(i->rm);

	if (mem && reg_cx)
		return false;
	if (mem) {
		tr_ea(t, i);
		tr_lookup(t, i->row->attr & A_STORE ? TLB_WRITE : TLB_READ,
			  tr_mem_size(i));
		emit_lea(&t->e, H_CX, tr_host());
		rm = rm_mem(H_CX, H_NONE, 0, 0);
	} else if (reg_cx || rm_cx || s->cl) {
		emit_mov(&t->e, H_CX, H_13);
	}
	if (!mem && may_fault(i))
		tr_fault_site(t);
	emit_modrm(&t->e, op, i->reg & 7, rm);
	if (!mem && (reg_cx || rm_cx))
		emit_mov(&t->e, H_13, H_CX);
	tr_lookup_done(t, first);
	return true;
}

static bool uses_high8(const struct insn *i, const struct shape *s)
{
	if (s->reg == O_GPR && (i->sel8 & 1) && is_byte_reg(i, false))
		return true;
	return s->rm == O_GPR && (i->sel8 & 2) && is_byte_reg(i, true) &&
	       !(i->flags & I_MEM);
}

/* The reg field: a home, or guest r13-r15 brought into `tmp`.  *put: store it
 * afterwards. */
static u8 reg_operand(struct tr *t, const struct insn *i,
		      const struct shape *s, u8 tmp, bool *put)
{
	*put = false;
	if (s->reg == O_EXT)
		return i->modrm >> 3 & 7;
	if (s->reg == O_MMX)
		return i->reg & 7;
	if (s->reg != O_GPR)
		return i->reg;
	if (jit_home[i->reg] != HOME_SLOT)
		return jit_home[i->reg];
	*put = tr_reg_written(i);
	return tr_reg_read(i) ? tr_get(t, i->reg, tmp) : tmp;
}

/* Both operands are the same guest register, and it lives in memory. */
static bool plain_same_slot(struct tr *t, const struct insn *i,
			    const struct shape *s, const struct host_op *op)
{
	u8 h;

	if (s->reg != O_GPR || s->rm != O_GPR || i->reg != i->rm ||
	    jit_home[i->rm] != HOME_SLOT)
		return false;
	h = tr_get(t, i->rm, H_14);
	if (s->cl)
		emit_mov32(&t->e, H_CX, H_13);
	emit_modrm(&t->e, op, h, rm_reg(h));
	if (tr_rm_written(i) || tr_reg_written(i))
		tr_put(t, i->rm, h);
	return true;
}

/* The r/m field where it names a register. */
static struct host_rm rm_operand(struct tr *t, const struct insn *i,
				 const struct shape *s, bool *put)
{
	*put = false;
	if (s->rm == O_MMX)
		return rm_reg(i->rm & 7);
	if (s->rm != O_GPR)
		return rm_reg(i->rm);
	if (jit_home[i->rm] != HOME_SLOT)
		return rm_reg(jit_home[i->rm]);
	if (tr_rm_in_place(i))
		return rm_gs(gs_reg(i->rm));
	*put = tr_rm_written(i);
	return rm_reg(tr_rm_read(i) ? tr_get(t, i->rm, H_14) : H_14);
}

static bool is_r14(struct host_rm rm)
{
	return rm.kind == HRM_REG && rm.reg == H_14;
}

/* mov from a register that lives in memory to one that does not. */
static bool plain_load(struct tr *t, const struct insn *i)
{
	const u8 h = jit_home[i->rm & 15];

	if (i->row->map != M1 || i->byte != 0x89 || i->opsize < 4 ||
	    jit_home[i->reg] != HOME_SLOT || h == HOME_SLOT)
		return false;
	(i->opsize == 8 ? emit_load : emit_load32)(&t->e, h,
						   rm_gs(gs_reg(i->reg)));
	return true;
}

static void plain_reg(struct tr *t, const struct insn *i,
		      const struct shape *s, const struct host_op *op)
{
	bool put_reg, put_rm;
	struct host_rm rm;
	u8 reg;

	if (plain_same_slot(t, i, s, op) || plain_load(t, i))
		return;
	rm = rm_operand(t, i, s, &put_rm);
	reg = reg_operand(t, i, s, !is_r14(rm) ? H_14 : s->cl ? H_15 : H_CX,
			  &put_reg);
	if (s->cl)
		emit_mov32(&t->e, H_CX, H_13);
	emit_modrm(&t->e, op, reg, rm);
	/* exchange puts both; otherwise at most one changed */
	if (put_reg)
		emit_store(&t->e, reg, rm_gs(gs_reg(i->reg)));
	if (put_rm)
		emit_store(&t->e, rm.reg, rm_gs(gs_reg(i->rm)));
}

/* cmpxchg16b wants the guest's rcx in rcx. */
static bool wants_rcx(const struct insn *i, const struct shape *s)
{
	return s->cl || (i->row->map == M0F && i->byte == 0xc7);
}

struct host_rm tr_mem_operand(struct tr *t, const struct insn *i)
{
	struct host_rm held;

	if (t->group.on) {
		if (i->row->attr & (A_ALIGN | A_XM))
			tr_fault_site(t);
		return tr_group_operand(t, i);
	}
	if (tr_hold(t, i, &held))
		return held;
	tr_ea(t, i);
	tr_lookup(t, i->row->attr & A_STORE ? TLB_WRITE : TLB_READ,
		  tr_mem_size(i));
	return tr_host();
}

static bool plain_mem(struct tr *t, const struct insn *i,
		      const struct shape *s, const struct host_op *op)
{
	u32 first = t->j->nsite;
	struct host_rm rm;
	bool put;
	u8 reg;

	if (s->cl && s->reg == O_GPR && jit_home[i->reg] == HOME_SLOT)
		return false;          /* shld m, r13, cl: no register left */
	rm = tr_mem_operand(t, i);
	if (wants_rcx(i, s)) {
		reg = s->reg == O_GPR ? jit_home[i->reg] : i->modrm >> 3 & 7;
		emit_mov(&t->e, H_CX, H_13);
		put = false;
	} else {
		reg = reg_operand(t, i, s, t->hold.on ? H_14 : H_CX, &put);
	}
	emit_modrm(&t->e, op, reg, rm);
	if (put)
		emit_store(&t->e, reg, rm_gs(gs_reg(i->reg)));
	tr_lookup_done(t, first);
	return true;
}

/* --- forms without ModRM ---------------------------------------------------------- */

static void op_in_rm(struct tr *t, const struct insn *i, struct host_op op)
{
	u8 h = tr_get(t, i->rm, H_14);
	struct emit *e = &t->e;

	if (op.p66)
		e8(e, 0x66);
	if (op.w || op.rex || h >= 8)
		e8(e, 0x40 | op.w << 3 | (h >= 8));
	if (op.map)
		e8(e, 0x0f);
	e8(e, (op.byte & 0xf8) | (h & 7));
	memcpy(e->p, &op.imm, 8);
	e->p += op.imm_len;
	tr_put(t, i->rm, h);
}

static bool tr_opcode_reg(struct tr *t, const struct insn *i)
{
	struct host_op op = host_op_of(i, IMM_NONE);

	if (is_short_inc(i)) {
		op.byte = 0xff;
		emit_modrm(&t->e, &op, i->byte >> 3 & 1,
			   rm_reg(jit_home[i->rm]));
		return true;
	}
	if (i->row->map == M0F) {              /* bswap */
		if (i->opsize == 2)
			return false;
		op_in_rm(t, i, op);
		return true;
	}
	if (i->row->form != F_OI)
		return false;
	if (i->opsize == 1) {
		if (i->sel8 & 2) {             /* mov ah, imm8 */
			if (i->rm == 5)
				return false;
			e8(&t->e, i->byte);
			e8(&t->e, (u8)i->imm);
			return true;
		}
		op.rex = true;
		op.imm_len = 1;
		op_in_rm(t, i, op);
		return true;
	}
	if (i->opsize == 2) {
		op.imm_len = 2;
		op_in_rm(t, i, op);
		return true;
	}
	{
		u8 h = jit_home[i->rm] == HOME_SLOT ? H_14 : jit_home[i->rm];

		emit_mov_imm(&t->e, h, i->opsize == 4 ? (u32)i->imm : i->imm);
		if (h == H_14)
			tr_put(t, i->rm, h);
	}
	return true;
}

static bool tr_xchg_acc(struct tr *t, const struct insn *i)
{
	struct host_op op = { .byte = 0x87, .w = i->flags & I_REXW,
			      .p66 = i->opsize == 2 };
	u8 h = tr_get(t, i->rm, H_14);

	emit_modrm(&t->e, &op, H_AX, rm_reg(h));
	tr_put(t, i->rm, h);
	return true;
}

/* Accumulator and immediate, or nothing at all: the same bytes serve. */
static void tr_raw(struct tr *t, const struct insn *i, unsigned imm_rule)
{
	struct host_op op = host_op_of(i, imm_rule);
	struct emit *e = &t->e;

	if (op.p66)
		e8(e, 0x66);
	if (op.w)
		e8(e, 0x48);
	if (op.map)
		e8(e, 0x0f);
	e8(e, i->byte);
	memcpy(e->p, &op.imm, 8);
	e->p += op.imm_len;
}

static bool tr_no_modrm(struct tr *t, const struct insn *i)
{
	switch (i->row->form) {
	case F_O: case F_OI:
		return tr_opcode_reg(t, i);
	case F_AO:
		return tr_xchg_acc(t, i);
	case F_AI:
		tr_raw(t, i, i->row->size == S_B ? IMM_8 : IMM_Z);
		return true;
	case F_NONE:
		if (i->row->map == M1 &&
		    (i->byte == 0x98 || i->byte == 0x99 || i->byte == 0x9e ||
		     i->byte == 0x9f || i->byte == 0xf5 || i->byte == 0xf8 ||
		     i->byte == 0xf9)) {
			tr_raw(t, i, IMM_NONE);
			return true;
		}
		if (i->row->map == M0F && i->byte == 0x77 &&
		    (i->row->attr & A_MMX)) {
			u32 first = t->j->nsite;       /* emms */

			tr_fault_site(t);
			tr_raw(t, i, IMM_NONE);
			tr_lookup_done(t, first);
			return true;
		}
		return false;
	default:
		return false;
	}
}

/* mov between the accumulator and an absolute address. */
static bool tr_moffs(struct tr *t, const struct insn *i)
{
	bool store = i->row->form == F_MA;
	struct host_op op = { .w = i->flags & I_REXW, .p66 = i->opsize == 2,
			      .byte = (store ? 0x88 : 0x8a) + (i->byte & 1) };
	u32 first = t->j->nsite;

	tr_ea(t, i);
	tr_lookup(t, store ? TLB_WRITE : TLB_READ, i->opsize);
	emit_modrm(&t->e, &op, H_AX, tr_host());
	tr_lookup_done(t, first);
	return true;
}

/* LEA knows no segment base. */
static bool tr_lea(struct tr *t, const struct insn *i)
{
	u8 h = jit_home[i->reg] == HOME_SLOT ? H_15 : jit_home[i->reg];
	u8 b = H_NONE, x = H_NONE;
	struct host_rm m;

	if (i->opsize == 2)
		return false;
	if (i->base == R_RIP || (i->base == R_NONE && i->index == R_NONE)) {
		struct insn flat = *i;

		flat.seg = DS;
		tr_ea(t, &flat);
		emit_mov(&t->e, h, H_14);
		if (i->opsize == 4)
			emit_mov32(&t->e, h, h);
		tr_put(t, i->reg, h);
		return true;
	}
	if (i->base != R_NONE)
		b = tr_get(t, i->base, H_14);
	if (i->index != R_NONE)
		x = tr_get(t, i->index, H_15);
	m = rm_mem(b, x, i->scale, (s32)i->disp);
	if (i->opsize == 4 || i->addrsize == 4)
		emit_lea32(&t->e, h, m);
	else
		emit_lea(&t->e, h, m);
	if (jit_home[i->reg] == HOME_SLOT)
		tr_put(t, i->reg, h);
	return true;
}

/* --- the door --------------------------------------------------------------------- */

static bool tr_shaped(struct tr *t, const struct insn *i)
{
	const struct shape *s = &shapes[i->row->form];
	struct host_op op = host_op_of(i, s->imm);
	u32 first = t->j->nsite;

	op.rex = is_byte_reg(i, false) || is_byte_reg(i, true);
	if (is_old_scan(t, i))
		op.pfx = 0;
	if (uses_high8(i, s)) {
		op.rex = false;
		return plain_high8(t, i, s, &op);
	}
	if (i->flags & I_MEM)
		return plain_mem(t, i, s, &op);
	if (may_fault(i))
		tr_fault_site(t);
	plain_reg(t, i, s, &op);
	tr_lookup_done(t, first);
	return true;
}

bool tr_plain(struct tr *t, const struct insn *i)
{
	const struct insn_row *r = i->row;

	if (insn_is_vex(r))
		return tr_vex(t, i);
	if (is_hint(i))
		return true;
	if (refused(i))
		return false;
	if ((r->attr & (A_SSE | A_MMX | A_FPU)) && !(t->state & ST_FPU))
		return false;
	if (r->feat != FEAT_NONE && !(t->c->feats >> r->feat & 1))
		return false;
	if (r->fn == op_cmpxchg8b && i->opsize == 8 &&
	    !(t->c->feats >> FEAT_CX16 & 1))
		return false;          /* CMPXCHG16B has a bit of its own */
	if (r->attr & (A_SSE | A_MMX | A_FPU))
		tr_need_fpu(t);
	if (r->map == X87)
		return tr_x87(t, i);
	if (r->map == M1 && i->byte == 0x8d)
		return tr_lea(t, i);
	if (r->form == F_AM || r->form == F_MA)
		return tr_moffs(t, i);
	if (r->form < ARRAY_LEN(shapes) && shapes[r->form].known)
		return tr_shaped(t, i);
	return tr_no_modrm(t, i);
}
