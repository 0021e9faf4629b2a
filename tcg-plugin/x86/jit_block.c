/* SPDX-License-Identifier: MIT */
/*
 * Translating a block, and the table of translated blocks.
 *
 * A block is known by its decoded twin in the block cache and by the guest
 * address it runs at.  Dead blocks keep their code until the next flush, but
 * nothing links or jumps to them any more.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include <stdio.h>
#include <string.h>

#include "tcg-plugin/code/perf.h"
#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/disas.h"
#include "tcg-plugin/x86/handlers.h"

/* By block alone: its aliases hang in one chain and die together.  Blocks lie in
 * an arena, some 400 bytes each, in the order they were met. */
static u32 hash_of(const struct block *b)
{
	return (u32)((uintptr_t)b >> 8) & (JIT_HASH - 1);
}

/* Pieces for instructions in two pages have one twin, and no aliases to die
 * with: these go by address. */
static u32 hash_at(const struct jit *j, const struct block *b, u64 rip)
{
	u64 page = (rip >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull;

	return b == &j->two_pages ? (u32)(page >> 40) & (JIT_HASH - 1)
				  : hash_of(b);
}

struct jit_block *jit_block_next(struct jit *j, const struct jit_block *prev,
				 const struct block *b)
{
	u32 k = prev ? prev->hash_next : j->hash[hash_of(b)];

	for (; k != JIT_NONE; k = j->block[k].hash_next)
		if (j->block[k].guest == b && !j->block[k].dead)
			return &j->block[k];
	return NULL;
}

struct jit_block *jit_block_find(struct jit *j, const struct block *b, u64 rip,
				 u16 state)
{
	u32 k = j->hash[hash_at(j, b, rip)];

	for (; k != JIT_NONE; k = j->block[k].hash_next) {
		struct jit_block *jb = &j->block[k];

		if (jb->guest == b && jb->rip == rip && jb->state == state &&
		    !jb->version && !jb->dead)
			return jb;
	}
	return NULL;
}

/* --- translating ------------------------------------------------------------- */

/* Counted instructions: out when none are left, else these are run. */
static void count_block(struct tr *t)
{
	u8 *ok, *out;

	emit_load(&t->e, H_CX, GS(jr.icount_left));
	emit_pext(&t->e, H_CX, H_CX, GS(jr.sign));
	ok = emit_jrcxz_fwd(&t->e);
	out = emit_jmp_fwd(&t->e);
	emit_here8(&t->e, ok);
	tr_cold(t, out, NULL, JIT_NONE, JIT_NONE, 0);
	emit_load(&t->e, H_CX, GS(jr.icount_left));
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_NONE, 0, -(s32)t->guest->count));
	emit_store(&t->e, H_CX, GS(jr.icount_left));
}

static void look_at_requests(struct tr *t)
{
	static const struct host_op cmp8 = { .byte = 0x83, .imm_len = 1 };
	u8 *ok, *out;

	t->i = tr_body(t);
	if (t->guest->count && tr_flags_free(t)) {
		emit_modrm(&t->e, &cmp8, 7, GS(request));
		out = emit_jcc_fwd(&t->e, JCC_NE);
		tr_cold(t, out, NULL, JIT_NONE, JIT_NONE, 0);
		return;
	}
	t->wants_flags |= t->guest->count && !t->flags.by.kind &&
			  tr_flags_unseen(t);
	t->hold.on = false;
	emit_load32(&t->e, H_CX, GS(request));
	ok = emit_jrcxz_fwd(&t->e);
	out = emit_jmp_fwd(&t->e);
	emit_here8(&t->e, ok);
	/* the cold piece sets rip to the block's own address and leaves */
	tr_cold(t, out, NULL, JIT_NONE, JIT_NONE, 0);
}

static void block_entry(struct tr *t)
{
	look_at_requests(t);
	t->j->block[t->block].inner = (u32)(t->e.p - t->j->buf.rw);
	if (t->c->counted)
		count_block(t);
}

void tr_link_stub(struct tr *t, u32 link)
{
	struct jit_link *l = &t->j->link[link];
	struct emit *e = &t->e;
	u8 *miss = NULL;

	if (l->cross) {
		l->via = (u32)(e->p - t->j->buf.rw);
		emit_mov_imm(e, H_14, l->target);
		miss = tr_jump_cache(t);
		emit_here32(e, miss);
	}
	l->stub = (u32)(e->p - t->j->buf.rw);
	if (l->cross)
		jit_link_aim(t->j, l->at, l->stub);
	if (l->cross == LINK_SPACE)
		jit_link_aim(t->j, l->miss, l->stub);
	emit_mov_imm(e, H_15, link);
}

