/* SPDX-License-Identifier: MIT */
/*
 * Bytes to struct insn (SDM vol. 2, chapter 2): prefixes, REX, VEX, opcode
 * maps, ModRM, SIB, displacement, immediates; then the handler.
 *
 * Talks to: insn_table.c for the row.
 * Never:    looks at a CPU; the result depends on the bytes and on `bits` only.
 */
#include "tcg-plugin/x86/host_cpu.h"
#include "tcg-plugin/x86/insn.h"

#include <string.h>

#include "tcg-plugin/x86/handlers.h"
#include "tcg-plugin/x86/insn_table.h"

enum { MAX_LEN = 15 };
enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

struct dec {
	struct insn *i;
	const u8 *p;
	unsigned pos, avail;
	bool short_;                   /* ran out of bytes            */
	u8 bits, rex, map, pfx;
	u8 seg;                        /* override, SEG_NONE: default */
	bool p66, vex, vex_bad;
};

static const struct insn_row row_ud = {
	.form = F_NONE, .size = S_NONE, .attr = A_END, .fn = op_ud,
	.ext = XA, .name = "(bad)",
};
static const struct insn_row row_gp = {
	.form = F_NONE, .size = S_NONE, .attr = A_END, .fn = op_gp,
	.ext = XA, .name = "(too long)",
};

static u8 get8(struct dec *d)
{
	if (d->pos < d->avail)
		return d->p[d->pos++];
	d->short_ = true;
	return 0;
}

static u64 get_le(struct dec *d, unsigned n)
{
	u64 v = 0;

	for (unsigned k = 0; k < n; k++)
		v |= (u64)get8(d) << 8 * k;
	return v;
}

static s64 get_sx(struct dec *d, unsigned n)
{
	unsigned sh = 64 - 8 * n;

	return (s64)(get_le(d, n) << sh) >> sh;
}

/* --- prefixes -------------------------------------------------------------- */

static bool legacy_prefix(struct dec *d, u8 b)
{
	struct insn *i = d->i;

	switch (b) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		if (d->bits != 64)
			d->seg = b >> 3 & 3;
		return true;
	case 0x64: d->seg = FS; return true;
	case 0x65: d->seg = GS; return true;
	case 0x66: i->flags |= I_66; return true;
	case 0x67: i->flags |= I_67; return true;
	case 0xf0: i->flags |= I_LOCK; return true;
	case 0xf2: i->flags = (u16)((i->flags & ~I_REP) | I_REPNE); return true;
	case 0xf3: i->flags = (u16)((i->flags & ~I_REPNE) | I_REP); return true;
	default:   return false;
	}
}

/* Returns the first byte that is no prefix. */
static u8 get_prefixes(struct dec *d)
{
	for (;;) {
		u8 b = get8(d);

		if (d->short_)
			return 0;
		if (legacy_prefix(d, b)) {
			d->rex = 0;
			d->i->flags &= (u16)~I_REX;
		} else if (d->bits == 64 && (b & 0xf0) == 0x40) {
			d->rex = b & 15;
			d->i->flags |= I_REX;
		} else {
			return b;
		}
	}
}

static unsigned vex_map(struct dec *d, unsigned m)
{
	switch (m) {
	case 1:  return V0F;
	case 2:  return V38;
	case 3:  return V3A;
	default: d->vex_bad = true; return V0F;
	}
}

/* C4 or C5 seen, and it is VEX; returns the opcode byte. */
static u8 get_vex(struct dec *d, u8 b)
{
	struct insn *i = d->i;
	u8 v = get8(d), w;

	d->vex = true;
	if (i->flags & (I_66 | I_REP | I_REPNE | I_LOCK | I_REX))
		d->vex_bad = true;
	d->rex = v & 0x80 ? 0 : REX_R;
	d->map = V0F;
	w = v;
	if (b == 0xc4) {
		d->rex |= (v & 0x40 ? 0 : REX_X) | (v & 0x20 ? 0 : REX_B);
		d->map = (u8)vex_map(d, v & 31);
		w = get8(d);
		if (w & 0x80)
			d->rex |= REX_W;
	}
	if (d->bits != 64)
		d->rex &= REX_W;
	i->vvvv = ~(w >> 3) & (d->bits == 64 ? 15 : 7);
	if (w & 4)
		i->flags |= I_VEXL;
	d->pfx = (const u8[]){ NP, P66, PF3, PF2 }[w & 3];
	return get8(d);
}

