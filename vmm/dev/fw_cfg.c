/* SPDX-License-Identifier: MIT */
/*
 * QEMU's fw_cfg device with DMA (docs/specs/fw_cfg), ports 510h-51bh.
 *
 * Room:     items by key, the file directory, the selector.
 * Talks to: guest memory, through gmem, for DMA.
 * Never:    lets a guest write an item; reads beyond one gives zeroes.
 *
 * Invariants: files have keys FILE_FIRST.. in order of being added, and the
 * directory item describes exactly them.
 */
#include "vmm/dev/fw_cfg.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/gmem.h"

enum { FILE_FIRST = 0x20, FILE_SLOTS = 64, KEY_MASK = 0x3fff,
       NAME_LEN = 56, DIR_ENTRY = 64 };
enum { ID_TRADITIONAL = BIT(0), ID_DMA = BIT(1) };
enum { DMA_ERROR = BIT(0), DMA_READ = BIT(1), DMA_SKIP = BIT(2),
       DMA_SELECT = BIT(3), DMA_WRITE = BIT(4) };
#define DMA_SIGNATURE 0x51454d5520434647ull    /* "QEMU CFG" */

struct item {
	u8 *data;
	size_t len;
};

struct fw_cfg {
	struct device dev;
	bool dma_enabled;              /* properties */
	u32 file_slots;
	struct item items[FILE_FIRST + FILE_SLOTS];
	char names[FILE_SLOTS][NAME_LEN];
	u32 nfiles;
	u16 key;
	u32 pos;
	u64 dma_addr;                  /* high half written first */
};

static struct fw_cfg *to_fw_cfg(struct device *d)
{
	return container_of(d, struct fw_cfg, dev);
}

/* --- items --------------------------------------------------------------- */

static void set_item(struct fw_cfg *f, unsigned key, const void *data,
		     size_t n)
{
	struct item *i = &f->items[key];
	u8 *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	memcpy(copy, data, n);
	free(i->data);
	i->data = copy;
	i->len = n;
}

/* {be32 count} then per file {be32 size, be16 key, be16 0, name[56]}. */
static void build_directory(struct fw_cfg *f)
{
	size_t len = 4 + (size_t)f->nfiles * DIR_ENTRY;
	u8 *dir = calloc(1, len), *p = dir + 4;
	u32 be = htobe32(f->nfiles);

	if (!dir)
		abort();
	memcpy(dir, &be, 4);
	for (u32 i = 0; i < f->nfiles; i++, p += DIR_ENTRY) {
		u16 key = htobe16(FILE_FIRST + i);

		be = htobe32(f->items[FILE_FIRST + i].len);
		memcpy(p, &be, 4);
		memcpy(p + 4, &key, 2);
		memcpy(p + 8, f->names[i], NAME_LEN);
	}
	set_item(f, FW_CFG_FILE_DIR, dir, len);
	free(dir);
}

void fw_cfg_add_bytes(struct device *d, u16 key, const void *data, size_t n)
{
	assert(key < FILE_FIRST);
	SCOPED_LOCK(&d->lock);
	set_item(to_fw_cfg(d), key, data, n);
}

void fw_cfg_add_string(struct device *d, u16 key, const char *z)
{
	fw_cfg_add_bytes(d, key, z, strlen(z) + 1);
}

void fw_cfg_add_u16(struct device *d, u16 key, u16 v)
{
	v = htole16(v);
	fw_cfg_add_bytes(d, key, &v, sizeof(v));
}

void fw_cfg_add_u32(struct device *d, u16 key, u32 v)
{
	v = htole32(v);
	fw_cfg_add_bytes(d, key, &v, sizeof(v));
}

void fw_cfg_add_u64(struct device *d, u16 key, u64 v)
{
	v = htole64(v);
	fw_cfg_add_bytes(d, key, &v, sizeof(v));
}

