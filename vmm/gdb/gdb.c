/* SPDX-License-Identifier: MIT */
/*
 * The gdb server's device and sessions: bytes in, frames out.
 *
 * Room:     opening and closing, acknowledgements, the queue of frames.
 * Talks to: a chardev of its own, "gdb"; command.c with whole packets.
 * Never:    blocks on the client; what it does not take is queued, and from
 *           GDB_OUT_HIGH on its packets have to wait.
 *
 * States: closed -(gdb_open)-> listening -(OPENED)-> session -(CLOSED)->
 * listening.  A session begins with the VM stopped, as gdb expects.
 */
#include "vmm/gdb/gdb_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHARDEV_ID "gdb"

/* --- out --- */

static void flush_out(struct gdb *g)
{
	size_t left = g->out.len - g->out_pos;

	if (!g->fe.chr)
		return;
	while (left) {
		size_t n = chardev_write(&g->fe, g->out.buf + g->out_pos, left);

		if (!n)
			return;        /* CHARDEV_WRITABLE will come */
		g->out_pos += n;
		left -= n;
	}
	strbuf_reset(&g->out);
	g->out_pos = 0;
}

void gdb_send(struct gdb *g, const void *payload, size_t n)
{
	if (!g->client)
		return;
	strbuf_reset(&g->last);
	gdb_frame(&g->last, payload, n);
	strbuf_add(&g->out, g->last.buf, g->last.len);
	if (g->no_ack)
		strbuf_reset(&g->last);
	flush_out(g);
}

void gdb_send_text(struct gdb *g, const char *text)
{
	gdb_send(g, text, strlen(text));
}

static void acknowledge(struct gdb *g, char c)
{
	if (g->no_ack)
		return;
	strbuf_addc(&g->out, c);
	flush_out(g);
}

/* --- in --- */

static void interrupt(struct gdb *g)
{
	if (vm_state(g->vm) == RUN_RUNNING)
		vm_pause(g->vm, RUN_PAUSED);   /* VM_EV_STOP answers */
}

static void take_packet(struct gdb *g, bool cut)
{
	acknowledge(g, '+');
	strbuf_reset(&g->last);
	g->busy = true;
	if (cut)
		gdb_send_text(g, "E.packet too long");
	else
		gdb_packet(g, g->in.payload, g->in.len);
	g->busy = false;
	if (g->ack_off) {              /* its own reply is the last with */
		g->ack_off = false;
		g->no_ack = g->in.ignore_sum = true;
	}
}

static void take_byte(struct gdb *g, u8 c)
{
	switch (gdb_reader_byte(&g->in, c)) {
	case GDB_MORE:
		break;
	case GDB_PACKET:
		take_packet(g, false);
		break;
	case GDB_TOO_LONG:
		take_packet(g, true);
		break;
	case GDB_BAD_SUM:
		acknowledge(g, '-');
		break;
	case GDB_BREAK:
		interrupt(g);
		break;
	case GDB_ACK:
		strbuf_reset(&g->last);
		break;
	case GDB_NAK:                  /* once: a liar gets no stream */
		strbuf_add(&g->out, g->last.buf, g->last.len);
		strbuf_reset(&g->last);
		flush_out(g);
		break;
	}
}

static size_t fe_can_read(void *opaque)
{
	struct gdb *g = opaque;

	return g->out.len - g->out_pos < GDB_OUT_HIGH ? 4096 : 0;
}

static void fe_read(void *opaque, const u8 *buf, size_t n)
{
	struct gdb *g = opaque;

	for (size_t i = 0; i < n && g->client; i++)
		take_byte(g, buf[i]);
}

/* --- sessions --- */

static void session_begin(struct gdb *g)
{
	gdb_reader_reset(&g->in);
	strbuf_reset(&g->out);
	strbuf_reset(&g->last);
	g->out_pos = 0;
	g->client = true;
	g->no_ack = g->ack_off = g->extended = g->ending = false;
	g->swbreak = g->hwbreak = g->waiting = g->physical = false;
	g->block_irqs = g->can_block;
	g->thread_g = g->thread_c = 1;
	g->mon_cpu = 0;
	gdb_regs_forget(g);
	interrupt(g);
}

static void session_end(struct gdb *g)
{
	g->client = g->waiting = false;
	strbuf_reset(&g->out);
	strbuf_reset(&g->last);
	g->out_pos = 0;
	gdb_regs_forget(g);
	gdb_breaks_clear(g);
	gdb_release(g);
}

static void fe_event(void *opaque, enum chardev_event ev)
{
	struct gdb *g = opaque;

	switch (ev) {
	case CHARDEV_OPENED:
		session_begin(g);
		break;
	case CHARDEV_CLOSED:
		session_end(g);
		break;
	case CHARDEV_WRITABLE:
		flush_out(g);
		chardev_kick(&g->fe);
		break;
	case CHARDEV_BREAK:
		interrupt(g);
		break;
	default:
		break;
	}
}