/* C4, C5 are LES, LDS outside 64-bit mode unless mod would be 3. */
static bool is_vex(const struct dec *d, u8 b)
{
	if (b != 0xc4 && b != 0xc5)
		return false;
	if (d->bits == 64)
		return true;
	return d->pos < d->avail && d->p[d->pos] >= 0xc0;
}

static u8 get_opcode(struct dec *d)
{
	u8 b = get_prefixes(d);
	u16 f = d->i->flags;

	d->pfx = f & I_REP ? PF3 : f & I_REPNE ? PF2 : f & I_66 ? P66 : NP;
	if (is_vex(d, b))
		return get_vex(d, b);
	d->map = b >= 0xd8 && b <= 0xdf ? X87 : M1;
	if (b != 0x0f)
		return b;
	b = get8(d);
	d->map = b == 0x38 ? M38 : b == 0x3a ? M3A : M0F;
	return d->map == M0F ? b : get8(d);
}

/* --- sizes ------------------------------------------------------------------ */

static unsigned word_size(const struct dec *d)
{
	bool o16 = (d->bits == 16) != !!(d->i->flags & I_66);

	return d->rex & REX_W ? 8 : o16 ? 2 : 4;
}

static unsigned opsize(const struct dec *d, const struct insn_row *r)
{
	unsigned w = word_size(d);
	bool long_ = d->bits == 64;

	switch (r->size) {
	case S_B:   return 1;
	case S_W:   return 2;
	case S_D:   return 4;
	case S_Q:   return 8;
	case S_DQ:  return 16;
	case S_V: case S_P: return w;
	case S_V64: return long_ && w != 2 ? 8 : w;
	case S_Z:   return w == 8 ? 4 : w;
	case S_F:   return long_ ? 8 : w;
	case S_X:   return d->i->flags & I_VEXL ? 32 : 16;
	case S_HX:  return d->i->flags & I_VEXL ? 16 : 8;
	case S_QX:  return d->i->flags & I_VEXL ? 8 : 4;
	case S_EX:  return d->i->flags & I_VEXL ? 4 : 2;
	case S_Y:
		if (r->form == F_RC || r->form == F_CR || r->form == F_RD ||
		    r->form == F_DR)
			return long_ ? 8 : 4;
		return d->rex & REX_W && (long_ || !d->vex) ? 8 : 4;
	default:    return 0;
	}
}

static unsigned addr_size(const struct dec *d)
{
	bool p67 = d->i->flags & I_67;

	if (d->bits == 64)
		return p67 ? 4 : 8;
	return (d->bits == 16) != p67 ? 2 : 4;
}

/* --- ModRM ------------------------------------------------------------------- */

static void get_ea16(struct dec *d, unsigned mod, unsigned rm)
{
	static const u8 base[8] = { RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX };
	static const u8 index[8] = { RSI, RDI, RSI, RDI,
				     R_NONE, R_NONE, R_NONE, R_NONE };
	struct insn *i = d->i;

	i->base = base[rm];
	i->index = index[rm];
	if (mod == 0 && rm == 6) {
		i->base = R_NONE;
		i->disp = get_sx(d, 2);
	} else if (mod) {
		i->disp = get_sx(d, mod);
	}
	i->seg = i->base == RBP ? SS : DS;
}

static void get_sib(struct dec *d, unsigned mod)
{
	struct insn *i = d->i;
	u8 s = get8(d);
	unsigned b = s & 7, x = (s >> 3 & 7) | (d->rex & REX_X ? 8 : 0);

	i->scale = s >> 6;
	i->index = x == 4 ? R_NONE : (u8)x;
	if (b == 5 && mod == 0) {
		i->base = R_NONE;
		i->disp = get_sx(d, 4);
	} else {
		i->base = (u8)(b | (d->rex & REX_B ? 8 : 0));
	}
}

