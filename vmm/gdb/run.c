/* SPDX-License-Identifier: MIT */
/*
 * Running and stopping for gdb: c s vCont, stop replies, detach, kill, reset.
 *
 * Room:     which vCPUs run and which stand (`held`), and what gdb is told.
 * Talks to: the run-state machine; it hears of stops as everybody does.
 * Never:    answers a stop gdb did not ask for: it waits for a reply only
 *           after it let the guest run.
 */
#include <errno.h>
#include <string.h>

#include "vmm/gdb/gdb_priv.h"

/* gdb's own signal numbers. */
enum { SIG_INT = 2, SIG_QUIT = 3, SIG_TRAP = 5, SIG_ABRT = 6, SIG_ALRM = 14,
       SIG_IO = 23, SIG_XCPU = 24, SIG_UNKNOWN = 143 };

/* --- stop replies --- */

static int signal_of(enum run_state s)
{
	switch (s) {
	case RUN_DEBUG:
	case RUN_PRELAUNCH:      return SIG_TRAP;
	case RUN_PAUSED:         return SIG_INT;
	case RUN_SHUTDOWN:       return SIG_QUIT;
	case RUN_IO_ERROR:       return SIG_IO;
	case RUN_WATCHDOG:       return SIG_ALRM;
	case RUN_INTERNAL_ERROR:
	case RUN_GUEST_PANICKED: return SIG_ABRT;
	case RUN_FINISH_MIGRATE: return SIG_XCPU;
	default:                 return SIG_UNKNOWN;
	}
}

static void watch_reason(const struct gdb_cpu *c, struct strbuf *out)
{
	static const char *const words[] = {
		[BREAK_WRITE] = "watch", [BREAK_READ] = "rwatch",
		[BREAK_ACCESS] = "awatch",
	};

	strbuf_addf(out, "%s:%llx;", words[c->watch_kind],
		    (unsigned long long)c->watch_addr);
}

static void write_stop(struct gdb *g, int sig, unsigned cpu,
		       struct strbuf *out)
{
	struct gdb_cpu *c = &g->cpu[cpu];

	SCOPED_LOCK(&g->lock);
	strbuf_addf(out, "T%02xthread:%02x;", sig, cpu + 1);
	if (c->stop == STOP_SOFT && g->swbreak)
		strbuf_addstr(out, "swbreak:;");
	else if (c->stop == STOP_HARD && g->hwbreak)
		strbuf_addstr(out, "hwbreak:;");
	else if (c->stop == STOP_WATCH)
		watch_reason(c, out);
	c->stop = STOP_NONE;
}

/* The reply gdb waits for. */
static void report(struct gdb *g, int sig, unsigned cpu)
{
	struct strbuf text = STRBUF_INIT;

	if (!g->waiting)
		return;
	g->waiting = false;
	g->thread_g = g->thread_c = cpu + 1;
	write_stop(g, sig, cpu, &text);
	gdb_send(g, text.buf, text.len);
	strbuf_fini(&text);
}

static unsigned current(struct gdb *g)
{
	const struct vcpu *v = gdb_vcpu(g);

	return v ? v->index : 0;
}

void gdb_why(struct gdb *g, const char *args, size_t n)
{
	write_stop(g, SIG_TRAP, current(g), &g->reply);
}

/* --- the VM's events --- */

void gdb_release(struct gdb *g)
{
	SCOPED_LOCK(&g->lock);
	for (unsigned i = 0; i < g->vm->nvcpus; i++) {
		g->cpu[i].step = false;
		g->vm->vcpus[i]->held = false;
	}
}

static void on_stop(struct gdb *g)
{
	const enum run_state s = vm_state(g->vm);

	gdb_regs_forget(g);
	gdb_release(g);
	if (s != RUN_DEBUG && s != RUN_SAVE_VM && s != RUN_RESTORE_VM)
		report(g, signal_of(s), current(g));
}

