/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/helper.c: a KVM that cannot do one instruction (the plugin,
 * behind a door that says so), and the plugin that does it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "tests/unit/switch_fixture.h"
#include "arch/x86/regs.h"
#include "vmm/helper.h"
#include "vmm/vcpu.h"

enum { RAM = 64 * 1024, CODE = 0x1000, DATA = 0x2000 };

static int real_vcpu = -1;             /* where KVM_RUN fails at CODE */
static unsigned entries;               /* KVM_RUNs that reached the guest */
static bool slow;
static bool syncs;                     /* registers come with kvm_run */

/* --- a KVM with a hole in it --- */

static void burn(s64 ns)
{
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	while ((b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec <
	       ns);
}

static int fail_to_emulate(void)
{
	struct kvm_run *run = vm.vcpus[0]->kvm.run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 4;
	run->emulation_failure.flags =
		KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run->emulation_failure.insn_size = 15;
	gmem_read(vm.gmem, CODE, run->emulation_failure.insn_bytes, 15);
	return 0;
}

static int run_holed(int fd, void *arg)
{
	struct kvm_regs r;

	if (!vm.vcpus[0]->kvm.run->immediate_exit) {
		mote_kvm_provider.ioctl(fd, KVM_GET_REGS, &r);
		if (r.rip == CODE)
			return fail_to_emulate();
		entries++;
	}
	return mote_kvm_provider.ioctl(fd, KVM_RUN, arg);
}

/* What the kernel does around KVM_RUN where it has KVM_CAP_SYNC_REGS. */
static int run_synced(int fd, void *arg)
{
	struct kvm_run *run = vm.vcpus[0]->kvm.run;
	struct kvm_sync_regs *r = &run->s.regs;
	const struct {
		unsigned long get, set;
		void *at;
	} rows[] = {
		{ KVM_GET_SREGS, KVM_SET_SREGS, &r->sregs },
		{ KVM_GET_REGS, KVM_SET_REGS, &r->regs },
		{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, &r->events },
	};
	const bool wanted = run->kvm_valid_regs;
	int rc;

	for (unsigned i = 0; run->kvm_dirty_regs && i < 3; i++)
		mote_kvm_provider.ioctl(fd, rows[i].set, rows[i].at);
	run->kvm_valid_regs = run->kvm_dirty_regs = 0;
	rc = run_holed(fd, arg);
	for (unsigned i = 0; wanted && i < 3; i++)
		mote_kvm_provider.ioctl(fd, rows[i].get, rows[i].at);
	run->kvm_valid_regs = wanted ? KVM_SYNC_X86_VALID_FIELDS : 0;
	return rc;
}

/* It knows no breakpoints but those that stop before an instruction. */
static int arm_some(int fd, const struct kvm_guest_debug *d)
{
	struct kvm_guest_debug some = *d;

	some.control &= ~KVM_GUESTDBG_USE_SW_BP;
	for (unsigned n = 0; n < 4; n++)
		if (d->arch.debugreg[7] >> (16 + 4 * n) & 3)
			some.arch.debugreg[7] &= ~(3ull << 2 * n);
	return mote_kvm_provider.ioctl(fd, KVM_SET_GUEST_DEBUG, &some);
}

static int holed_ioctl(int fd, unsigned long req, void *arg)
{
	if (req == KVM_SET_GUEST_DEBUG && fd == real_vcpu && slow)
		return arm_some(fd, arg);
	if (req == KVM_CHECK_EXTENSION && (long)arg == KVM_CAP_SYNC_REGS)
		return syncs ? KVM_SYNC_X86_VALID_FIELDS : 0;
	if (req == KVM_RUN && fd != real_vcpu && slow)
		burn(20000000);        /* the one that is measured */
	if (req == KVM_RUN && fd == real_vcpu)
		return syncs ? run_synced(fd, arg) : run_holed(fd, arg);
	return mote_kvm_provider.ioctl(fd, req, arg);
}

/* --- a machine --- */

static struct probe {
	struct device dev;
	u64 writes[16];
	unsigned nwrites;
} probe;

static u64 probe_read(struct device *d, u64 off, unsigned size)
{
	(void)d;
	(void)size;
	return 0x70 + off;
}

static void probe_write(struct device *d, u64 off, u64 val, unsigned size)
{
	(void)d;
	(void)off;
	(void)size;
	if (probe.nwrites < ARRAY_LEN(probe.writes))
		probe.writes[probe.nwrites++] = val;
}

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

static void map(struct bus *b, u64 base, u64 len, const struct region_ops *o)
{
	const struct region r = { .name = "probe", .base = base, .len = len,
				  .ops = o, .dev = &probe.dev };

	assert_int_equal(bus_map(b, &r, NULL), 0);
}

static const struct arch arch = {
	.name = "fake", .regs_size = sizeof(struct x86_regs),
	.helper = &x86_arch_helper,
};

static void enter_real_mode(struct vcpu *v, void *opaque)
{
	struct kvm_regs r = { .rip = CODE, .rsp = 0x8000, .rflags = 2,
			      .rax = 0x1111, .rbx = 0x2222, .rcx = 0x3333 };
	struct kvm_sregs s;

	(void)opaque;
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_SREGS, &s);
	s.cs.selector = 0;
	s.cs.base = 0;
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_SREGS, &s);
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_REGS, &r);
}

