/* SPDX-License-Identifier: MIT */
/*
 * gdb's q and Q packets: what we can do, threads, the target description, the
 * monitor, and QEMU's switches of stepping and physical memory.
 *
 * Talks to: mon_run_line for `monitor COMMAND`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/monitor.h"
#include "vmm/gdb/gdb_priv.h"

enum {
	SSTEP_ENABLE = 1, SSTEP_NOIRQ = 2,
	MONITOR_MAX  = 1 << 20,        /* of a command's output           */
	MONITOR_PIECE = 1024,          /* in one packet                   */
};

static void q_supported(struct gdb *g, const char *args, size_t n)
{
	g->swbreak = strstr(args, "swbreak+") != NULL;
	g->hwbreak = strstr(args, "hwbreak+") != NULL;
	strbuf_addf(&g->reply, "PacketSize=%x;qXfer:features:read+;"
		    "QStartNoAckMode+;vContSupported+%s%s", GDB_PACKET_MAX,
		    strstr(args, "swbreak+") ? ";swbreak+" : "",
		    strstr(args, "hwbreak+") ? ";hwbreak+" : "");
}

/* --- threads --- */

static void q_current(struct gdb *g, const char *args, size_t n)
{
	if (n)                         /* qCRC and other words with a C */
		return;
	strbuf_addf(&g->reply, "QC%02llx", (unsigned long long)g->thread_g);
}

/* As many as fit comfortably; the rest with the next question. */
static void list_threads(struct gdb *g)
{
	const unsigned end = MIN(g->vm->nvcpus, g->listed + 512);

	if (g->listed >= end) {
		strbuf_addc(&g->reply, 'l');
		return;
	}
	for (unsigned i = g->listed; i < end; i++)
		strbuf_addf(&g->reply, "%c%02x", i == g->listed ? 'm' : ',',
			    i + 1);
	g->listed = end;
}

static void q_first_threads(struct gdb *g, const char *args, size_t n)
{
	g->listed = 0;
	list_threads(g);
}

static void q_more_threads(struct gdb *g, const char *args, size_t n)
{
	list_threads(g);
}

static void q_thread_info(struct gdb *g, const char *args, size_t n)
{
	struct strbuf text = STRBUF_INIT;
	struct vcpu *v;
	s64 id;

	if (!gdb_thread(&args, &id) || id <= 0)
		return gdb_error(g, -EINVAL);
	v = gdb_vcpu_of(g, id);
	if (!v)
		return gdb_error(g, -ESRCH);
	strbuf_addf(&text, "CPU#%u [%s]", v->index,
		    v->held ? "held" : run_state_name(vm_state(g->vm)));
	gdb_hex(&g->reply, text.buf, text.len);
	strbuf_fini(&text);
}

static void q_attached(struct gdb *g, const char *args, size_t n)
{
	strbuf_addc(&g->reply, '1');
}

/* --- target.xml --- */

static void q_features(struct gdb *g, const char *args, size_t n)
{
	u64 off, len;

	if (!gdb_skip_word(&args, "target.xml:"))
		return gdb_error(g, 0);
	if (!gdb_number(&args, &off) || !gdb_skip(&args, ',') ||
	    !gdb_number(&args, &len) || *args)
		return gdb_error(g, -EINVAL);
	len = MIN(len, (u64)(GDB_PACKET_MAX / 2));
	if (off >= g->xml.len) {
		strbuf_addc(&g->reply, 'l');
		return;
	}
	len = MIN(len, g->xml.len - off);
	strbuf_addc(&g->reply, off + len < g->xml.len ? 'm' : 'l');
	strbuf_add(&g->reply, g->xml.buf + off, len);
}

/* --- the monitor --- */

