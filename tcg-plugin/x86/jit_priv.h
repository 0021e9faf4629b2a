/* SPDX-License-Identifier: MIT */
/*
 * Inside the translator: one vCPU's code cache and the state of translating one
 * block.  docs/decisions/0001-translator-shape.md says why it looks like this.
 *
 * Room:     jit_mem.c    addresses and look-ups
 *           jit_insn.c   re-emission of ordinary instructions
 *           jit_vex.c    re-emission of VEX-encoded instructions
 *           jit_operand.c  what they read and write of their registers
 *           jit_group.c  accesses that share a look-up
 *           jit_hold.c   accesses in the page of the one before
 *           jit_flags.c  look-ups that may lose EFLAGS
 *           jit_link.c   links: patched, cut, tagged
 *           jit_version.c  blocks made again for what is known before them
 *           jit_flow.c   stack, jumps, links
 *           jit_sys.c    flags, segments, time: what kernels do all day
 *           jit_syscall.c  SYSCALL and SYSRET
 *           jit_string.c string instructions, a page at a time
 *           jit_block.c  block by block; the table of translated blocks
 *           jit_thunk.c  the few hand-made pieces every block jumps to
 *           jit_run.c    entering, and C's answers to slow paths
 *           jit_jump.c   the jump cache
 *           jit_split.c  accesses that cross a page
 *           jit_lone.c   instructions that lie in two
 *           jit_inline.c  inline caches of indirect jumps
 * Invariants:
 *  1. Between two guest instructions every guest register is at home, EFLAGS
 *     hold the guest's six arithmetic flags and DF is clear, the guest's too;
 *     those bits of c->rflags are zero.
 *  2. rcx, r14 and r15 are scratch: nothing is expected of them at
 *     instruction boundaries.
 *  3. A guest instruction changes guest state only after its last access that
 *     may fault.
 * Thread:   the vCPU's own.
 */
#ifndef TCG_X86_JIT_PRIV_H
#define TCG_X86_JIT_PRIV_H

#include "tcg-plugin/code/blocks.h"
#include "tcg-plugin/code/code_buf.h"
#include "tcg-plugin/x86/cpu.h"
#include "tcg-plugin/x86/emit.h"
#include "tcg-plugin/x86/insn.h"
#include "tcg-plugin/x86/jit.h"

enum {
	JIT_CODE_SIZE  = 32 << 20,
	JIT_MAX_SITES  = 1 << 19,
	JIT_MAX_LINKS  = 1 << 18,
	JIT_MAX_BLOCKS = 1 << 17,
	JIT_MAX_LONE   = 1 << 14,
	JIT_HASH       = 1 << 17,
	JIT_COLD_MAX   = 256,          /* out-of-line pieces per block     */
	JIT_GROUPS     = 16,           /* shared look-ups per block       */
	JIT_SETTLED    = 32768,        /* translations: no small guest    */
	JIT_COLD_RUNS  = 4,            /* of a block before it is translated:
					  half of a boot's run but once   */
	JIT_INSN_ROOM  = 640,          /* bytes one instruction may take   */
	JIT_ASIDE_MAX  = 512,
	JIT_VERSIONS   = 4,            /* of one block, at most           */
	JIT_HOLD_INSNS = 64,           /* of blocks with pages held       */
	JIT_ALIGN      = 64,           /* of versions: loops start there  */
	JIT_NONE       = ~0u,
	JIT_JUMP       = 1u << 30,     /* leave: with the jump's site     */
};

/* Where each guest register lives; HOME_SLOT: in memory, c->r[]. */
enum { HOME_SLOT = 0xff };
extern const u8 jit_home[16];

/* A place in translated code that may leave for C and come back. */
struct jit_site {
	const struct insn *insn;
	u64 rip;                       /* of the instruction              */
	u32 hit, next;                 /* code offsets: after the look-up;
					  after the instruction           */
	u32 pc;                        /* code offset where a host fault in
					  it may hit, up to `next`        */
	u8  kind, size, mode;          /* the look-up's                   */
	bool end;                      /* do not come back: leave         */
	u32 block;                     /* it belongs to                   */
	u32 again;                     /* code offset: flags first, then as a
					  host fault; 0: they are there   */
	u32 inl;                       /* indirect jump being watched: code
					  offset; `hit` is its last target */
	u8  seen;                      /* ... so many times              */
	s32 undo;                      /* indirect jump: add to rsp when the
					  target turns out not canonical  */
};