static const struct chardev_fe_ops fe_ops = {
	.can_read = fe_can_read,
	.read     = fe_read,
	.event    = fe_event,
};

/* --- life --- */

/* KVM says which control bits it takes. */
static bool can_block_irqs(struct gdb *g)
{
	struct kvm_guest_debug d = { 0 };
	const int known = kvm_vm_check(&g->vm->kvm, KVM_CAP_SET_GUEST_DEBUG2);

	g->arch->step(&d, true);
	return known > 0 && !(d.control & ~(u32)known);
}

void gdb_rearm(struct gdb *g)
{
	g->can_block = can_block_irqs(g);
	gdb_arm_anew(g);
}

static struct gdb *gdb_create(struct vm *vm)
{
	struct gdb *g = calloc(1, sizeof(*g));

	if (!g)
		abort();
	g->vm = vm;
	g->arch = vm->arch->debug;
	g->breaks = calloc(GDB_BREAKS_MAX, sizeof(*g->breaks));
	g->plants = calloc(GDB_BREAKS_MAX, sizeof(*g->plants));
	g->cpu = calloc(vm->nvcpus ? vm->nvcpus : 1, sizeof(*g->cpu));
	g->regs = calloc(1, vm->arch->regs_size);
	if (!g->breaks || !g->plants || !g->cpu || !g->regs)
		abort();
	lock_init(&g->lock, "gdb");
	gdb_reader_init(&g->in);
	strbuf_init(&g->out);
	strbuf_init(&g->last);
	strbuf_init(&g->reply);
	strbuf_init(&g->xml);
	g->arch->target_xml(&g->xml);
	memset(g->owner, GDB_NO_BREAK, sizeof(g->owner));
	g->can_block = can_block_irqs(g);
	g->listener.fn = gdb_vm_event;
	vm_listen(vm, &g->listener);
	vm->gdb = g;
	vm->debug_exit = gdb_debug_exit;
	return g;
}

static void gdb_close(struct gdb *g)
{
	if (!g->device)
		return;
	if (g->client)
		session_end(g);
	chardev_detach(&g->fe);
	chardev_remove(g->vm->chardevs, CHARDEV_ID, NULL);
	free(g->device);
	g->device = NULL;
}

void gdb_destroy(struct vm *vm)
{
	struct gdb *g = vm->gdb;

	if (!g)
		return;
	if (g->client && !g->ending) {
		strbuf_reset(&g->reply);
		strbuf_addf(&g->reply, "W%02x", vm->exit_code & 0xff);
		gdb_send(g, g->reply.buf, g->reply.len);
	}
	gdb_close(g);
	vm_unlisten(vm, &g->listener);
	vm->debug_exit = NULL;
	vm->gdb = NULL;
	gdb_reader_fini(&g->in);
	strbuf_fini(&g->out);
	strbuf_fini(&g->last);
	strbuf_fini(&g->reply);
	strbuf_fini(&g->xml);
	lock_fini(&g->lock);
	free(g->breaks);
	free(g->plants);
	free(g->cpu);
	free(g->regs);
	free(g);
}

/* A debugger is a server's client, and nobody waits for it.  A bare number is
 * a TCP port. */
static void device_spec(const char *device, struct strbuf *out)
{
	const bool port = *device && !device[strspn(device, "0123456789")];

	strbuf_addf(out, "%s%s", port ? "tcp::" : "", device);
	if (port || !strncmp(device, "tcp:", 4))
		strbuf_addstr(out, ",wait=off,nodelay=on,server=on");
	else if (!strncmp(device, "unix:", 5))
		strbuf_addstr(out, ",wait=off,server=on");
}

static int open_device(struct gdb *g, const char *device, struct err *e)
{
	struct strbuf spec = STRBUF_INIT;
	struct chardev *c;
	int rc;

	device_spec(device, &spec);
	c = chardev_open(g->vm->chardevs, CHARDEV_ID, spec.buf, e);
	strbuf_fini(&spec);
	if (!c)
		return e && e->rc ? e->rc : -EINVAL;
	rc = chardev_attach(c, &g->fe, &fe_ops, g, e);
	if (rc < 0) {
		chardev_remove(g->vm->chardevs, CHARDEV_ID, NULL);
		return rc;
	}
	g->device = strdup(device);
	if (!g->device)
		abort();
	return 0;
}

int gdb_open(struct vm *vm, const char *device, struct err *e)
{
	struct gdb *g = vm->gdb;

	if (!g && !strcmp(device, "none"))
		return 0;
	if (!vm->arch || !vm->arch->debug)
		return err_set(e, -ENOTSUP, "not supported yet: gdbserver for "
			       "this architecture");
	if (!g)
		g = gdb_create(vm);
	if (g->busy)
		return err_set(e, -EBUSY, "a gdb session cannot close its own "
			       "server");
	gdb_close(g);
	return strcmp(device, "none") ? open_device(g, device, e) : 0;
}
