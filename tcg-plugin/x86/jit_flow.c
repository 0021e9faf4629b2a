/* SPDX-License-Identifier: MIT */
/*
 * Translated code: the stack, jumps, calls and returns.
 *
 * A constant target becomes a link (jit_link.c), patched once the target is
 * translated.  Everything else goes through the jump cache: guest address ->
 * host code, for the present address space and mode.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include <string.h>

#include "tcg-plugin/x86/walk.h"

/* --- leaving a block --------------------------------------------------------- */

/* The jump whose displacement is at `at` becomes a link. */
static struct jit_link *link_new(struct tr *t, u8 *at, u64 target,
				 unsigned entry)
{
	struct jit *j = t->j;
	struct jit_link *l = &j->link[j->nlink];

	if (j->nlink == JIT_MAX_LINKS) {
		t->failed = true;
		return NULL;
	}
	*l = (struct jit_link){
		.target = target, .at = (u32)(at - j->buf.rw),
		.entry = (u8)entry, .from = t->block, .to = JIT_NONE,
		.known = tr_known(t), .next_in = JIT_NONE,
		.cross = (target ^ t->page) >> PAGE_SHIFT ? LINK_GLOBAL
							  : LINK_IN_PAGE,
	};
	j->nlink++;
	return l;
}

static void link_at(struct tr *t, u8 *at, u64 target, unsigned entry)
{
	if (link_new(t, at, target, entry))
		tr_cold(t, at, NULL, JIT_NONE, t->j->nlink - 1, t->j->leave);
}

/* Every loop has a jump backwards or by the jump cache; only those look. */
static unsigned entry_for(const struct tr *t, u64 target)
{
	return target > t->rip ? LINK_FORWARD : LINK_BACK;
}

static bool in_page(const struct tr *t, u64 target)
{
	return (target & ~(u64)(PAGE_SIZE - 1)) == t->page;
}

u8 *tr_jump_cache(struct tr *t)
{
	struct emit *e = &t->e;
	s32 neg = (s32)offsetof(struct x86_cpu, jump[t->mode].neg);
	s32 code = (s32)offsetof(struct x86_cpu, jump[t->mode].code);
	u8 *hit, *miss;

	emit_movzx16(e, H_CX, H_14);
	emit_load(e, H_15, rm_gs_idx(code, H_CX, 3));
	emit_load(e, H_CX, rm_gs_idx(neg, H_CX, 3));
	emit_lea(e, H_CX, rm_mem(H_CX, H_14, 0, 0));
	hit = emit_jrcxz_fwd(e);
	miss = emit_jmp_fwd(e);
	emit_here8(e, hit);
	emit_jmp_reg(e, H_15);
	return miss;
}

void tr_goto_r14(struct tr *t, s32 undo)
{
	u32 site = tr_site(t);
	u8 *miss = tr_jump_cache(t);

	t->j->site[site].undo = undo;
	tr_lookup_done(t, site);
	tr_cold(t, miss, NULL, site | JIT_JUMP, JIT_NONE, t->j->leave);
}

/* May a jump to that place be patched to go there, with no look at anything?  The
 * page's translation must outlast address spaces: the kernel's pages. */
static bool may_link(const struct tr *t, u64 target)
{
	return in_page(t, target) ||
	       (t->mode != TLB_USER && x86_canonical(t->c, target));
}

void tr_cold_goto(struct tr *t, u64 target)
{
	struct jit_link *l = link_new(t, emit_jmp_fwd(&t->e), target,
				      LINK_FORWARD);

	if (!l)
		return;
	l->known = (struct jit_known){ .fpu = false };
	l->stub = (u32)(t->e.p - t->j->buf.rw);
	jit_link_aim(t->j, l->at, l->stub);
	emit_mov_imm(&t->e, H_15, t->j->nlink - 1);
	emit_jmp(&t->e, (u64)(uintptr_t)t->j->buf.rx + t->j->leave);
}