/* How far a link leads: jit_link.c. */
enum jit_link_cross { LINK_IN_PAGE, LINK_GLOBAL, LINK_SPACE };

/* Where a link lands: backward ones look at requests first.  In an STI shadow,
 * leaving for C must not let an interrupt in. */
enum jit_link_entry { LINK_BACK, LINK_FORWARD, LINK_SHADOW };

/* What EFLAGS are, while the operands are where they were: add and sub are
 * known by their result in `a` and the other operand.  A comparison of vector
 * registers has left copies of them in jr.comis. */
enum { FL_NONE, FL_ADD, FL_SUB, FL_CMP, FL_TEST, FL_RESULT, FL_COMIS };
struct jit_flags {
	u8 kind, size;                 /* size: 1, 2, 4, 8                */
	u8 a, b;                       /* guest registers; b may be R_NONE */
	s32 imm;                       /* ... and this the other operand  */
};

/* What holds where a link leads from one block to another. */
struct jit_known {
	struct jit_flags flags;
	bool fpu;                      /* it is in the host's registers   */
	bool hold;                     /* a page is held, for this kind of
					  access (jit_hold.c)             */
	u8  hold_kind;
	u64 held;                      /* ... and thought to be this      */
	bool no_hold;                  /* holding pages has not been worth it */
};

/* A direct jump out of a block. */
struct jit_link {
	u64 target;                    /* guest rip                       */
	u32 at;                        /* code offset of the displacement */
	u32 stub;                      /* code offset it points at unlinked */
	u8  entry;                     /* enum jit_link_entry             */
	u8  cross;                     /* enum jit_link_cross             */
	bool cut;                      /* global: not patched now, but still
					  on its block's list             */
	u32 via;                       /* cross: code offset of the way by
					  the jump cache                  */
	u32 tag;                       /* space: code offset of what its look
					  compares with, negated          */
	u32 miss;                      /* ... of its jump when they differ */
	u32 space;                     /* ... what that is                */
	u32 from;                      /* block                           */
	u32 to, next_in;               /* linked: block, its list         */
	struct jit_known known;
};

struct jit_block {
	struct block *guest;
	u64 rip;
	u32 code;                      /* offset of the entry             */
	u32 inner;                     /* ... behind its look at requests */
	u32 cold;                      /* offset of what seldom runs      */
	u32 site;                      /* the first of its sites          */
	u32 hash_next;
	u16 state;                     /* jit_state() it was made for     */
	u32 links_in;                  /* first jit_link that lands here  */
	bool dead;
	/* jit_version.c */
	bool wants_flags, version;
	u8 versions;                   /* made of it                      */
	bool no_hold;                  /* they guess no pages             */
	struct jit_known known;        /* version: before it              */
	u8  missed;                    /* jit_lone_missed                 */
};

/* An instruction in two pages, from two words before their border. */
struct jit_lone {
	u8 bytes[32];
	struct insn insn;              /* len 0: it gets no piece         */
};

/* Jumps of an address space that is not the present one.  They are true as
 * long as no block died since. */
struct jit_aside {
	u64 serial;                    /* tlb_aside's                     */
	u64 killed, flushes;           /* of jit_stats, then              */
	u32 space;                     /* what jr.space was               */
	u16 env[TLB_MODES];
	u32 n;
	struct jit_kept {
		u64 rip, code;
		u8 mode, moves;
	} e[JIT_ASIDE_MAX];
};

struct jit {
	struct code_buf buf;
	struct jit_site *site;         /* arenas, reset together          */
	struct jit_link *link;
	struct jit_block *block;
	u32 nsite, nlink, nblock;
	u32 *hash;                     /* JIT_HASH heads                  */
	u32 *cross, ncross;            /* cross links that are patched    */
	u64 cross_pages[1024];         /* by tlb_slot: some link goes there */
	u64 space_pages[1024];         /* ... one of an address space     */
	u32 last_space;                /* the last number given           */
	u64 hold_since;                /* TSC when jr.hold_left was set   */
	/* thunks: code offsets */
	u32 enter, leave, slow, interp, lone, fault, fpu;
	struct block two_pages;        /* holds no instruction: the twin of
					  all pieces that run one from two
					  pages, whatever it is            */
	struct jit_lone lone_now;      /* the one a piece is made for     */
	struct insn *lone_insn;        /* those of pieces                 */
	u32 nlone;
	u64 code_gen, flush_gen;       /* the block cache's, last looked at */
	u16 env[TLB_MODES];            /* jit_state() & ST_ENV for which each
					  mode's jump cache holds         */
	struct jit_stats st;
	struct jit_aside aside[TLB_ASIDES], *live;
	u64 *fell;                     /* by row: left to the interpreter */
};

