/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM and ROM behind one bounds-checked door.  See gmem.h.
 *
 * Talks to: the listener (kvm/ slots); memfd and mmap.
 * Never:    dispatches to a device: memory is memory, a bus is a bus.
 *
 * Invariants:
 *  1. `table` is read with one acquire load and is never changed once
 *     published; the loop thread alone publishes.
 *  2. An accessor checks its whole range before it moves the first byte.
 *  3. Slot numbers are reused only after the listener saw the block go.
 */
#include "vmm/core/gmem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct gmem_table {
	struct gmem_table *retired;    /* next older one                */
	unsigned n;
	const struct gmem_block *v[];  /* sorted by gpa                 */
};

struct gmem {
	_Atomic(struct gmem_table *) table;
	struct gmem_listener *listener;
	struct gmem_table *retired;
};

static struct gmem_table *table_alloc(unsigned n)
{
	struct gmem_table *t;

	t = calloc(1, sizeof(*t) + n * sizeof(t->v[0]));
	if (!t)
		abort();
	t->n = n;
	return t;
}

static struct gmem_table *table_of(struct gmem *m)
{
	return atomic_load_explicit(&m->table, memory_order_acquire);
}

static void publish(struct gmem *m, struct gmem_table *t)
{
	struct gmem_table *old = table_of(m);

	old->retired = m->retired;
	m->retired = old;
	atomic_store_explicit(&m->table, t, memory_order_release);
}

struct gmem *gmem_create(void)
{
	struct gmem *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	atomic_init(&m->table, table_alloc(0));
	return m;
}

static void block_free(struct gmem_block *b)
{
	if (b->host)
		munmap(b->host, b->len);
	if (b->fd >= 0)
		close(b->fd);
	free(b->dirty);
	free(b);
}

void gmem_destroy(struct gmem *m)
{
	struct gmem_table *t, *next;

	if (!m)
		return;
	t = table_of(m);
	for (unsigned i = 0; i < t->n; i++) {
		if (m->listener)
			m->listener->del(m->listener, t->v[i]);
		block_free((struct gmem_block *)t->v[i]);
	}
	free(t);
	for (t = m->retired; t; t = next) {
		next = t->retired;
		free(t);
	}
	free(m);
}

int gmem_listen(struct gmem *m, struct gmem_listener *l, struct err *e)
{
	struct gmem_table *t = table_of(m);
	unsigned i;
	int rc;

	assert(!m->listener);
	for (i = 0; i < t->n; i++) {
		rc = l->add(l, t->v[i], e);
		if (rc < 0)
			goto fail_add;
	}
	m->listener = l;
	return 0;

fail_add:
	while (i--)
		l->del(l, t->v[i]);
	return rc;
}

int gmem_backing_create(const char *name, u64 len, int *fd, struct err *e)
{
	int rc, f;

	f = memfd_create(name, MFD_CLOEXEC);
	if (f < 0)
		return err_set(e, -errno, "memory file for %s: %m", name);
	if (len > INT64_MAX || ftruncate(f, len) < 0) {
		rc = len > INT64_MAX ? -ENOMEM : -errno;
		close(f);
		return err_set(e, rc, "cannot set up %llu MiB of guest memory "
			       "(%s): %m", (unsigned long long)(len / MiB), name);
	}
	*fd = f;
	return 0;
}

static int range_check(struct gmem_table *t, const char *name, gpa_t gpa,
		       u64 len, u64 fd_off, struct err *e)
{
	u64 last;

	if (!len || (gpa | len | fd_off) % PAGE_SIZE ||
	    __builtin_add_overflow(gpa, len - 1, &last))
		return err_set(e, -EINVAL, "%s: guest memory at 0x%llx+0x%llx is "
			       "not made of whole pages", name,
			       (unsigned long long)gpa, (unsigned long long)len);
	for (unsigned i = 0; i < t->n; i++) {
		const struct gmem_block *b = t->v[i];

		if (gpa <= b->gpa + (b->len - 1) && b->gpa <= last)
			return err_set(e, -EEXIST, "%s: guest memory at 0x%llx "
				       "overlaps %s", name,
				       (unsigned long long)gpa, b->name);
	}
	return 0;
}

static int free_slot(struct gmem_table *t)
{
	for (int slot = 0; ; slot++) {
		bool used = false;

		for (unsigned i = 0; i < t->n; i++)
			used |= t->v[i]->slot == slot;
		if (!used)
			return slot;
	}
}

