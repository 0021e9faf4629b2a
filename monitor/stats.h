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

/* Who counts: "kvm", "tcg" (whichever runs the guest), "mote" (a vCPU's exits).
 * NULL ends. */
extern const char *const stats_sources[];
bool stats_source_known(const char *source);
/* Told of when nobody says whose: all but mote's beside the kernel's. */
bool stats_source_usual(struct vm *vm, const char *source);

/*
 * Every statistic of `source` about `v`, or about the VM when it is NULL, that
 * `names` holds: a list by commas, "*" or NULL for all.
 */
void stats_each(struct vm *vm, struct vcpu *v, const char *source,
		const char *names,
		void (*fn)(const struct stat *s, void *opaque), void *opaque);

/* "cumulative" ...; "bytes", "seconds" ... or NULL. */
const char *stat_type(const struct stat *s);
const char *stat_unit(const struct stat *s);

/* As text; `source` NULL: the usual ones, and whose they are. */
void stats_print(struct vm *vm, struct vcpu *v, const char *source,
		 const char *names, struct strbuf *out);

#endif
