/* SPDX-License-Identifier: MIT */
/*
 * String instructions, with REP, and port I/O.
 *
 * Invariants:
 *  1. Registers are committed after every iteration, so a fault or an exit in
 *     the next one restarts there.
 *  2. Between iterations a pending request leaves by LEAVE_AGAIN with rip still
 *     on the instruction.
 */
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/segment.h"

/* --- indices and counts ------------------------------------------------------ */

static u64 addr_mask(const struct insn *i)
{
	return i->addrsize == 8 ? ~0ull : i->addrsize == 4 ? 0xffffffffull
							    : 0xffffull;
}

static inline bool is_rep(const struct insn *i)
{
	return i->flags & (I_REP | I_REPNE);
}

static inline u64 rep_count(struct x86_cpu *c, const struct insn *i)
{
	return is_rep(i) ? get_reg(c, RCX, i->addrsize) : 1;
}

static inline s64 stride(const struct x86_cpu *c, const struct insn *i)
{
	return c->rflags & FL_DF ? -(s64)i->opsize : (s64)i->opsize;
}

static inline void advance(struct x86_cpu *c, const struct insn *i,
			   unsigned reg, s64 by)
{
	set_reg(c, reg, i->addrsize, c->r[reg] + (u64)by);
}

static inline void count_down(struct x86_cpu *c, const struct insn *i, u64 by)
{
	if (is_rep(i))
		set_reg(c, RCX, i->addrsize, c->r[RCX] - by);
}

/* An iteration was committed and more are to come: may we go on? */
static void between(struct x86_cpu *c)
{
	u32 req = atomic_load_explicit(&c->request, memory_order_relaxed);
	u32 traps = c->db_hits;

	io_commit(c);
	if (LIKELY(!req && !(c->rflags & FL_TF) && !traps && !c->singlestep))
		return;
	c->shadow = 0;
	atomic_fetch_and(&c->request, ~REQ_COMMIT);
	if (c->rflags & FL_TF)
		traps |= BIT(14);
	if (traps) {
		c->db_hits = 0;
		x86_raise_db(c, traps, false);
	}
	if ((req & ~REQ_COMMIT) || c->singlestep)
		x86_exit(c, LEAVE_AGAIN);
}

static gva_t src_lin(struct x86_cpu *c, const struct insn *i)
{
	return x86_lin(c, i->seg, c->r[RSI] & addr_mask(i), i->opsize, false);
}

static gva_t dst_lin(struct x86_cpu *c, const struct insn *i, bool write)
{
	return x86_lin(c, ES, c->r[RDI] & addr_mask(i), i->opsize, write);
}

/* --- bulk ---------------------------------------------------------------------- */

/* Bytes from offset `off` on that need no further segment check, at most n. */
static u64 seg_room(const struct x86_cpu *c, const struct insn *i, unsigned seg,
		    u64 off, u64 n)
{
	const struct x86_seg *s = &c->seg[seg];
	u64 end = addr_mask(i);

	if (c->mode != MODE_LONG) {
		if (!(s->attr & SEG_CODE) && (s->attr & SEG_E))
			return 0;
		end = MIN(end, s->limit);
	}
	if (off > end)
		return 0;
	return end - off == ~0ull ? n : MIN(n, end - off + 1);
}

/* The same with DF set, in whole elements of the first one's page. */
static u64 room_below(const struct insn *i, gva_t la, u64 off, u64 n)
{
	u64 in_page = la % PAGE_SIZE;

	if (in_page + i->opsize > PAGE_SIZE)
		return 0;
	return MIN(n, MIN(in_page, off) + i->opsize);
}

/* Host pointer to the first of a run of elements at seg:reg, which goes where
 * DF says; NULL: one at a time. */
static u8 *bulk_ptr(struct x86_cpu *c, const struct insn *i, unsigned seg,
		    unsigned reg, bool write, u64 *n)
{
	const bool down = c->rflags & FL_DF;
	u64 off = c->r[reg] & addr_mask(i), above;
	gva_t la;
	u8 *p;

	above = seg_room(c, i, seg, off, down ? i->opsize : *n);
	if (above < i->opsize)
		return NULL;
	la = x86_lin(c, seg, off, 1, write);
	*n = down ? room_below(i, la, off, *n) : above;
	if (!*n)
		return NULL;
	p = mem_span(c, la, write, down ? &above : n);
	*n -= *n % i->opsize;
	return *n ? p : NULL;
}