static void fill_vm(void)
{
	vm_fresh(&arch, holed_ioctl);
	memset(&probe, 0, sizeof(probe));
	entries = 0;
	real_vcpu = -1;
	lock_init(&probe.dev.lock, "probe");
}

static int fresh(void **state)
{
	struct err e = { 0 };

	(void)state;
	fill_vm();
	vm.loop = loop_create("test", &e);
	clock_init(&vm.clock, 0);
	vm.pio = bus_create("io", 0x10000);
	vm.mmio = bus_create("memory", 1ull << 40);
	map(vm.pio, 0x10, 4, &probe_ops);
	map(vm.pio, 0x60, 1, &exit_ops);
	map(vm.mmio, 0xc0000, 0x100, &probe_ops);
	assert_int_equal(kvm_vm_open(&vm.kvm, vm.provider, &e), 0);
	machine.vm = &vm;
	machine.topology = (struct cpuid_topology){ 1, 1, 1, 1 };
	machine.cpuid = calloc(1, sizeof(*machine.cpuid));
	machine.cpuid->head.nent = CPUID_MAX - 16;
	assert_true(kvm_sys_ioctl(&vm.kvm, KVM_GET_SUPPORTED_CPUID,
				  machine.cpuid) >= 0);
	if (!slow)                     /* then KVM is not even measured */
		cpuid_find(machine.cpuid, CPUID_KVM_FEATURES, 0)->eax |=
			CPUID_PV_TLB_FLUSH;
	vm.gmem = gmem_create();
	assert_int_equal(kvm_vm_attach_gmem(&vm.kvm, vm.gmem, &e), 0);
	assert_int_equal(gmem_add(vm.gmem, "ram", 0, RAM, -1, 0, GMEM_RAM,
				  &e), 0);
	helper_begin(helper_create(&vm, &mote_kvm_provider));
	vm.vcpus = calloc(1, sizeof(vm.vcpus[0]));
	vm.vcpus[0] = vcpu_create(&vm, 0, &e);
	assert_non_null(vm.vcpus[0]);
	real_vcpu = vm.vcpus[0]->kvm.fd;
	vm.nvcpus = 1;
	return vcpu_start(vm.vcpus[0], &e);
}

static int fresh_slow(void **state)
{
	slow = true;
	return fresh(state);
}

static int fresh_synced(void **state)
{
	syncs = true;
	return fresh(state);
}

static int fresh_slow_synced(void **state)
{
	slow = syncs = true;
	return fresh(state);
}

static int done(void **state)
{
	(void)state;
	vcpu_destroy(vm.vcpus[0]);
	free(vm.vcpus);
	helper_destroy(vm.helper);
	kvm_vm_close(&vm.kvm);
	gmem_destroy(vm.gmem);
	bus_destroy(vm.pio);
	bus_destroy(vm.mmio);
	loop_destroy(vm.loop);
	free(machine.cpuid);
	config_fini(&config);
	slow = syncs = false;
	return 0;
}

static void run(const void *code, size_t n)
{
	assert_int_equal(gmem_write(vm.gmem, CODE, code, n), 0);
	vcpu_call(vm.vcpus[0], enter_real_mode, NULL);
	vm_start(&vm, NULL);
	loop_run(vm.loop);
}

