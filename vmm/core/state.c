/* SPDX-License-Identifier: MIT */
/*
 * Device state to bytes and back, driven by the field tables.  See state.h.
 *
 * Talks to: nobody; the caller runs pre_save and post_load.
 * Never:    trusts the stream: every length is checked before it is used.
 *
 * `since` of a nested description counts in versions of the outermost one:
 * the stream carries a single version number per device.
 */
#include "vmm/core/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned scalar_size(enum state_type t)
{
	switch (t) {
	case STATE_T_U8:
	case STATE_T_BOOL: return 1;
	case STATE_T_U16:  return 2;
	case STATE_T_U32:  return 4;
	case STATE_T_U64:  return 8;
	default:           return 0;
	}
}

static u64 host_get(const void *p, unsigned size)
{
	u16 h;
	u32 w;
	u64 d;

	switch (size) {
	case 1:  return *(const u8 *)p;
	case 2:  memcpy(&h, p, 2); return h;
	case 4:  memcpy(&w, p, 4); return w;
	default: memcpy(&d, p, 8); return d;
	}
}

static void host_put(void *p, unsigned size, u64 v)
{
	u16 h = v;
	u32 w = v;

	switch (size) {
	case 1:  *(u8 *)p = v; break;
	case 2:  memcpy(p, &h, 2); break;
	case 4:  memcpy(p, &w, 4); break;
	default: memcpy(p, &v, 8); break;
	}
}

static void save_field(const struct state_field *f, const u8 *p,
		       struct strbuf *out)
{
	unsigned size = scalar_size(f->type);
	u64 v;

	if (f->type == STATE_T_STRUCT) {
		state_save(f->sub, p, out);
	} else if (f->type == STATE_T_BYTES) {
		strbuf_add(out, p, f->len);
	} else {
		assert(size == f->len);
		v = host_get(p, size);
		for (unsigned i = 0; i < size; i++)
			strbuf_addc(out, v >> 8 * i);
	}
}

/* A length, so that a reader notices another one, and the bytes. */
static void save_mem(const struct state_field *f, const u8 *base,
		     struct strbuf *out)
{
	const u8 *mem = *(u8 *const *)(const void *)(base + f->offset);
	u32 n = host_get(base + f->len, 4);

	for (unsigned i = 0; i < 4; i++)
		strbuf_addc(out, n >> 8 * i);
	if (n)
		strbuf_add(out, mem, n);
}

/* A count, then each. */
static void save_vec(const struct state_field *f, const u8 *base,
		     struct strbuf *out)
{
	const u8 *v = *(u8 *const *)(const void *)(base + f->offset);
	u16 n = host_get(base + f->count, 2);

	strbuf_addc(out, n);
	strbuf_addc(out, n >> 8);
	for (u32 i = 0; i < n; i++)
		state_save(f->sub, v + (size_t)i * f->len, out);
}

static void save_rows(const struct state_field *f, const u8 *base,
		      struct strbuf *out)
{
	const u8 *v = *(u8 *const *)(const void *)(base + f->offset);
	const u32 n = host_get(base + f->count, 4);

	for (unsigned i = 0; i < 4; i++)
		strbuf_addc(out, n >> 8 * i);
	for (u32 i = 0; i < n; i++)
		state_save(f->sub, v + (size_t)i * f->len, out);
}

void state_save(const struct state_desc *desc, const void *base,
		struct strbuf *out)
{
	const struct state_field *f;

	for (f = desc->fields; f->type != STATE_T_END; f++) {
		if (f->type == STATE_T_MEM) {
			save_mem(f, base, out);
			continue;
		}
		if (f->type == STATE_T_VEC) {
			save_vec(f, base, out);
			continue;
		}
		if (f->type == STATE_T_ROWS) {
			save_rows(f, base, out);
			continue;
		}
		for (u32 i = 0; i < f->count; i++)
			save_field(f, (const u8 *)base + f->offset + i * f->len,
				   out);
	}
}

struct reader {
	const u8 *p;
	size_t left;
	unsigned version;
};

static int load_fields(struct reader *r, const struct state_desc *desc,
		       u8 *base, struct err *e);

static int load_field(struct reader *r, const struct state_field *f, u8 *to,
		      struct err *e)
{
	unsigned size = f->type == STATE_T_BYTES ? f->len : scalar_size(f->type);
	u64 v = 0;

