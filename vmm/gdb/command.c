/* SPDX-License-Identifier: MIT */
/*
 * From a packet to its handler: the table of packets, and small ones.
 *
 * What is in no table gets the empty reply, as the protocol says.
 */
#include <errno.h>
#include <string.h>

#include "vmm/gdb/gdb_priv.h"
#include "vmm/base/trace.h"

void gdb_ok(struct gdb *g)
{
	strbuf_reset(&g->reply);
	strbuf_addstr(&g->reply, "OK");
}

/* gdb shows the number as it is: hexadecimal. */
void gdb_error(struct gdb *g, int rc)
{
	strbuf_reset(&g->reply);
	strbuf_addf(&g->reply, "E%02x", (unsigned)-rc & 0xff);
}

/* --- threads --- */

struct vcpu *gdb_vcpu_of(struct gdb *g, s64 id)
{
	if (id == GDB_THREAD_ALL || id == GDB_THREAD_ANY)
		id = 1;
	return id > 0 && (u64)id <= g->vm->nvcpus ? g->vm->vcpus[id - 1] : NULL;
}

struct vcpu *gdb_vcpu(struct gdb *g)
{
	return gdb_vcpu_of(g, g->thread_g);
}

static void set_thread(struct gdb *g, const char *args, size_t n)
{
	const char op = *args;
	s64 id;

	if (op)
		args++;
	if ((op != 'g' && op != 'c') || !gdb_thread(&args, &id) || *args)
		return gdb_error(g, -EINVAL);
	if (!gdb_vcpu_of(g, id))
		return gdb_error(g, -ESRCH);
	if (op == 'g' && id > 0)
		g->thread_g = id;
	if (op == 'c')
		g->thread_c = id;
	gdb_ok(g);
}

static void thread_alive(struct gdb *g, const char *args, size_t n)
{
	s64 id;

	if (!gdb_thread(&args, &id) || id <= 0 || !gdb_vcpu_of(g, id))
		return gdb_error(g, -ESRCH);
	gdb_ok(g);
}

static void extended_mode(struct gdb *g, const char *args, size_t n)
{
	g->extended = true;
	gdb_ok(g);
}

/* --- the table --- */

static const struct gdb_command commands[] = {
	{ "?",      gdb_why },
	{ "!",      extended_mode },
	{ "C",      gdb_cont_signal },
	{ "D",      gdb_detach },
	{ "G",      gdb_write_regs },
	{ "H",      set_thread },
	{ "M",      gdb_write_hex },
	{ "P",      gdb_write_reg },
	{ "Q",      gdb_set },
	{ "R",      gdb_restart },
	{ "S",      gdb_step_signal },
	{ "T",      thread_alive },
	{ "X",      gdb_write_binary },
	{ "Z",      gdb_insert_break },
	{ "c",      gdb_cont },
	{ "g",      gdb_read_regs },
	{ "k",      gdb_kill },
	{ "m",      gdb_read_mem },
	{ "p",      gdb_read_reg },
	{ "q",      gdb_query },
	{ "s",      gdb_step },
	{ "vCont",  gdb_vcont },
	{ "vCont?", gdb_vcont_query },
	{ "vKill",  gdb_vkill },
	{ "vRun",   gdb_vrun },
	{ "z",      gdb_remove_break },
	{ NULL,     NULL }
};

bool gdb_dispatch(struct gdb *g, const struct gdb_command *table,
		  const char *text, size_t n)
{
	const struct gdb_command *best = NULL;
	size_t best_len = 0;

	for (const struct gdb_command *c = table; c->name; c++) {
		const size_t len = strlen(c->name);

		if (len <= n && len > best_len && !memcmp(c->name, text, len)) {
			best = c;
			best_len = len;
		}
	}
	if (best)
		best->run(g, text + best_len, n - best_len);
	return best != NULL;
}

static int printable(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && i < 64 && text[i] >= ' ' && text[i] <= '~')
		i++;
	return (int)i;
}

void gdb_packet(struct gdb *g, const char *payload, size_t n)
{
	strbuf_reset(&g->reply);
	trace(gdb_packet, "%.*s (%zu bytes)", printable(payload, n), payload,
	      n);
	g->no_reply = false;
	gdb_dispatch(g, commands, payload, n);
	if (!g->no_reply)
		gdb_send(g, g->reply.buf, g->reply.len);
}
