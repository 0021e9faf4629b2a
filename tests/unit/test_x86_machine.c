/* SPDX-License-Identifier: MIT */
/*
 * Unit test: arch/x86/machine.c, memory.c, irqchip.c and pc.c: a PC built
 * over the plugin, reset, and looked at; nothing runs.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/x86/cpu_features.h"
#include "arch/x86/machine.h"
#include "arch/x86/regs.h"
#include "vmm/arch.h"
#include "vmm/vcpu.h"

extern const struct kvm_provider mote_kvm_provider;

static struct vm vm;
static struct vm_config config;
static struct err e;
static char kernel[64];

static struct irq_line no_gsi(void *opaque, unsigned n)
{
	return (struct irq_line){ .n = n };
}

static struct chardev *no_chardev(void *opaque, const char *id)
{
	return NULL;
}

static void no_request(void *opaque, unsigned r, int code)
{
}

/* A multiboot image of two words of code behind its header, at 2 MiB. */
static void write_kernel(void)
{
	const u32 image[] = {
		0x1badb002, 0x10000, -(0x1badb002u + 0x10000u),
		0x200000, 0x200000, 0, 0, 0x200020, 0xf4f4f4f4, 0xf4f4f4f4,
	};
	int fd;

	snprintf(kernel, sizeof(kernel), "/tmp/mote-kernel-XXXXXX");
	fd = mkstemp(kernel);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, sizeof(image)), sizeof(image));
	close(fd);
}

static int fresh(void **state)
{
	memset(&vm, 0, sizeof(vm));
	memset(&e, 0, sizeof(e));
	config_init(&config);
	write_kernel();
	config.kernel = strdup(kernel);
	vm.config = &config;
	vm.arch = &arch_x86_64;
	vm.provider = &mote_kvm_provider;
	list_init(&vm.devices);
	list_init(&vm.roms);
	list_init(&vm.listeners);
	assert_int_equal(kvm_vm_open(&vm.kvm, vm.provider, &e), 0);
	vm.gmem = gmem_create();
	assert_int_equal(kvm_vm_attach_gmem(&vm.kvm, vm.gmem, &e), 0);
	vm.loop = loop_create("test", &e);
	clock_init(&vm.clock, 0);
	vm.pio = bus_create("io", 0x10000);
	vm.mmio = bus_create("memory", 1ull << 52);
	vm.env = (struct device_env){
		.pio = vm.pio, .mmio = vm.mmio, .gmem = vm.gmem,
		.loop = vm.loop, .clock = &vm.clock, .gsi = no_gsi,
		.request = no_request, .find_chardev = no_chardev,
		.opaque = &vm,
	};
	return 0;
}

static int done(void **state)
{
	for (unsigned i = 0; i < vm.nvcpus; i++)
		vcpu_destroy(vm.vcpus[i]);
	free(vm.vcpus);
	while (!list_empty(&vm.devices)) {
		struct device *d = list_entry(vm.devices.prev, struct device,
					      node);

		list_remove(&d->node);
		device_destroy(d);
	}
	arch_x86_64.destroy(&vm);
	while (!list_empty(&vm.roms)) {
		struct rom_entry *r = list_entry(vm.roms.next,
						 struct rom_entry, node);

		list_remove(&r->node);
		free(r->name);
		free(r);
	}
	bus_destroy(vm.mmio);
	bus_destroy(vm.pio);
	loop_destroy(vm.loop);
	gmem_destroy(vm.gmem);
	kvm_vm_close(&vm.kvm);
	config_fini(&config);
	unlink(kernel);
	return 0;
}

static void build(unsigned cpus)
{
	config.cpus = config.max_cpus = cpus;
	config.sockets = 1;
	config.cores = cpus;
	config.threads = 1;
	if (arch_x86_64.build(&vm, &e) < 0)
		fail_msg("%s", e.msg);
	vm.vcpus = calloc(cpus, sizeof(vm.vcpus[0]));
	for (unsigned i = 0; i < cpus; i++) {
		vm.vcpus[i] = vcpu_create(&vm, i, &e);
		if (!vm.vcpus[i])
			fail_msg("%s", e.msg);
		vm.nvcpus = i + 1;
	}
}

static void reset(void)
{
	if (arch_x86_64.reset(&vm, &e) < 0)
		fail_msg("%s", e.msg);
}

struct look {
	struct x86_regs *r;
	struct kvm_lapic_state lapic;
};

static void look_fn(struct vcpu *v, void *opaque)
{
	struct look *l = opaque;

	assert_int_equal(arch_x86_64.get_regs(v, l->r), 0);
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_LAPIC, &l->lapic);
}