static void on_debug(struct gdb *g, int cpu)
{
	if (cpu >= 0 && (unsigned)cpu < g->vm->nvcpus)
		report(g, SIG_TRAP, (unsigned)cpu);
}

void gdb_vm_event(struct vm_listener *l, enum vm_event ev, int arg)
{
	struct gdb *g = container_of(l, struct gdb, listener);

	switch (ev) {
	case VM_EV_RESUME:             /* vCPUs still stand */
		gdb_regs_forget(g);
		gdb_arm(g);
		break;
	case VM_EV_STOP:
		on_stop(g);
		break;
	case VM_EV_DEBUG:
		on_debug(g, arg);
		break;
	case VM_EV_RESET:
		gdb_regs_forget(g);
		gdb_breaks_check(g);
		break;
	case VM_EV_SWITCHED:
		gdb_rearm(g);
		break;
	default:
		break;
	}
}

/* --- going on --- */

/* Two vCPUs may have stopped at once: a watchpoint that triggered and was not
 * told is told now; breakpoints trigger again. */
static bool report_left_over(struct gdb *g)
{
	for (unsigned i = 0; i < g->vm->nvcpus; i++) {
		if (g->cpu[i].stop == STOP_WATCH && g->nbreaks) {
			report(g, SIG_TRAP, i);
			return true;
		}
		g->cpu[i].stop = STOP_NONE;
	}
	return false;
}

static void resume(struct gdb *g)
{
	g->no_reply = true;
	g->waiting = true;
	if (vm_state(g->vm) == RUN_RUNNING)
		return gdb_arm(g);
	if (report_left_over(g))
		return gdb_release(g);
	if (vm_cont(g->vm, NULL) < 0) {        /* only a reset helps */
		gdb_release(g);
		report(g, signal_of(vm_state(g->vm)), current(g));
	}
}

/* Everybody runs; `cpu`, unless NULL, takes one step. */
static void run_all(struct gdb *g, struct vcpu *step)
{
	gdb_release(g);
	if (step) {
		SCOPED_LOCK(&g->lock);
		g->cpu[step->index].step = true;
		g->cpu[step->index].range_start = 0;
		g->cpu[step->index].range_end = 0;
	}
	resume(g);
}

static struct vcpu *cont_vcpu(struct gdb *g)
{
	return g->thread_c > 0 ? gdb_vcpu_of(g, g->thread_c) : gdb_vcpu(g);
}

/* "[addr]": go on from there. */
static bool set_pc(struct gdb *g, const char *args)
{
	struct strbuf p = STRBUF_INIT;
	bool ok;
	u64 at;

	if (!*args)
		return true;
	if (!gdb_number(&args, &at) || *args)
		return false;
	strbuf_addf(&p, "%x=", g->arch->pc_reg);
	gdb_hex(&p, &at, sizeof(at));
	gdb_write_reg(g, p.buf, p.len);
	ok = g->reply.buf[0] == 'O';
	strbuf_fini(&p);
	return ok;
}

/* "sig[;addr]": guests get no signals. */
static const char *after_signal(const char *args)
{
	u64 sig;

	if (!gdb_number(&args, &sig))
		return "?";
	return gdb_skip(&args, ';') || !*args ? args : "?";
}

void gdb_cont(struct gdb *g, const char *args, size_t n)
{
	if (!set_pc(g, args))
		return gdb_error(g, -EINVAL);
	run_all(g, NULL);
}

void gdb_step(struct gdb *g, const char *args, size_t n)
{
	if (!set_pc(g, args))
		return gdb_error(g, -EINVAL);
	run_all(g, cont_vcpu(g));
}

void gdb_cont_signal(struct gdb *g, const char *args, size_t n)
{
	args = after_signal(args);
	gdb_cont(g, args, strlen(args));
}

void gdb_step_signal(struct gdb *g, const char *args, size_t n)
{
	args = after_signal(args);
	gdb_step(g, args, strlen(args));
}