static bool reported(const char *text)
{
	struct strbuf s = STRBUF_INIT;
	bool has;

	helper_report(vm.helper, &s);
	has = s.len && strstr(s.buf, text);
	if (!has)
		print_message("# %s\n", s.len ? s.buf : "(no report)");
	strbuf_fini(&s);
	return has;
}

/* mov $33,%al; out %al,$0x60; 1: jmp 1b */
#define EXIT_33 0xb0, 33, 0xe6, 0x60, 0xeb, 0xfe

/* --- the tests --- */

static void what_kvm_cannot_do_is_done_and_kvm_goes_on(void **state)
{
	static const u8 code[] = {
		0xf0, 0x0f, 0xc7, 0x0e, 0, 0x20,       /* lock cmpxchg8b DATA */
		0xe7, 0x10,                            /* out %ax,$0x10       */
		EXIT_33
	};
	const u64 before = 0x0000000000001111, after = 0x333300002222;
	u64 now;

	(void)state;
	gmem_write(vm.gmem, DATA, &before, sizeof(before));
	run(code, sizeof(code));
	gmem_read(vm.gmem, DATA, &now, sizeof(now));
	assert_int_equal(vm.exit_code, 33);
	assert_int_equal(now, after);
	assert_int_equal(probe.nwrites, 1);
	assert_int_equal(probe.writes[0], 0x1111);
	assert_true(entries > 1);
	assert_true(reported("1 instructions KVM cannot execute, 1 executed"));
	assert_true(reported("CPU#0 0x1000: f0 0f c7 0e 00 20 e7 10"));
}

static void its_device_accesses_are_answered_once(void **state)
{
	static const u8 code[] = {
		0x87, 0x07,                    /* xchg %ax,(%bx): ds is MMIO */
		0xe7, 0x10, EXIT_33            /* out %ax,$0x10              */
	};
	struct kvm_sregs s;

	(void)state;
	assert_int_equal(gmem_write(vm.gmem, CODE, code, sizeof(code)), 0);
	vcpu_call(vm.vcpus[0], enter_real_mode, NULL);
	mote_kvm_provider.ioctl(real_vcpu, KVM_GET_SREGS, &s);
	s.ds.base = 0xc0000 - 0x2222;
	mote_kvm_provider.ioctl(real_vcpu, KVM_SET_SREGS, &s);
	vm_start(&vm, NULL);
	loop_run(vm.loop);
	assert_int_equal(vm.exit_code, 33);
	assert_int_equal(probe.nwrites, 2);
	assert_int_equal(probe.writes[0], 0x1111);
	assert_int_equal(probe.writes[1], 0x70);
}

static void registers_of_the_fpu_go_there_and_back(void **state)
{
	static const u8 code[] = {
		0xd9, 0xe8,                    /* fld1                       */
		0xd9, 0xeb,                    /* fldpi                      */
		0xde, 0xc1, 0xdd, 0x1e, 0, 0x20,       /* faddp; fstpl DATA  */
		EXIT_33
	};
	double sum = 0;

	(void)state;
	run(code, sizeof(code));
	gmem_read(vm.gmem, DATA, &sum, sizeof(sum));
	assert_int_equal(vm.exit_code, 33);
	assert_true(sum > 4.1415926 && sum < 4.1415927);
}

/* The exit that makes the twin was one without them. */
static void registers_that_come_with_an_exit_are_there_from_the_first(void **state)
{
	static const u8 code[] = {
		0xe7, 0x10, EXIT_33            /* out %ax,$0x10 */
	};

	(void)state;
	run(code, sizeof(code));
	assert_int_equal(vm.exit_code, 33);
	assert_int_equal(probe.nwrites, 1);
	assert_int_equal(probe.writes[0], 0x1111);
	assert_true(reported("1 instructions KVM cannot execute, 1 executed"));
}

static void a_helper_that_rests_is_not_asked_until_it_begins_again(void **state)
{
	struct helper *h = vm.helper;

	(void)state;
	helper_rest(h);
	assert_null(vm.helper);
	helper_begin(h);
	assert_ptr_equal(vm.helper, h);
}