static void look(unsigned cpu, struct look *l)
{
	l->r = calloc(1, sizeof(*l->r));
	vcpu_call(vm.vcpus[cpu], look_fn, l);
}

/* A KVM whose guests have the host's TSC as it is. */
static int unshifted_ioctl(int fd, unsigned long req, void *arg)
{
	const struct kvm_device_attr *a = arg;

	if (req != KVM_GET_DEVICE_ATTR)
		return mote_kvm_provider.ioctl(fd, req, arg);
	memset((void *)(uintptr_t)a->addr, 0, 8);
	return 0;
}

static bool offers(u32 function, unsigned reg, u32 bits)
{
	struct cpuid_list *l = x86_machine(&vm)->cpuid;

	return *cpuid_reg(cpuid_find(l, function, 0), reg) & bits;
}

static void what_a_kvm_cannot_keep_is_not_offered(void **state)
{
	struct kvm_provider unshifted = mote_kvm_provider;

	unshifted.ioctl = unshifted_ioctl;
	vm.provider = vm.kvm.ops = &unshifted;
	build(1);
	assert_false(offers(CPUID_EXTENDED, R_EDX, CPUID_ARCH_CAPABILITIES));
	assert_false(offers(CPUID_KVM_FEATURES, R_EAX,
			    CPUID_PV_TLB_FLUSH | CPUID_PV_HYPERCALLS));
	vm.provider = vm.kvm.ops = &mote_kvm_provider;
}

static void what_it_can_is(void **state)
{
	build(1);
	assert_true(offers(CPUID_EXTENDED, R_EDX, CPUID_ARCH_CAPABILITIES));
}

static void bits_of_cr4_that_are_not_offered_are_not_told(void **state)
{
	struct cpuid_list l = { .head.nent = 1 };
	struct kvm_sregs s = { .cr4 = 0x100b0 };

	l.head.entries[0] = (struct kvm_cpuid_entry2){
		.function = CPUID_EXTENDED, .ebx = CPUID_FSGSBASE };
	x86_sregs_offered(&s, &l);
	assert_int_equal(s.cr4, 0x100b0);
	l.head.entries[0].ebx = 0;
	x86_sregs_offered(&s, &l);
	assert_int_equal(s.cr4, 0xb0);
}

static void without_a_kernel_it_says_use_kernel(void **state)
{
	free(config.kernel);
	config.kernel = NULL;
	assert_int_equal(arch_x86_64.build(&vm, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "not supported yet: use -kernel"));
}

static void little_ram_is_one_run_around_the_vga_hole(void **state)
{
	const struct gmem_block *const *b;
	unsigned n;

	build(1);
	b = gmem_blocks(vm.gmem, &n);
	assert_int_equal(n, 2);
	assert_int_equal(b[0]->len, 0xa0000);
	assert_int_equal(b[1]->gpa, 0xc0000);
	assert_int_equal(b[1]->gpa + b[1]->len, 128 * MiB);
	assert_int_equal(b[1]->fd_off, 0xc0000);
}

static void much_ram_goes_above_4_gib(void **state)
{
	const struct gmem_block *const *b;
	const struct x86_machine *m;
	unsigned n;

	config.ram_bytes = 5 * GiB;
	build(1);
	b = gmem_blocks(vm.gmem, &n);
	assert_int_equal(n, 3);
	assert_true(b[1]->gpa + b[1]->len == 2 * GiB);
	assert_true(b[2]->gpa == 4 * GiB && b[2]->len == 3 * GiB);
	m = x86_machine(&vm);
	assert_true(m->env.e820[m->env.ne820 - 1].addr == 4 * GiB);
	assert_true(m->env.e820[m->env.ne820 - 1].len == 3 * GiB);
}

static void too_little_ram_is_refused(void **state)
{
	config.ram_bytes = MiB;
	assert_int_equal(arch_x86_64.build(&vm, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "-m"));
}

static void the_e820_map_is_sorted_and_has_no_overlaps(void **state)
{
	const struct x86_machine *m;

	config.ram_bytes = 6 * GiB;
	build(1);
	m = x86_machine(&vm);
	for (unsigned i = 1; i < m->env.ne820; i++)
		assert_true(m->env.e820[i - 1].addr + m->env.e820[i - 1].len <=
			    m->env.e820[i].addr);
}

