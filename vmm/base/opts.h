/* SPDX-License-Identifier: MIT */
/*
 * Option strings as QEMU writes them: "driver,id=x,key=value,flag".
 *
 * `,,` is a literal comma.  The first item may be a bare value; it then gets
 * the implied key.  A later bare item `flag` reads as flag=on, and a bare
 * `noflag` also answers for flag=off.  When a key is repeated the last wins.
 *
 * A reader takes the keys it knows and ends with opts_check_taken, which
 * names the first one nobody took.
 * Thread: owned by one thread at a time.
 */
#ifndef MOTE_BASE_OPTS_H
#define MOTE_BASE_OPTS_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"

struct opt {
	char *key;                     /* never empty                   */
	char *val;                     /* "on" for a bare key           */
	bool  bare, taken;
};

struct opts {
	struct opt *v;
	unsigned n;
};
#define OPTS_INIT { NULL, 0 }

/*
 * Parse into `o` (overwritten, not freed).  `first_key` NULL: no implied key.
 * -EINVAL for an empty key; `o` is then empty.
 */
int  opts_parse(struct opts *o, const char *text, const char *first_key,
		struct err *e);
void opts_fini(struct opts *o);        /* leaves it empty */

/* Value, borrowed, or NULL.  find only looks; take marks the key as known. */
const char *opts_find(const struct opts *o, const char *key);
const char *opts_take(struct opts *o, const char *key);

/* Take and convert; *out is left alone when the key is absent.  0 or -EINVAL
 * with a sentence naming the key. */
int  opts_take_bool(struct opts *o, const char *key, bool *out, struct err *e);
int  opts_take_u64(struct opts *o, const char *key, u64 *out, struct err *e);
int  opts_take_size(struct opts *o, const char *key, u64 *out, struct err *e);

/* Add or replace key=val (both copied), not taken. */
void opts_set(struct opts *o, const char *key, const char *val);

/* 0, or -EINVAL "Invalid parameter 'foo'" for the first untaken key. */
int  opts_check_taken(const struct opts *o, struct err *e);

#define opts_for_each(p, o) \
	for ((p) = (o)->v; (p) < (o)->v + (o)->n; (p)++)

/* --- the scalars on their own; 0 or -EINVAL, *out untouched then --- */
int  opts_bool(const char *text, bool *out);   /* on off yes no true false */
int  opts_u64(const char *text, u64 *out);     /* decimal, 0x, 0 octal     */
/*
 * "128", "1.5G": suffix b k m g t p e in either case, powers of 1024;
 * without one, `unit` (0 means bytes) is assumed.  -ERANGE beyond 64 bits.
 */
int  opts_size(const char *text, char unit, u64 *out);

/* An open descriptor's number; -EBADF with a sentence. */
int  opts_fd(const char *text, struct err *e);

/* An id starts with a letter and goes on with letters, digits, '-', '.', '_' */
bool opts_id_ok(const char *id);

#endif