static int block_map(struct gmem_block *b, struct err *e)
{
	int flags = b->flags & GMEM_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	void *p;

	if (b->flags & GMEM_PREALLOC)
		flags |= MAP_POPULATE;
	p = mmap(NULL, b->len, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE,
		 b->fd, (off_t)b->fd_off);
	if (p == MAP_FAILED)
		return err_set(e, -errno, "cannot map %llu MiB of guest memory "
			       "(%s): %m", (unsigned long long)(b->len / MiB),
			       b->name);
	b->host = p;
	return 0;
}

int gmem_add(struct gmem *m, const char *name, gpa_t gpa, u64 len, int fd,
	     u64 fd_off, u32 flags, struct err *e)
{
	struct gmem_table *old = table_of(m), *t;
	struct gmem_block *b;
	unsigned at = 0;
	int rc;

	rc = range_check(old, name, gpa, len, fd_off, e);
	if (rc < 0)
		return rc;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	strncpy(b->name, name, sizeof(b->name) - 1);
	b->gpa = gpa;
	b->len = len;
	b->fd_off = fd < 0 ? 0 : fd_off;
	b->flags = flags;
	b->slot = free_slot(old);
	b->fd = fd < 0 ? -1 : dup(fd);
	rc = 0;
	if (fd < 0)
		rc = gmem_backing_create(name, len, &b->fd, e);
	else if (b->fd < 0)
		rc = err_set(e, -errno, "%s: descriptor %d: %m", name, fd);
	if (rc == 0)
		rc = block_map(b, e);
	if (rc == 0 && m->listener)
		rc = m->listener->add(m->listener, b, e);
	if (rc < 0) {
		block_free(b);
		return rc;
	}
	t = table_alloc(old->n + 1);
	while (at < old->n && old->v[at]->gpa < gpa)
		at++;
	memcpy(t->v, old->v, at * sizeof(t->v[0]));
	t->v[at] = b;
	memcpy(t->v + at + 1, old->v + at, (old->n - at) * sizeof(t->v[0]));
	publish(m, t);
	return 0;
}

int gmem_remove(struct gmem *m, gpa_t gpa, struct err *e)
{
	struct gmem_table *old = table_of(m), *t;
	const struct gmem_block *b;
	unsigned at = 0;

	while (at < old->n && old->v[at]->gpa != gpa)
		at++;
	if (at == old->n)
		return err_set(e, -ENOENT, "no guest memory starts at 0x%llx",
			       (unsigned long long)gpa);
	b = old->v[at];
	t = table_alloc(old->n - 1);
	memcpy(t->v, old->v, at * sizeof(t->v[0]));
	memcpy(t->v + at, old->v + at + 1, (t->n - at) * sizeof(t->v[0]));
	publish(m, t);
	if (m->listener)
		m->listener->del(m->listener, b);
	block_free((struct gmem_block *)b);
	return 0;
}

/* Few blocks, and the first is nearly always the one: a straight scan. */
static const struct gmem_block *find(struct gmem_table *t, gpa_t gpa)
{
	for (unsigned i = 0; i < t->n; i++)
		if (gpa - t->v[i]->gpa < t->v[i]->len)
			return t->v[i];
	return NULL;
}

const struct gmem_block *gmem_find(struct gmem *m, gpa_t gpa)
{
	return find(table_of(m), gpa);
}

static bool all_there(struct gmem_table *t, gpa_t gpa, u64 len)
{
	while (len) {
		const struct gmem_block *b = find(t, gpa);
		u64 n;

		if (!b)
			return false;
		n = b->len - (gpa - b->gpa);
		if (n >= len)
			return true;
		len -= n;
		gpa += n;
		if (!gpa)              /* wrapped past the last address */
			return false;
	}
	return true;
}

static void mark(const struct gmem_block *b, u64 off, u64 len)
{
	u64 *bits = __atomic_load_n(&b->dirty, __ATOMIC_ACQUIRE);

	if (!bits || !len)
		return;
	for (u64 p = off >> PAGE_SHIFT; p <= (off + len - 1) >> PAGE_SHIFT; p++)
		__atomic_fetch_or(&bits[p / 64], BIT64(p % 64), __ATOMIC_RELAXED);
}

enum access { READ, WRITE, LOAD, SET };