static void end_when_stopped(struct vm_listener *l, enum vm_event ev, int arg)
{
	(void)l;
	(void)arg;
	if (ev == VM_EV_STOP)
		loop_stop(vm.loop);
}

static void what_nobody_can_do_here_stops_the_vm(void **state)
{
	static const u8 code[] = { 0xf4, EXIT_33 };    /* hlt */
	struct vm_listener stop = { .fn = end_when_stopped };

	(void)state;
	assert_int_equal(gmem_write(vm.gmem, CODE, code, sizeof(code)), 0);
	vcpu_call(vm.vcpus[0], enter_real_mode, NULL);
	vm_start(&vm, NULL);
	vm_listen(&vm, &stop);
	loop_run(vm.loop);
	vm_unlisten(&vm, &stop);
	assert_int_equal(vm.state, RUN_INTERNAL_ERROR);
}

static void a_slow_kvm_is_left_for_the_plugin(void **state)
{
	static const u8 code[] = {
		0x90, 0x66, 0x31, 0xc0,        /* nop; xor %eax,%eax         */
		0xb9, 0xe8, 0x03,              /* mov $1000,%cx              */
		0x66, 0x40, 0xe2, 0xfc,        /* 1: inc %eax; loop 1b       */
		0xe7, 0x10, EXIT_33            /* out %ax,$0x10              */
	};

	(void)state;
	run(code, sizeof(code));
	assert_int_equal(vm.exit_code, 33);
	assert_int_equal(probe.writes[0], 1000);
	assert_int_equal(entries, 0);  /* not one instruction left to KVM */
	assert_true(reported("this KVM emulates kernel code"));
}

static void in_a_slow_kvm_msrs_stay_kvms(void **state)
{
	static const u8 code[] = {
		0x90,                                  /* nop                */
		0x66, 0xb9, 0x02, 0x01, 0, 0xc0,       /* mov $KERNEL_GS_BASE,%ecx */
		0x66, 0x31, 0xd2,                      /* xor %edx,%edx      */
		0x66, 0xb8, 0x78, 0x56, 0x34, 0x12,    /* mov $0x12345678,%eax */
		0x0f, 0x30,                            /* wrmsr              */
		EXIT_33
	};
	struct { struct kvm_msrs h; struct kvm_msr_entry e; } m = {
		.h.nmsrs = 1, .e.index = 0xc0000102 };

	(void)state;
	run(code, sizeof(code));
	assert_int_equal(vm.exit_code, 33);
	assert_true(entries > 0);
	assert_int_equal(mote_kvm_provider.ioctl(real_vcpu, KVM_GET_MSRS, &m),
			 1);
	assert_int_equal(m.e.data, 0x12345678);
}

/* --- a debugger of a guest in a slow KVM --- */

static struct kvm_debug_exit_arch stopped_by;

static bool on_debug(struct vcpu *v)
{
	stopped_by = v->kvm.run->debug.arch;
	return false;                  /* the VM stops */
}

static void arm(struct vcpu *v, void *opaque)
{
	assert_int_equal(vcpu_debug(v, opaque), 0);
}

static u64 go_on(struct kvm_guest_debug *d)
{
	struct vm_listener stop = { .fn = end_when_stopped };
	struct kvm_regs r;

	vm.debug_exit = on_debug;
	memset(&stopped_by, 0, sizeof(stopped_by));
	vcpu_call(vm.vcpus[0], arm, d);
	vm_start(&vm, NULL);
	vm_listen(&vm, &stop);
	loop_run(vm.loop);
	vm_unlisten(&vm, &stop);
	mote_kvm_provider.ioctl(real_vcpu, KVM_GET_REGS, &r);
	return r.rip;
}

/* Where it stops first. */
static u64 stops_at(const void *code, size_t n, struct kvm_guest_debug *d)
{
	assert_int_equal(gmem_write(vm.gmem, CODE, code, n), 0);
	vcpu_call(vm.vcpus[0], enter_real_mode, NULL);
	return go_on(d);
}

