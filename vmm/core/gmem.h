/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM and ROM: memfd-backed blocks placed at guest physical addresses.
 *
 * Every access to guest memory but a vCPU's own goes through this door, which
 * bounds it and marks pages dirty while dirty logging is on.
 *
 * Invariants:
 *  1. Blocks do not overlap; each is page aligned and a whole number of pages.
 *  2. The table of blocks is read without a lock: a change publishes a new
 *     table and retires the old one until gmem_destroy.
 *  3. A host pointer from gmem_ptr stays valid until its block is removed,
 *     which happens only while the VM is paused.
 */
#ifndef MOTE_CORE_GMEM_H
#define MOTE_CORE_GMEM_H

#include <sys/uio.h>

#include "vmm/base/err.h"
#include "vmm/base/types.h"

struct gmem;

enum gmem_flags {
	GMEM_RAM      = 0,
	GMEM_ROM      = BIT(0),        /* guest writes are ignored       */
	GMEM_SHARED   = BIT(1),        /* the user said share=on         */
	GMEM_PREALLOC = BIT(2),
	GMEM_DIRTY_LOG = BIT(3),       /* pages are being tracked        */
	GMEM_PRIVATE  = BIT(4),        /* copy-on-write over `fd`; else a
					  memfd is always MAP_SHARED, since a
					  private one holds pages twice  */
};

struct gmem_block {
	char   name[64];               /* "pc.ram", "pc.bios" ...        */
	gpa_t  gpa;
	u64    len;
	u8    *host;
	int    fd;                     /* memfd, or -1                   */
	u64    fd_off;
	u32    flags;
	int    slot;                   /* provider's memory slot, unique */
	u64   *dirty;                  /* 1 bit a page, NULL when off    */
};

/* Told of blocks coming and going; kvm/ registers slots through it. [loop] */
struct gmem_listener {
	int  (*add)(struct gmem_listener *l, const struct gmem_block *b,
		    struct err *e);
	void (*del)(struct gmem_listener *l, const struct gmem_block *b);
};

struct gmem *gmem_create(void);
void gmem_destroy(struct gmem *m);     /* NULL is fine; frees every block */

/* One listener; blocks already there are announced at once. [loop] */
int  gmem_listen(struct gmem *m, struct gmem_listener *l, struct err *e);

/* A RAM area may be one memfd shown as several blocks (below/above 4 GiB). */
int  gmem_backing_create(const char *name, u64 len, int *fd, struct err *e);

/*
 * Map [fd_off, fd_off+len) of `fd` at `gpa`.  fd -1: anonymous memfd of its
 * own.  Owns the fd reference it dups.  -EEXIST on overlap, -EINVAL on
 * misalignment, -ENOMEM. [loop]
 */
int  gmem_add(struct gmem *m, const char *name, gpa_t gpa, u64 len, int fd,
	      u64 fd_off, u32 flags, struct err *e);
/* The block that starts at `gpa`; -ENOENT.  The VM is paused. [loop] */
int  gmem_remove(struct gmem *m, gpa_t gpa, struct err *e);

/* Copying accessors: 0, or -EFAULT when any byte is outside RAM (nothing is
 * transferred then).  May cross adjacent blocks. [any] */
int  gmem_read(struct gmem *m, gpa_t gpa, void *buf, u64 len);
int  gmem_write(struct gmem *m, gpa_t gpa, const void *buf, u64 len);
/* As gmem_write but also into ROM: firmware and table loading. [loop] */
int  gmem_load(struct gmem *m, gpa_t gpa, const void *buf, u64 len);
int  gmem_set(struct gmem *m, gpa_t gpa, u8 byte, u64 len);

/* Host pointer to [gpa, gpa+len) if it lies within one block, else NULL.
 * A writer calls gmem_mark_dirty afterwards. [any] */
void *gmem_ptr(struct gmem *m, gpa_t gpa, u64 len);
void gmem_mark_dirty(struct gmem *m, gpa_t gpa, u64 len);
/* The first `len` bytes of iovecs made from this memory were written. [any] */
void gmem_mark_dirty_iov(struct gmem *m, const struct iovec *iov, int n,
			 u64 len);

/* Translate to iovecs; returns count used, -EFAULT, or -E2BIG. [any] */
int  gmem_iov(struct gmem *m, gpa_t gpa, u64 len, struct iovec *iov, int max);

/* The table, for info mtree/ramblock, migration, slots.  Borrowed. [any] */
const struct gmem_block *const *gmem_blocks(struct gmem *m, unsigned *n);
/* The block `gpa` lies in, or NULL. */
const struct gmem_block *gmem_find(struct gmem *m, gpa_t gpa);
u64  gmem_ram_bytes(struct gmem *m);   /* RAM only, ROM not counted */

/* Track writes made through this door; turning on starts clean. [loop] */
void gmem_dirty_log(struct gmem *m, bool on);
/* Fetch and clear the bits of a tracked block: (len / PAGE_SIZE + 63) / 64
 * words are ORed into `bits`; number of pages found. [any] */
u64  gmem_dirty_take(const struct gmem_block *b, u64 *bits);

#endif