static void one_cold(struct tr *t, const struct jit_cold *k)
{
	static const struct host_op sub = { .byte = 0x2b, .w = true };
	struct emit *e = &t->e;

	for (unsigned n = 0; n < 2; n++)
		if (k->from[n])
			emit_here32(e, k->from[n]);
	if (k->hold) {
		tr_hold_cold(t, k);
		return;
	}
	if (k->fault)
		t->j->site[k->site].again = (u32)(e->p - t->j->buf.rw);
	if (k->split)
		tr_split(t, &t->j->site[k->site]);
	if (k->neg)                    /* the linear address again */
		emit_modrm(e, &sub, H_14, rm_gs_idx(k->neg, H_15, 3));
	if (k->flags.kind)
		tr_flags_again(t, &k->flags);
	if (k->site != JIT_NONE) {
		emit_mov_imm(e, H_15, k->site);
	} else if (k->link != JIT_NONE) {
		tr_link_stub(t, k->link);
	} else {
		emit_mov_imm(e, H_15, JIT_NONE);
		if (!k->thunk)         /* block_entry's */
			emit_mov_imm(e, H_14, t->j->block[t->block].rip);
	}
	emit_jmp(e, (u64)(uintptr_t)t->j->buf.rx +
		    (k->thunk ? k->thunk : t->j->leave));
}

/* In 32-bit code: may the same bytes, or nearly, mean the same to the host?
 * Encodings of their own, 16-bit addresses and segments with limits do not. */
static bool fits_64(const struct tr *t, const struct insn *i)
{
	if ((i->row->attr & A_NO64) && !tr_has_twin(i))
		return false;
	if (i->addrsize != t->word)
		return false;
	if (!(i->flags & I_MEM) && !(i->row->attr & A_REP))
		return true;
	return i->seg == FS ? t->state & ST_FS32 :
	       i->seg == GS ? t->state & ST_GS32 : i->seg != CS;
}

static void one_insn(struct tr *t, const struct insn *i)
{
	t->i = i;
	if (i->row->fn == op_ud || i->row->fn == op_gp ||
	    (t->word != 8 && !fits_64(t, i)) ||
	    !(tr_flow(t, i) || tr_sys(t, i) || tr_string(t, i) ||
	      tr_plain(t, i)))
		tr_interp(t, i->row->attr & A_END);
	tr_flags_after(t, i);
	tr_hold_after(t, i);
}

/* A group whose range was not in one known page: one by one. */
static void group_alone(struct tr *t, const struct jit_group *g)
{
	const struct insn *body = tr_body(t);

	emit_here32(&t->e, g->from);
	t->flags = g->flags;
	t->rip = g->rip;
	t->mode = g->mode;
	t->ended = false;
	for (unsigned n = g->insn; n < g->insn + g->count; n++) {
		one_insn(t, &body[n]);
		t->rip += body[n].len;
	}
	if (t->ended)
		return;
	/* as the way it goes back to did */
	if (t->flags.lost && !g->after.lost && t->flags.by.kind)
		tr_flags_again(t, &t->flags.by);
	emit_jmp(&t->e, (u64)(uintptr_t)g->back + (u64)t->e.to_rx);
}

/* The instruction of a piece that belongs to no block. */
static void translate_lone(struct tr *t)
{
	const struct insn *i = tr_lone(t);

	if (!i || t->failed)
		return;
	one_insn(t, i);
	t->rip += i->len;
}

static void translate_body(struct tr *t)
{
	const struct insn *body = tr_body(t);
	unsigned left, count;

	block_entry(t);
	for (t->n = 0; t->n < t->guest->count && !t->ended; t->n += count) {
		left = t->guest->count - t->n;
		count = tr_group(t, &body[t->n], left);
		if (!count) {
			one_insn(t, &body[t->n]);
			count = 1;
		}
		for (unsigned k = 0; k < count; k++)
			t->rip += body[t->n + k].len;
		if (t->failed)
			return;
	}
	if (t->guest == &t->j->two_pages)
		translate_lone(t);
	if (t->failed)
		return;
	if (!t->ended) {
		t->fell = true;
		tr_goto(t, t->rip);
		t->fell = false;
	}
	t->hot_end = t->e.p;
	t->hold.plan = t->hold.on = false;
	t->e.p = t->j->buf.rw + t->j->buf.cold;
	for (unsigned n = 0; n < t->ngroup; n++)
		group_alone(t, &t->groups[n]);
	for (unsigned n = 0; n < t->ncold; n++)
		one_cold(t, &t->cold[n]);
}

static bool has_room(const struct jit *j, const struct block *b)
{
	return j->nblock < JIT_MAX_BLOCKS &&
	       code_buf_room(&j->buf) > (b->count + 4u) * JIT_INSN_ROOM +
					JIT_COLD_MAX * 32;
}

/* A block's two pieces of code, as offsets. */
struct pieces {
	u32 hot, hot_len, cold, cold_len;
};

