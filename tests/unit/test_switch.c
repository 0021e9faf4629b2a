/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/switch.c and arch/x86/move.c: a guest that counts goes to and fro
 * between two VMs of the plugin, one of which calls itself kvm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/switch_fixture.h"
#include "arch/x86/msrs.h"
#include "arch/x86/regs.h"
#include "vmm/switch.h"
#include "vmm/vcpu.h"

enum { RAM = 64 * 1024, CODE = 0x1000, COUNT = 0x2000, LSTAR = 0xc0000082 };

static unsigned long refused;          /* a request kvm_like does not know */
static unsigned told;                  /* VM_EV_SWITCHED */

static int kvm_like_ioctl(int fd, unsigned long req, void *arg)
{
	return req == refused ? -EPERM :
	       mote_kvm_provider.ioctl(fd, req, arg);
}

/* --- a machine --- */

static const struct arch arch = {
	.name = "fake", .regs_size = sizeof(struct x86_regs),
	.move = &x86_arch_move,
};

static void listen(struct vm_listener *l, enum vm_event ev, int arg)
{
	(void)l;
	(void)arg;
	told += ev == VM_EV_SWITCHED;
}
static struct vm_listener listener = { .fn = listen };

static void fill_vm(void)
{
	vm_fresh(&arch, kvm_like_ioctl);
	kvm_like.cheap_exits = false;
	refused = told = 0;
	config.board = BOARD_PIC | BOARD_PIT;
	vm.provider = &mote_kvm_provider;
	machine.vm = &vm;
	machine.topology = (struct cpuid_topology){ 2, 1, 2, 1 };
	machine.cpuid = calloc(1, sizeof(*machine.cpuid));
	machine.cpuid->head.nent = CPUID_MAX - 16;
}

/* 1: incw COUNT; jmp 1b */
static void place(struct vcpu *v, void *opaque)
{
	struct kvm_regs r = { .rip = CODE, .rflags = 2, .rbx = 0x1234 };
	struct kvm_mp_state mp = { KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs s;

	(void)opaque;
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_SREGS, &s);
	s.cs.selector = 0;
	s.cs.base = 0;
	s.ds.base = v->index * 16;             /* a word of its own */
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_SREGS, &s);
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_REGS, &r);
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_MP_STATE, &mp);
}

static void add_cpus(struct err *e)
{
	vm.vcpus = calloc(config.cpus, sizeof(vm.vcpus[0]));
	for (unsigned i = 0; i < config.cpus; i++) {
		vm.vcpus[i] = vcpu_create(&vm, i, e);
		assert_non_null(vm.vcpus[i]);
		assert_true(x86_vcpu_cpuid(vm.vcpus[i], &vm.vcpus[i]->kvm, e) >=
			    0);
		vm.nvcpus = i + 1;
	}
}

static int fresh(void **state)
{
	static const u8 code[] = { 0xff, 0x06, 0x00, 0x20, 0xeb, 0xfa };
	struct err e = { 0 };

	(void)state;
	fill_vm();
	vm.loop = loop_create("test", &e);
	clock_init(&vm.clock, 0);
	assert_int_equal(kvm_vm_open(&vm.kvm, vm.provider, &e), 0);
	assert_int_equal(switch_open_with(&vm, &kvm_like, &e), 0);
	assert_true(kvm_sys_ioctl(&vm.kvm, KVM_GET_SUPPORTED_CPUID,
				  machine.cpuid) >= 0);
	vm.gmem = gmem_create();
	assert_int_equal(kvm_vm_attach_gmem(&vm.kvm, vm.gmem, &e), 0);
	assert_int_equal(gmem_add(vm.gmem, "ram", 0, RAM, -1, 0, GMEM_RAM,
				  &e), 0);
	assert_int_equal(kvm_vm_create_irqchip(&vm.kvm, true, true, &e), 0);
	add_cpus(&e);
	assert_int_equal(switch_prepare(&vm, &e), 0);
	gmem_write(vm.gmem, CODE, code, sizeof(code));
	vm_listen(&vm, &listener);
	for (unsigned i = 0; i < vm.nvcpus; i++) {
		assert_int_equal(vcpu_start(vm.vcpus[i], &e), 0);
		vcpu_call(vm.vcpus[i], place, NULL);
	}
	return vm_start(&vm, &e);
}