/* A run of n bytes whose first element is at p: its lowest byte, and how far it
 * moves an index. */
static u8 *run_start(const struct x86_cpu *c, const struct insn *i, u8 *p,
		     u64 n)
{
	return c->rflags & FL_DF ? p + i->opsize - n : p;
}

static s64 run_stride(const struct x86_cpu *c, u64 n)
{
	return c->rflags & FL_DF ? -(s64)n : (s64)n;
}

static inline u64 bulk_limit(u64 count, unsigned size)
{
	return MIN(count, 1u << 20) * size;
}

/* MOVS semantics for overlapping runs: element by element. */
static void copy_run(u8 *d, const u8 *s, u64 n, unsigned size, bool down)
{
	if ((down ? d >= s : d <= s) || d >= s + n || s >= d + n) {
		memmove(d, s, n);
		return;
	}
	for (u64 k = 0; k < n; k += size) {
		const u64 at = down ? n - size - k : k;
		u64 v;                 /* an element may overlap itself   */

		memcpy(&v, s + at, size);
		memcpy(d + at, &v, size);
	}
}

static bool movs_bulk(struct x86_cpu *c, const struct insn *i, u64 count)
{
	u64 n = bulk_limit(count, i->opsize), m;
	u8 *s, *d;

	s = bulk_ptr(c, i, i->seg, RSI, false, &n);
	if (!s)
		return false;
	m = n;
	d = bulk_ptr(c, i, ES, RDI, true, &m);
	if (!d)
		return false;
	copy_run(run_start(c, i, d, m), run_start(c, i, s, m), m, i->opsize,
		 c->rflags & FL_DF);
	advance(c, i, RSI, run_stride(c, m));
	advance(c, i, RDI, run_stride(c, m));
	count_down(c, i, m / i->opsize);
	return true;
}

static void fill_run(u8 *d, u64 v, u64 n, unsigned size)
{
	const u64 byte = v & 0xff, all = byte * 0x0101010101010101ull;
	u64 k = 0;

	v = size == 4 ? (u32)v * 0x100000001ull :
	    size == 2 ? (u16)v * 0x0001000100010001ull : v;
	if (size == 1 || v == all) {
		memset(d, (int)byte, n);
		return;
	}
	for (; k + sizeof(v) <= n; k += sizeof(v))
		memcpy(d + k, &v, sizeof(v));
	memcpy(d + k, &v, n - k);
}

static bool stos_bulk(struct x86_cpu *c, const struct insn *i, u64 count)
{
	u64 n = bulk_limit(count, i->opsize);
	u8 *d = bulk_ptr(c, i, ES, RDI, true, &n);

	if (!d)
		return false;
	fill_run(run_start(c, i, d, n), get_reg(c, RAX, i->opsize), n,
		 i->opsize);
	advance(c, i, RDI, run_stride(c, n));
	count_down(c, i, n / i->opsize);
	return true;
}

static inline bool bulk_ok(const struct x86_cpu *c, u64 count)
{
	return count > 3 && !(c->rflags & FL_TF) && !c->singlestep &&
	       !c->align_check;
}

/* --- MOVS STOS LODS -------------------------------------------------------------- */

static void movs_one(struct x86_cpu *c, const struct insn *i)
{
	u64 v = ld_size(c, src_lin(c, i), i->opsize);
	s64 by = stride(c, i);

	st_size(c, dst_lin(c, i, true), i->opsize, v);
	advance(c, i, RSI, by);
	advance(c, i, RDI, by);
	count_down(c, i, 1);
}

void op_movs(struct x86_cpu *c, const struct insn *i)
{
	for (u64 n; (n = rep_count(c, i)) != 0; between(c)) {
		if (!bulk_ok(c, n) || !movs_bulk(c, i, n))
			movs_one(c, i);
		if (!is_rep(i) || n == 1)
			return;
	}
}

