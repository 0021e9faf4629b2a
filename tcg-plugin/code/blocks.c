// SPDX-License-Identifier: MIT
/*
 * The block cache: hash of blocks, hash of code pages, one bump arena.
 *
 * Room:     who owns which guest bytes as code, and when that ends.
 * Talks to: its front end through begin/commit; nobody else.
 * Never:    frees a block while a vCPU may run it.
 */
#include "tcg-plugin/code/blocks.h"

#include <errno.h>
#include <string.h>

#include "tcg-plugin/code/arena.h"
#include "tcg-plugin/memory/slots.h"

/* Neighbours in a page are neighbours here: what runs together then shares the
 * host's cache lines.  A page has 256 heads. */
static unsigned block_hash(const u8 *host)
{
	u64 page = ((u64)(uintptr_t)host >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull;

	return (unsigned)((page >> 47 << 8 | (uintptr_t)host % PAGE_SIZE / 16) &
			  (CODE_BLOCK_HASH - 1));
}

static unsigned page_hash(const u8 *host)
{
	u64 h = ((u64)(uintptr_t)host >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull;

	return h >> 52 & (CODE_PAGE_HASH - 1);
}

static const u8 *page_of(const u8 *host)
{
	return (const u8 *)((uintptr_t)host & ~(uintptr_t)(PAGE_SIZE - 1));
}

static u64 cover_of(const u8 *host, unsigned n)
{
	unsigned first = (uintptr_t)host % PAGE_SIZE / 64;
	unsigned last = ((uintptr_t)host % PAGE_SIZE + n - 1) / 64;
	u64 upto = last >= 63 ? ~0ull : (1ull << (last + 1)) - 1;

	return upto & ~((1ull << first) - 1);
}

/* Around whatever touches guest memory with the lock held, and so may fault. */
static void may_fault(struct code_cache *cc, bool on)
{
	atomic_store_explicit(&cc->faulter, on ? pthread_self() : 0,
			      memory_order_relaxed);
}

void code_unlock_mine(struct code_cache *cc)
{
	if (atomic_load_explicit(&cc->faulter, memory_order_relaxed) !=
	    pthread_self())
		return;
	may_fault(cc, false);
	lock_drop(&cc->lock);
}

int code_cache_init(struct code_cache *cc, size_t arena_size)
{
	*cc = (struct code_cache){ .size = arena_size, .epoch = 1 };
	lock_init(&cc->lock, "tcg code");
	cc->blocks = arena_map(CODE_BLOCK_HASH * sizeof(*cc->blocks));
	cc->pages = arena_map(CODE_PAGE_HASH * sizeof(*cc->pages));
	cc->maybe = arena_map(CODE_MAYBE / 8);
	cc->arena = arena_map(arena_size);
	cc->writers = arena_map(CODE_WRITER_HASH);
	if (cc->blocks && cc->pages && cc->maybe && cc->arena && cc->writers)
		return 0;
	code_cache_fini(cc);
	return -ENOMEM;
}

void code_cache_fini(struct code_cache *cc)
{
	arena_unmap((void *)cc->blocks, CODE_BLOCK_HASH * sizeof(*cc->blocks));
	arena_unmap((void *)cc->pages, CODE_PAGE_HASH * sizeof(*cc->pages));
	arena_unmap((void *)cc->maybe, CODE_MAYBE / 8);
	arena_unmap(cc->arena, cc->size);
	arena_unmap((void *)cc->writers, CODE_WRITER_HASH);
	lock_fini(&cc->lock);
	*cc = (struct code_cache){ 0 };
}

static void *arena_take(struct code_cache *cc, size_t n)
{
	u8 *p = cc->arena + cc->used;

	n = ALIGN_UP(n, 64);
	if (n > cc->size - cc->used)
		return NULL;
	cc->used += n;
	return p;
}

struct block *code_find(struct code_cache *cc, const u8 *host, unsigned mode)
{
	struct block *b = atomic_load_explicit(
		&cc->blocks[block_hash(host)], memory_order_acquire);

	for (; b; b = atomic_load_explicit(&b->hash_next,
					   memory_order_acquire))
		if (b->host == host && b->mode == mode &&
		    atomic_load_explicit(&b->valid, memory_order_relaxed))
			return b;
	return NULL;
}

static bool maybe_page(const struct code_cache *cc, const u8 *host)
{
	const unsigned bit = (uintptr_t)host >> PAGE_SHIFT & (CODE_MAYBE - 1);

	return atomic_load_explicit(&cc->maybe[bit / 64],
				    memory_order_relaxed) >> bit % 64 & 1;
}

static void note_page(struct code_cache *cc, const u8 *host)
{
	const unsigned bit = (uintptr_t)host >> PAGE_SHIFT & (CODE_MAYBE - 1);

	atomic_fetch_or(&cc->maybe[bit / 64], 1ull << bit % 64);
}

static struct code_page *page_find(struct code_cache *cc, const u8 *host)
{
	struct code_page *p;

	if (!maybe_page(cc, host))
		return NULL;
	host = page_of(host);
	p = atomic_load_explicit(&cc->pages[page_hash(host)],
				 memory_order_acquire);
	while (p && p->host != host)
		p = atomic_load_explicit(&p->hash_next, memory_order_acquire);
	return p;
}

static struct code_page *page_get(struct code_cache *cc, const u8 *host)
{
	struct code_page *p = page_find(cc, host);
	unsigned h;

	if (p)
		return p;
	p = arena_take(cc, sizeof(*p));
	if (!p)
		return NULL;
	host = page_of(host);
	h = page_hash(host);
	p->host = host;
	p->blocks = NULL;
	p->cover = 0;
	atomic_store(&p->state, PAGE_PLAIN);
	note_page(cc, host);           /* before anybody reads `writers`  */
	atomic_store(&p->hash_next, atomic_load(&cc->pages[h]));
	atomic_store_explicit(&cc->pages[h], p, memory_order_release);
	cc->n_pages++;
	return p;
}

bool code_page_tracked(struct code_cache *cc, const u8 *host)
{
	struct code_page *p = page_find(cc, host);

	return p && atomic_load(&p->state) != PAGE_PLAIN;
}

/* --- leaving the cache ---------------------------------------------------- */

static void block_unhash(struct code_cache *cc, struct block *b)
{
	struct block *_Atomic *at = &cc->blocks[block_hash(b->host)];
	struct block *i;

	while ((i = atomic_load(at)) && i != b)
		at = &i->hash_next;
	if (i)
		atomic_store_explicit(at, atomic_load(&b->hash_next),
				      memory_order_release);
	atomic_store(&b->valid, 0);
	atomic_store(&cc->dead[atomic_load(&cc->gen) % CODE_DEAD], b);
	atomic_fetch_add(&cc->gen, 1);
	cc->n_invalid++;
	cc->n_blocks--;
}

/* Drop the page's blocks that overlap [host, host+n); lock held. */
static void page_drop(struct code_cache *cc, struct code_page *p,
		      const u8 *host, unsigned n)
{
	struct block **at = &p->blocks, *b;

	p->cover = 0;
	while ((b = *at)) {
		if (block_overlaps(b, host, n)) {
			*at = b->page_next;
			block_unhash(cc, b);
			continue;
		}
		p->cover |= cover_of(b->host, b->bytes);
		at = &b->page_next;
	}
}

/* Write entries may come back once no block is left. */
static void page_untrack(struct code_page *p)
{
	if (!p->blocks && atomic_load(&p->state) == PAGE_TRACKED)
		atomic_store(&p->state, PAGE_PLAIN);
}

bool code_write(struct code_cache *cc, u8 *host, const void *src, unsigned n)
{
	SCOPED_LOCK(&cc->lock);
	struct code_page *p = page_find(cc, host);

	if (!p || atomic_load(&p->state) == PAGE_PLAIN)
		return false;
	if (p->cover & cover_of(host, n))
		page_drop(cc, p, host, n);
	may_fault(cc, true);
	mem_store(host, src, n);
	may_fault(cc, false);
	memcpy(p->copy + (uintptr_t)host % PAGE_SIZE, src, n);
	page_untrack(p);
	return true;
}

void code_forget(struct code_cache *cc, const u8 *host, u64 len)
{
	SCOPED_LOCK(&cc->lock);

	for (unsigned h = 0; h < CODE_PAGE_HASH; h++) {
		struct code_page *p = atomic_load(&cc->pages[h]);

		for (; p; p = atomic_load(&p->hash_next)) {
			if ((u64)(p->host - host) >= len)
				continue;
			page_drop(cc, p, p->host, PAGE_SIZE);
			page_untrack(p);
		}
	}
}

/* Drop each block whose bytes changed, then take a new copy; lock held. */
static void page_refresh(struct code_cache *cc, struct code_page *p)
{
	u8 now[PAGE_SIZE];

	memcpy(now, p->host, PAGE_SIZE);
	for (unsigned i = 0; i < 64; i++) {
		if (!(p->cover & 1ull << i) ||
		    !memcmp(now + i * 64, p->copy + i * 64, 64))
			continue;
		page_drop(cc, p, p->host + i * 64, 64);
		cc->n_stale++;
	}
	memcpy(p->copy, now, PAGE_SIZE);
}

/* Do all pieces that blocks were made from still hold the same? */
static bool page_same(const struct code_page *p)
{
	if (__builtin_popcountll(p->cover) > 24)
		return !memcmp(p->copy, p->host, PAGE_SIZE);
	for (u64 m = p->cover; m; m &= m - 1) {
		unsigned at = __builtin_ctzll(m) * 64;

		if (memcmp(p->copy + at, p->host + at, 64))
			return false;
	}
	return true;
}

/* Lock held. */
static void page_verify(struct code_cache *cc, struct code_page *p)
{
	u64 epoch = atomic_load(&cc->epoch);

	if (atomic_load(&p->verified) == epoch)
		return;
	if (!page_same(p))
		page_refresh(cc, p);
	atomic_store(&p->verified, epoch);
}

void code_verify(struct code_cache *cc, const u8 *host)
{
	struct code_page *p = page_find(cc, host);

	if (!p || atomic_load(&p->state) == PAGE_PLAIN ||
	    atomic_load(&p->verified) == atomic_load(&cc->epoch))
		return;
	SCOPED_LOCK(&cc->lock);
	may_fault(cc, true);
	page_verify(cc, p);
	may_fault(cc, false);
}

void code_flush(struct code_cache *cc)
{
	SCOPED_LOCK(&cc->lock);

	memset((void *)cc->blocks, 0, CODE_BLOCK_HASH * sizeof(*cc->blocks));
	memset((void *)cc->pages, 0, CODE_PAGE_HASH * sizeof(*cc->pages));
	memset((void *)cc->maybe, 0, CODE_MAYBE / 8);
	cc->used = 0;
	cc->n_blocks = cc->n_pages = 0;
	cc->n_flush++;
	atomic_fetch_add(&cc->gen, CODE_DEAD + 1);
}

/* --- entering it ---------------------------------------------------------- */

struct block *code_begin(struct code_cache *cc, const u8 *host, unsigned mode,
			 size_t body, enum code_why *why)
{
	struct code_page *p;
	struct block *b = NULL;

	lock_take(&cc->lock);
	*why = CODE_FULL;
	p = page_get(cc, host);
	if (p && atomic_load(&p->state) != PAGE_TRACKED) {
		atomic_store(&p->state, PAGE_PROTECTING);
		*why = CODE_PROTECT;
	} else if (p && cc->size - cc->used >= sizeof(*b) + body + 64) {
		b = (struct block *)(void *)(cc->arena + cc->used);
		memset(b, 0, sizeof(*b));
		b->host = host;
		b->mode = mode;
		may_fault(cc, true);   /* until commit or abort           */
		return b;
	}
	lock_drop(&cc->lock);
	return NULL;
}

/* Copy the pieces a new block lies in; older blocks there that were made from
 * other bytes go. */
static void page_record(struct code_cache *cc, struct code_page *p, u64 pieces)
{
	for (u64 m = pieces; m; m &= m - 1) {
		unsigned i = __builtin_ctzll(m), at = i * 64;

		if (!memcmp(p->copy + at, p->host + at, 64))
			continue;
		if (p->cover >> i & 1) {
			page_drop(cc, p, p->host + at, 64);
			cc->n_stale++;
		}
		memcpy(p->copy + at, p->host + at, 64);
	}
}

void code_commit(struct code_cache *cc, struct block *b, unsigned count,
		 unsigned bytes, size_t body)
{
	unsigned h = block_hash(b->host);
	struct code_page *p = page_find(cc, b->host);

	assert(bytes && (uintptr_t)b->host % PAGE_SIZE + bytes <= PAGE_SIZE);
	arena_take(cc, sizeof(*b) + body);
	b->count = count;
	b->bytes = bytes;
	page_record(cc, p, cover_of(b->host, bytes));
	b->page_next = p->blocks;
	p->blocks = b;
	p->cover |= cover_of(b->host, bytes);
	atomic_store(&b->valid, 1);
	atomic_store(&b->hash_next, atomic_load(&cc->blocks[h]));
	atomic_store_explicit(&cc->blocks[h], b, memory_order_release);
	cc->n_blocks++;
	may_fault(cc, false);
	lock_drop(&cc->lock);
}

void code_abort(struct code_cache *cc)
{
	may_fault(cc, false);
	lock_drop(&cc->lock);
}

void code_page_protected(struct code_cache *cc, const u8 *host)
{
	SCOPED_LOCK(&cc->lock);
	struct code_page *p = page_find(cc, host);

	if (p && atomic_load(&p->state) == PAGE_PROTECTING)
		atomic_store(&p->state, PAGE_TRACKED);
}
