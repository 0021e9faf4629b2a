/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: bytes for the gdb server, sums not looked at, over page tables
 * made of the input.  0xfe and four bytes: a vCPU comes out with
 * KVM_EXIT_DEBUG.
 */
#include "tests/fuzz/mon_rig.h"

#include "vmm/gdb/gdb_priv.h"

static int set_regs(struct vcpu *v, const void *regs)
{
	(void)v;
	fake_regs = *(const struct x86_regs *)regs;
	return 0;
}

static int any_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd, (void)arg;
	if (request == KVM_CHECK_EXTENSION)
		return 0x1fffff;
	return request == KVM_SET_GUEST_DEBUG ? 0 : -ENOTTY;
}

static const struct kvm_provider provider = {
	.abi = KVM_PROVIDER_ABI, .size = sizeof(struct kvm_provider),
	.name = "tcg", .ioctl = any_ioctl,
};

static void debug_exit(struct vm *vm, const u8 *p)
{
	struct vcpu *v = vm->vcpus[p[0] & 1];
	struct kvm_run *r = v->kvm.run;

	r->exit_reason = KVM_EXIT_DEBUG;
	r->debug.arch.exception = p[1] & 1 ? 3 : 1;
	r->debug.arch.dr6 = (p[1] & 0x40 ? BIT(14) : 0) | (p[1] >> 1 & 15);
	r->debug.arch.pc = (u64)(p[2] | p[3] << 8);
	if (vm_state(vm) == RUN_RUNNING && !gdb_debug_exit(v)) {
		vm_pause(vm, RUN_DEBUG);
		vm->gdb->listener.fn(&vm->gdb->listener, VM_EV_DEBUG,
				     (int)v->index);
	}
}

static void session(struct gdb *g, const u8 *p, size_t n)
{
	g->fe.ops->event(g, CHARDEV_OPENED);
	g->in.ignore_sum = true;
	for (size_t i = 0; i < n && !g->vm->quitting; i++) {
		if (p[i] == 0xfe && n - i > 4) {
			debug_exit(g->vm, p + i + 1);
			i += 4;
		} else if (p[i] == 0xff) {
			g->fe.ops->event(g, CHARDEV_CLOSED);
			g->fe.ops->event(g, CHARDEV_OPENED);
			g->in.ignore_sum = true;
		} else {
			g->fe.ops->read(g, p + i, 1);
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *p, size_t n)
{
	struct kvm_run run[2] = { 0 };
	struct qmp_fake q;

	rig_init(&q);
	rig_memory(&q, p, n);
	q.f.arch.set_regs = set_regs;
	q.f.arch.debug = &x86_arch_debug;
	q.f.vm.provider = q.f.vm.kvm.ops = &provider;
	for (unsigned i = 0; i < 2; i++)
		q.f.cpu[i].kvm.run = &run[i];
	if (gdb_open(&q.f.vm, "null", NULL) < 0)
		abort();
	session(q.f.vm.gdb, p, n);
	gdb_destroy(&q.f.vm);
	rig_fini(&q);
	return 0;
}