static void stos_one(struct x86_cpu *c, const struct insn *i)
{
	st_size(c, dst_lin(c, i, true), i->opsize, c->r[RAX]);
	advance(c, i, RDI, stride(c, i));
	count_down(c, i, 1);
}

void op_stos(struct x86_cpu *c, const struct insn *i)
{
	for (u64 n; (n = rep_count(c, i)) != 0; between(c)) {
		if (!bulk_ok(c, n) || !stos_bulk(c, i, n))
			stos_one(c, i);
		if (!is_rep(i) || n == 1)
			return;
	}
}

void op_lods(struct x86_cpu *c, const struct insn *i)
{
	for (u64 n; (n = rep_count(c, i)) != 0; between(c)) {
		u64 v = ld_size(c, src_lin(c, i), i->opsize);

		set_reg(c, RAX, i->opsize, v);
		advance(c, i, RSI, stride(c, i));
		count_down(c, i, 1);
		if (!is_rep(i) || n == 1)
			return;
	}
}

/* --- CMPS SCAS --------------------------------------------------------------------- */

static inline unsigned log2_size(unsigned n)
{
	return n == 8 ? 3 : n >> 1;
}

static void compare(struct x86_cpu *c, const struct insn *i, u64 a, u64 b)
{
	cc_set(c, CC_SUB, log2_size(i->opsize), a - b, b);
}

/* REPE goes on while equal, REPNE while not. */
static bool ended(struct x86_cpu *c, const struct insn *i)
{
	return !is_rep(i) || !rep_count(c, i) ||
	       flag_zf(c) != !!(i->flags & I_REP);
}

/* The pair that ended a run, or its last. */
struct pair { u64 a, b; };

static inline u64 element(const u8 *p, unsigned size)
{
	u64 v = 0;

	memcpy(&v, p, size);
	return v;
}

/* Compares up to n bytes (not zero) of elements, the first at s and d, as long
 * as their equality is `equal`; bytes done, the last element's among them. */
GUEST_MEM
static inline u64 compare_run(const u8 *s, const u8 *d, u64 n, unsigned size,
			      bool equal, bool down, struct pair *last)
{
	u64 k = 0;

	while (equal && !down && n - k > 8 && element(s + k, 8) == element(d + k, 8))
		k += 8;
	do {
		const s64 at = down ? -(s64)k : (s64)k;

		last->a = element(s + at, size);
		last->b = element(d + at, size);
		k += size;
	} while (k < n && (last->a == last->b) == equal);
	return k;
}

GUEST_MEM
static inline u64 scan_run(const u8 *d, u64 n, unsigned size, bool equal,
			   bool down, struct pair *last)
{
	u64 k = 0;

	do {
		last->b = element(down ? d - k : d + k, size);
		k += size;
	} while (k < n && (last->a == last->b) == equal);
	return k;
}

/* With the size known, elements are loads and not calls. */
#define BY_SIZE(i, CALL)                                                 \
	((i)->opsize == 1 ? CALL(1) : (i)->opsize == 2 ? CALL(2) :        \
	 (i)->opsize == 4 ? CALL(4) : CALL(8))

static bool cmps_bulk(struct x86_cpu *c, const struct insn *i, u64 count)
{
	const bool equal = i->flags & I_REP, down = c->rflags & FL_DF;
	u64 n = bulk_limit(count, i->opsize);
	const u8 *s, *d;
	struct pair last;

	s = bulk_ptr(c, i, i->seg, RSI, false, &n);
	if (!s)
		return false;
	d = bulk_ptr(c, i, ES, RDI, false, &n);
	if (!d)
		return false;
#define CALL(size) compare_run(s, d, n, size, equal, down, &last)
	n = BY_SIZE(i, CALL);
#undef CALL
	compare(c, i, last.a, last.b);
	advance(c, i, RSI, run_stride(c, n));
	advance(c, i, RDI, run_stride(c, n));
	count_down(c, i, n / i->opsize);
	return true;
}