/* A link that looks whether it is true. */
static void goto_space(struct tr *t, u64 target)
{
	static const s32 wide = 1 << 30;       /* four bytes to patch */
	struct emit *e = &t->e;
	u8 *tag, *is, *not;
	struct jit_link *l;

	t->hold.on = false;
	emit_load32(e, H_CX, GS(jr.space));
	emit_lea32(e, H_CX, rm_mem(H_CX, H_NONE, 0, wide));
	tag = e->p - 4;
	memset(tag, 0, 4);
	is = emit_jrcxz_fwd(e);
	not = emit_jmp_fwd(e);
	emit_here8(e, is);
	l = link_new(t, emit_jmp_fwd(e), target, entry_for(t, target));
	if (!l)
		return;
	l->cross = LINK_SPACE;
	l->tag = (u32)(tag - t->j->buf.rw);
	l->miss = (u32)(not - t->j->buf.rw);
	tr_cold(t, not, NULL, JIT_NONE, t->j->nlink - 1, t->j->leave);
}

void tr_goto(struct tr *t, u64 target)
{
	if (t->word == 4)
		target = (u32)target;  /* beyond the last page */
	if (may_link(t, target)) {
		link_at(t, emit_jmp_fwd(&t->e), target, entry_for(t, target));
		return;
	}
	if (t->mode == TLB_USER && x86_canonical(t->c, target)) {
		goto_space(t, target);
		return;
	}
	emit_mov_imm(&t->e, H_14, target);
	tr_goto_r14(t, 0);
}

void tr_goto_shadow(struct tr *t, u64 target)
{
	link_at(t, emit_jmp_fwd(&t->e), target, LINK_SHADOW);
}

/* --- stack -------------------------------------------------------------------- */

/* Look up [rsp - size, rsp) for a push. */
void tr_push_slot(struct tr *t, unsigned size)
{
	word_lea(t, H_14, rm_mem(H_SP, H_NONE, 0, -(s32)size));
	tr_lookup(t, TLB_WRITE, size);
}

static void push_done(struct tr *t)
{
	word_rsp(t, -t->word);
}

static void push_const(struct tr *t, u64 v)
{
	tr_push_slot(t, t->word);
	if (t->word == 4) {
		emit_store32_imm(&t->e, (u32)v, tr_host());
	} else if (v == (u64)(s64)(s32)v) {
		emit_store_imm(&t->e, (s32)v, tr_host());
	} else {
		emit_mov_imm(&t->e, H_CX, v);
		emit_store(&t->e, H_CX, tr_host());
	}
	push_done(t);
}

void tr_pop_slot(struct tr *t, unsigned size)
{
	word_mov(t, H_14, H_SP);
	tr_lookup(t, TLB_READ, size);
}

static bool flow_push(struct tr *t, const struct insn *i)
{
	u32 first = t->j->nsite;

	if (i->opsize != t->word)
		return false;
	switch (i->row->form) {
	case F_I: case F_I8:
		push_const(t, i->imm);
		break;
	case F_O:
		tr_push_slot(t, t->word);
		word_store(t, tr_get(t, i->rm, H_CX), tr_host());
		push_done(t);
		break;
	case F_E:
		if (!(i->flags & I_MEM))
			return false;
		tr_ea(t, i);
		tr_lookup(t, TLB_READ, t->word);
		word_load(t, H_CX, tr_host());
		emit_store(&t->e, H_CX, GS(jr.tmp));
		tr_push_slot(t, t->word);
		emit_load(&t->e, H_CX, GS(jr.tmp));
		word_store(t, H_CX, tr_host());
		push_done(t);
		break;
	default:
		return false;
	}
	tr_lookup_done(t, first);
	return true;
}

static bool flow_pop(struct tr *t, const struct insn *i)
{
	u32 first = t->j->nsite;

	if (i->opsize != t->word || i->row->form != F_O)
		return false;
	tr_pop_slot(t, t->word);
	word_load(t, H_CX, tr_host());
	word_rsp(t, t->word);
	tr_put(t, i->rm, H_CX);        /* pop rsp: the value wins */
	tr_lookup_done(t, first);
	return true;
}

static bool flow_leave(struct tr *t, const struct insn *i)
{
	u32 first = t->j->nsite;

	if (i->opsize != t->word)
		return false;
	word_mov(t, H_14, H_BP);
	tr_lookup(t, TLB_READ, t->word);
	word_load(t, H_CX, tr_host());
	word_lea(t, H_SP, rm_mem(H_BP, H_NONE, 0, t->word));
	emit_mov(&t->e, H_BP, H_CX);
	tr_lookup_done(t, first);
	return true;
}

/* --- control flow ----------------------------------------------------------------- */

