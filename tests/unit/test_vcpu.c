/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/vcpu.c and the kvm doors: real-mode guests on /dev/kvm, and
 * the same ones on the plugin. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/arch.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

enum { RAM = 64 * 1024, CODE = 0x1000, DATA = 0x2000 };

static struct vm vm;
static struct vm_config config;

/* --- a device that writes down what it sees --- */

static struct probe {
	struct device dev;
	u64 writes[64];
	unsigned nwrites, reads;
} probe;

static u64 probe_read(struct device *d, u64 off, unsigned size)
{
	(void)d;
	(void)size;
	probe.reads++;
	return 0xa0 + off;
}

static void probe_write(struct device *d, u64 off, u64 val, unsigned size)
{
	(void)d;
	if (probe.nwrites < ARRAY_LEN(probe.writes))
		probe.writes[probe.nwrites++] = val | off << 32 |
						(u64)size << 56;
}

/* Port 0x60: end the VM with the code written. */
static void exit_write(struct device *d, u64 off, u64 val, unsigned size)
{
	(void)d;
	(void)off;
	(void)size;
	vm_request(&vm, VM_REQ_EXIT, (int)val);
}

static const struct region_ops probe_ops = {
	.read = probe_read, .write = probe_write, .min_size = 1, .max_size = 8,
};
static const struct region_ops exit_ops = {
	.read = probe_read, .write = exit_write, .min_size = 1, .max_size = 8,
};

static int map(struct bus *b, u64 base, u64 len, const struct region_ops *ops)
{
	const struct region r = { .name = "probe", .base = base, .len = len,
				  .ops = ops, .dev = &probe.dev };

	return bus_map(b, &r, NULL);
}

/* --- a machine --- */

static const struct arch fake_arch = { .name = "fake" };

static void enter_real_mode(struct vcpu *v, void *opaque)
{
	struct kvm_regs r = { .rip = CODE, .rsp = 0x8000, .rflags = 2 };
	struct kvm_sregs s;

	(void)opaque;
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_SREGS, &s);
	s.cs.selector = 0;
	s.cs.base = 0;
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_SREGS, &s);
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_REGS, &r);
}

extern const struct kvm_provider mote_kvm_provider;    /* libtcg.a */

static int fresh_on(const struct kvm_provider *provider, void **state)
{
	struct err e = { 0 };

	memset(&vm, 0, sizeof(vm));
	memset(&probe, 0, sizeof(probe));
	lock_init(&probe.dev.lock, "probe");
	config_init(&config);
	vm.config = &config;
	vm.arch = &fake_arch;
	vm.provider = provider;
	list_init(&vm.devices);
	list_init(&vm.listeners);
	list_init(&vm.roms);
	vm.loop = loop_create("test", &e);
	clock_init(&vm.clock, 0);
	vm.pio = bus_create("io", 0x10000);
	vm.mmio = bus_create("memory", 1ull << 40);
	assert_int_equal(map(vm.pio, 0x10, 4, &probe_ops), 0);
	assert_int_equal(map(vm.pio, 0x60, 1, &exit_ops), 0);
	assert_int_equal(map(vm.mmio, 0xc0000, 0x100, &probe_ops), 0);
	assert_int_equal(kvm_vm_open(&vm.kvm, vm.provider, &e), 0);
	vm.gmem = gmem_create();
	assert_int_equal(kvm_vm_attach_gmem(&vm.kvm, vm.gmem, &e), 0);
	assert_int_equal(gmem_add(vm.gmem, "ram", 0, RAM, -1, 0, GMEM_RAM,
				  &e), 0);
	vm.vcpus = calloc(1, sizeof(vm.vcpus[0]));
	vm.vcpus[0] = vcpu_create(&vm, 0, &e);
	if (!vm.vcpus[0])
		print_message("# %s\n", e.msg);
	assert_non_null(vm.vcpus[0]);
	vm.nvcpus = 1;
	vcpu_call(vm.vcpus[0], enter_real_mode, NULL);  /* no thread yet */
	assert_int_equal(vcpu_start(vm.vcpus[0], &e), 0);
	*state = &vm;
	return 0;
}

static int fresh(void **state)
{
	if (access("/dev/kvm", R_OK | W_OK)) {
		print_message("# skip: no usable /dev/kvm here\n");
		return 0;
	}
	return fresh_on(&kvm_kernel_provider, state);
}

static int fresh_tcg(void **state)
{
	return fresh_on(&mote_kvm_provider, state);
}

static int done(void **state)
{
	if (!*state)
		return 0;
	vcpu_destroy(vm.vcpus[0]);
	free(vm.vcpus);
	kvm_vm_close(&vm.kvm);
	gmem_destroy(vm.gmem);
	bus_destroy(vm.pio);
	bus_destroy(vm.mmio);
	loop_destroy(vm.loop);
	config_fini(&config);
	return 0;
}