/* What the emitted code of a block depends on besides its bytes and address:
 * the TLB mode (low two bits), CPL 0, and control register bits. */
enum { ST_FPU = BIT(2),                /* no #NM, no #UD for FP and SSE   */
       ST_SMAP = BIT(3), ST_FSGS = BIT(4), ST_TSD = BIT(5),
       ST_CPL0 = BIT(6), ST_AVX = BIT(7), ST_LA57 = BIT(8),
       ST_SYSCALL = BIT(9),            /* enabled; SFMASK clears IF DF TF AC */
       ST_PKE = BIT(10),               /* protection keys are on          */
       /* 32-bit code over flat CS, DS, ES and SS; FS and GS have any base but
	* no limit. */
       ST_32 = BIT(12), ST_FS32 = BIT(13), ST_GS32 = BIT(14),
       ST_ENV = ST_FPU | ST_SMAP | ST_FSGS | ST_TSD | ST_AVX | ST_LA57 |
		ST_SYSCALL | ST_PKE | ST_32 | ST_FS32 | ST_GS32 };

/* An out-of-line piece, emitted behind the block. */
struct jit_cold {
	struct jit_flags flags;        /* to be made again, if kind       */
	bool fault;                    /* nobody jumps: a host fault goes here */
	s32 neg;                       /* r14 is an offset in the page r15 is
					  the index of, of this array; or 0 */
	bool split;                    /* tr_split comes first            */
	bool hold;                     /* tr_hold_cold does it all        */
	u8  kind;                      /* hold: the access                */
	u16 size;
	u8 *back;                      /* ... where it goes on, or NULL   */
	u64 rip;                       /* ... its instruction             */
	u8 *from[2];                   /* displacements that jump here    */
	u32 site, link;                /* which; JIT_NONE                 */
	u32 thunk;                     /* code offset to go to            */
};

/* Instructions that share a look-up (jit_group.c). */
struct jit_group {
	u8 *from, *back;               /* the miss's displacement; where the
					  path out of line returns to     */
	u64 rip;                       /* of the first                    */
	unsigned insn, count;
	u8 mode;
	struct tr_flags {
		struct jit_flags by;   /* FL_NONE: not known              */
		bool lost;             /* EFLAGS are not the guest's      */
	} flags, after;                /* behind the look-up, and behind all */
};

/* What a check of an access in a held page covers: bytes from base + index as
 * they were then; r14 is the offset of the first in the page. */
struct tr_near {
	bool on;
	u8  base, index, scale;
	s64 lo, hi, moved;             /* the base has moved since        */
};

/* Translating one block. */
struct tr {
	struct emit e;
	struct x86_cpu *c;
	struct jit *j;
	struct block *guest;
	const struct insn *i;          /* the current instruction         */
	u64 rip;                       /* its address                     */
	u64 page;                      /* guest page of the block         */
	u8  mode;                      /* TLB mode                        */
	u8  word;                      /* 8; 4 in 32-bit code             */
	u16 state;                     /* ST_*                            */
	bool fpu_here;                 /* checked to be in host registers */
	bool ended;                    /* control left the block          */
	bool failed;                   /* an arena is full                */
	u8 *hot_end;                   /* then follows the cold end       */
	u32 block;                     /* being made                      */
	u32 cur_site;                  /* of the current look-up          */
	struct jit_cold cold[JIT_COLD_MAX];
	unsigned ncold;
	struct {                       /* inside one                      */
		bool on;
		u8 base;
		s64 shift;             /* how far rsp has moved           */
	} group;
	struct jit_group groups[JIT_GROUPS];
	unsigned ngroup, n;            /* n: index of the instruction     */
	struct tr_flags flags;
	struct {
		bool plan;             /* page[] says something           */
		bool on;
		u8  kind;              /* TLB_WRITE serves both           */
		u64 held;              /* what was thought to be held last */
		struct tr_near near;
		u64 page[JIT_HOLD_INSNS];      /* by instruction; see jit_hold.c */
	} hold;
	bool wants_flags;              /* look-ups that had to keep them  */
	bool fell;                     /* behind the last instruction     */
};

