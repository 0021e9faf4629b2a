// SPDX-License-Identifier: MIT
/*
 * A slot's memory vanished: munmapped, or its file cut short.
 *
 * Room:     SIGSEGV and SIGBUS on a vCPU thread inside guest code, at an
 *           address some slot maps, end KVM_RUN with -EFAULT as the kernel's
 *           does.  Everything else goes to whoever handled it before.
 * Talks to: the vCPU's unwind buffer.
 * Never:    swallows a fault of the plugin's own.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/jit.h"

static struct sigaction old_segv, old_bus, old_fpe;
static struct lock install_lock = LOCK_INIT("tcg fault");
static __thread struct tcg_vcpu *current;
static __thread bool passing_on;       /* whoever was before us chains to us */

static bool in_a_slot(struct tcg_vm *vm, const void *at)
{
	const struct mem_table *t = mem_table(&vm->mem);

	for (unsigned i = 0; i < t->count; i++)
		if ((u64)((const u8 *)at - t->slot[i].host) < t->slot[i].size)
			return true;
	return false;
}

static void pass_on(const struct sigaction *old, int sig, siginfo_t *info,
		    void *context)
{
	bool plain = !(old->sa_flags & SA_SIGINFO);

	if (passing_on || (plain && (old->sa_handler == SIG_DFL ||
				     old->sa_handler == SIG_IGN))) {
		/* The instruction faults again; blocked, where a filter
		 * allows no other handler: that ends the process as well. */
		if (signal(sig, SIG_DFL) == SIG_ERR)
			sigaddset(&((ucontext_t *)context)->uc_sigmask, sig);
		return;
	}
	passing_on = true;
	if (plain)
		old->sa_handler(sig);
	else
		old->sa_sigaction(sig, info, context);
	passing_on = false;
}

/* Re-emitted guest code did it: #DE, #XM, #MF, a misaligned operand. */
static bool in_translated(struct tcg_vcpu *v, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	u64 pc, r15;

	if (!jit_host_fault(&v->cpu, (u64)g[REG_RIP], &pc, &r15))
		return false;
	g[REG_RIP] = (greg_t)pc;
	g[REG_R15] = (greg_t)r15;
	return true;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	struct tcg_vcpu *v = current;

	if (v && atomic_load(&v->inside) && info->si_code > 0 &&
	    in_a_slot(v->vm, info->si_addr)) {
		v->vanished = true;
		v->cpu.leave = LEAVE_INTERNAL;
		siglongjmp(v->cpu.unwind, 1);
	}
	if (v && in_translated(v, context))
		return;
	pass_on(sig == SIGSEGV ? &old_segv : sig == SIGBUS ? &old_bus : &old_fpe,
		sig, info, context);
}

static void install(int sig, struct sigaction *old)
{
	struct sigaction sa = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK,
	}, now;

	sigemptyset(&sa.sa_mask);
	if (sigaction(sig, NULL, &now) < 0 ||
	    ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_fault))
		return;
	sigaction(sig, &sa, old);
}

/* With each VM: somebody may have put a handler over ours. */
void tcg_fault_init(void)
{
	SCOPED_LOCK(&install_lock);

	install(SIGSEGV, &old_segv);
	install(SIGBUS, &old_bus);
	install(SIGFPE, &old_fpe);
}

/* --- a stack for signals: translated code has the guest's in rsp ---------- */

enum { ALT_STACK = 64 * 1024 };
static pthread_once_t alt_once = PTHREAD_ONCE_INIT;
static pthread_key_t alt_key;
static __thread void *alt_stack;

static void alt_free(void *p)
{
	stack_t off = { .ss_flags = SS_DISABLE };

	sigaltstack(&off, NULL);
	munmap(p, ALT_STACK);
}

static void alt_key_make(void)
{
	pthread_key_create(&alt_key, alt_free);
}

/* Once per thread, unless it has one already. */
static void alt_take(void)
{
	stack_t s = { .ss_size = ALT_STACK }, now;

	if (alt_stack || sigaltstack(NULL, &now) < 0)
		return;
	alt_stack = now.ss_sp;
	if (!(now.ss_flags & SS_DISABLE))
		return;
	pthread_once(&alt_once, alt_key_make);
	s.ss_sp = mmap(NULL, ALT_STACK, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s.ss_sp == MAP_FAILED)
		return;
	alt_stack = s.ss_sp;
	sigaltstack(&s, NULL);
	pthread_setspecific(alt_key, s.ss_sp);
}

void tcg_fault_current(struct tcg_vcpu *v)
{
	if (v && v->cpu.jit)
		alt_take();
	current = v;
}
