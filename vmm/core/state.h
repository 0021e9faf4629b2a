/* SPDX-License-Identifier: MIT */
/*
 * What a device remembers, as a table: migration, snapshots, `info` and the
 * reset tests all loop over it.
 *
 * Invariants: fields are listed in stream order; a field added later carries
 * the version that added it in `since`; a reader of version V loads fields
 * with since <= V and leaves the rest at their reset value.
 */
#ifndef MOTE_CORE_STATE_H
#define MOTE_CORE_STATE_H

#include "vmm/base/err.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

struct device;

enum state_type {
	STATE_T_END, STATE_T_U8, STATE_T_U16, STATE_T_U32, STATE_T_U64,
	STATE_T_BOOL, STATE_T_BYTES,   /* len bytes in place           */
	STATE_T_STRUCT,                /* nested desc, `count` times   */
	STATE_T_MEM,                   /* u8 *, its length a u32 at `len`;
					  loads only into the same length */
	STATE_T_VEC,                   /* pointer to structs, their number a
					  u16 at `count`; same rule        */
	STATE_T_ROWS,                  /* pointer to malloced structs, their
					  number a u32 at `count`; a load
					  frees them and makes its own     */
};

struct state_field {
	const char *name;
	enum state_type type;
	u32 offset, len;               /* len: element size            */
	u32 count;                     /* array length, 1 for scalars  */
	unsigned since;
	const struct state_desc *sub;  /* STATE_T_STRUCT               */
};

struct state_desc {
	unsigned version, oldest;
	const struct state_field *fields;
	int (*pre_save)(struct device *d, struct err *e);             /* NULL ok */
	int (*post_load)(struct device *d, unsigned version,
			 struct err *e);                              /* NULL ok */
};

#define STATE_U8   STATE_T_U8
#define STATE_U16  STATE_T_U16
#define STATE_U32  STATE_T_U32
#define STATE_U64  STATE_T_U64
#define STATE_BOOL STATE_T_BOOL
#define STATE_FIELD(t, s, m, since_) { .name = #m, .type = (t), \
	.offset = offsetof(s, m), .len = sizeof(((s *)0)->m), .count = 1, \
	.since = (since_) }
#define STATE_ARRAY(t, s, m, since_) { .name = #m, .type = (t), \
	.offset = offsetof(s, m), .len = sizeof(((s *)0)->m[0]), \
	.count = ARRAY_LEN(((s *)0)->m), .since = (since_) }
#define STATE_BYTES(s, m, since_) { .name = #m, .type = STATE_T_BYTES, \
	.offset = offsetof(s, m), .len = sizeof(((s *)0)->m), .count = 1, \
	.since = (since_) }
#define STATE_STRUCTS(s, m, d, since_) { .name = #m, .type = STATE_T_STRUCT, \
	.offset = offsetof(s, m), .len = sizeof(((s *)0)->m[0]), \
	.count = ARRAY_LEN(((s *)0)->m), .since = (since_), .sub = &(d) }
#define STATE_MEM(s, m, n, since_) { .name = #m, .type = STATE_T_MEM, \
	.offset = offsetof(s, m), .len = offsetof(s, n), .count = 1, \
	.since = (since_) }
#define STATE_ONE(s, m, d, since_) { .name = #m, .type = STATE_T_STRUCT, \
	.offset = offsetof(s, m), .len = sizeof(((s *)0)->m), \
	.count = 1, .since = (since_), .sub = &(d) }
#define STATE_VEC(s, m, n, d, since_) { .name = #m, .type = STATE_T_VEC, \
	.offset = offsetof(s, m), .len = sizeof(((s *)0)->m[0]), \
	.count = offsetof(s, n), .since = (since_), .sub = &(d) }
#define STATE_ROWS(s, m, n, d, since_) { .name = #m, .type = STATE_T_ROWS, \
	.offset = offsetof(s, m), .len = sizeof(((s *)0)->m[0]), \
	.count = offsetof(s, n), .since = (since_), .sub = &(d) }
#define STATE_END { .type = STATE_T_END }

/* Append the little-endian image of `base` as `desc` says.  [loop, paused] */
void state_save(const struct state_desc *desc, const void *base,
		struct strbuf *out);
/* Load it; -EINVAL with a sentence when short, long or of a strange version.*/
int  state_load(const struct state_desc *desc, void *base, unsigned version,
		const void *buf, size_t len, struct err *e);

#endif