int fw_cfg_add_file(struct device *d, const char *name, const void *data,
		    size_t n, struct err *e)
{
	struct fw_cfg *f = to_fw_cfg(d);
	u32 i;

	if (!*name || strlen(name) >= NAME_LEN)
		return err_set(e, -EINVAL, "fw_cfg file '%s': a name has 1 to "
			       "%d characters", name, NAME_LEN - 1);
	SCOPED_LOCK(&d->lock);
	for (i = 0; i < f->nfiles; i++)
		if (!strcmp(f->names[i], name))
			break;
	if (i == MIN(f->file_slots, (u32)FILE_SLOTS))
		return err_set(e, -ENOSPC, "fw_cfg file '%s': all %u places "
			       "are taken", name, i);
	if (i == f->nfiles)
		f->nfiles++;
	strcpy(f->names[i], name);
	set_item(f, FILE_FIRST + i, data, n);
	build_directory(f);
	return 0;
}

/* --- the selector and the data port -------------------------------------- */

static void select_item(struct fw_cfg *f, u16 key)
{
	f->key = key;
	f->pos = 0;
}

static const struct item *current(const struct fw_cfg *f)
{
	u16 key = f->key & KEY_MASK;

	return f->key & 0x8000 || key >= ARRAY_LEN(f->items) ? NULL :
	       &f->items[key];
}

/* The bytes left of the item at hand. */
static size_t left(const struct fw_cfg *f)
{
	const struct item *i = current(f);

	return i && f->pos < i->len ? i->len - f->pos : 0;
}

static u64 data_read(struct fw_cfg *f, unsigned size)
{
	u64 v = 0;

	for (unsigned i = 0; i < size; i++) {
		if (!left(f))
			break;
		v |= (u64)current(f)->data[f->pos++] << 8 * i;
	}
	return v;
}

/* --- DMA ----------------------------------------------------------------- */

/* Copy or zero `len` bytes to the guest; false when it has no RAM there. */
static bool dma_read(struct fw_cfg *f, u64 gpa, u32 len)
{
	static const u8 zeroes[4096];
	struct gmem *m = f->dev.env->gmem;
	size_t have = MIN((size_t)len, left(f));

	if (have && gmem_write(m, gpa, current(f)->data + f->pos, have) < 0)
		return false;
	f->pos += have;
	for (len -= have, gpa += have; len; ) {
		u32 n = MIN(len, (u32)sizeof(zeroes));

		if (gmem_write(m, gpa, zeroes, n) < 0)
			return false;
		len -= n;
		gpa += n;
	}
	return true;
}

static u32 dma_command(struct fw_cfg *f, u32 control, u32 len, u64 gpa)
{
	if (control & DMA_SELECT)
		select_item(f, control >> 16);
	if (control & DMA_READ)
		return dma_read(f, gpa, len) ? 0 : DMA_ERROR;
	if (control & DMA_WRITE)
		return DMA_ERROR;      /* no item may be written */
	if (control & DMA_SKIP)
		f->pos += MIN((size_t)len, left(f));
	return 0;
}

/* struct { be32 control, be32 length, be64 address } */
static void dma_start(struct fw_cfg *f, u64 at)
{
	struct gmem *m = f->dev.env->gmem;
	struct { u32 control, len; u64 addr; } c;
	u32 status;

	if (!m || gmem_read(m, at, &c, sizeof(c)) < 0)
		return;
	status = htobe32(dma_command(f, be32toh(c.control), be32toh(c.len),
				     be64toh(c.addr)));
	gmem_write(m, at, &status, 4);
}

static u64 dma_port_read(const struct fw_cfg *f, unsigned lane, unsigned size)
{
	u64 v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (DMA_SIGNATURE >> 8 * (7 - (lane + i)) & 0xff) << 8 * i;
	return f->dma_enabled ? v : 0;
}

