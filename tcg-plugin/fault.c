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

#include "tcg-plugin/provider_priv.h"

static struct sigaction old_segv, old_bus;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread struct tcg_vcpu *current;

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
	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(sig, info, context);
	} else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN) {
		signal(sig, SIG_DFL);  /* the instruction faults again    */
	} else {
		old->sa_handler(sig);
	}
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
	pass_on(sig == SIGSEGV ? &old_segv : &old_bus, sig, info, context);
}

static void install(void)
{
	struct sigaction sa = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK,
	};

	sigemptyset(&sa.sa_mask);
	sigaction(SIGSEGV, &sa, &old_segv);
	sigaction(SIGBUS, &sa, &old_bus);
}

void tcg_fault_init(void)
{
	pthread_once(&once, install);
}

void tcg_fault_current(struct tcg_vcpu *v)
{
	current = v;
}
