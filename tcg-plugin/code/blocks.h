/* SPDX-License-Identifier: MIT */
/*
 * The block cache: guest code by physical identity, decoded or translated.
 *
 * A block is straight-line code within one page, keyed by the host address of
 * its first byte (two guest aliases of a page share it) and a mode the front
 * end chooses.  What the body holds is the front end's affair.
 *
 * Invariants:
 *  1. A page that holds blocks is tracked: no soft TLB has a write entry for
 *     it, and every store goes through code_write, which makes blocks that
 *     overlap it invalid in the same critical section as the store.
 *  2. Writers hold cc->lock.  code_find takes none: blocks are unlinked but
 *     not freed, so a walker never meets freed memory.
 *  3. Memory is freed by code_flush only, when no vCPU is inside guest code.
 *  4. A page keeps a copy of what its blocks were made from; code_verify
 *     compares, for stores made behind our back (device DMA), once per epoch.
 *
 * What 4 does not catch: DMA into a page that stays mapped for execution, whose
 * code the guest then runs with no exit to the VMM under paging, no
 * invalidation of the page and no miss in between.  Systems unmap a page before
 * they reuse it, and with paging off every KVM_RUN looks again (exec.c).  Exact
 * it would be if the VMM told where it stored (gmem_mark_dirty is where all
 * devices come by): code_page_tracked is one look into a hash, no lock.
 */
#ifndef TCG_CODE_BLOCKS_H
#define TCG_CODE_BLOCKS_H

#include <stdatomic.h>

#include "vmm/base/lock.h"
#include "vmm/base/types.h"

struct block {
	struct block *_Atomic hash_next;
	const u8 *host;                /* first byte                      */
	struct block *page_next;       /* list of code_page; cc->lock     */
	_Atomic u8 valid;
	u8  mode;
	u16 bytes;                     /* of guest code                   */
	u16 count;                     /* of instructions                 */
	u32 runs;                      /* the interpreter's; approximate  */
	_Alignas(16) u8 body[];
};

enum code_page_state { PAGE_PLAIN, PAGE_PROTECTING, PAGE_TRACKED };

struct code_page {
	struct code_page *_Atomic hash_next;
	const u8 *host;                /* page-aligned                    */
	_Atomic u8 state;              /* enum code_page_state            */
	_Atomic u64 verified;          /* cc->epoch when copy was compared */
	struct block *blocks;
	u64 cover;                     /* 64-byte pieces some block uses  */
	u8  copy[PAGE_SIZE];
};

enum { CODE_DEAD = 4096, CODE_BLOCK_HASH = 1 << 17, CODE_PAGE_HASH = 1 << 12,
       CODE_MAYBE = 1 << 16,
       CODE_WRITER_HASH = 1 << 18 };

struct code_cache {
	struct lock lock;
	_Atomic pthread_t faulter;     /* holds the lock over guest memory */
	struct block *_Atomic *blocks; /* CODE_BLOCK_HASH                 */
	struct code_page *_Atomic *pages;
	_Atomic u64 *maybe;            /* CODE_MAYBE bits, by host page: one
					  that is clear is not in pages   */
	_Atomic u8 *writers;           /* per hashed page: bit id % 8 of each
					  vCPU that ever could write it   */
	u8 *arena;
	size_t size, used;
	u64 n_blocks, n_pages, n_invalid, n_flush, n_stale;
	/* Bumped when somebody outside guest code may have stored into memory:
	 * the VMM ran, a device raised an interrupt. */
	_Atomic u64 epoch;
	/* The last blocks that died, for translators: dead[gen % CODE_DEAD].  A
	 * flush adds CODE_DEAD to gen: too many to look at one by one. */
	_Atomic u64 gen;
	struct block *_Atomic dead[CODE_DEAD];
};

int  code_cache_init(struct code_cache *cc, size_t arena_size);
void code_cache_fini(struct code_cache *cc);

/* The valid block at `host`, or NULL. [any vCPU] */
struct block *code_find(struct code_cache *cc, const u8 *host, unsigned mode);

/*
 * Building a block.  code_begin returns room for a body of at most `body` bytes
 * with cc->lock held; code_commit publishes, code_abort gives up; both drop
 * the lock.  NULL, lock not held: *why says what to do first.
 */
enum code_why { CODE_PROTECT,          /* take write entries away, then
					  code_page_protected, try again  */
		CODE_FULL };           /* stop every vCPU, code_flush     */
struct block *code_begin(struct code_cache *cc, const u8 *host, unsigned mode,
			 size_t body, enum code_why *why);
void code_commit(struct code_cache *cc, struct block *b, unsigned count,
		 unsigned bytes, size_t body);
void code_abort(struct code_cache *cc);
void code_page_protected(struct code_cache *cc, const u8 *host);

/* May a write entry exist for this page?  No lock; see invariant 1. */
bool code_page_tracked(struct code_cache *cc, const u8 *host);
/* Store into a tracked page (n bytes within it).  false: not tracked, and
 * nothing was stored. */
bool code_write(struct code_cache *cc, u8 *host, const void *src, unsigned n);
static inline _Atomic u8 *code_writers(struct code_cache *cc, const u8 *host)
{
	return &cc->writers[((uintptr_t)host >> PAGE_SHIFT) &
			    (CODE_WRITER_HASH - 1)];
}

/* Before a vCPU fills a write entry, and before it asks code_page_tracked: so
 * that whoever makes the page a code page knows whom to interrupt. */
static inline void code_note_writer(struct code_cache *cc, const u8 *host,
				    unsigned id)
{
	_Atomic u8 *w = code_writers(cc, host);
	u8 bit = 1u << (id % 8);

	if (!(atomic_load_explicit(w, memory_order_relaxed) & bit))
		atomic_fetch_or(w, bit);
	/* Either the one who protects the page reads our bit, or its mark came
	 * before our fetch_or and code_page_tracked sees it. */
}

/* Would that store change or cut `b`? */
static inline bool block_overlaps(const struct block *b, const u8 *host,
				  unsigned n)
{
	return host < b->host + b->bytes && b->host < host + n;
}
/* Forget blocks in [host, host+len): memory went away. */
void code_forget(struct code_cache *cc, const u8 *host, u64 len);
/* Somebody outside guest code may have stored: verify again. [any] */
static inline void code_outside(struct code_cache *cc)
{
	atomic_fetch_add_explicit(&cc->epoch, 1, memory_order_relaxed);
}
/* A page is about to be executed through a fresh TLB entry: drop blocks whose
 * bytes differ now. */
void code_verify(struct code_cache *cc, const u8 *host);
/* After an unwind out of the middle of anything above: drop the lock if this
 * thread holds it. */
void code_unlock_mine(struct code_cache *cc);
/* Drop everything.  No vCPU is inside guest code. */
void code_flush(struct code_cache *cc);

#endif