static void get_ea32(struct dec *d, unsigned mod, unsigned rm)
{
	struct insn *i = d->i;

	if (rm == 4) {
		get_sib(d, mod);
	} else if (rm == 5 && mod == 0) {
		i->disp = get_sx(d, 4);
		if (d->bits == 64) {
			i->flags |= I_RIPREL;
			i->base = R_RIP;
		}
	} else {
		i->base = (u8)(rm | (d->rex & REX_B ? 8 : 0));
	}
	if (mod)
		i->disp = get_sx(d, mod == 1 ? 1 : 4);
	i->seg = i->base == RSP || i->base == RBP ? SS : DS;
}

static void get_modrm_ea(struct dec *d)
{
	struct insn *i = d->i;
	unsigned mod = i->modrm >> 6, rm = i->modrm & 7;

	if (mod == 3)
		return;
	i->flags |= I_MEM;
	if (i->addrsize == 2)
		get_ea16(d, mod, rm);
	else
		get_ea32(d, mod, rm);
	if (d->seg != SEG_NONE)
		i->seg = d->seg;
}

static void set_regs(struct dec *d)
{
	struct insn *i = d->i;
	unsigned reg = i->modrm >> 3 & 7, rm = i->modrm & 7;

	i->reg = (u8)(reg | (d->rex & REX_R ? 8 : 0));
	i->rm = (u8)(rm | (d->rex & REX_B ? 8 : 0));
	if (i->flags & I_REX)
		return;
	i->sel8 = (reg >= 4) | (rm >= 4) << 1;
}

/* --- immediates ----------------------------------------------------------------- */

static void get_imm(struct dec *d, unsigned form)
{
	struct insn *i = d->i;
	unsigned n = i->opsize >= 4 ? 4 : i->opsize;

	switch (form) {
	case F_EI8: case F_EGI8: case F_GEI8: case F_AI8: case F_I8: case F_J8:
	case F_VWI8: case F_WVI8: case F_PQI8: case F_UI8: case F_NI8:
	case F_VEI8: case F_EVI8: case F_PEI8: case F_GUI8: case F_GNI8:
	case F_VHWI8: case F_VHWL: case F_VHEI8: case F_HUI8:
		i->imm = (u64)get_sx(d, 1);
		break;
	case F_EI: case F_GEI: case F_AI: case F_I: case F_J:
		i->imm = (u64)get_sx(d, n);
		break;
	case F_OI:
		i->imm = (u64)get_sx(d, i->opsize);
		break;
	case F_I16:
		i->imm = get_le(d, 2);
		break;
	case F_I16I8:
		i->imm = get_le(d, 3);
		break;
	case F_E1:
		i->imm = 1;
		break;
	case F_FAR:
		i->imm = get_le(d, i->opsize);
		i->imm |= get_le(d, 2) << 32;
		break;
	default:
		break;
	}
}

/* Operands that come from the opcode byte or are implied. */
static void get_implied(struct dec *d, unsigned form)
{
	struct insn *i = d->i;

	switch (form) {
	case F_O: case F_OI: case F_AO:
		i->rm = (u8)((i->byte & 7) | (d->rex & REX_B ? 8 : 0));
		i->sel8 = !(i->flags & I_REX) && (i->byte & 4) ? 2 : 0;
		break;
	case F_AM: case F_MA:
		i->flags |= I_MEM;
		i->disp = (s64)get_le(d, i->addrsize);
		i->seg = d->seg == SEG_NONE ? DS : d->seg;
		break;
	default:
		break;
	}
}

static bool reg_form(unsigned form)
{
	return form == F_RC || form == F_CR || form == F_RD || form == F_DR;
}

/* --- VEX ------------------------------------------------------------------------ */

static bool uses_vvvv(unsigned form)
{
	return form >= F_VHW && form <= F_BE;
}

/* A gather's index is a vector register: it takes no part in the EA. */
static bool set_vsib(struct dec *d)
{
	struct insn *i = d->i;

	if (i->addrsize == 2 || (i->modrm & 7) != 4)
		return false;
	i->rm = i->index == R_NONE ? 4 : i->index;
	i->index = R_NONE;
	return i->rm != i->reg && i->rm != i->vvvv && i->reg != i->vvvv;
}

/* What only VEX encodings can get wrong, once a row was found. */
static bool vex_ok(struct dec *d)
{
	struct insn *i = d->i;

	if (i->vvvv && !uses_vvvv(i->row->form))
		return false;
	return i->row->form != F_VMH || set_vsib(d);
}