/* --- jit_mem.c --- */
/* gs-relative places. */
s32  gs_reg(unsigned guest);
struct host_rm gs_field(size_t offset);
#define GS(member) gs_field(offsetof(struct x86_cpu, member))
/* Host register that holds guest `g`: its home, or `tmp` loaded from memory. */
u8   tr_get(struct tr *t, unsigned g, u8 tmp);
/* Write host register `h` to guest `g`'s home, 64 bits. */
void tr_put(struct tr *t, unsigned g, u8 h);
/* Arrays of a mode, for the emitted code. */
#define TR_TLB(mode, member, kind)                                        \
	((s32)offsetof(struct x86_cpu, tlb.member[mode][kind]))
/* Guest linear address of the memory operand -> r14. */
void tr_ea(struct tr *t, const struct insn *i);
/* r14 is a guest linear address: after this, r14 + r15 is the host's and rcx is
 * zero, or control went to the slow path.  kind: TLB_READ or TLB_WRITE. */
void tr_lookup(struct tr *t, unsigned kind, unsigned size);
/* The current instruction's code is complete: slow paths may come back here. */
void tr_lookup_done(struct tr *t, u32 first_site);
/* Make sure the guest's FP state is in the host's registers. */
void tr_need_fpu(struct tr *t);
/* The same instruction in the interpreter; `end`: leave afterwards. */
void tr_interp(struct tr *t, bool end);
/* Jumps whose displacement is at `from` lead to the interpreter. */
void tr_slow(struct tr *t, u8 *from);
/* rcx must be zero here, or the interpreter does it. */
void tr_slow_unless_rcx0(struct tr *t);
/* As tr_lookup, but misses are the interpreter's: not every byte of `size` is
 * touched. */
void tr_lookup_some(struct tr *t, unsigned kind, unsigned size);
/* As tr_lookup for a run of `count` (a register) elements; misses are the
 * interpreter's.  count << log2 must be known to be small. */
void tr_lookup_run(struct tr *t, unsigned kind, u8 count, u8 log2);
u32  tr_site(struct tr *t);            /* new site for the current insn   */
void tr_cold(struct tr *t, u8 *from0, u8 *from1, u32 site, u32 link,
	     u32 thunk);
/* A host fault in `site` finds the flags again. */
void tr_fault_flags(struct tr *t, u32 site);
static inline struct host_rm tr_host(void)
{
	return rm_mem(H_14, H_15, 0, 0);
}

/* A look-up of its own: returns where misses jump from. */
u8  *tr_lookup_to(struct tr *t, unsigned kind, unsigned size);

/* Moves, addresses and stack slots are as wide as the code's words.  In 32-bit
 * code the upper halves of registers mean nothing and are zero once written. */
static inline void word_mov(struct tr *t, u8 dst, u8 src)
{
	(t->word == 8 ? emit_mov : emit_mov32)(&t->e, dst, src);
}

static inline void word_lea(struct tr *t, u8 dst, struct host_rm m)
{
	(t->word == 8 ? emit_lea : emit_lea32)(&t->e, dst, m);
}

static inline void word_load(struct tr *t, u8 dst, struct host_rm m)
{
	(t->word == 8 ? emit_load : emit_load32)(&t->e, dst, m);
}

static inline void word_store(struct tr *t, u8 src, struct host_rm m)
{
	(t->word == 8 ? emit_store : emit_store32)(&t->e, src, m);
}

/* rsp += by */
static inline void word_rsp(struct tr *t, s32 by)
{
	word_lea(t, H_SP, rm_mem(H_SP, H_NONE, 0, by));
}

/* --- jit_group.c --- */
/* As many of the `left` instructions at `i` as share a look-up; 0: none. */
unsigned tr_group(struct tr *t, const struct insn *i, unsigned left);
/* In a group: where the operand is. */
struct host_rm tr_group_operand(const struct tr *t, const struct insn *i);

/* May stand in a group: moves no stack pointer, needs no r15. */
bool tr_group_plain(const struct tr *t, const struct insn *i);

/* --- jit_hold.c --- */
/* A version: which of its accesses lie in one page? */
void tr_hold_plan(struct tr *t, const struct jit_known *known);
/* The operand is at *rm; false: nothing was emitted. */
bool tr_hold(struct tr *t, const struct insn *i, struct host_rm *rm);
/* Would it be for instruction t->n? */
bool tr_hold_wanted(const struct tr *t);
/* `i` has been emitted. */
void tr_hold_after(struct tr *t, const struct insn *i);
void tr_hold_cold(struct tr *t, const struct jit_cold *k);
/* jr.hold_left has run out in that block. */
void jit_hold_missed(struct x86_cpu *c, u32 block);

