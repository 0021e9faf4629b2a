/* SPDX-License-Identifier: MIT */
/*
 * One monitor: its output, the VM it looks at, and running a line.
 *
 * Talks to: parse.c for the line; vcpu.h, gmem.h and bus.h for what commands
 *           read; thread.c for what must happen on the main loop.
 * Never:    blocks the VM: a running vCPU is asked for its registers and goes
 *           on.
 */
#include "monitor/dirty_limit.h"
#include "monitor/dirty_rate.h"
#include "monitor/input.h"
#include "monitor/mon.h"
#include "monitor/monitor.h"
#include "monitor/x86.h"
#include "vmm/base/path.h"
#include "vmm/base/trace.h"
#include "vmm/arch.h"
#include "vmm/vcpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- output --- */

static bool room_for(struct mon *m, size_t n)
{
	static const char note[] = "\r\n[output cut here]\r\n";

	if (m->cut)
		return false;
	if (m->out.len + n <= MON_OUT_MAX)
		return true;
	m->cut = true;
	strbuf_addstr(&m->out, note);
	return false;
}

void mon_write(struct mon *m, const char *p, size_t n)
{
	while (n) {
		const char *lf = memchr(p, '\n', n);
		size_t k = lf ? (size_t)(lf - p) : n;

		if (!room_for(m, k + 2))
			return;
		strbuf_add(&m->out, p, k);
		if (lf)
			strbuf_add(&m->out, "\r\n", 2);
		p += k + !!lf;
		n -= k + !!lf;
	}
}

void mon_puts(struct mon *m, const char *text)
{
	mon_write(m, text, strlen(text));
}

void mon_printf(struct mon *m, const char *fmt, ...)
{
	struct strbuf s = STRBUF_INIT;
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n < sizeof(line)) {
		mon_write(m, line, n);
		return;
	}
	va_start(ap, fmt);
	strbuf_vaddf(&s, fmt, ap);
	va_end(ap);
	mon_write(m, s.buf, s.len);
	strbuf_fini(&s);
}

void mon_error(struct mon *m, const struct err *e)
{
	mon_printf(m, "Error: %s\n", e->msg);
	if (e->hint[0])
		mon_printf(m, "%s\n", e->hint);
}

bool mon_enough(struct mon *m)
{
	return m->cut || m->mons->stopping;
}

/* --- the VM as commands see it --- */

struct vm *mon_vm(struct mon *m)
{
	return m->mons->vm;
}

struct vcpu *mon_vcpu(struct mon *m)
{
	struct vm *vm = mon_vm(m);

	if (!vm || !vm->nvcpus || !vm->vcpus)
		return NULL;
	if (m->cpu >= vm->nvcpus)
		m->cpu = 0;
	return vm->vcpus[m->cpu];
}

static void do_nothing(struct vcpu *v UNUSED, void *opaque UNUSED)
{
}

pid_t mon_thread_id(struct vcpu *v)
{
	if (!v->tid)
		vcpu_call(v, do_nothing, NULL);
	return v->tid;
}

struct get_regs {
	const struct arch *arch;
	void *regs;
	int rc;
};

static void get_regs(struct vcpu *v, void *opaque)
{
	struct get_regs *g = opaque;

	g->rc = g->arch->get_regs(v, g->regs);
}

void *mon_regs_of(struct mon *m, struct vcpu *v)
{
	struct get_regs g = { .arch = mon_vm(m)->arch };

	if (!v || !g.arch || !g.arch->get_regs)
		return NULL;
	g.regs = calloc(1, g.arch->regs_size);
	if (!g.regs)
		return NULL;
	vcpu_call(v, get_regs, &g);
	if (g.rc >= 0)
		return g.regs;
	free(g.regs);
	return NULL;
}

const void *mon_regs(struct mon *m)
{
	struct vcpu *v = mon_vcpu(m);

	if (!m->regs && v)
		m->regs = mon_regs_of(m, v);
	return m->regs;
}

struct bus_access {
	struct vm *vm;
	gpa_t at;
	u8 *buf;
	size_t n;
	bool answered, missed;         /* by anybody; not by everybody */
};

static unsigned access_size(gpa_t at, size_t n)
{
	unsigned size = 4;

	while (size > n || at % size)
		size /= 2;
	return size;
}

static void read_bus(void *opaque)
{
	struct bus_access *a = opaque;

	a->answered = a->vm->mmio && bus_overlaps(a->vm->mmio, a->at,
						     a->at + (a->n - 1));
	while (a->n && a->answered) {
		unsigned size = access_size(a->at, a->n);
		u64 v = 0;

		if (bus_read(a->vm->mmio, a->at, &v, size))
			memcpy(a->buf, &v, size);
		else
			a->missed = true;
		a->at += size;
		a->buf += size;
		a->n -= size;
	}
}

/* How many of `n` bytes at `at` lie in the same RAM block; 0: not RAM. */
static size_t ram_run(struct vm *vm, gpa_t at, size_t n)
{
	const struct gmem_block *b = gmem_find(vm->gmem, at);

	return b ? (size_t)MIN((u64)n, b->gpa + b->len - at) : 0;
}

/* Bytes from `at` until RAM or one of the provider's chips begins, at most n. */
static size_t gap_run(struct vm *vm, gpa_t at, size_t n)
{
	unsigned count;
	const struct gmem_block *const *b = gmem_blocks(vm->gmem, &count);
	u64 run = n;

	for (unsigned i = 0; i < count; i++)
		if (b[i]->gpa > at)
			run = MIN(run, b[i]->gpa - at);
	return MIN(run, mon_x86_until_chip(vm, at));
}