/* `buf` is the caller's bytes, or for SET the one byte to repeat. */
static int access_range(struct gmem *m, enum access how, gpa_t gpa, void *buf,
			u64 len)
{
	struct gmem_table *t = table_of(m);
	u8 *p = buf;

	if (!all_there(t, gpa, len))
		return -EFAULT;
	while (len) {
		const struct gmem_block *b = find(t, gpa);
		u64 off = gpa - b->gpa, n = MIN(len, b->len - off);
		bool ro = b->flags & GMEM_ROM && how != LOAD;

		if (how == READ)
			memcpy(p, b->host + off, n);
		else if (how == SET && !ro)
			memset(b->host + off, *p, n);
		else if (!ro)
			memcpy(b->host + off, p, n);
		if (how != READ && !ro)
			mark(b, off, n);
		if (how != SET)
			p += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

int gmem_read(struct gmem *m, gpa_t gpa, void *buf, u64 len)
{
	return access_range(m, READ, gpa, buf, len);
}

int gmem_write(struct gmem *m, gpa_t gpa, const void *buf, u64 len)
{
	return access_range(m, WRITE, gpa, (void *)buf, len);
}

int gmem_load(struct gmem *m, gpa_t gpa, const void *buf, u64 len)
{
	return access_range(m, LOAD, gpa, (void *)buf, len);
}

int gmem_set(struct gmem *m, gpa_t gpa, u8 byte, u64 len)
{
	return access_range(m, SET, gpa, &byte, len);
}

void *gmem_ptr(struct gmem *m, gpa_t gpa, u64 len)
{
	const struct gmem_block *b = find(table_of(m), gpa);

	if (!b || len > b->len - (gpa - b->gpa))
		return NULL;
	return b->host + (gpa - b->gpa);
}

void gmem_mark_dirty(struct gmem *m, gpa_t gpa, u64 len)
{
	struct gmem_table *t = table_of(m);

	while (len) {
		const struct gmem_block *b = find(t, gpa);
		u64 n;

		if (!b)
			return;
		n = MIN(len, b->len - (gpa - b->gpa));
		mark(b, gpa - b->gpa, n);
		gpa += n;
		len -= n;
	}
}

void gmem_mark_dirty_iov(struct gmem *m, const struct iovec *iov, int n,
			 u64 len)
{
	struct gmem_table *t = table_of(m);

	for (unsigned i = 0; i < t->n; i++) {
		const struct gmem_block *b = t->v[i];
		u64 left = len;

		if (!__atomic_load_n(&b->dirty, __ATOMIC_RELAXED))
			continue;
		for (int k = 0; k < n && left; k++) {
			u64 off = (u64)((u8 *)iov[k].iov_base - b->host);
			u64 part = MIN(left, (u64)iov[k].iov_len);

			left -= part;
			if (off < b->len)
				mark(b, off, part);
		}
	}
}

int gmem_iov(struct gmem *m, gpa_t gpa, u64 len, struct iovec *iov, int max)
{
	struct gmem_table *t = table_of(m);
	int n = 0;

	if (!all_there(t, gpa, len))
		return -EFAULT;
	while (len) {
		const struct gmem_block *b = find(t, gpa);
		u64 off = gpa - b->gpa, part = MIN(len, b->len - off);

		if (n == max)
			return -E2BIG;
		iov[n].iov_base = b->host + off;
		iov[n++].iov_len = part;
		gpa += part;
		len -= part;
	}
	return n;
}

const struct gmem_block *const *gmem_blocks(struct gmem *m, unsigned *n)
{
	struct gmem_table *t = table_of(m);

	*n = t->n;
	return t->v;
}

u64 gmem_ram_bytes(struct gmem *m)
{
	struct gmem_table *t = table_of(m);
	u64 sum = 0;

	for (unsigned i = 0; i < t->n; i++)
		if (!(t->v[i]->flags & GMEM_ROM))
			sum += t->v[i]->len;
	return sum;
}

static u64 bitmap_words(const struct gmem_block *b)
{
	return ((b->len >> PAGE_SHIFT) + 63) / 64;
}

/* Turning it off leaves the bitmap in place: a writer may still hold it. */
void gmem_dirty_log(struct gmem *m, bool on)
{
	struct gmem_table *t = table_of(m);

	for (unsigned i = 0; i < t->n; i++) {
		struct gmem_block *b = (struct gmem_block *)t->v[i];
		u64 *bits = b->dirty;

		if (on && !bits) {
			bits = calloc(bitmap_words(b), sizeof(*bits));
			if (!bits)
				abort();
			__atomic_store_n(&b->dirty, bits, __ATOMIC_RELEASE);
		}
		for (u64 w = 0; on && w < bitmap_words(b); w++)
			__atomic_store_n(&bits[w], 0, __ATOMIC_RELAXED);
		if (on)
			b->flags |= GMEM_DIRTY_LOG;
		else
			b->flags &= ~GMEM_DIRTY_LOG;
	}
}

u64 gmem_dirty_take(const struct gmem_block *b, u64 *bits)
{
	u64 found = 0;

	if (!b->dirty)
		return 0;
	for (u64 w = 0; w < bitmap_words(b); w++) {
		u64 v = __atomic_exchange_n(&b->dirty[w], 0, __ATOMIC_RELAXED);

		bits[w] |= v;
		found += __builtin_popcountll(v);
	}
	return found;
}
