/* SPDX-License-Identifier: MIT */
/*
 * The human monitor, as the rest of the VMM sees it.
 *
 * monitors_create makes one monitor per row of config->mons, monitors_start
 * the thread they live on; main calls the first once the VM is built, the
 * second once it runs, monitors_stop before it is taken apart.  mon_run_line
 * runs one command for somebody else (human-monitor-command, gdb's qRcmd).
 *
 * Thread: start and stop on the main loop; mon_run_line from any thread that
 * is not a vCPU's.
 */
#ifndef MOTE_MONITOR_MONITOR_H
#define MOTE_MONITOR_MONITOR_H

#include "vmm/base/err.h"
#include "vmm/base/strbuf.h"

struct vm;

/* 0, or -errno with a sentence; nothing is left behind on failure.  start
 * creates first where nobody has. [loop] */
int  monitors_create(struct vm *vm, struct err *e);
int  monitors_start(struct vm *vm, struct err *e);
void monitors_stop(struct vm *vm);     /* never started is fine. [loop] */

/*
 * Run one line and append what the terminal would show, LF as CR LF.  There
 * is no history and nothing is asked for.  `*cpu` is the caller's current
 * CPU, which `cpu N` changes; NULL uses CPU 0 for this line.
 */
void mon_run_line(struct vm *vm, const char *line, unsigned *cpu,
		  struct strbuf *out);

/* Tell every QMP client; `name` is a row of qmp_event_rows[], `data` the text
 * of an object or NULL. [loop] */
void monitors_event(struct vm *vm, const char *name, const char *data);

/* docs/ref/monitor.md, and the counts `make monitor-status` prints.
 * `conformance` is tests/monitor/conformance.tsv: a line per command. */
void mon_table_document(struct strbuf *out, const char *conformance);
void mon_table_status(struct strbuf *out);

#endif