bool mon_read_phys(struct mon *m, gpa_t at, void *buf, size_t n)
{
	struct vm *vm = mon_vm(m);
	bool answered = true, chip = false;
	u8 *p = buf;

	memset(buf, 0, n);
	while (n) {
		size_t k = ram_run(vm, at, n);

		if (k) {
			answered &= !gmem_read(vm->gmem, at, p, k);
		} else if ((k = mon_x86_chip_read(m, at, p, n, &chip))) {
			answered &= chip;
		} else {
			struct bus_access a = { .vm = vm, .at = at, .buf = p };

			k = a.n = gap_run(vm, at, n);
			mon_on_main(m, read_bus, &a);
			answered &= a.answered && !a.missed;
		}
		if (at + k < at)
			return answered && k == n;
		at += k;
		p += k;
		n -= k;
	}
	return answered;
}

bool mon_read_virt(struct mon *m, gva_t at, void *buf, size_t n)
{
	struct vm *vm = mon_vm(m);
	const void *regs = mon_regs(m);
	u8 *p = buf;

	if (!regs || !vm->arch->translate)
		return false;
	while (n) {
		size_t k = MIN(n, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
		gpa_t pa;
		u64 attr;

		if (vm->arch->translate(vm, regs, at, &pa, &attr) ||
		    !mon_read_phys(m, pa, p, k))
			return false;
		at += k;
		p += k;
		n -= k;
	}
	return true;
}

struct open_request {
	const char *path;
	int flags, mode, fd;
	struct err *e;
};

static void open_on_main(void *opaque)
{
	struct open_request *r = opaque;

	r->fd = path_open(r->path, r->flags, r->mode, r->e);
}

int mon_open(struct mon *m, const char *path, int flags, int mode,
	     struct err *e)
{
	struct open_request r = { path, flags, mode, -ECANCELED, e };

	err_set(e, r.fd, "Could not open '%s': %m", path);
	mon_on_main(m, open_on_main, &r);
	return r.fd;
}

/* --- running --- */

void mon_run_call(struct mon *m, const struct mon_call *call)
{
	trace(hmp_command, "%s", call->cmd->name);
	m->call = call;
	call->cmd->run(m, call->arg);
	m->call = NULL;
}

struct main_call {
	struct mon *m;
	struct mon_call *call;
};

static void run_on_main(void *opaque)
{
	struct main_call *c = opaque;

	mon_run_call(c->m, c->call);
}

static void forget_regs(struct mon *m)
{
	free(m->regs);
	m->regs = NULL;
}

/* A client's command that belongs on the main loop goes there and comes back
 * by itself; everybody else's is waited for. */
void mon_exec(struct mon *m, const char *line)
{
	struct mon_call call;

	m->cut = false;
	if (!mon_parse(m, line, &call)) {
		forget_regs(m);
		return;
	}
	if (call.cmd->when & MON_MAIN) {
		struct main_call c = { m, &call };

		if (m->rl) {
			mon_go_to_main(m, &call);
			return;
		}
		mon_on_main(m, run_on_main, &c);
	} else {
		mon_run_call(m, &call);
	}
	mon_call_fini(&call);
	forget_regs(m);
}

void mon_init(struct mon *m, struct monitors *s)
{
	memset(m, 0, sizeof(*m));
	m->mons = s;
	list_init(&m->node);
	lock_init(&m->in_lock, "monitor input");
	strbuf_init(&m->out);
	strbuf_init(&m->in);
}

void mon_fini(struct mon *m)
{
	forget_regs(m);
	strbuf_fini(&m->out);
	strbuf_fini(&m->in);
	lock_fini(&m->in_lock);
}

void monitors_init(struct monitors *s, struct vm *vm)
{
	memset(s, 0, sizeof(*s));
	s->vm = vm;
	list_init(&s->list);
	list_init(&s->fds);
	lock_init(&s->lock, "monitors");
	pthread_cond_init(&s->done, NULL);
	s->fmt_kind = 'x';
	s->fmt_size = 4;
}

void monitors_fini(struct monitors *s)
{
	while (!list_empty(&s->fds))
		close(mon_fd_take(s, list_entry(s->fds.next, struct mon_fd,
						node)->name));
	dirty_limit_free(s);
	dirty_rate_free(s);
	input_fini(s);
	pthread_cond_destroy(&s->done);
	lock_fini(&s->lock);
}

void mon_run_line_for(struct mon *client, const char *line, unsigned *cpu,
		      struct strbuf *out)
{
	struct mon m;

	mon_init(&m, client->mons);
	m.cpu = *cpu;
	mon_exec(&m, line);
	*cpu = m.cpu;
	strbuf_add(out, m.out.buf, m.out.len);
	mon_fini(&m);
}

/* Without monitors_start (a unit test, an early gdb) a set of its own does. */
void mon_run_line(struct vm *vm, const char *line, unsigned *cpu,
		  struct strbuf *out)
{
	struct monitors own, *s = vm->monitors;
	struct mon m;

	if (!s) {
		monitors_init(&own, vm);
		s = &own;
	}
	mon_init(&m, s);
	m.cpu = cpu ? *cpu : 0;
	mon_exec(&m, line);
	if (cpu)
		*cpu = m.cpu;
	strbuf_add(out, m.out.buf, m.out.len);
	mon_fini(&m);
	if (s == &own)
		monitors_fini(&own);
}