	if (f->type == STATE_T_STRUCT)
		return load_fields(r, f->sub, to, e);
	if (r->left < size)
		return err_set(e, -EINVAL, "state ends inside field '%s'",
			       f->name);
	if (f->type == STATE_T_BYTES) {
		memcpy(to, r->p, size);
	} else {
		for (unsigned i = 0; i < size; i++)
			v |= (u64)r->p[i] << 8 * i;
		if (f->type == STATE_T_BOOL && v > 1)
			return err_set(e, -EINVAL, "field '%s' is neither true "
				       "nor false", f->name);
		host_put(to, size, v);
	}
	r->p += size;
	r->left -= size;
	return 0;
}

static int load_mem(struct reader *r, const struct state_field *f,
		    const u8 *base, struct err *e)
{
	u8 *mem = *(u8 *const *)(const void *)(base + f->offset);
	u32 n = host_get(base + f->len, 4), have = 0;

	if (r->left < 4)
		return err_set(e, -EINVAL, "state ends inside field '%s'",
			       f->name);
	for (unsigned i = 0; i < 4; i++)
		have |= (u32)r->p[i] << 8 * i;
	if (have != n || r->left - 4 < n)
		return err_set(e, -EINVAL, "field '%s' has %u bytes here, %u in "
			       "the state", f->name, n, have);
	if (n)
		memcpy(mem, r->p + 4, n);
	r->p += 4 + n;
	r->left -= 4 + n;
	return 0;
}

static int load_vec(struct reader *r, const struct state_field *f,
		    const u8 *base, struct err *e)
{
	u8 *v = *(u8 *const *)(const void *)(base + f->offset);
	u16 n = host_get(base + f->count, 2);
	int rc = 0;

	if (r->left < 2 || (r->p[0] | r->p[1] << 8) != n)
		return err_set(e, -EINVAL, "field '%s' has %u elements here, "
			       "not as many in the state", f->name, n);
	r->p += 2;
	r->left -= 2;
	for (u32 i = 0; i < n && rc == 0; i++)
		rc = load_fields(r, f->sub, v + (size_t)i * f->len, e);
	return rc;
}

static int load_rows(struct reader *r, const struct state_field *f, u8 *base,
		     struct err *e)
{
	u8 **v = (u8 **)(void *)(base + f->offset);
	u32 n = 0;
	int rc = 0;

	for (unsigned i = 0; i < 4 && r->left >= 4; i++)
		n |= (u32)r->p[i] << 8 * i;
	if (r->left < 4 || n > r->left - 4)    /* a row is a byte at least */
		return err_set(e, -EINVAL, "state ends inside field '%s'",
			       f->name);
	r->p += 4;
	r->left -= 4;
	free(*v);
	*v = n ? calloc(n, f->len) : NULL;
	if (n && !*v)
		abort();
	host_put(base + f->count, 4, n);
	for (u32 i = 0; i < n && rc == 0; i++)
		rc = load_fields(r, f->sub, *v + (size_t)i * f->len, e);
	return rc;
}

/* Those that are pointers. */
static int load_far(struct reader *r, const struct state_field *f, u8 *base,
		    struct err *e)
{
	switch (f->type) {
	case STATE_T_MEM: return load_mem(r, f, base, e);
	case STATE_T_VEC: return load_vec(r, f, base, e);
	default:          return load_rows(r, f, base, e);
	}
}

static int load_fields(struct reader *r, const struct state_desc *desc,
		       u8 *base, struct err *e)
{
	const struct state_field *f;
	int rc;

	for (f = desc->fields; f->type != STATE_T_END; f++) {
		if (f->since > r->version)
			continue;
		if (f->type == STATE_T_MEM || f->type == STATE_T_VEC ||
		    f->type == STATE_T_ROWS) {
			rc = load_far(r, f, base, e);
			if (rc < 0)
				return rc;
			continue;
		}
		for (u32 i = 0; i < f->count; i++) {
			rc = load_field(r, f, base + f->offset + i * f->len, e);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

int state_load(const struct state_desc *desc, void *base, unsigned version,
	       const void *buf, size_t len, struct err *e)
{
	struct reader r = { .p = buf, .left = len, .version = version };
	int rc;

	if (version < desc->oldest || version > desc->version)
		return err_set(e, -EINVAL, "state version %u is not one of %u..%u",
			       version, desc->oldest, desc->version);
	rc = load_fields(&r, desc, base, e);
	if (rc == 0 && r.left)
		rc = err_set(e, -EINVAL, "state has %zu bytes too many", r.left);
	return rc;
}