/* --- putting it together ------------------------------------------------------ */

insn_fn *insn_pick(const struct insn *i)
{
	unsigned n;

	if (!i->row->var)
		return i->row->fn;
	n = i->opsize == 8 ? 3 : i->opsize == 4 ? 2 : i->opsize == 2 ? 1 : 0;
	if (i->flags & I_MEM)
		n += i->flags & I_LOCK ? 8 : 4;
	return i->row->var[n] ? i->row->var[n] : op_ud;
}

static void finish(struct dec *d)
{
	struct insn *i = d->i;
	const u32 need = A_PRIV | A_PROT | A_FPU | A_MMX | A_SSE;

	i->len = (u8)d->pos;
	if (i->flags & I_RIPREL)
		i->disp += i->len;
	if (d->bits == 64)
		i->flags |= I_64;
	if (d->bits == 64 && i->addrsize == 8 && i->seg != FS && i->seg != GS)
		i->flags |= I_EASY;
	if (d->bits == 32 && i->addrsize == 4)
		i->flags |= I_A32;
	if (i->row->form == F_J || i->row->form == F_J8)
		i->flags |= I_NEAR;
	if ((i->row->form == F_RC || i->row->form == F_CR) && i->reg == 0 &&
	    (i->flags & I_LOCK))
		i->reg = 8;            /* AMD: CR8 for those without REX */
	else if ((i->flags & I_LOCK) &&
	    !((i->row->attr & A_LOCK) && (i->flags & I_MEM)))
		i->row = &row_ud;
	i->fn = insn_pick(i);
	if ((i->row->attr & need) || i->row->feat != FEAT_NONE)
		i->fn = insn_checked;
}

/* VPEXTRQ and VPINSRQ outside 64-bit code: #UD on AMD's CPUs. */
static bool w_ignored(const struct dec *d)
{
	return d->bits != 64 && d->map == V3A &&
	       (d->i->byte == 0x16 || d->i->byte == 0x22) && !host_is_amd();
}

static u32 vex_lw(const struct dec *d)
{
	if (!d->vex)
		return 0;
	return (d->i->flags & I_VEXL ? A_L1 : A_L0) |
	       (d->rex & REX_W && !w_ignored(d) ? A_W1 : A_W0);
}

static void decode_one(struct dec *d)
{
	struct insn *i = d->i;
	struct insn_key k;

	i->byte = get_opcode(d);
	k = (struct insn_key){ .map = d->map, .byte = i->byte, .pfx = d->pfx,
			       .bits = d->bits, .lw = vex_lw(d) };
	i->addrsize = (u8)addr_size(d);
	if ((d->rex & REX_W) && d->bits == 64)
		i->flags |= I_REXW;    /* FMA's W is in its row */
	if (insn_has_modrm(d->map, i->byte)) {
		k.modrm = i->modrm = get8(d);
		set_regs(d);
	}
	i->row = d->vex_bad ? NULL : insn_find_row(&k);
	if (!i->row) {
		i->row = &row_ud;
		return;
	}
	i->opsize = (u8)opsize(d, i->row);
	if (insn_has_modrm(d->map, i->byte) && !reg_form(i->row->form))
		get_modrm_ea(d);
	get_implied(d, i->row->form);
	get_imm(d, i->row->form);
	if (d->vex && !vex_ok(d))
		i->row = &row_ud;
}

unsigned insn_decode(struct insn *i, const u8 *p, unsigned avail,
		     unsigned bits)
{
	struct dec d = {
		.i = i, .p = p, .avail = MIN(avail, MAX_LEN),
		.bits = (u8)bits, .seg = SEG_NONE,
	};

	insn_tables_init();
	memset(i, 0, sizeof(*i));
	i->base = i->index = R_NONE;
	i->seg = DS;
	decode_one(&d);
	if (d.short_) {
		if (avail < MAX_LEN)
			return 0;
		i->row = &row_gp;
		i->flags = 0;
		d.pos = MAX_LEN;
	}
	/* string instructions and XLAT: override applies without ModRM */
	if (!(i->flags & I_MEM) && d.seg != SEG_NONE)
		i->seg = d.seg;
	finish(&d);
	return i->len;
}