static void load(const void *code, size_t n)
{
	assert_int_equal(gmem_write(vm.gmem, CODE, code, n), 0);
	vcpu_call(vm.vcpus[0], enter_real_mode, NULL);
}

static void get_regs(struct vcpu *v, void *opaque)
{
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_REGS, opaque);
}

static struct kvm_regs regs_now(void)
{
	struct kvm_regs r = { 0 };

	vcpu_call(vm.vcpus[0], get_regs, &r);
	return r;
}

#define NEED_KVM(state) do { if (!*(state)) skip(); } while (0)

/* mov $0x21,%al; out %al,$0x60; 1: jmp 1b */
#define EXIT_33 0xb0, 33, 0xe6, 0x60, 0xeb, 0xfe

static void ports_are_read_and_written(void **state)
{
	static const u8 code[] = {
		0xb0, 0x41, 0xe6, 0x10,        /* mov $0x41,%al; out $0x10 */
		0xb8, 0x34, 0x12, 0xe7, 0x12,  /* mov $0x1234,%ax; outw    */
		0xe4, 0x11,                    /* in $0x11,%al             */
		0xe6, 0x13,                    /* out %al,$0x13            */
		EXIT_33
	};

	NEED_KVM(state);
	load(code, sizeof(code));
	vm_start(&vm, NULL);
	loop_run(vm.loop);
	assert_int_equal(vm.exit_code, 33);
	assert_int_equal(probe.nwrites, 3);
	assert_int_equal(probe.writes[0], 0x41 | 1ull << 56);
	assert_int_equal(probe.writes[1], 0x1234 | 2ull << 32 | 2ull << 56);
	assert_int_equal(probe.writes[2], 0xa1 | 3ull << 32 | 1ull << 56);
	assert_true(vm.vcpus[0]->exits[KVM_EXIT_IO] >= 5);
}