static void the_boot_cpu_stands_at_the_entry_and_others_wait(void **state)
{
	struct look l;

	build(2);
	reset();
	look(0, &l);
	assert_int_equal(l.r->gp.rip, 0x200020);
	assert_int_equal(l.r->gp.rax, 0x2badb002);
	assert_int_equal(l.r->s.cr0 & 0x80000001, 1);
	assert_int_equal(l.r->mp.mp_state, KVM_MP_STATE_RUNNABLE);
	assert_true(l.r->s.apic_base & 0x100);
	assert_int_equal(*(u32 *)(void *)(l.lapic.regs + 0x350), 0x700);
	free(l.r);
	look(1, &l);
	assert_int_equal(l.r->gp.rip, 0xfff0);
	assert_int_equal(l.r->s.cs.selector, 0xf000);
	assert_int_equal(l.r->mp.mp_state, KVM_MP_STATE_UNINITIALIZED);
	assert_false(l.r->s.apic_base & 0x100);
	free(l.r);
}

static void vcpu_ids_are_apic_ids(void **state)
{
	build(3);
	assert_int_equal(vm.vcpus[2]->kvm.id, 2);
	assert_int_equal(arch_x86_64.vcpu_id(&vm, 2), 2);
}

static void spoil(struct vcpu *v, void *opaque)
{
	struct x86_regs *r = calloc(1, sizeof(*r));
	struct kvm_lapic_state lapic;

	x86_regs_get(v, r);
	r->gp.rip = 0x1234;
	r->gp.r15 = 99;
	r->s.cr4 |= 0x20;
	r->dr.db[1] = 0x5555;
	r->dr.dr7 = 0x40a;
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_REGS, &r->gp);
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_SREGS, &r->s);
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_DEBUGREGS, &r->dr);
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_LAPIC, &lapic);
	lapic.regs[0x80] = 0x70;
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_LAPIC, &lapic);
	free(r);
}

static void a_reset_undoes_what_a_guest_did(void **state)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
	struct look l;
	u32 word = 0;

	build(1);
	reset();
	vcpu_call(vm.vcpus[0], spoil, NULL);
	gmem_set(vm.gmem, 0x200000, 0, 4096);
	gmem_set(vm.gmem, BOOT_ACPI, 0, 4096);
	kvm_vm_ioctl(&vm.kvm, KVM_GET_IRQCHIP, &chip);
	chip.chip.pic.imr = 0x77;
	chip.chip.pic.irq_base = 0x20;
	kvm_vm_ioctl(&vm.kvm, KVM_SET_IRQCHIP, &chip);
	reset();
	look(0, &l);
	assert_int_equal(l.r->gp.rip, 0x200020);
	assert_int_equal(l.r->gp.r15, 0);
	assert_int_equal(l.r->s.cr4, 0);
	assert_int_equal(l.r->dr.db[1], 0);
	assert_int_equal(l.r->dr.dr7, 0x400);
	assert_int_equal(l.lapic.regs[0x80], 0);
	free(l.r);
	gmem_read(vm.gmem, 0x200020, &word, 4);
	assert_int_equal(word, 0xf4f4f4f4);
	gmem_read(vm.gmem, BOOT_ACPI, &word, 4);
	assert_memory_equal(&word, "RSD ", 4);
	kvm_vm_ioctl(&vm.kvm, KVM_GET_IRQCHIP, &chip);
	assert_int_equal(chip.chip.pic.irq_base, 0);
}

static void waking_up_goes_on_where_the_facs_says(void **state)
{
	const u32 vector = 0x9a123;
	struct look l;
	u32 word = 0;

	build(1);
	reset();
	vcpu_call(vm.vcpus[0], spoil, NULL);
	gmem_set(vm.gmem, 0x200000, 0, 4096);
	gmem_write(vm.gmem, BOOT_ACPI + ACPI_FACS + FACS_WAKING_VECTOR,
		   &vector, 4);
	assert_int_equal(arch_x86_64.wake(&vm, &e), 0);
	look(0, &l);
	assert_int_equal(l.r->s.cs.selector, 0x9a12);
	assert_int_equal(l.r->s.cs.base, 0x9a120);
	assert_int_equal(l.r->gp.rip, 3);
	assert_int_equal(l.r->s.cr0 & 1, 0);
	assert_int_equal(l.r->gp.r15, 0);
	free(l.r);
	gmem_read(vm.gmem, 0x200020, &word, 4);
	assert_int_equal(word, 0);     /* RAM was left alone */
}

