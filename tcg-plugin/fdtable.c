// SPDX-License-Identifier: MIT
/*
 * The descriptor table: two levels of slots, each with a counted word.
 *
 * Room:     number -> object, safe against a close that races with an ioctl.
 * Talks to: fdtable_release in provider.c.
 * Never:    frees a chunk, so that a reader needs no lock.
 *
 * slot->refs: 0 free; n > 0: one for the descriptor, one for each holder.
 */
#include "tcg-plugin/fdtable.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CHUNK = 1024, CHUNKS = 1024 };

struct fd_slot {
	_Atomic u32 refs;
	_Atomic u8 open;               /* the descriptor's own reference  */
	u8 kind;
	void *object;
};

/* The process has one descriptor space, hence one table. */
static struct fd_slot *_Atomic chunks[CHUNKS];

static struct fd_slot *slot_of(int fd)
{
	struct fd_slot *c;

	if (fd < 0 || fd >= CHUNK * CHUNKS)
		return NULL;
	c = atomic_load_explicit(&chunks[fd / CHUNK], memory_order_acquire);
	return c ? &c[fd % CHUNK] : NULL;
}

static struct fd_slot *slot_make(int fd)
{
	struct fd_slot *fresh, *none = NULL;

	if (fd < 0 || fd >= CHUNK * CHUNKS)
		return NULL;
	if (!slot_of(fd)) {
		fresh = calloc(CHUNK, sizeof(*fresh));
		if (!fresh)
			return NULL;
		if (!atomic_compare_exchange_strong(&chunks[fd / CHUNK], &none,
						    fresh))
			free(fresh);
	}
	return slot_of(fd);
}

static void slot_put(struct fd_slot *s)
{
	void *object = s->object;
	enum fd_kind kind = s->kind;

	if (atomic_fetch_sub(&s->refs, 1) == 1)
		fdtable_release(kind, object);
}

int fdtable_add(int fd, enum fd_kind kind, void *object)
{
	struct fd_slot *s = slot_make(fd);

	if (!s)
		return -EMFILE;
	fdtable_remove(fd);
	if (atomic_load(&s->refs))
		return -EBUSY;         /* an ioctl on the stale one runs  */
	s->kind = kind;
	s->object = object;
	atomic_store(&s->open, 1);
	atomic_store_explicit(&s->refs, 1, memory_order_release);
	return 0;
}

enum fd_kind fdtable_get(int fd, void **object)
{
	struct fd_slot *s = slot_of(fd);
	u32 n;

	if (!s)
		return FD_NONE;
	n = atomic_load_explicit(&s->refs, memory_order_acquire);
	do {
		if (!n || !atomic_load(&s->open))
			return FD_NONE;
	} while (!atomic_compare_exchange_weak(&s->refs, &n, n + 1));
	*object = s->object;
	return s->kind;
}

void fdtable_put(int fd)
{
	slot_put(slot_of(fd));
}

int fdtable_remove(int fd)
{
	struct fd_slot *s = slot_of(fd);

	if (!s || !atomic_load(&s->refs) || !atomic_exchange(&s->open, 0))
		return -EBADF;
	slot_put(s);
	return 0;
}