/* --- jit_flags.c --- */
static inline const struct insn *tr_body(const struct tr *t)
{
	return (const struct insn *)(void *)t->guest->body;
}
/* May a look-up for t->i lose EFLAGS?  Then they count as lost. */
bool tr_flags_free(struct tr *t);
/* Would it, if what made them were known and stayed where it is? */
bool tr_flags_unseen(const struct tr *t);
/* `i` has been emitted. */
void tr_flags_after(struct tr *t, const struct insn *i);
/* What holds at the jump being made. */
struct jit_known tr_known(const struct tr *t);
/* Make them again; clobbers rcx only. */
void tr_flags_again(struct tr *t, const struct jit_flags *f);

/* --- jit_link.c --- */
void jit_link_to(struct jit *j, u32 link, struct jit_block *to);
/* A cross link's target is not global: by the jump cache from now on. */
void jit_link_via(struct jit *j, u32 link);
/* Cross links to la's page, or all of them: away. */
void jit_cut_page(struct jit *j, u64 la);
void jit_cut_all(struct jit *j);
/* A link of an address space is true now.  False: enter *to by its jump cache
 * entry; else *to is where it leads. */
bool jit_link_space(struct x86_cpu *c, u32 link, struct jit_block **to);
/* Other translations hold from now on: all may be others, those of la's page. */
void jit_space_new(struct x86_cpu *c);
void jit_space_page(struct x86_cpu *c, u64 la);
void jit_block_kill(struct jit *j, struct jit_block *b);
void jit_links_forget(struct jit *j);
/* The jump whose displacement is at one code offset goes to another. */
void jit_link_aim(struct jit *j, u32 at, u32 to);

/* --- jit_version.c --- */
/* Where this link should lead instead of to `to`, the block made for all comers:
 * the same, or a version of it. */
struct jit_block *jit_version(struct x86_cpu *c, u32 link,
			      struct jit_block *to);

/* --- jit_operand.c: guest registers that live in memory --- */
/* May the r/m operand, such a register, be the host's memory operand? */
bool tr_rm_in_place(const struct insn *i);
bool tr_rm_read(const struct insn *i);
bool tr_rm_written(const struct insn *i);
bool tr_reg_read(const struct insn *i);
bool tr_reg_written(const struct insn *i);

/* --- jit_insn.c --- */
/* Bytes of the memory operand. */
unsigned tr_mem_size(const struct insn *i);
/* Not in 64-bit code, but another encoding of the same is. */
bool tr_has_twin(const struct insn *i);
/* Re-emit; false: not something it knows how to. */
bool tr_plain(struct tr *t, const struct insn *i);

/* The memory operand, looked up for its row's access, alone or in a group. */
struct host_rm tr_mem_operand(struct tr *t, const struct insn *i);
/* What follows may raise a host fault that is the instruction's. */
void tr_fault_site(struct tr *t);

/* --- jit_x87.c --- */
/* false: left to the interpreter. */
bool tr_x87(struct tr *t, const struct insn *i);

/* --- jit_vex.c --- */
/* A VEX instruction; false: left to the interpreter. */
bool tr_vex(struct tr *t, const struct insn *i);
/* It may stand in a group: only vectors, all of its memory operand touched. */
bool tr_vex_groups(const struct tr *t, const struct insn *i);

/* --- jit_gather.c --- */
/* false: left to the interpreter. */
bool tr_gather(struct tr *t, const struct insn *i);

/* --- jit_flow.c --- */
/* Stack and control flow; false: not one of those. */
bool tr_flow(struct tr *t, const struct insn *i);
/* Jump to guest address `target` (a constant); ends this path. */
void tr_goto(struct tr *t, u64 target);
/* ... to the address in r14; `undo`: what to add to rsp if it is none. */
void tr_goto_r14(struct tr *t, s32 undo);
/* A link made out of line: nothing is known there but guest state. */
void tr_cold_goto(struct tr *t, u64 target);
/* The jump cache's part of that; returns where misses jump from. */
u8  *tr_jump_cache(struct tr *t);
/* The same to the next instruction, in an STI shadow.  It is in this page. */
void tr_goto_shadow(struct tr *t, u64 target);
/* Look up the slot of a push: r14 + r15 is its host address. */
void tr_push_slot(struct tr *t, unsigned size);
/* Look up the top of the stack. */
void tr_pop_slot(struct tr *t, unsigned size);