static void waking_up_without_a_vector_boots_anew(void **state)
{
	const u32 vector = 0x100000;   /* beyond real mode */
	struct look l;

	build(1);
	reset();
	gmem_write(vm.gmem, BOOT_ACPI + ACPI_FACS + FACS_WAKING_VECTOR,
		   &vector, 4);
	assert_int_equal(arch_x86_64.wake(&vm, &e), 0);
	look(0, &l);
	assert_int_equal(l.r->gp.rip, 0x200020);
	free(l.r);
}

static void roms_are_told_once(void **state)
{
	unsigned n = 0;
	struct list *p;

	build(1);
	reset();
	reset();
	list_for_each(p, &vm.roms)
		n++;
	assert_int_equal(n, 1);
}

static void expect_devices(const char *const *names)
{
	struct list *p;

	list_for_each(p, &vm.devices) {
		struct device *d = list_entry(p, struct device, node);

		assert_non_null(*names);
		assert_string_equal(d->class->name, *names++);
	}
	assert_null(*names);
}

static void the_board_has_its_devices(void **state)
{
	static const char *const names[] = {
		"pci-host", "mch", "ICH9-LPC", "acpi-pm", "acpi-pci-hotplug",
		"mc146818rtc", "i8042", "fw_cfg_io", NULL
	};

	build(1);
	expect_devices(names);
	assert_non_null(vm.env.pci);
}

static void a_microvm_has_next_to_none_and_runs_without_pit(void **state)
{
	static const char *const names[] = { "acpi-ged", NULL };
	struct kvm_pit_state2 pit;
	u32 word = 0;

	config.board = BOARD_ACPI | BOARD_REDUCED | BOARD_SERIAL;
	build(1);
	expect_devices(names);
	assert_null(vm.env.pci);
	reset();
	reset();
	assert_true(kvm_vm_ioctl(&vm.kvm, KVM_GET_PIT2, &pit) < 0);
	gmem_read(vm.gmem, BOOT_ACPI, &word, 4);
	assert_memory_equal(&word, "RSD ", 4);
	gmem_read(vm.gmem, BOOT_MPTABLE, &word, 4);
	assert_memory_equal(&word, "_MP_", 4); /* ends Linux' search */
	gmem_read(vm.gmem, BOOT_RESET_CODE, &word, 4);
	assert_int_equal(word, 0xb00606ba);    /* mov $0x606, %dx; mov ... */
}

static void without_acpi_there_is_an_mp_table_and_a_command_line(void **state)
{
	struct x86_machine *m;
	struct device *d;
	u32 word = 0;

	config.board = BOARD_SERIAL | BOARD_CMDLINE | BOARD_REDUCED;
	config.append = strdup("console=ttyS0");
	build(2);
	d = device_create(device_class_find("virtio-rng-device"), NULL,
			  &vm.env);
	assert_int_equal(device_realize(d, &e), 0);
	list_append(&vm.devices, &d->node);
	reset();
	reset();                       /* says it once */
	gmem_read(vm.gmem, BOOT_MPTABLE, &word, 4);
	assert_memory_equal(&word, "_MP_", 4);
	gmem_read(vm.gmem, BOOT_ACPI, &word, 4);
	assert_int_equal(word, 0);
	m = x86_machine(&vm);
	assert_string_equal(m->boot->cmdline, "virtio_mmio.device=512@"
			    "0xfec80000:16 console=ttyS0");
}

static void an_unknown_cpu_model_is_refused(void **state)
{
	config.cpu = strdup("x86-64-v8");
	assert_int_equal(arch_x86_64.build(&vm, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "x86-64-v3"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_a_kernel_it_says_use_kernel),
		T(what_a_kvm_cannot_keep_is_not_offered),
		T(what_it_can_is),
		T(bits_of_cr4_that_are_not_offered_are_not_told),
		T(little_ram_is_one_run_around_the_vga_hole),
		T(much_ram_goes_above_4_gib),
		T(too_little_ram_is_refused),
		T(the_e820_map_is_sorted_and_has_no_overlaps),
		T(the_boot_cpu_stands_at_the_entry_and_others_wait),
		T(vcpu_ids_are_apic_ids),
		T(a_reset_undoes_what_a_guest_did),
		T(waking_up_goes_on_where_the_facs_says),
		T(waking_up_without_a_vector_boots_anew),
		T(roms_are_told_once),
		T(the_board_has_its_devices),
		T(a_microvm_has_next_to_none_and_runs_without_pit),
		T(without_acpi_there_is_an_mp_table_and_a_command_line),
		T(an_unknown_cpu_model_is_refused),
	};

	return cmocka_run_group_tests_name("x86_machine", tests, NULL, NULL);
}