static int done(void **state)
{
	const unsigned n = vm.nvcpus;

	(void)state;
	refused = 0;
	vm_pause(&vm, RUN_PAUSED);
	vm.nvcpus = 0;
	for (unsigned i = 0; i < n; i++)
		vcpu_destroy(vm.vcpus[i]);
	free(vm.vcpus);
	switch_destroy(vm.switcher);
	kvm_vm_close(&vm.kvm);
	gmem_destroy(vm.gmem);
	loop_destroy(vm.loop);
	free(machine.cpuid);
	free(machine.msrs);
	config_fini(&config);
	return 0;
}

static u16 count_of(unsigned cpu)
{
	u16 n = 0;

	gmem_read(vm.gmem, COUNT + 16 * cpu, &n, sizeof(n));
	return n;
}

/* Both CPUs count on. */
static void assert_runs(void)
{
	for (unsigned i = 0; i < 2; i++) {
		const u16 was = count_of(i);
		unsigned tries = 0;

		while (count_of(i) == was && tries++ < 100000)
			usleep(100);
		assert_int_not_equal(count_of(i), was);
	}
}

struct msr_call {
	u32 index;
	u64 value;
	bool ok;
};

static void set_msr(struct vcpu *v, void *opaque)
{
	struct msr_call *c = opaque;

	c->ok = x86_msr_write(&v->kvm, c->index, c->value);
}

static void get_msr(struct vcpu *v, void *opaque)
{
	struct msr_call *c = opaque;

	c->ok = x86_msr_read(&v->kvm, c->index, &c->value);
}

static void get_registers(struct vcpu *v, void *opaque)
{
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_REGS, opaque);
}

/* --- the tests --- */

static void a_running_guest_goes_to_and_fro(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_runs();
		assert_int_equal(switch_to(&vm, i % 2 ? "tcg" : "kvm", &e), 0);
		assert_string_equal(vm.provider->name, i % 2 ? "tcg" : "kvm");
		assert_ptr_equal(vm.kvm.ops, vm.provider);
		assert_int_equal(vm.env.cheap_exits, i % 2);
		assert_int_equal(told, i + 1);
	}
	assert_runs();
	assert_int_equal(vm.state, RUN_RUNNING);
}

static void registers_msrs_and_the_tsc_go_along(void **state)
{
	struct msr_call lstar = { .index = LSTAR, .value = 0x123456789 };
	struct msr_call before = { .index = 0x10 }, after = { .index = 0x10 };
	struct kvm_regs r;
	struct err e = { 0 };

	(void)state;
	vcpu_call(vm.vcpus[1], set_msr, &lstar);
	vcpu_call(vm.vcpus[1], get_msr, &before);
	assert_int_equal(switch_to(&vm, "kvm", &e), 0);
	vcpu_call(vm.vcpus[1], get_msr, &after);
	lstar.value = 0;
	vcpu_call(vm.vcpus[1], get_msr, &lstar);
	vcpu_call(vm.vcpus[1], get_registers, &r);
	assert_true(lstar.value == 0x123456789);
	assert_int_equal(r.rbx, 0x1234);
	assert_true(after.value > before.value);
	assert_true(after.value - before.value < 60 * 5000000000ull);
}

static void kvmclock_goes_on_by_what_has_passed(void **state)
{
	struct kvm_clock_data set = { .clock = 1000 * 1000000000ull }, now;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(kvm_vm_ioctl(&vm.kvm, KVM_SET_CLOCK, &set), 0);
	assert_int_equal(switch_to(&vm, "kvm", &e), 0);
	assert_true(kvm_vm_ioctl(&vm.kvm, KVM_GET_CLOCK, &now) >= 0);
	assert_true(now.clock > set.clock &&
		    now.clock < set.clock + 60000000000ull);
}

static void interrupt_controllers_go_along(void **state)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_pit_state2 pit;
	struct err e = { 0 };

	(void)state;
	assert_true(kvm_vm_ioctl(&vm.kvm, KVM_GET_IRQCHIP, &chip) >= 0);
	chip.chip.ioapic.redirtbl[5].bits = 0x10031;
	assert_true(kvm_vm_ioctl(&vm.kvm, KVM_SET_IRQCHIP, &chip) >= 0);
	assert_true(kvm_vm_ioctl(&vm.kvm, KVM_GET_PIT2, &pit) >= 0);
	pit.channels[2].count = 1193;
	pit.channels[0].mode = 2;
	pit.channels[0].count_load_time = 0;   /* as the kernel has it */
	assert_true(kvm_vm_ioctl(&vm.kvm, KVM_SET_PIT2, &pit) >= 0);
	assert_int_equal(switch_to(&vm, "kvm", &e), 0);
	memset(&pit, 0, sizeof(pit));
	chip.chip.ioapic.redirtbl[5].bits = 0;
	assert_true(kvm_vm_ioctl(&vm.kvm, KVM_GET_IRQCHIP, &chip) >= 0);
	assert_true(kvm_vm_ioctl(&vm.kvm, KVM_GET_PIT2, &pit) >= 0);
	assert_int_equal(chip.chip.ioapic.redirtbl[5].bits, 0x10031);
	assert_int_equal(pit.channels[2].count, 1193);
	assert_true(pit.channels[0].count_load_time > 0);
}