/* Named by the guest's address, which its own symbols explain. */
static void tell_perf(struct x86_cpu *c, const struct jit_block *b,
		      const struct pieces *p)
{
	const struct jit *j = c->jit;
	char name[48];

	if (!perf_on())
		return;
	jit_fpu_save(c);               /* libc may use vector registers   */
	snprintf(name, sizeof(name), "%s:%016llx+%x",
		 b->state & ST_CPL0 ? "kernel" : "user",
		 (unsigned long long)b->rip, b->guest->bytes);
	perf_code(j->buf.rx + p->hot, j->buf.rw + p->hot, p->hot_len, name);
	perf_code(j->buf.rx + p->cold, j->buf.rw + p->cold, p->cold_len, name);
}

static void log_piece(const struct code_buf *buf, struct disas *d,
		      struct strbuf *s, u32 at, u32 n)
{
	const u32 end = at + n;

	while (at < end)
		at += disas_insn(d, s, buf->rw + at, MIN(end - at, 15u),
				 (u64)(uintptr_t)buf->rx + at, ".byte");
}

/* -d out_asm */
static void log_block(struct x86_cpu *c, const struct jit_block *b,
		      const struct pieces *p)
{
	const struct code_buf *buf = &c->jit->buf;
	struct strbuf s = STRBUF_INIT;
	struct disas d;

	jit_fpu_save(c);
	if (!disas_open(&d, 64))
		return;
	strbuf_addf(&s, "OUT: [size=%u] for 0x%08llx\n",
		    p->hot_len + p->cold_len, (unsigned long long)b->rip);
	log_piece(buf, &d, &s, p->hot, p->hot_len);
	log_piece(buf, &d, &s, p->cold, p->cold_len);
	disas_close(&d);
	log_write("%s", s.buf);
	strbuf_fini(&s);
}

/* The block's code is complete. */
static void finish(struct x86_cpu *c, struct jit_block *jb,
		   const struct block *b, const struct tr *t)
{
	struct jit *j = c->jit;
	const struct pieces p = {
		.hot = jb->code, .cold = jb->cold,
		.hot_len = (u32)(t->hot_end - j->buf.rw) - jb->code,
		.cold_len = (u32)(t->e.p - j->buf.rw) - jb->cold,
	};

	jb->wants_flags = t->wants_flags;
	if (++j->st.blocks == JIT_SETTLED)
		jit_settle(c);
	j->st.bytes_in += b->bytes;
	j->st.bytes_out += p.hot_len;
	j->st.bytes_cold += p.cold_len;
	j->buf.used = p.hot + p.hot_len;
	j->buf.cold += p.cold_len;
	tell_perf(c, jb, &p);
	if (log_on(LOG_OUT_ASM))
		log_block(c, jb, &p);
}

struct jit_block *jit_translate(struct x86_cpu *c, struct block *b,
				const struct jit_known *known)
{
	struct jit *j = c->jit;
	struct jit_block *jb;
	struct tr t;
	u32 site0 = j->nsite, link0 = j->nlink, h;
	u32 code = known ? ALIGN_UP(j->buf.used, JIT_ALIGN) : j->buf.used;

	if (!has_room(j, b))
		return NULL;
	t.e = (struct emit){ .p = j->buf.rw + code,
			     .to_rx = j->buf.rx - j->buf.rw };
	t.c = c;
	t.j = j;
	t.guest = b;
	t.i = NULL;
	t.rip = c->rip;
	t.page = c->rip & ~(u64)(PAGE_SIZE - 1);
	t.mode = c->tlb_mode;
	t.state = jit_state(c);
	t.word = t.state & ST_32 ? 4 : 8;
	t.hot_end = NULL;
	t.fpu_here = t.ended = t.failed = false;
	t.block = j->nblock;
	t.ncold = t.ngroup = 0;
	t.group.on = false;
	t.flags = (struct tr_flags){ .lost = false };
	t.wants_flags = t.fell = false;
	if (known) {
		t.flags.by = known->flags;
		t.fpu_here = known->fpu;
	}
	tr_hold_plan(&t, known);
	jb = &j->block[t.block];
	h = hash_at(j, b, c->rip);
	*jb = (struct jit_block){ .guest = b, .rip = c->rip,
		.code = code, .cold = j->buf.cold, .site = site0,
		.state = t.state, .links_in = JIT_NONE,
		.hash_next = j->hash[h] };
	translate_body(&t);
	if (t.failed) {
		j->nsite = site0;
		j->nlink = link0;
		return NULL;
	}
	j->hash[h] = j->nblock++;
	finish(c, jb, b, &t);
	return jb;
}

/* --- forgetting ------------------------------------------------------------- */

void jit_forget_all(struct x86_cpu *c)
{
	struct jit *j = c->jit;

	code_buf_reset(&j->buf);
	j->nsite = j->nblock = j->nlone = 0;
	jit_links_forget(j);
	memset(j->hash, 0xff, JIT_HASH * sizeof(*j->hash));
	j->st.flushes++;
	jit_jump_flush(c);
}
