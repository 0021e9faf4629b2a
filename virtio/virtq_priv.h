/* SPDX-License-Identifier: MIT */
/*
 * What virtq.c and its two ring layouts share.
 *
 * Room:     virtq*.c only.
 */
#ifndef MOTE_VIRTIO_VIRTQ_PRIV_H
#define MOTE_VIRTIO_VIRTQ_PRIV_H

#include "virtio/virtq.h"

enum {                                 /* descriptor flags: 2.7.5, 2.8.13  */
	DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4,
	DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15,
	DESC_SIZE = 16,
};

/* Both layouts' descriptors: 16 bytes; `last` is next or flags. */
struct split_desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct packed_desc {
	u64 addr;
	u32 len;
	u16 id, flags;
};

/* In order: a chain given back while an older one is out. */
struct virtq_order {
	u32 written;
	u16 head, ndesc;
	bool done;
};

/* Copy out of memory the guest writes: the compiler may not look twice. */
static inline void desc_copy(void *to, const void *from)
{
	__builtin_memcpy(to, from, DESC_SIZE);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* An indirect table, or the ring itself. */
struct desc_table {
	const u8 *host;                /* NULL: spans blocks, read by gpa  */
	gpa_t gpa;
	u32 n;
};

/* --- virtq.c: int results are 0, or -1 with the queue broken --- */
void chain_begin(struct virtq_chain *c);       /* empty it */
/* One descriptor's buffer, as iovecs (2.7.4.2, 2.7.5). */
int  chain_add(struct virtq *q, struct virtq_chain *c, u64 addr, u32 len,
	       bool write);
/* The table a descriptor points to (2.7.5.3); `t` is checked, not yet read. */
int  indirect_table(struct virtq *q, const struct virtq_chain *c, u64 addr,
		    u32 len, struct desc_table *t);
/* Copy descriptor `i` < t->n to `to`, DESC_SIZE bytes, once. */
int  table_read(struct virtq *q, const struct desc_table *t, u32 i, void *to);
/* Break the queue and say why; -1. */
int  virtq_fail(struct virtq *q, const char *why);

/*
 * --- virtq_split.c (2.7), virtq_packed.c (2.8) ---
 * virtq.h's verbs on one layout.  Locating comes first, before `enabled`; all
 * else with the queue enabled and not broken, under its device's lock.
 */
const char *split_locate(struct virtq *q);     /* NULL, or what is wrong */
int  split_pop(struct virtq *q, struct virtq_chain *c);
void split_unpop(struct virtq *q, const struct virtq_chain *c);
void split_fill(struct virtq *q, u16 head, u32 written);
void split_flush(struct virtq *q);
bool split_empty(struct virtq *q);
bool split_more(const struct virtq *q);        /* beyond what was seen   */
bool split_should_notify(struct virtq *q);
void split_want_kicks(struct virtq *q, bool on);
/* avail_idx is new; the rest is as the ring says. */
void split_resume(struct virtq *q);

const char *packed_locate(struct virtq *q);
int  packed_pop(struct virtq *q, struct virtq_chain *c);
void packed_unpop(struct virtq *q, const struct virtq_chain *c);
void packed_fill(struct virtq *q, u16 id, u16 ndesc, u32 written);
void packed_flush(struct virtq *q);
bool packed_empty(struct virtq *q);
bool packed_more(const struct virtq *q);
bool packed_should_notify(struct virtq *q);
void packed_want_kicks(struct virtq *q, bool on);

/* Host memory of a ring area; NULL when it is not all in one RAM block. */
void *area_host(struct virtq *q, u64 gpa, u64 len, bool write);

/* 2.7.10: has the index passed `event` on its way from old to new? */
static inline bool need_event(u16 event, u16 now, u16 old)
{
	return (u16)(now - event - 1) < (u16)(now - old);
}

#endif