static void a_failure_leaves_it_running_where_it_was(void **state)
{
	static const unsigned long all[] = {
		KVM_SET_USER_MEMORY_REGION, KVM_SET_SREGS, KVM_SET_REGS,
		KVM_SET_XSAVE, KVM_SET_LAPIC, KVM_SET_VCPU_EVENTS,
		KVM_SET_MP_STATE, KVM_SET_MSRS, KVM_SET_IRQCHIP, KVM_SET_PIT2,
		KVM_SET_CLOCK,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
		struct msr_call c = { .index = LSTAR, .value = 0x1000 + i };
		struct err e = { 0 };

		vcpu_call(vm.vcpus[0], set_msr, &c);
		refused = all[i];
		assert_true(switch_to(&vm, "kvm", &e) < 0);
		assert_non_null(strstr(e.msg, "the VM stays with accel=tcg"));
		assert_ptr_equal(vm.provider, &mote_kvm_provider);
		assert_int_equal(vm.state, RUN_RUNNING);
		assert_runs();
	}
	assert_int_equal(told, 0);
	refused = 0;
	assert_int_equal(switch_to(&vm, "kvm", NULL), 0);
	assert_runs();
}

static void a_paused_guest_stays_paused(void **state)
{
	struct err e = { 0 };
	u16 was;

	(void)state;
	vm_pause(&vm, RUN_PAUSED);
	was = count_of(0);
	assert_int_equal(switch_to(&vm, "kvm", &e), 0);
	assert_int_equal(vm.state, RUN_PAUSED);
	assert_int_equal(count_of(0), was);
	assert_int_equal(vm_cont(&vm, &e), 0);
	assert_runs();
}

static void get_events(struct vcpu *v, void *opaque)
{
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_VCPU_EVENTS, opaque);
}

static void fault_thrice(struct vcpu *v, void *opaque)
{
	struct kvm_vcpu_events e = {
		.flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT,
		.triple_fault = { .pending = 1 },
	};

	*(int *)opaque = kvm_vcpu_ioctl(&v->kvm, KVM_SET_VCPU_EVENTS, &e);
}

static void a_triple_fault_that_waits_goes_along(void **state)
{
	struct kvm_vcpu_events events = { 0 };
	struct err e = { 0 };
	int rc = -1;

	(void)state;
	vm_pause(&vm, RUN_PAUSED);
	vcpu_call(vm.vcpus[1], fault_thrice, &rc);
	assert_int_equal(rc, 0);
	assert_int_equal(switch_to(&vm, "kvm", &e), 0);
	vcpu_call(vm.vcpus[1], get_events, &events);
	assert_true(events.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	assert_true(events.triple_fault.pending);
	vcpu_call(vm.vcpus[0], get_events, &events);
	assert_false(events.triple_fault.pending);
}

static void only_what_there_is_can_be_asked_for(void **state)
{
	struct switcher *s = vm.switcher;
	struct strbuf text = STRBUF_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(switch_to(&vm, "xen", &e), -EINVAL);
	assert_int_equal(switch_to(&vm, "tcg", &e), 0);        /* it is there */
	assert_int_equal(told, 0);
	vm.switcher = NULL;
	assert_int_equal(switch_to(&vm, "kvm", &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "not started with switch=on"));
	vm.switcher = s;
	switch_report(s, &text);
	assert_string_equal(text.buf,
			    "accel_switch: kvm stands by; 0 switches\n");
	strbuf_fini(&text);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_running_guest_goes_to_and_fro),
		TEST(registers_msrs_and_the_tsc_go_along),
		TEST(kvmclock_goes_on_by_what_has_passed),
		TEST(interrupt_controllers_go_along),
		TEST(a_failure_leaves_it_running_where_it_was),
		TEST(a_paused_guest_stays_paused),
		TEST(a_triple_fault_that_waits_goes_along),
		TEST(only_what_there_is_can_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