/* --- vCont --- */

struct action {
	bool step;
	u64 start, end;                /* range step; 0, 0: one          */
	s64 thread;
};

static bool parse_kind(const char **p, struct action *a)
{
	const char kind = **p;
	u64 sig;

	if (kind)
		(*p)++;
	switch (kind) {
	case 'C':
	case 'S':
		a->step = kind == 'S';
		return gdb_number(p, &sig);
	case 'c':
	case 's':
		a->step = kind == 's';
		return true;
	case 'r':
		a->step = true;
		return gdb_number(p, &a->start) && gdb_skip(p, ',') &&
		       gdb_number(p, &a->end);
	default:
		return false;
	}
}

/* ";ACTION[:THREAD]" */
static bool parse_action(const char **p, struct action *a)
{
	*a = (struct action){ .thread = GDB_THREAD_ALL };
	return gdb_skip(p, ';') && parse_kind(p, a) &&
	       (!gdb_skip(p, ':') || gdb_thread(p, &a->thread)) &&
	       (!**p || **p == ';');
}

static bool all_good(const char *p)
{
	struct action a;

	if (!*p)
		return false;
	while (*p)
		if (!parse_action(&p, &a))
			return false;
	return true;
}

/* The leftmost action that names the vCPU. */
static bool action_for(const char *p, unsigned cpu, struct action *a)
{
	while (parse_action(&p, a))
		if (a->thread <= 0 || (u64)a->thread == cpu + 1ull)
			return true;
	return false;
}

/* How many vCPUs are to run. */
static unsigned apply(struct gdb *g, const char *args)
{
	unsigned running = 0;
	struct action a;

	SCOPED_LOCK(&g->lock);
	for (unsigned i = 0; i < g->vm->nvcpus; i++) {
		const bool runs = action_for(args, i, &a);

		g->vm->vcpus[i]->held = !runs;
		g->cpu[i].step = runs && a.step;
		g->cpu[i].range_start = a.start;
		g->cpu[i].range_end = a.end;
		running += runs;
	}
	return running;
}

void gdb_vcont(struct gdb *g, const char *args, size_t n)
{
	if (!all_good(args))
		return gdb_error(g, -EINVAL);
	if (vm_state(g->vm) == RUN_RUNNING)    /* too late to choose */
		return resume(g);
	if (!apply(g, args)) {
		gdb_release(g);
		return gdb_error(g, -ESRCH);
	}
	resume(g);
}

void gdb_vcont_query(struct gdb *g, const char *args, size_t n)
{
	strbuf_addstr(&g->reply, "vCont;c;C;s;S;r");
}

/* --- ends and new beginnings --- */

void gdb_detach(struct gdb *g, const char *args, size_t n)
{
	gdb_breaks_clear(g);
	gdb_release(g);
	g->waiting = false;
	g->ending = true;
	vm_cont(g->vm, NULL);
	gdb_ok(g);
}

void gdb_kill(struct gdb *g, const char *args, size_t n)
{
	g->no_reply = true;
	g->ending = true;
	vm_quit(g->vm, 0);
}

void gdb_vkill(struct gdb *g, const char *args, size_t n)
{
	gdb_ok(g);
	g->ending = true;
	g->waiting = false;
	vm_quit(g->vm, 0);
}

/* Reset, and stand at the first instruction. */
static void reset_and_stand(struct gdb *g)
{
	g->waiting = false;
	vm_pause(g->vm, RUN_PAUSED);
	vm_reset(g->vm);
	g->thread_g = g->thread_c = 1;
}

void gdb_restart(struct gdb *g, const char *args, size_t n)
{
	g->no_reply = true;
	reset_and_stand(g);
}

void gdb_vrun(struct gdb *g, const char *args, size_t n)
{
	reset_and_stand(g);
	gdb_why(g, "", 0);
}