static const u8 writes_data[] = {
	0x90, 0x31, 0xd2,                      /* nop; xor %dx,%dx        */
	0x66, 0xb9, 0x02, 0x01, 0, 0xc0,       /* mov $KERNEL_GS_BASE,%ecx */
	0x0f, 0x30,                            /* wrmsr: not the helper's */
	0x90, 0xa3, 0, 0x20,                   /* nop; mov %ax,DATA       */
	EXIT_33
};
enum { AFTER_WRITE = CODE + 15 };

static void a_watch_that_a_slow_kvm_ignores_is_seen_here(void **state)
{
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = { [1] = DATA, [7] = 0x400 | 8 | 5u << 20 },
	};

	(void)state;
	assert_int_equal(stops_at(writes_data, sizeof(writes_data), &d),
			 AFTER_WRITE);
	assert_int_equal(vm.state, RUN_DEBUG);
	assert_int_equal(stopped_by.exception, 1);
	assert_int_equal(stopped_by.dr6 & 15, 2);
	assert_int_equal(stopped_by.pc, AFTER_WRITE);
	assert_true(reported("runs 1 CPUs for their debugger"));
}

static void so_is_a_breakpoint_instruction(void **state)
{
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP,
	};
	u8 code[sizeof(writes_data)];

	(void)state;
	memcpy(code, writes_data, sizeof(code));
	code[15] = 0xcc;
	assert_int_equal(stops_at(code, sizeof(code), &d), CODE + 15);
	assert_int_equal(stopped_by.exception, 3);
	assert_int_equal(stopped_by.pc, CODE + 15);
}

static void steps_go_through_both(void **state)
{
	static const u8 at[] = { 1, 3, 9, 11, 12, 15, 17 };
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
			   KVM_GUESTDBG_BLOCKIRQ,
	};

	(void)state;
	assert_int_equal(stops_at(writes_data, sizeof(writes_data), &d),
			 CODE + at[0]);
	for (unsigned i = 1; i < ARRAY_LEN(at); i++) {
		assert_int_equal(go_on(&d), CODE + at[i]);
		assert_int_equal(stopped_by.exception, 1);
		assert_true(stopped_by.dr6 & BIT(14));
	}
}

static void set_rip(struct vcpu *v, void *opaque)
{
	struct kvm_regs r;

	kvm_vcpu_ioctl(&v->kvm, KVM_GET_REGS, &r);
	r.rip = *(u64 *)opaque;
	kvm_vcpu_ioctl(&v->kvm, KVM_SET_REGS, &r);
}

static void what_the_debugger_writes_is_where_it_goes_on(void **state)
{
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = { [0] = CODE + 3, [7] = 0x402 },
	};
	u64 rip = AFTER_WRITE;

	(void)state;
	assert_int_equal(stops_at(writes_data, sizeof(writes_data), &d),
			 CODE + 3);
	assert_int_equal(stopped_by.dr6 & 15, 1);
	vcpu_call(vm.vcpus[0], set_rip, &rip);
	memset(&d, 0, sizeof(d));
	vcpu_call(vm.vcpus[0], arm, &d);
	vm_start(&vm, NULL);
	loop_run(vm.loop);
	assert_int_equal(vm.exit_code, 33);
}

#define TEST(fn)      cmocka_unit_test_setup_teardown(fn, fresh, done)
#define TEST_DEBUG(fn) \
	cmocka_unit_test_setup_teardown(fn, fresh_slow_synced, done)
#define TEST_SLOW(fn) cmocka_unit_test_setup_teardown(fn, fresh_slow, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_kvm_cannot_do_is_done_and_kvm_goes_on),
		TEST(its_device_accesses_are_answered_once),
		TEST(registers_of_the_fpu_go_there_and_back),
		TEST(a_helper_that_rests_is_not_asked_until_it_begins_again),
		cmocka_unit_test_setup_teardown(
			registers_that_come_with_an_exit_are_there_from_the_first,
			fresh_synced, done),
		TEST(what_nobody_can_do_here_stops_the_vm),
		TEST_SLOW(a_slow_kvm_is_left_for_the_plugin),
		TEST_SLOW(in_a_slow_kvm_msrs_stay_kvms),
		TEST_DEBUG(a_watch_that_a_slow_kvm_ignores_is_seen_here),
		TEST_DEBUG(so_is_a_breakpoint_instruction),
		TEST_DEBUG(steps_go_through_both),
		TEST_DEBUG(what_the_debugger_writes_is_where_it_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
