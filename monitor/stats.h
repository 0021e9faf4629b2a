/* SPDX-License-Identifier: MIT */
/*
 * Run-time statistics. [main loop]
 */
#ifndef MOTE_MONITOR_STATS_H
#define MOTE_MONITOR_STATS_H

#include "monitor/mon.h"

enum { STATS_VALUES_MAX = 64 };

struct stat {
	const char *name;
	u32 flags;                     /* KVM_STATS_*: type, unit, base */
	s16 exponent;
	u32 bucket_size;
	unsigned n;
	u64 value[STATS_VALUES_MAX];
};

/*
 * Every statistic of `v`, or of the VM when it is NULL, that `names` holds: a
 * list by commas, "*" or NULL for all.  -errno when the kernel has none: a
 * vCPU's exits as mote counted them are told of then.
 */
int  stats_each(struct vm *vm, struct vcpu *v, const char *names,
		void (*fn)(const struct stat *s, void *opaque), void *opaque);

/* "cumulative" ...; "bytes", "seconds" ... or NULL. */
const char *stat_type(const struct stat *s);
const char *stat_unit(const struct stat *s);

/* As text; `head`: say whose they are. */
int  stats_print(struct vm *vm, struct vcpu *v, const char *names, bool head,
		 struct strbuf *out);

#endif
