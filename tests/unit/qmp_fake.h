/* SPDX-License-Identifier: MIT */
/*
 * A QMP client of the fake machine, on the caller's thread.
 */
#ifndef MOTE_TESTS_QMP_FAKE_H
#define MOTE_TESTS_QMP_FAKE_H

#include "tests/unit/mon_fake.h"

#include "monitor/qmp.h"

struct qmp_fake {
	struct fake f;
	struct monitors mons;
	struct mon m;
	struct strbuf out;
};

static inline void qmp_fake_init(struct qmp_fake *q, bool pretty)
{
	memset(q, 0, sizeof(*q));
	fake_init(&q->f);
	strbuf_init(&q->out);
	monitors_init(&q->mons, &q->f.vm);
	q->f.vm.monitors = &q->mons;
	mon_init(&q->m, &q->mons);
	q->m.qmp = qmp_create(&q->m, pretty);
	q->m.open = true;
	list_append(&q->mons.list, &q->m.node);
	q->mons.has_qmp = true;
	qmp_listen(&q->mons);
	qmp_client_came(&q->m);
}

static inline void qmp_fake_fini(struct qmp_fake *q)
{
	qmp_unlisten(&q->mons);
	list_remove(&q->m.node);
	qmp_destroy(q->m.qmp);
	mon_fini(&q->m);
	q->f.vm.monitors = NULL;
	monitors_fini(&q->mons);
	strbuf_fini(&q->out);
	fake_fini(&q->f);
}

/* What came since; valid until the next call. */
static inline const char *heard(struct qmp_fake *q)
{
	qmp_flush_events(&q->m);
	strbuf_reset(&q->out);
	strbuf_add(&q->out, q->m.out.buf, q->m.out.len);
	strbuf_reset(&q->m.out);
	return q->out.buf;
}

static inline void tell(struct qmp_fake *q, const void *p, size_t n)
{
	for (size_t used = 0; used < n;)
		used += qmp_bytes(&q->m, (const u8 *)p + used, n - used);
}

static inline const char *answer_to(struct qmp_fake *q, const char *text)
{
	tell(q, text, strlen(text));
	tell(q, "\n", 1);
	return heard(q);
}

static inline void negotiate(struct qmp_fake *q)
{
	heard(q);
	assert_string_equal(answer_to(q, "{'execute':'qmp_capabilities'}"),
			    "{\"return\": {}}\r\n");
}

#endif
