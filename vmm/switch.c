/* SPDX-License-Identifier: MIT */
/*
 * accel_switch.  See switch.h.
 *
 * Room:     what happens in which order, and back when it fails.
 * Talks to: kvm/exchange.c, arch->move for what the state is, vCPU threads.
 * Never:    touches a register; leaves a guest without a provider.
 *
 *   held:     vCPUs parked, devices quiet; clocks go on
 *   memory    -> other      undone by taking it away
 *   state     -> other      nothing to undo: it is read, and stays
 *   times     -> other      so are the clocks a guest reads in its memory
 *   eventfds  -> other      undone by itself; the last that can fail
 *   exchange                `other` is the VM; the one it was stands by
 */
#include "vmm/switch.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/base/log.h"
#include "vmm/base/trace.h"
#include "vmm/helper.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

struct switcher {
	struct vm *vm;
	struct kvm_vm standby;
	struct kvm_vcpu *cpus;         /* of standby                      */
	void **cpu_state, *state;      /* arch->move's; on their way      */
	struct helper *helper;         /* NULL: none; rests under tcg     */
	const struct kvm_provider *_Atomic name_of;    /* who stands by   */
	_Atomic u64 count;             /* switches done                   */
	_Atomic s64 last_ns;           /* the guest stood that long       */
};

/* --- life ------------------------------------------------------------------ */

int switch_open_with(struct vm *vm, const struct kvm_provider *other,
		     struct err *e)
{
	struct switcher *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		abort();
	s->vm = vm;
	rc = kvm_vm_open(&s->standby, other, e);
	if (rc < 0) {
		free(s);
		return rc;
	}
	s->name_of = other;
	kvm_vm_keep_eventfds(&vm->kvm);
	vm->switcher = s;
	return 0;
}

int switch_open(struct vm *vm, struct err *e)
{
	const struct kvm_provider *other = &kvm_kernel_provider;
	int rc;

	if (!vm->config->can_switch)
		return 0;
	if (vm->config->icount.on)
		return err_set(e, -EINVAL, "-accel switch=on: KVM does not "
			       "count instructions, as -icount asks for");
	if (vm->provider == other)
		other = kvm_plugin_load(e);
	rc = other ? switch_open_with(vm, other, e) : -ENOENT;
	if (rc < 0)
		err_prefix(e, "-accel switch=on");
	return rc;
}

static int prepare_cpu(struct switcher *s, unsigned n, struct err *e)
{
	const struct arch_move *a = s->vm->arch->move;
	struct vcpu *v = s->vm->vcpus[n];
	int rc = kvm_vcpu_open(&s->cpus[n], &s->standby, v->kvm.id, e);

	s->cpu_state[n] = calloc(1, a->cpu_size);
	if (!s->cpu_state[n])
		abort();
	return rc < 0 ? rc : a->prepare_cpu(v, &s->cpus[n], e);
}

int switch_prepare(struct vm *vm, struct err *e)
{
	struct switcher *s = vm->switcher;
	int rc;

	if (!s)
		return 0;
	if (!vm->arch->move)
		return err_set(e, -ENOTSUP, "-accel switch=on: not supported "
			       "yet for %s guests", vm->arch->name);
	s->cpus = calloc(vm->nvcpus, sizeof(*s->cpus));
	s->cpu_state = calloc(vm->nvcpus, sizeof(*s->cpu_state));
	s->state = calloc(1, vm->arch->move->vm_size);
	if (!s->cpus || !s->cpu_state || !s->state)
		abort();
	for (unsigned i = 0; i < vm->nvcpus; i++)
		s->cpus[i].fd = -1;
	rc = vm->arch->move->prepare(vm, &s->standby, e);
	for (unsigned i = 0; i < vm->nvcpus && rc >= 0; i++)
		rc = prepare_cpu(s, i, e);
	if (rc < 0)
		err_prefix(e, "-accel switch=on");
	return rc;
}

void switch_has_helper(struct switcher *s, struct helper *h)
{
	s->helper = h;
}

void switch_destroy(struct switcher *s)
{
	if (!s)
		return;
	for (unsigned i = 0; s->cpus && i < s->vm->config->cpus; i++) {
		if (s->cpus[i].vm)
			kvm_vcpu_close(&s->cpus[i]);
		free(s->cpu_state[i]);
	}
	if (s->helper)
		helper_destroy(s->helper);
	kvm_vm_close(&s->standby);
	free(s->cpus);
	free(s->cpu_state);
	free(s->state);
	free(s);
}

struct kvm_vm *switch_standby(struct switcher *s)
{
	return &s->standby;
}

/* --- the steps ------------------------------------------------------------- */

typedef int cpu_step(struct switcher *s, struct vcpu *v, struct err *e);

struct cpu_call {
	struct switcher *s;
	cpu_step *fn;
	struct err *e;
	int rc;
};