static bool scas_bulk(struct x86_cpu *c, const struct insn *i, u64 count)
{
	const bool equal = i->flags & I_REP, down = c->rflags & FL_DF;
	u64 n = bulk_limit(count, i->opsize);
	const u8 *d = bulk_ptr(c, i, ES, RDI, false, &n);
	struct pair last = { .a = get_reg(c, RAX, i->opsize) };

	if (!d)
		return false;
#define CALL(size) scan_run(d, n, size, equal, down, &last)
	n = BY_SIZE(i, CALL);
#undef CALL
	compare(c, i, last.a, last.b);
	advance(c, i, RDI, run_stride(c, n));
	count_down(c, i, n / i->opsize);
	return true;
}

static void cmps_one(struct x86_cpu *c, const struct insn *i)
{
	u64 a = ld_size(c, src_lin(c, i), i->opsize);
	u64 b = ld_size(c, dst_lin(c, i, false), i->opsize);
	s64 by = stride(c, i);

	compare(c, i, a, b);
	advance(c, i, RSI, by);
	advance(c, i, RDI, by);
	count_down(c, i, 1);
}

void op_cmps(struct x86_cpu *c, const struct insn *i)
{
	for (u64 n; (n = rep_count(c, i)) != 0; between(c)) {
		if (!is_rep(i) || !bulk_ok(c, n) || !cmps_bulk(c, i, n))
			cmps_one(c, i);
		if (ended(c, i))
			return;
	}
}

static void scas_one(struct x86_cpu *c, const struct insn *i)
{
	u64 b = ld_size(c, dst_lin(c, i, false), i->opsize);

	compare(c, i, c->r[RAX], b);
	advance(c, i, RDI, stride(c, i));
	count_down(c, i, 1);
}

void op_scas(struct x86_cpu *c, const struct insn *i)
{
	for (u64 n; (n = rep_count(c, i)) != 0; between(c)) {
		if (!is_rep(i) || !bulk_ok(c, n) || !scas_bulk(c, i, n))
			scas_one(c, i);
		if (ended(c, i))
			return;
	}
}

/* --- ports ------------------------------------------------------------------------- */

void op_in(struct x86_cpu *c, const struct insn *i)
{
	u16 port = (u8)i->imm;

	io_check(c, port, i->opsize);
	set_reg(c, RAX, i->opsize, io_in(c, port, i->opsize));
	x86_next(c, i);
}

void op_in_dx(struct x86_cpu *c, const struct insn *i)
{
	u16 port = (u16)c->r[RDX];

	io_check(c, port, i->opsize);
	set_reg(c, RAX, i->opsize, io_in(c, port, i->opsize));
	x86_next(c, i);
}

void op_out(struct x86_cpu *c, const struct insn *i)
{
	u16 port = (u8)i->imm;

	io_check(c, port, i->opsize);
	io_out(c, port, (u32)get_reg(c, RAX, i->opsize), i->opsize);
	x86_next(c, i);
}

void op_out_dx(struct x86_cpu *c, const struct insn *i)
{
	u16 port = (u16)c->r[RDX];

	io_check(c, port, i->opsize);
	io_out(c, port, (u32)get_reg(c, RAX, i->opsize), i->opsize);
	x86_next(c, i);
}

static void ins_one(struct x86_cpu *c, const struct insn *i, u16 port)
{
	gva_t la = dst_lin(c, i, true);

	/* the port must not be read when the store would fault */
	mem_probe(c, la, i->opsize, true);
	st_size(c, la, i->opsize, io_in(c, port, i->opsize));
	advance(c, i, RDI, stride(c, i));
	count_down(c, i, 1);
}

void op_ins(struct x86_cpu *c, const struct insn *i)
{
	u16 port = (u16)c->r[RDX];

	io_check(c, port, i->opsize);
	for (u64 n; (n = rep_count(c, i)) != 0; between(c)) {
		ins_one(c, i, port);
		if (!is_rep(i) || n == 1)
			break;
	}
	x86_next(c, i);
}

void op_outs(struct x86_cpu *c, const struct insn *i)
{
	u16 port = (u16)c->r[RDX];

	io_check(c, port, i->opsize);
	for (u64 n; (n = rep_count(c, i)) != 0; between(c)) {
		u64 v = ld_size(c, src_lin(c, i), i->opsize);

		io_out(c, port, (u32)v, i->opsize);
		advance(c, i, RSI, stride(c, i));
		count_down(c, i, 1);
		if (!is_rep(i) || n == 1)
			break;
	}
	x86_next(c, i);
}
