/* SPDX-License-Identifier: MIT */
/*
 * A machine for the gdb server's tests: the monitor's fake one, with registers
 * that can be written and a chardev set of its own.  Packets go straight in;
 * what the client would see is in gdb->reply and the frames of gdb->out.
 */
#ifndef MOTE_TESTS_GDB_FAKE_H
#define MOTE_TESTS_GDB_FAKE_H

#include "mon_fake.h"
#include "vmm/gdb/gdb_priv.h"

static struct kvm_guest_debug gdb_fake_told[2];        /* to each vCPU */

static int gdb_fake_set_regs(struct vcpu *v, const void *regs)
{
	(void)v;
	fake_regs = *(const struct x86_regs *)regs;
	return 0;
}

static int gdb_fake_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == KVM_CHECK_EXTENSION)
		return KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
		       KVM_GUESTDBG_BLOCKIRQ;
	if (request != KVM_SET_GUEST_DEBUG || fd < 100 || fd > 101)
		return -ENOTTY;
	gdb_fake_told[fd - 100] = *(struct kvm_guest_debug *)arg;
	return 0;
}

static const struct kvm_provider gdb_fake_provider = {
	.abi = KVM_PROVIDER_ABI, .size = sizeof(struct kvm_provider),
	.name = "tcg", .ioctl = gdb_fake_ioctl,
};

struct gdb_fake {
	struct fake f;
	struct kvm_run run[2];
	struct gdb *g;
};

/* A session on a null device, the VM standing. */
static inline void gdb_fake_init(struct gdb_fake *t)
{
	struct err e = { 0 };

	memset(t, 0, sizeof(*t));
	memset(gdb_fake_told, 0, sizeof(gdb_fake_told));
	fake_init(&t->f);
	t->f.arch.set_regs = gdb_fake_set_regs;
	t->f.arch.debug = &x86_arch_debug;
	t->f.vm.provider = t->f.vm.kvm.ops = &gdb_fake_provider;
	list_init(&t->f.vm.listeners);
	for (unsigned i = 0; i < 2; i++) {
		t->f.cpu[i].kvm.fd = 100 + (int)i;
		t->f.cpu[i].kvm.vm = &t->f.vm.kvm;
		t->f.cpu[i].kvm.run = &t->run[i];
	}
	t->f.vm.loop = loop_create("main", &e);
	t->f.vm.chardevs = chardev_set_create(t->f.vm.loop);
	if (gdb_open(&t->f.vm, "null", &e) < 0)
		abort();
	t->g = t->f.vm.gdb;
	t->g->fe.ops->event(t->g, CHARDEV_OPENED);
}

static inline void gdb_fake_fini(struct gdb_fake *t)
{
	gdb_destroy(&t->f.vm);
	chardev_set_destroy(t->f.vm.chardevs);
	loop_destroy(t->f.vm.loop);
	fake_fini(&t->f);
}

/* One packet; its reply. */
static inline const char *gdb_fake_ask(struct gdb_fake *t, const char *text)
{
	const size_t n = strlen(text);

	memcpy(t->g->in.payload, text, n + 1);
	gdb_packet(t->g, t->g->in.payload, n);
	return t->g->reply.buf;
}

#endif
