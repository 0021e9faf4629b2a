/* SPDX-License-Identifier: MIT */
/*
 * A machine for the monitor's unit tests: some RAM, a ROM, one device on each
 * bus, two CPUs that answer on the caller's thread with made-up registers.
 */
#ifndef MOTE_TESTS_MON_FAKE_H
#define MOTE_TESTS_MON_FAKE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/regs.h"
#include "monitor/monitor.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

enum { FAKE_RAM = 4 << 20, FAKE_DEV = 0x1000000 };

struct fake {
	struct vm vm;
	struct vm_config config;
	struct arch arch;
	struct vcpu cpu[2], *cpus[2];
	struct device_class class;
	struct device dev;
	unsigned current;              /* CPU, across lines */
	struct strbuf out;
};

static struct x86_regs fake_regs;      /* what every CPU's registers are */

static int fake_get_regs(struct vcpu *v, void *regs)
{
	struct x86_regs *r = regs;

	*r = fake_regs;
	r->gp.rbx = v->index;
	return 0;
}

static int fake_translate(struct vm *vm, const void *regs, gva_t va,
			  gpa_t *pa, u64 *attr)
{
	const struct x86_regs *r = regs;
	struct paging p = x86_regs_paging(r);

	return paging_translate(vm->gmem, &p, va, pa, attr);
}

static void fake_walk(struct vm *vm, const void *regs,
		      int (*fn)(const struct arch_mapping *m, void *o),
		      void *o)
{
	const struct x86_regs *r = regs;
	struct paging p = x86_regs_paging(r);

	paging_walk(vm->gmem, &p, fn, o);
}

static u64 fake_read(struct device *d, u64 off, unsigned size)
{
	(void)d;
	return (0x1122334455667788ull >> (off % 8 * 8)) &
	       (size == 8 ? UINT64_MAX : BIT64(size * 8) - 1);
}

static u64 fake_written[3];            /* off, value, size */

static void fake_write(struct device *d, u64 off, u64 val, unsigned size)
{
	(void)d;
	fake_written[0] = off;
	fake_written[1] = val;
	fake_written[2] = size;
}

static const struct region_ops fake_ops = {
	.read = fake_read, .write = fake_write, .min_size = 1, .max_size = 8,
};

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd, (void)request, (void)arg;
	return -ENOTTY;
}

static const struct kvm_provider fake_provider = {
	.abi = KVM_PROVIDER_ABI, .size = sizeof(struct kvm_provider),
	.name = "tcg", .ioctl = fake_ioctl,
};

static inline void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	memset(&fake_regs, 0, sizeof(fake_regs));
	x86_regs_reset(&fake_regs, true, 0x60fb1);
	f->arch = (struct arch){
		.name = "x86_64", .regs_size = sizeof(struct x86_regs),
		.get_regs = fake_get_regs, .translate = fake_translate,
		.walk = fake_walk, .regs = x86_arch_regs,
	};
	f->config.ram_bytes = FAKE_RAM;
	f->vm.config = &f->config;
	f->vm.arch = &f->arch;
	f->vm.provider = &fake_provider;
	f->vm.kvm = (struct kvm_vm){ .ops = &fake_provider, .fd = -1 };
	f->vm.gmem = f->vm.kvm.gmem = gmem_create();
	f->vm.pio = bus_create("io", 0x10000);
	f->vm.mmio = bus_create("memory", 1ull << 52);
	f->vm.nvcpus = 2;
	f->vm.vcpus = f->cpus;
	f->vm.state = RUN_PAUSED;
	list_init(&f->vm.roms);
	list_init(&f->vm.devices);
	list_init(&f->vm.iothreads);
	list_init(&f->vm.objects);
	list_init(&f->vm.listeners);
	for (unsigned i = 0; i < 2; i++) {
		f->cpus[i] = &f->cpu[i];
		f->cpu[i].vm = &f->vm;
		f->cpu[i].kvm = (struct kvm_vcpu){ .vm = &f->vm.kvm,
						   .fd = -1, .id = i };
		f->cpu[i].index = i;
		f->cpu[i].thread = pthread_self();
		f->cpu[i].tid = 100 + i;
	}
	f->class.name = "fake";
	f->dev.class = &f->class;
	lock_init(&f->dev.lock, "fake");
	assert_int_equal(gmem_add(f->vm.gmem, "pc.ram", 0, FAKE_RAM, -1, 0,
				  GMEM_RAM, NULL), 0);
	assert_int_equal(gmem_add(f->vm.gmem, "pc.bios", 0xfffff000, 4096, -1,
				  0, GMEM_ROM, NULL), 0);
	assert_int_equal(bus_map(f->vm.mmio, &(struct region){
		"fake-regs", FAKE_DEV, 0x100, 0, &fake_ops, &f->dev },
		NULL), 0);
	assert_int_equal(bus_map(f->vm.pio, &(struct region){
		"fake-ports", 0x70, 4, 0, &fake_ops, &f->dev }, NULL), 0);
	strbuf_init(&f->out);
}

static inline void fake_fini(struct fake *f)
{
	strbuf_fini(&f->out);
	bus_destroy(f->vm.pio);
	bus_destroy(f->vm.mmio);
	gmem_destroy(f->vm.gmem);
	lock_fini(&f->dev.lock);
}

/* Long or legacy mode for the fake CPUs. */
static inline void fake_long_mode(void)
{
	fake_regs.s.cr0 = 0x80010011;
	fake_regs.s.cr4 = 0x620;
	fake_regs.s.efer = 0xd01;
	fake_regs.s.cs = (struct kvm_segment){ .selector = 8,
		.limit = 0xffffffff, .type = 10, .s = 1, .present = 1, .l = 1,
		.g = 1 };
}

/* The answer to a line, CR LF made LF; valid until the next one. */
static inline const char *said(struct fake *f, const char *line)
{
	size_t n = 0;

	strbuf_reset(&f->out);
	mon_run_line(&f->vm, line, &f->current, &f->out);
	for (size_t i = 0; i < f->out.len; i++)
		if (f->out.buf[i] != '\r')
			f->out.buf[n++] = f->out.buf[i];
	if (f->out.len)
		f->out.buf[n] = '\0';
	f->out.len = n;
	return f->out.buf;
}

#define assert_says(f, line, text) assert_string_equal(said(f, line), text)

#endif
