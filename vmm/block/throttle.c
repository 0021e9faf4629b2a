// SPDX-License-Identifier: MIT
/*
 * Leaky buckets.  See throttle.h.
 *
 * A bucket leaks `avg` a second and holds a tenth of a second's worth, or
 * max * length of a burst, which a second bucket keeps from going faster than
 * `max`.
 */
#include "vmm/block/throttle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NS 1e9
#define THROTTLE_MAX 1000000000000000ll        /* as in QEMU: no overflows */

void throttle_init(struct throttle *t)
{
	memset(t, 0, sizeof(*t));
	lock_init(&t->lock, "throttle");
}

void throttle_set(struct throttle *t, const struct throttle_config *c)
{
	SCOPED_LOCK(&t->lock);
	t->config = *c;
	memset(t->level, 0, sizeof(t->level));
	memset(t->burst, 0, sizeof(t->burst));
}

bool throttle_any(const struct throttle_config *c)
{
	for (unsigned i = 0; i < THROTTLE_KINDS; i++)
		if (c->limit[i].avg)
			return true;
	return false;
}

static void leak(struct throttle *t, s64 now)
{
	double s = t->leaked_at ? (now - t->leaked_at) / NS : 0;

	t->leaked_at = now;
	for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
		const struct throttle_limit *l = &t->config.limit[i];

		t->level[i] = MAX(t->level[i] - s * l->avg, 0.0);
		t->burst[i] = MAX(t->burst[i] - s * l->max, 0.0);
	}
}

/* Seconds until bucket i has room. */
static double bucket_wait(const struct throttle *t, unsigned i)
{
	const struct throttle_limit *l = &t->config.limit[i];
	double room, wait = 0;

	if (!l->avg)
		return 0;
	room = l->max ? (double)l->max * MAX(l->length, 1u) : l->avg / 10.0;
	if (t->level[i] > room)
		wait = (t->level[i] - room) / l->avg;
	if (l->max && l->length > 1 && t->burst[i] > l->max / 10.0)
		wait = MAX(wait, (t->burst[i] - l->max / 10.0) / l->max);
	return wait;
}

static void fill(struct throttle *t, unsigned i, double n)
{
	t->level[i] += n;
	t->burst[i] += n;
}

s64 throttle_try(struct throttle *t, bool write, u64 len, s64 now)
{
	const unsigned kinds[] = {
		THROTTLE_BPS, write ? THROTTLE_BPS_WR : THROTTLE_BPS_RD,
		THROTTLE_IOPS, write ? THROTTLE_IOPS_WR : THROTTLE_IOPS_RD,
	};
	double wait = 0, ops;

	SCOPED_LOCK(&t->lock);
	leak(t, now);
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		wait = MAX(wait, bucket_wait(t, kinds[i]));
	if (wait > 0)
		return MAX((s64)(wait * NS), 1);
	ops = t->config.iops_size && len > t->config.iops_size
		? (double)len / t->config.iops_size : 1;
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		fill(t, kinds[i], i < 2 ? (double)len : ops);
	return 0;
}

/* --- options --------------------------------------------------------------- */

/* The two spellings: throttling.bps-total and the older bps. */
static const struct {
	const char *name, *old;
} kind_names[THROTTLE_KINDS] = {
	[THROTTLE_BPS]     = { "bps-total",  "bps"     },
	[THROTTLE_BPS_RD]  = { "bps-read",   "bps_rd"  },
	[THROTTLE_BPS_WR]  = { "bps-write",  "bps_wr"  },
	[THROTTLE_IOPS]    = { "iops-total", "iops"    },
	[THROTTLE_IOPS_RD] = { "iops-read",  "iops_rd" },
	[THROTTLE_IOPS_WR] = { "iops-write", "iops_wr" },
};

const char *throttle_kind_name(enum throttle_kind k)
{
	return kind_names[k].name;
}

static int take_one(struct opts *o, const char *prefix, const char *name,
		    const char *suffix, u64 *to, struct err *e)
{
	char key[64];

	snprintf(key, sizeof(key), "%s%s%s", prefix, name, suffix);
	return opts_take_size(o, key, to, e);
}

int throttle_check(struct throttle_config *c, struct err *e)
{
	const struct throttle_limit *l = c->limit;

	for (unsigned k = 0; k < THROTTLE_KINDS; k += 3)
		if ((l[k].avg || l[k].max) &&
		    (l[k + 1].avg || l[k + 2].avg || l[k + 1].max ||
		     l[k + 2].max))
			return err_set(e, -EINVAL, "bps/iops/max total values "
				       "and read/write values cannot be used "
				       "at the same time");
	for (unsigned k = 0; k < THROTTLE_KINDS; k++) {
		if (MAX(l[k].avg, l[k].max) > (u64)THROTTLE_MAX)
			return err_set(e, -EINVAL, "bps/iops/max values must "
				       "be within [0, %lld]", THROTTLE_MAX);
		if (l[k].max && !l[k].avg)
			return err_set(e, -EINVAL, "bps_max/iops_max require "
				       "corresponding bps/iops values");
		if (l[k].max && l[k].max < l[k].avg)
			return err_set(e, -EINVAL, "bps_max/iops_max cannot be "
				       "lower than bps/iops");
		if (l[k].length > 1 && !l[k].max)
			return err_set(e, -EINVAL, "burst length set without "
				       "burst rate");
		if (l[k].length > 1 && l[k].max > THROTTLE_MAX / l[k].length)
			return err_set(e, -EINVAL, "burst length too high for "
				       "this burst rate");
	}
	return 0;
}

int throttle_take(struct throttle_config *c, struct opts *o,
		  const char *prefix, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < THROTTLE_KINDS && rc == 0; i++) {
		struct throttle_limit *l = &c->limit[i];

		rc = take_one(o, prefix, kind_names[i].name, "", &l->avg, e);
		if (rc == 0)
			rc = take_one(o, prefix, kind_names[i].name, "-max",
				      &l->max, e);
		if (rc == 0)
			rc = take_one(o, prefix, kind_names[i].name,
				      "-max-length", &l->length, e);
		if (rc == 0)
			rc = take_one(o, "", kind_names[i].old, "", &l->avg, e);
		if (rc == 0)
			rc = take_one(o, "", kind_names[i].old, "_max", &l->max,
				      e);
		if (rc == 0)
			rc = take_one(o, "", kind_names[i].old, "_max_length",
				      &l->length, e);
	}
	if (rc == 0)
		rc = take_one(o, prefix, "iops-size", "", &c->iops_size, e);
	if (rc == 0)
		rc = take_one(o, "", "iops_size", "", &c->iops_size, e);
	return rc < 0 ? rc : throttle_check(c, e);
}
