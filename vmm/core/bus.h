/* SPDX-License-Identifier: MIT */
/*
 * Address buses: port I/O and memory-mapped I/O ranges.
 *
 * bus_read/bus_write are called by vCPU threads for every exit, take no lock
 * of the bus, and take the owning device's lock around its callback.  Access
 * sizes a region does not take are split or widened as its ops say.
 *
 * Invariants:
 *  1. Look-up reads an immutable sorted table; map/unmap publish a new one
 *     and retire the old until no reader can hold it (core/grace.h).
 *  2. Where regions overlap the higher priority wins, then the later mapped.
 *  3. Reads nobody answers give all ones; writes nobody answers are dropped.
 *  4. A register callback sees off a multiple of size, and off + size within
 *     the region: anything else is split before it.
 *  5. map/unmap may be called from inside a callback (a PCI BAR moved by a
 *     config write); only bus_quiesce waits for accesses under way.
 */
#ifndef MOTE_CORE_BUS_H
#define MOTE_CORE_BUS_H

#include "vmm/base/err.h"
#include "vmm/base/lock.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

struct device;

/*
 * Register file access.  `off` is from the region's start, `size` 1, 2, 4 or
 * 8 and within [min_size, max_size].  Called with d->lock held. [vcpu, loop]
 */
struct region_ops {
	u64  (*read)(struct device *d, u64 off, unsigned size);
	void (*write)(struct device *d, u64 off, u64 val, unsigned size);
	u8 min_size, max_size;         /* wider accesses are split, narrower
					  reads widened and cut, narrower
					  writes passed as they are only when
					  min_size allows, else dropped     */
	bool unlocked;                 /* ops lock for themselves           */
};

struct region {
	const char *name;              /* for info mtree; static            */
	u64 base, len;
	int priority;
	const struct region_ops *ops;
	struct device *dev;            /* owner; its lock is taken          */
};

struct bus;

struct bus *bus_create(const char *name, u64 span);   /* "io", "memory" */
void bus_destroy(struct bus *b);

/* Copies `r`; 0, -EINVAL (empty, wraps, beyond the span). [any] */
int  bus_map(struct bus *b, const struct region *r, struct err *e);
/* By owner and base.  -ENOENT.  On return no new access enters it. [any] */
int  bus_unmap(struct bus *b, struct device *d, u64 base);
void bus_unmap_device(struct bus *b, struct device *d);        /* [any] */
/* Wait until every access that began before has ended; before the owner of
 * unmapped regions is freed.  Not from inside an access. [loop] */
void bus_quiesce(struct bus *b);

/* `size` 1, 2, 4, 8 (MMIO may be any 1..8 bytes: split into powers of 2).
 * False when nobody answered (the value read is all ones). [vcpu, loop] */
bool bus_read(struct bus *b, u64 addr, u64 *val, unsigned size);
bool bus_write(struct bus *b, u64 addr, u64 val, unsigned size);

/*
 * Each region, by base, then by mapping order, until `fn` says that this is the
 * one; whether it did.  A vCPU may be moving BARs meanwhile: the regions are
 * those of one moment, and valid only within `fn`, which does not wait. [any]
 */
bool bus_any(struct bus *b, bool (*fn)(const struct region *r, void *opaque),
	     void *opaque);
/* Does a region have some of [first, last]? [any] */
bool bus_overlaps(struct bus *b, u64 first, u64 last);
const char *bus_name(const struct bus *b);

#endif