static void dma_port_write(struct fw_cfg *f, unsigned lane, u64 val,
			   unsigned size)
{
	if (!f->dma_enabled)
		return;
	if (size == 4 && lane == 0) {
		f->dma_addr = (u64)be32toh((u32)val) << 32;
		return;
	}
	if (size == 4 && lane == 4)
		f->dma_addr |= be32toh((u32)val);
	else if (size == 8)
		f->dma_addr = be64toh(val);
	else
		return;
	dma_start(f, f->dma_addr);
	f->dma_addr = 0;
}

/* --- ports: selector at +0, data at +1, DMA address at +4 ----------------- */

static u64 fw_cfg_read(struct device *d, u64 off, unsigned size)
{
	struct fw_cfg *f = to_fw_cfg(d);

	if (off >= 4)
		return dma_port_read(f, off - 4, size);
	if (off == 0)
		return size == 1 ? 0 : data_read(f, 1) << 8;
	return off == 1 ? data_read(f, size) : 0;
}

static void fw_cfg_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct fw_cfg *f = to_fw_cfg(d);

	if (off >= 4)
		dma_port_write(f, off - 4, val, size);
	else if (off == 0 && size == 2)
		select_item(f, val);
}

/* --- life ---------------------------------------------------------------- */

static void fw_cfg_reset(struct device *d)
{
	struct fw_cfg *f = to_fw_cfg(d);

	SCOPED_LOCK(&d->lock);
	select_item(f, 0);
	f->dma_addr = 0;
}

static int fw_cfg_realize(struct device *d, struct err *e)
{
	struct fw_cfg *f = to_fw_cfg(d);

	(void)e;
	fw_cfg_add_bytes(d, FW_CFG_SIGNATURE, "QEMU", 4);
	fw_cfg_add_u32(d, FW_CFG_ID, ID_TRADITIONAL |
		       (f->dma_enabled ? ID_DMA : 0));
	SCOPED_LOCK(&d->lock);
	build_directory(f);
	return 0;
}

static void fw_cfg_unrealize(struct device *d)
{
	struct fw_cfg *f = to_fw_cfg(d);

	for (unsigned i = 0; i < ARRAY_LEN(f->items); i++)
		free(f->items[i].data);
}

/* --- tables: items come from the command line on both sides --------------- */

static const struct state_field fw_cfg_fields[] = {
	STATE_FIELD(STATE_U16, struct fw_cfg, key,      1),
	STATE_FIELD(STATE_U32, struct fw_cfg, pos,      1),
	STATE_FIELD(STATE_U64, struct fw_cfg, dma_addr, 1),
	STATE_END
};

static const struct state_desc fw_cfg_state = {
	.version = 1, .oldest = 1, .fields = fw_cfg_fields,
};

static const struct region_ops fw_cfg_ops = {
	.read = fw_cfg_read, .write = fw_cfg_write,
	.min_size = 1, .max_size = 8,
};

static const struct device_region fw_cfg_regions[] = {
	{ .name = "fwcfg", .space = SPACE_PIO, .base = FW_CFG_PORT,
	  .len = FW_CFG_LEN, .ops = &fw_cfg_ops },
	{ .len = 0 }
};

static const struct device_prop fw_cfg_props[] = {
	PROP("dma_enabled", PROP_BOOL, struct fw_cfg, dma_enabled, "on",
	     "offer the DMA interface"),
	PROP("x-file-slots", PROP_U32, struct fw_cfg, file_slots, "32",
	     "files in the directory"),
	PROP_END
};

const struct device_class fw_cfg_class = {
	.name      = "fw_cfg_io",
	.summary   = "firmware configuration",
	.bus       = "System",
	.category  = "Misc",
	.size      = sizeof(struct fw_cfg),
	.props     = fw_cfg_props,
	.regions   = fw_cfg_regions,
	.state     = &fw_cfg_state,
	.realize   = fw_cfg_realize,
	.reset     = fw_cfg_reset,
	.unrealize = fw_cfg_unrealize,
};