static u64 jump_target(const struct tr *t, const struct insn *i)
{
	u64 to = t->rip + i->len + i->imm;

	return t->word == 8 ? to : (u32)to;
}

static bool flow_call(struct tr *t, const struct insn *i)
{
	u64 next = t->rip + i->len;
	u32 first = t->j->nsite;

	push_const(t, next);
	tr_lookup_done(t, first);
	tr_goto(t, jump_target(t, i));
	return true;
}

static bool flow_ret(struct tr *t, const struct insn *i)
{
	u32 first = t->j->nsite;
	s32 drop = t->word + (i->row->form == F_I16 ? (s32)i->imm : 0);

	tr_pop_slot(t, t->word);
	word_load(t, H_14, tr_host());
	word_rsp(t, drop);
	tr_lookup_done(t, first);
	tr_inline_goto(t, -drop);
	return true;
}

/* Target of an indirect jump or call -> r14. */
static void load_target(struct tr *t, const struct insn *i)
{
	if (!(i->flags & I_MEM)) {
		u8 h = tr_get(t, i->rm, H_14);

		word_mov(t, H_14, h);
		return;
	}
	tr_ea(t, i);
	tr_lookup(t, TLB_READ, t->word);
	word_load(t, H_14, tr_host());
}

static bool flow_indirect(struct tr *t, const struct insn *i, bool call)
{
	u32 first = t->j->nsite;

	load_target(t, i);
	if (call) {
		emit_store(&t->e, H_14, GS(jr.tmp));
		push_const(t, t->rip + i->len);
		emit_load(&t->e, H_14, GS(jr.tmp));
	}
	tr_lookup_done(t, first);
	tr_inline_goto(t, call ? t->word : 0);
	return true;
}

static bool flow_jcc(struct tr *t, const struct insn *i)
{
	u64 next = t->rip + i->len, target = jump_target(t, i);
	u8 *taken = emit_jcc_fwd(&t->e, i->byte & 15);

	if (may_link(t, target)) {
		link_at(t, taken, target, entry_for(t, target));
		tr_goto(t, next);
		return true;
	}
	tr_goto(t, next);
	emit_here32(&t->e, taken);
	tr_goto(t, target);
	return true;
}

/* LOOP and JRCXZ; the flagged forms are left to the interpreter. */
static bool flow_loop(struct tr *t, const struct insn *i)
{
	u64 next = t->rip + i->len;
	u8 *zero;

	if (i->addrsize != t->word || i->byte < 0xe2)
		return false;
	if (i->byte == 0xe2)
		word_lea(t, H_13, rm_mem(H_13, H_NONE, 0, -1));
	word_mov(t, H_CX, H_13);
	zero = emit_jrcxz_fwd(&t->e);
	{
		u8 *other = emit_jmp_fwd(&t->e);

		emit_here8(&t->e, zero);
		tr_goto(t, i->byte == 0xe2 ? next : jump_target(t, i));
		emit_here32(&t->e, other);
		tr_goto(t, i->byte == 0xe2 ? jump_target(t, i) : next);
	}
	return true;
}

static bool flow_map1(struct tr *t, const struct insn *i)
{
	unsigned ext = i->modrm >> 3 & 7;

	switch (i->byte) {
	case 0x50 ... 0x57: case 0x68: case 0x6a:
		return flow_push(t, i);
	case 0x58 ... 0x5f:
		return flow_pop(t, i);
	case 0xc9: return flow_leave(t, i);
	case 0x70 ... 0x7f: return t->ended = flow_jcc(t, i);
	case 0xe8: return t->ended = flow_call(t, i);
	case 0xe9: case 0xeb:
		tr_goto(t, jump_target(t, i));
		return t->ended = true;
	case 0xc2: case 0xc3: return t->ended = flow_ret(t, i);
	case 0xe2: case 0xe3: return t->ended = flow_loop(t, i);
	case 0xff:
		if (ext == 6)
			return flow_push(t, i);
		if (ext == 2 || ext == 4)
			return t->ended = flow_indirect(t, i, ext == 2);
		return false;
	default:
		return false;
	}
}

bool tr_flow(struct tr *t, const struct insn *i)
{
	if (i->row->map == M1 && i->opsize == t->word)
		return flow_map1(t, i);
	if (i->row->map == M0F && (i->byte & 0xf0) == 0x80 && i->opsize == t->word)
		return t->ended = flow_jcc(t, i);
	return false;
}