static void on_cpu(struct vcpu *v, void *opaque)
{
	struct cpu_call *c = opaque;

	c->rc = c->fn(c->s, v, c->e);
}

static int each_cpu(struct switcher *s, cpu_step *fn, struct err *e)
{
	struct cpu_call c = { .s = s, .fn = fn, .e = e };

	for (unsigned i = 0; i < s->vm->nvcpus && c.rc >= 0; i++)
		vcpu_call(s->vm->vcpus[i], on_cpu, &c);
	return c.rc;
}

static int save_cpu(struct switcher *s, struct vcpu *v, struct err *e)
{
	return s->vm->arch->move->save_cpu(v, s->cpu_state[v->index], e);
}

static int load_cpu(struct switcher *s, struct vcpu *v, struct err *e)
{
	return s->vm->arch->move->load_cpu(v, &s->cpus[v->index],
					   s->cpu_state[v->index], e);
}

static int load_times(struct switcher *s, struct vcpu *v, struct err *e)
{
	return s->vm->arch->move->load_times(v, &s->cpus[v->index],
					     s->cpu_state[v->index], e);
}

static int quiet_cpu(struct switcher *s, struct vcpu *v, struct err *e)
{
	(void)e;
	s->vm->arch->move->quiet_cpu(v, &s->cpus[v->index]);
	return 0;
}

static int move_state(struct switcher *s, struct err *e)
{
	const struct arch_move *a = s->vm->arch->move;
	int rc = each_cpu(s, save_cpu, e);

	if (rc >= 0)
		rc = a->save(s->vm, s->state, e);
	if (rc >= 0)
		rc = each_cpu(s, load_cpu, e);
	if (rc >= 0)
		rc = a->load(s->vm, &s->standby, s->state, e);
	return rc;
}

/* Everything that may fail; then nothing has changed for the guest. */
static int bring_over(struct switcher *s, struct err *e)
{
	struct kvm_vm *vm = &s->vm->kvm, *other = &s->standby;
	int rc = kvm_vm_follow(other, vm, e);

	if (rc >= 0)
		rc = move_state(s, e);
	if (rc >= 0)
		rc = each_cpu(s, load_times, e);
	if (rc >= 0)
		rc = kvm_vm_move_eventfds(vm, other, e);
	if (rc < 0)
		kvm_vm_unfollow(other);
	return rc;
}

static void take_over(struct switcher *s)
{
	struct vm *vm = s->vm;

	if (vm->helper)
		helper_rest(vm->helper);
	kvm_vm_exchange(&vm->kvm, &s->standby);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_exchange(vm->vcpus[i], &s->cpus[i]);
	vm->provider = vm->kvm.ops;
	vm->env.cheap_exits = vm->provider->cheap_exits;
	s->name_of = s->standby.ops;
	each_cpu(s, quiet_cpu, NULL);
	vm->arch->move->quiet(vm, &s->standby);
	if (s->helper && vm->provider == &kvm_kernel_provider)
		helper_begin(s->helper);
	vm_switched(vm);
}

/* --- the command ------------------------------------------------------------ */

static int check(struct vm *vm, const char *name, struct err *e)
{
	if (strcmp(name, "kvm") && strcmp(name, "tcg"))
		return err_set(e, -EINVAL, "invalid accelerator %s (there are "
			       "kvm and tcg)", name);
	if (!vm->switcher) {
		err_set(e, -ENOTSUP, "this VM stays with accel=%s: it was not "
			"started with switch=on", vm->provider->name);
		err_hint(e, "-accel %s,switch=on keeps the other provider "
			 "ready and offers the guest what both can do",
			 vm->provider->name);
		return -ENOTSUP;
	}
	return 0;
}

int switch_to(struct vm *vm, const char *name, struct err *e)
{
	struct switcher *s = vm->switcher;
	int rc = check(vm, name, e);
	s64 begin;

	if (rc < 0 || !strcmp(vm->provider->name, name))
		return rc;
	begin = clock_host_ns();
	vm_hold(vm);
	rc = bring_over(s, e);
	if (rc >= 0)
		take_over(s);
	vm_release(vm);
	trace(vm_switch, "to %s: %d", name, rc);
	if (rc < 0) {
		err_prefix(e, "the VM stays with accel=%s", vm->provider->name);
		return rc;
	}
	s->last_ns = clock_host_ns() - begin;
	s->count++;
	return 0;
}

void switch_report(const struct switcher *s, struct strbuf *out)
{
	const u64 n = s->count;

	strbuf_addf(out, "accel_switch: %s stands by; %llu switches",
		    s->name_of->name, (unsigned long long)n);
	if (n)
		strbuf_addf(out, ", the last took %lld us",
			    (long long)(s->last_ns / 1000));
	strbuf_addstr(out, "\n");
}
