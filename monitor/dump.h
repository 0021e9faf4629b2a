/* SPDX-License-Identifier: MIT */
/*
 * Core files of the guest: dump-guest-memory, info dump.
 *
 * The guest stands still meanwhile.  A dump is written in steps of a few MiB;
 * a detached one takes one step per visit of the monitor's loop, so that other
 * clients are served between.
 *
 * Invariants:
 *  1. One dump at a time; `cont` is refused until it is done.
 *  2. RAM is read through gmem, on the thread that runs the steps.
 */
#ifndef MOTE_MONITOR_DUMP_H
#define MOTE_MONITOR_DUMP_H

#include "arch/x86/regs.h"
#include "monitor/mon.h"

enum dump_format { DUMP_ELF, DUMP_KDUMP_ZLIB, DUMP_KDUMP_RAW_ZLIB };

struct dump_wish {
	enum dump_format format;
	bool paging, detach, has_range;
	u64 begin, length;             /* has_range */
};

struct dump_range {                    /* of guest-physical memory */
	gpa_t gpa;
	u64 len;
};

/* Guest-virtual view of it: a program header of its own. */
struct dump_mapping {
	gva_t va;
	gpa_t pa;
	u64 len;
};

enum { DUMP_MAPPINGS_MAX = 0xff00 };   /* ELF counts headers in 16 bits */

struct dump {
	struct monitors *mons;
	const struct dump_writer *writer;
	struct dump_wish wish;
	int fd;
	bool wide;                     /* a 64-bit guest */
	unsigned ncpus;
	struct dump_range *ranges;
	unsigned nranges;
	struct dump_mapping *maps;
	unsigned nmaps;
	bool maps_cut;                 /* the guest had more */
	struct strbuf notes;           /* ELF notes of the CPUs */
	u64 done, total;               /* bytes of memory       */
	unsigned range;                /* where the next step goes on */
	u64 at;
	bool was_running;
	struct dump_kdump *kdump;      /* that writer's own     */
	struct err e;
};

struct dump_writer {
	/* What stands before the memory.  0 or -errno with a sentence. */
	int  (*begin)(struct dump *d);
	/* `n` bytes, whole pages but at the end of a range. */
	int  (*memory)(struct dump *d, gpa_t at, const u8 *p, size_t n);
	int  (*end)(struct dump *d);   /* NULL ok */
	void (*free)(struct dump *d);  /* NULL ok */
};
extern const struct dump_writer dump_elf_writer;
extern const struct dump_writer dump_kdump_writer;

/* The file may be opened only once this agrees. [any] */
int  dump_check(struct monitors *s, const struct dump_wish *w, struct err *e);
/* Owns fd.  Returns when done, or at once for wish->detach. [any] */
int  dump_run(struct mon *m, const struct dump_wish *w, int fd,
	      struct err *e);

/* Forget a detached one; its thread is gone. [main loop] */
void dump_cancel(struct monitors *s);

enum dump_status { DUMP_NONE, DUMP_ACTIVE, DUMP_COMPLETED, DUMP_FAILED };
extern const char *const dump_status_names[];
struct dump_progress {
	enum dump_status status;
	u64 done, total;
};
struct dump_progress dump_progress(struct monitors *s);        /* [any] */

/* write() until all of it is out; d->e says what failed. */
int  dump_write(struct dump *d, const void *p, size_t n);

/* Notes of one CPU (x86_dump.c). */
void x86_dump_notes(struct strbuf *out, const struct x86_regs *r,
		    unsigned cpu, bool wide);

#endif
