/* SPDX-License-Identifier: MIT */
/*
 * QMP, the monitor for programs: JSON objects in and out.
 *
 * A client's bytes -> qmp_scan (one value) -> checks -> a struct qmp_call ->
 * its row's run() -> the answer.  Rows with MON_MAIN run on the main loop,
 * the others on the monitor thread.
 *
 * Invariants:
 *  1. A struct qmp belongs to the monitor thread; a struct qmp_call to who
 *     runs it: while it is on the main loop, the rest of the client's work
 *     goes on without it.
 *  2. In-band commands of one client run one after the other, in order.
 *  3. An event is queued on the main loop and sent before the answer of a
 *     command that caused it.  What a client that never reads misses is
 *     counted and dropped; nothing grows with it.
 *  4. run() has no logic of its own: it calls what the human monitor's
 *     commands call.
 */
#ifndef MOTE_MONITOR_QMP_H
#define MOTE_MONITOR_QMP_H

#include <jansson.h>

#include "monitor/mon.h"

enum {
	QMP_OOB      = BIT(8),         /* may run out of band; a mon_cmd.when */
	QMP_SIZE_MAX = 1 << 20,        /* bytes of one input value          */
	QMP_DEPTH_MAX = 256,
	QMP_TOKENS_MAX = 1 << 16,
	QMP_QUEUE_MAX = 8,             /* commands that wait for another    */
	QMP_EVENTS_MAX = 256 << 10,    /* bytes of events that wait         */
};

enum qmp_class {
	QMP_GENERIC, QMP_COMMAND_NOT_FOUND, QMP_DEVICE_NOT_FOUND,
	QMP_DEVICE_NOT_ACTIVE, QMP_KVM_MISSING_CAP,
};

struct qmp_call;

/*
 * One row per command.  `args` and the members of types are a list of
 * NAME:TYPE separated by blanks; TYPE is a built-in (str int size number bool
 * any) or a row of qmp_types[], in brackets an array of it; a '?' behind it
 * marks it optional; "*" lets members pass that are not named.
 */
struct qmp_cmd {
	const char *name;
	const char *args;
	const char *ret;               /* a type; "" answers {}             */
	const char *doc;
	unsigned when;                 /* MON_MAIN, MON_PRE, QMP_OOB        */
	void (*run)(struct qmp_call *c);
	const char *info;              /* x-query-*: the info subcommand    */
};

struct qmp_call {
	struct list node;
	struct mon *m;                 /* its client                        */
	const struct qmp_cmd *cmd;
	json_t *args, *id;             /* id NULL: none given               */
	json_t *ret;                   /* NULL: {}                          */
	enum qmp_class class;
	struct err e;                  /* e.rc != 0: it failed              */
};

/* A struct type (members) or an enumeration (values). */
struct qmp_type {
	const char *name, *members, *values;
};

struct qmp_event_row {
	const char *name, *data, *doc;
};

extern const struct qmp_cmd *const qmp_groups[];       /* NULL ends     */
extern const struct qmp_type qmp_types[];              /* name NULL ends */
extern const struct qmp_event_row qmp_event_rows[];    /* name NULL ends */

const struct qmp_cmd *qmp_find(const char *name);

/* --- what run() uses --- */

/* Arguments were checked against the row: these only fetch.  Absent: NULL,
 * the default, false. */
const char *qmp_str(const struct qmp_call *c, const char *name);
s64  qmp_int(const struct qmp_call *c, const char *name, s64 def);
bool qmp_bool(const struct qmp_call *c, const char *name, bool def);
json_t *qmp_arg(const struct qmp_call *c, const char *name);

void qmp_fail(struct qmp_call *c, enum qmp_class class, const char *fmt, ...)
	PRINTF(3, 4);
/* A sentence of somebody else's; does nothing when rc >= 0. */
void qmp_check(struct qmp_call *c, int rc, const struct err *e);

/* Any bytes as a JSON string: what is not UTF-8 becomes U+FFFD. */
json_t *qmp_text(const char *p, size_t n);

/* --- the protocol (qmp.c) --- */

struct qmp *qmp_create(struct mon *m, bool pretty);
void qmp_destroy(struct qmp *q);       /* NULL is fine */
void qmp_client_came(struct mon *m);   /* greets                        */
void qmp_client_went(struct mon *m);
/* Look at bytes, up to the one after which it must wait; how many. */
size_t qmp_bytes(struct mon *m, const u8 *p, size_t n);
bool qmp_may_read(struct mon *m);
/* Events that came since go out. */
void qmp_flush_events(struct mon *m);
/* For one client, whatever it is doing. [main loop] */
void qmp_queue_event(struct mon *m, const char *text, size_t n);
/* Run a call here; its answer follows by qmp_answer. */
void qmp_call_run(struct qmp_call *c);
void qmp_call_free(struct qmp_call *c);
/* The call is back from the main loop: answer, then the next one. */
void qmp_back(struct mon *m, struct qmp_call *c);

/* thread.c: run on the main loop, then qmp_back on the monitor's thread. */
void mon_qmp_to_main(struct mon *m, struct qmp_call *c);

struct disk;
struct disk_failure;
void qmp_disk_failed(void *vm, struct disk *d, const struct disk_failure *f);

/* What the VM does becomes events; no client, no listener. (qmp_events.c) */
void qmp_listen(struct monitors *s);   /* [main loop] */
void qmp_unlisten(struct monitors *s); /* [main loop] */

/* --- one value out of a stream (qmp_scan.c) --- */

struct qmp_scan {
	struct strbuf text;            /* of the value so far, plain JSON   */
	unsigned depth, tokens;
	char quote;                    /* in a string: what ends it         */
	bool escape, word, skip;       /* skip: to the end of the line      */
};
enum qmp_scan_result { QMP_SCAN_MORE, QMP_SCAN_VALUE, QMP_SCAN_BAD };

void qmp_scan_init(struct qmp_scan *s);
void qmp_scan_fini(struct qmp_scan *s);
/* Drop what there is of a value. */
void qmp_scan_reset(struct qmp_scan *s);
/*
 * Read on; `*used` bytes were looked at.  VALUE: `*v` is the caller's.  BAD:
 * `e` says why and the scan goes on behind it.
 */
enum qmp_scan_result qmp_scan(struct qmp_scan *s, const u8 *p, size_t n,
			      size_t *used, json_t **v, struct err *e);

/* --- types (qmp_check.c) --- */

struct qmp_decl {
	char name[64], type[48];
	bool optional, array;
};
/* Next member of a list; "*" sets `*open` and is passed over. */
bool qmp_decl_next(const char **list, struct qmp_decl *d, bool *open);
const struct qmp_type *qmp_type_find(const char *name);
/* 0, or -EINVAL with QEMU's sentence. */
int  qmp_check_members(const char *list, json_t *v, const char *prefix,
		       struct err *e);

/* qmp_schema.c */
json_t *qmp_schema(void);
void qmp_document(struct strbuf *out); /* docs/ref/qmp.md */

#endif