static void string_output_comes_in_order(void **state)
{
	static const u8 code[] = {
		0xbe, 0x00, 0x20,              /* mov $DATA,%si  */
		0xb9, 0x05, 0x00,              /* mov $5,%cx     */
		0xba, 0x10, 0x00,              /* mov $0x10,%dx  */
		0xf3, 0x6e,                    /* rep outsb      */
		EXIT_33
	};

	NEED_KVM(state);
	assert_int_equal(gmem_write(vm.gmem, DATA, "hello", 5), 0);
	load(code, sizeof(code));
	vm_start(&vm, NULL);
	loop_run(vm.loop);
	assert_int_equal(probe.nwrites, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal((u8)probe.writes[i], "hello"[i]);
}

static void string_input_lands_in_memory(void **state)
{
	static const u8 code[] = {
		0xbf, 0x00, 0x20,              /* mov $DATA,%di  */
		0xb9, 0x03, 0x00,              /* mov $3,%cx     */
		0xba, 0x12, 0x00,              /* mov $0x12,%dx  */
		0xf3, 0x6c,                    /* rep insb       */
		EXIT_33
	};
	u8 got[4];

	NEED_KVM(state);
	load(code, sizeof(code));
	vm_start(&vm, NULL);
	loop_run(vm.loop);
	assert_int_equal(gmem_read(vm.gmem, DATA, got, 4), 0);
	assert_memory_equal(got, "\xa2\xa2\xa2\0", 4);
}

static void memory_without_ram_goes_to_the_bus(void **state)
{
	static const u8 code[] = {
		0xb8, 0x00, 0xc0, 0x8e, 0xd8,  /* mov $0xc000,%ax; mov ->%ds */
		0xb0, 0x55, 0xa2, 0x04, 0x00,  /* mov $0x55,%al; mov %al,4   */
		0xa1, 0x08, 0x00,              /* mov 8,%ax                  */
		0xe7, 0x10,                    /* out %ax,$0x10              */
		EXIT_33
	};

	NEED_KVM(state);
	load(code, sizeof(code));
	vm_start(&vm, NULL);
	loop_run(vm.loop);
	assert_int_equal(probe.nwrites, 2);
	assert_int_equal(probe.writes[0], 0x55 | 4ull << 32 | 1ull << 56);
	assert_int_equal(probe.writes[1], 0xa8 | 2ull << 56);
}

static void a_vcpu_that_asks_stops_before_its_next_instruction(void **state)
{
	static const u8 code[] = {
		0xb0, 33, 0xe6, 0x60,          /* mov $33,%al; out $0x60 */
		0xb0, 34, 0xe6, 0x10,          /* must not happen        */
		0xeb, 0xfe
	};

	NEED_KVM(state);
	load(code, sizeof(code));
	vm_start(&vm, NULL);
	usleep(20000);
	assert_int_equal(probe.nwrites, 0);
	loop_run(vm.loop);
	assert_int_equal(regs_now().rip, CODE + 4);
}

static void a_spinning_guest_parks_and_goes_on(void **state)
{
	static const u8 code[] = {
		0x66, 0xff, 0xc0,              /* 1: inc %eax */
		0xeb, 0xfb,                    /*    jmp 1b   */
	};
	u64 last = 0, begin = 0;
	unsigned moves = 0;

	NEED_KVM(state);
	load(code, sizeof(code));
	/* A busy host may park it before its first instruction. */
	for (unsigned i = 0; i < 1000 && moves < 20; i++) {
		begin = last;
		vm_start(&vm, NULL);
		usleep(2000);
		vm_pause(&vm, RUN_PAUSED);
		assert_true(vm.vcpus[0]->parked);
		last = regs_now().rax;
		assert_int_equal(regs_now().rax, last);
		assert_true(last >= begin);
		moves += last > begin;
	}
	assert_int_equal(moves, 20);
}

static void calls_run_while_the_guest_does(void **state)
{
	static const u8 code[] = { 0x66, 0xff, 0xc0, 0xeb, 0xfb };

	NEED_KVM(state);
	load(code, sizeof(code));
	vm_start(&vm, NULL);
	for (unsigned i = 0; i < 200; i++)
		assert_in_range(regs_now().rip, CODE, CODE + 5);
	assert_false(vm.vcpus[0]->parked);
	vm_pause(&vm, RUN_PAUSED);
}

static void parking_finishes_the_instruction_that_exited(void **state)
{
	static const u8 code[] = {
		0xe4, 0x11, 0x66, 0x0f, 0xb6, 0xc0,    /* 1: in; movzbl */
		0xeb, 0xf8,                            /* jmp 1b        */
	};

	NEED_KVM(state);
	load(code, sizeof(code));
	for (unsigned i = 0; i < 50; i++) {
		struct kvm_regs r;

		vm_start(&vm, NULL);
		usleep(100);
		vm_pause(&vm, RUN_PAUSED);
		r = regs_now();
		if (r.rip != CODE)             /* past the in: it has its value */
			assert_int_equal(r.rax & 0xff, 0xa1);
	}
}

static void hlt_without_an_irqchip_waits_to_be_parked(void **state)
{
	static const u8 code[] = { 0xf4, 0xeb, 0xfd };

	NEED_KVM(state);
	load(code, sizeof(code));
	vm_start(&vm, NULL);
	usleep(20000);
	assert_true(vm.vcpus[0]->halted);
	assert_in_range(regs_now().rip, CODE, CODE + 3);
	vm_pause(&vm, RUN_PAUSED);
	assert_false(vm.vcpus[0]->halted);
}

static void a_triple_fault_resets_the_machine(void **state)
{
	static const u8 code[] = {
		0x0f, 0x01, 0x1e, 0x00, 0x20,  /* lidt DATA (limit 0) */
		0x0f, 0x0b, 0xeb, 0xfe,        /* ud2                  */
	};

	NEED_KVM(state);
	config.on_reboot = REBOOT_SHUTDOWN;    /* so that it ends */
	load(code, sizeof(code));
	vm_start(&vm, NULL);
	loop_run(vm.loop);
	assert_true(vm.quitting);
}

static void dirty_pages_are_seen(void **state)
{
	static const u8 code[] = {
		0xb0, 0x55, 0xa2, 0x00, 0x30,  /* mov %al,0x3000 */
		EXIT_33
	};
	u64 bitmap[1] = { 0 };

	NEED_KVM(state);
	load(code, sizeof(code));
	assert_int_equal(kvm_vm_dirty_log(&vm.kvm, true, NULL), 0);
	vm_start(&vm, NULL);
	loop_run(vm.loop);
	assert_int_equal(kvm_vm_dirty_fetch(&vm.kvm, gmem_find(vm.gmem, 0),
					    bitmap), 0);
	assert_true(bitmap[0] & BIT64(3));
	assert_false(bitmap[0] & BIT64(5));
	assert_int_equal(kvm_vm_dirty_log(&vm.kvm, false, NULL), 0);
}

/* Each on the kernel's KVM, then on the plugin. */
#define T(name) \
	cmocka_unit_test_setup_teardown(name, fresh, done), \
	{ #name "_on_tcg", name, fresh_tcg, done, NULL }
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ports_are_read_and_written),
		T(string_output_comes_in_order),
		T(string_input_lands_in_memory),
		T(memory_without_ram_goes_to_the_bus),
		T(a_vcpu_that_asks_stops_before_its_next_instruction),
		T(a_spinning_guest_parks_and_goes_on),
		T(calls_run_while_the_guest_does),
		T(parking_finishes_the_instruction_that_exited),
		T(hlt_without_an_irqchip_waits_to_be_parked),
		T(a_triple_fault_resets_the_machine),
		T(dirty_pages_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