/* What a terminal shows, for a console that wants plain newlines. */
static void send_output(struct gdb *g, const char *p, size_t n)
{
	struct strbuf text = STRBUF_INIT, packet = STRBUF_INIT;

	for (size_t i = 0; i < n && text.len < MONITOR_MAX; i++)
		if (p[i] != '\r')
			strbuf_addc(&text, p[i]);
	if (text.len == MONITOR_MAX)
		strbuf_addstr(&text, "\n(output cut)\n");
	for (size_t at = 0; at < text.len; at += MONITOR_PIECE) {
		strbuf_reset(&packet);
		strbuf_addc(&packet, 'O');
		gdb_hex(&packet, text.buf + at,
			MIN(text.len - at, (size_t)MONITOR_PIECE));
		gdb_send(g, packet.buf, packet.len);
	}
	strbuf_fini(&text);
	strbuf_fini(&packet);
}

static void q_monitor(struct gdb *g, const char *args, size_t n)
{
	struct strbuf out = STRBUF_INIT;
	char *line = malloc(n / 2 + 1);

	if (!line || n % 2 || !gdb_unhex(args, line, n / 2)) {
		free(line);
		return gdb_error(g, -EINVAL);
	}
	line[n / 2] = '\0';
	mon_run_line(g->vm, line, &g->mon_cpu, &out);
	free(line);
	gdb_regs_forget(g);            /* whatever it did */
	send_output(g, out.buf, out.len);
	strbuf_fini(&out);
	gdb_ok(g);
}

/* --- QEMU's switches --- */

static void q_sstep_bits(struct gdb *g, const char *args, size_t n)
{
	strbuf_addf(&g->reply, "ENABLE=%x%s", SSTEP_ENABLE,
		    g->can_block ? ",NOIRQ=2" : "");
}

static void q_sstep(struct gdb *g, const char *args, size_t n)
{
	strbuf_addf(&g->reply, "0x%x",
		    SSTEP_ENABLE | (g->block_irqs ? SSTEP_NOIRQ : 0));
}

static void set_sstep(struct gdb *g, const char *args, size_t n)
{
	u64 bits;

	if (!gdb_skip(&args, '=') && !gdb_skip(&args, ':'))
		return gdb_error(g, -EINVAL);
	gdb_skip_word(&args, "0x");
	if (!gdb_number(&args, &bits) ||
	    (bits & ~(u64)(SSTEP_ENABLE | (g->can_block ? SSTEP_NOIRQ : 0))))
		return gdb_error(g, -EINVAL);
	lock_take(&g->lock);
	g->block_irqs = bits & SSTEP_NOIRQ;
	lock_drop(&g->lock);
	gdb_ok(g);
}

static void q_physical(struct gdb *g, const char *args, size_t n)
{
	strbuf_addc(&g->reply, g->physical ? '1' : '0');
}

static void set_physical(struct gdb *g, const char *args, size_t n)
{
	u64 on;

	if (!gdb_number(&args, &on))
		return gdb_error(g, -EINVAL);
	g->physical = on != 0;
	gdb_ok(g);
}

static void set_no_ack(struct gdb *g, const char *args, size_t n)
{
	g->ack_off = true;
	gdb_ok(g);
}

/* --- the tables --- */

static const struct gdb_command queries[] = {
	{ "Supported",            q_supported },
	{ "C",                    q_current },
	{ "fThreadInfo",          q_first_threads },
	{ "sThreadInfo",          q_more_threads },
	{ "ThreadExtraInfo,",     q_thread_info },
	{ "Attached",             q_attached },
	{ "Xfer:features:read:",  q_features },
	{ "Rcmd,",                q_monitor },
	{ "qemu.sstepbits",       q_sstep_bits },
	{ "qemu.sstep",           q_sstep },
	{ "qemu.PhyMemMode",      q_physical },
	{ NULL,                   NULL }
};

static const struct gdb_command settings[] = {
	{ "StartNoAckMode",       set_no_ack },
	{ "qemu.sstep",           set_sstep },
	{ "qemu.PhyMemMode:",     set_physical },
	{ NULL,                   NULL }
};

void gdb_query(struct gdb *g, const char *args, size_t n)
{
	gdb_dispatch(g, queries, args, n);
}

void gdb_set(struct gdb *g, const char *args, size_t n)
{
	gdb_dispatch(g, settings, args, n);
}