/* --- jit_inline.c --- */
/* As tr_goto_r14, by way of an inline cache. */
void tr_inline_goto(struct tr *t, s32 undo);
/* The jump of `site` leads to rip and `to`; perhaps it has such a cache. */
void jit_inline_learn(struct x86_cpu *c, u32 site, struct jit_block *to);

/* --- jit_syscall.c --- */
bool tr_syscall(struct tr *t, const struct insn *i);
bool tr_sysret(struct tr *t, const struct insn *i);

/* --- jit_sys.c, jit_string.c --- */
/* All of the guest's RFLAGS -> rcx.  The guest's rax is in jr.tmp then, and
 * rax anything. */
void tr_rflags_to_rcx(struct tr *t);
/* Arithmetic flags as register `h`, an RFLAGS image, has them.  Clobbers rax
 * and rcx. */
void tr_flags_from(struct tr *t, u8 h);
/* Not canonical: the interpreter's.  Clobbers rcx and r14. */
void tr_check_canonical(struct tr *t, u8 h);
void tr_load8(struct tr *t, u8 dst, struct host_rm m);
bool tr_sys(struct tr *t, const struct insn *i);
bool tr_string(struct tr *t, const struct insn *i);

/* --- jit_jump.c --- */
/* `code`: offset in the code buffer. */
void jit_jump_fill(struct x86_cpu *c, u64 rip, u64 code);
/* Host code for rip in the present mode, NULL: not known. */
const void *jit_jump_get(const struct x86_cpu *c, u64 rip);
/* Will this translation of rip's page survive a change of address space? */
bool jit_page_global(const struct x86_cpu *c, u64 rip);
void jit_jump_forget(struct x86_cpu *c, const struct jit_block *b);

/* --- jit_lone.c --- */
/* The instruction at rip -> lone_now.  May fault as its execution would. */
void jit_lone_read(struct x86_cpu *c);
/* The piece's look; its instruction is what is translated next.  NULL: C's. */
const struct insn *tr_lone(struct tr *t);
/* C had to run this piece's instruction. */
void jit_lone_missed(struct x86_cpu *c, struct jit_block *b);

/* --- jit_run.c: what the thunks call; 0: go on at c->jr.resume --- */
u32  jit_c_slow(struct x86_cpu *c, u32 site, u64 la);
u32  jit_c_interp(struct x86_cpu *c, u32 site, u64 unused);
u32  jit_c_lone(struct x86_cpu *c, u32 site, u64 unused);
u32  jit_c_fault(struct x86_cpu *c, u32 site, u64 reason);
u32  jit_c_fpu(struct x86_cpu *c, u32 site, u64 unused);
/* Something waits that blocks must not run past. */
bool jit_must_stop(const struct x86_cpu *c);
u16  jit_state(const struct x86_cpu *c);
/* So many blocks were translated: JIT_SETTLED. */
void jit_settle(struct x86_cpu *c);

/* --- jit_split.c --- */
/* A memory operand that crosses a page: not done, its bytes are in c->jr.bounce,
 * or the whole instruction is done. */
enum jit_split { SPLIT_NOT, SPLIT_LOADED, SPLIT_STORED };
enum jit_split jit_split(struct x86_cpu *c, const struct jit_site *s, u64 la);
/* May it cross a page in translated code, out of line? */
bool tr_splits(const struct insn *i);
/* A miss of a look-up that lost flags: do it, if that is why. */
void tr_split(struct tr *t, const struct jit_site *s);

/* --- jit_thunk.c --- */
void jit_make_thunks(struct x86_cpu *c, struct jit *j);

/* --- jit_block.c --- */
/* What a link leads to while it is not patched, but for the jump to C; a cross
 * link also has a way by the jump cache, for targets that may not be linked. */
void tr_link_stub(struct tr *t, u32 link);
struct jit_block *jit_block_find(struct jit *j, const struct block *b, u64 rip,
				 u16 state);
/* NULL: no room; flush and try again.  known NULL: nothing; else a version. */
struct jit_block *jit_translate(struct x86_cpu *c, struct block *b,
				const struct jit_known *known);
/* Live translations of `b`, one after the other; prev NULL: the first. */
struct jit_block *jit_block_next(struct jit *j, const struct jit_block *prev,
				 const struct block *b);
void jit_forget_all(struct x86_cpu *c);

#endif
