// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/provider.c and what it opens: a small KVM program. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include "tests/unit/tcg_box.h"

/* --- the door ------------------------------------------------------------- */

static void provider_is_stamped_with_its_abi(void **state)
{
	(void)state;
	assert_int_equal(mote_kvm_provider.abi, KVM_PROVIDER_ABI);
	assert_int_equal(mote_kvm_provider.size, sizeof(struct kvm_provider));
	assert_string_equal(mote_kvm_provider.name, "tcg");
}

static void api_version_is_twelve_and_unknown_requests_are_refused(void **state)
{
	struct box b;
	u64 junk[64] = { 0 };

	(void)state;
	box_vm(&b, false);
	assert_int_equal(box_io(b.sys, KVM_GET_API_VERSION, NULL), 12);
	assert_int_equal(box_io(b.sys, KVM_CHECK_EXTENSION,
			    (void *)KVM_CAP_USER_MEMORY), 1);
	assert_int_equal(box_io(b.sys, KVM_CHECK_EXTENSION, (void *)9999), 0);
	assert_int_equal(box_io(b.sys, _IO(KVMIO, 0xfe), junk), -ENOTTY);
	assert_int_equal(box_io(b.vm, _IO(KVMIO, 0xfe), junk), -ENOTTY);
	assert_int_equal(box_io(b.vm, KVM_GET_API_VERSION, junk), -ENOTTY);
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, NULL), -EFAULT);
	assert_int_equal(box_io(b.sys, KVM_CREATE_VM, (void *)77), -EINVAL);
	assert_int_equal(box_io(-1, KVM_GET_API_VERSION, NULL), -EBADF);
	assert_int_equal(box_io(100000, KVM_GET_API_VERSION, NULL), -EBADF);
	assert_int_equal(mote_kvm_provider.close(123456), -EBADF);
	box_close(&b);
}

static void a_vm_and_its_vcpu_tell_the_hosts_tsc_rate(void **state)
{
	struct timespec a, b, nap = { .tv_nsec = 30000000 };
	u64 tsc, ns;
	struct box x;
	long khz;

	(void)state;
	box_vm(&x, false);
	box_cpu(&x, "\xf4", 1);
	khz = box_io(x.vm, KVM_GET_TSC_KHZ, NULL);
	assert_int_equal(box_io(x.cpu, KVM_GET_TSC_KHZ, NULL), khz);
	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	tsc = __builtin_ia32_rdtsc();
	nanosleep(&nap, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	tsc = __builtin_ia32_rdtsc() - tsc;
	ns = (u64)(b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
	/* 10 %: somebody may come between a clock and its TSC */
	assert_in_range(tsc * 1000000 / ns, khz - khz / 10, khz + khz / 10);
	box_close(&x);
}

static void bad_memory_regions_are_refused_as_kvm_does(void **state)
{
	struct kvm_userspace_memory_region r = { .slot = 1 };
	struct box b;

	(void)state;
	box_vm(&b, false);
	r.userspace_addr = (u64)(uintptr_t)b.mem;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), -EINVAL);
	r.memory_size = 4096;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), -EEXIST);
	r.guest_phys_addr = BOX_MEM + 1;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), -EINVAL);
	r.guest_phys_addr = ~0xfffull;
	r.memory_size = 8192;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), -EINVAL);
	r.guest_phys_addr = BOX_MEM;
	r.memory_size = 4096;
	r.flags = 64;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), -EINVAL);
	r.flags = 0;
	r.slot = 100000;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), -EINVAL);
	r.slot = 1;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	r.memory_size = 8192;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), -EINVAL);
	box_close(&b);
}

static void a_vm_outlives_its_descriptor_while_a_vcpu_is_open(void **state)
{
	BOX(b, false, 0xf4);

	(void)state;
	assert_int_equal(mote_kvm_provider.close(b.vm), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	munmap(b.run, b.run_size);
	assert_int_equal(mote_kvm_provider.close(b.cpu), 0);
	assert_int_equal(box_io(b.cpu, KVM_RUN, NULL), -EBADF);
	assert_int_equal(mote_kvm_provider.close(b.sys), 0);
	munmap(b.mem, BOX_MEM);
}

static void vcpu_ids_are_unique_and_bounded(void **state)
{
	BOX(b, false, 0xf4);

	(void)state;
	assert_int_equal(box_io(b.vm, KVM_CREATE_VCPU, NULL), -EEXIST);
	assert_int_equal(box_io(b.vm, KVM_CREATE_VCPU, (void *)4096), -EINVAL);
	assert_int_equal(box_io(b.vm, KVM_SET_BOOT_CPU_ID, NULL), -EBUSY);
	box_close(&b);
}

/* --- port and memory I/O -------------------------------------------------- */

static void out_and_in_leave_through_the_data_page(void **state)
{
	/* mov al,0x5a; out 0x10,al; in al,0x11; hlt */
	BOX(b, false, 0xb0, 0x5a, 0xe6, 0x10, 0xe4, 0x11, 0xf4);
	u8 *data;

	(void)state;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(b.run->io.direction, KVM_EXIT_IO_OUT);
	assert_int_equal(b.run->io.port, 0x10);
	assert_int_equal(b.run->io.size, 1);
	data = (u8 *)b.run + b.run->io.data_offset;
	assert_int_equal(*data, 0x5a);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(b.run->io.direction, KVM_EXIT_IO_IN);
	assert_int_equal(b.run->io.port, 0x11);
	*data = 0xa7;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(box_regs(&b).rax & 0xff, 0xa7);
	box_close(&b);
}

static void rep_insb_asks_once_for_each_byte(void **state)
{
	/* mov cx,3; mov di,0x2000; mov dx,0x20; cld; rep insb; hlt */
	BOX(b, false, 0xb9, 3, 0, 0xbf, 0, 0x20, 0xba, 0x20, 0, 0xfc, 0xf3,
	    0x6c, 0xf4);

	(void)state;
	for (u8 i = 0; i < 3; ) {
		u8 *data = (u8 *)b.run + 4096;

		assert_int_equal(box_run(&b), 0);
		assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
		assert_true(b.run->io.count >= 1);
		for (u32 k = 0; k < b.run->io.count; k++)
			data[k] = (u8)(0x40 + i++);
	}
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	assert_memory_equal(b.mem + 0x2000, "\x40\x41\x42", 3);
	assert_int_equal(box_regs(&b).rcx, 0);
	box_close(&b);
}

static void memory_outside_slots_is_mmio(void **state)
{
	/* mov ax,0xffff; mov ds,ax; mov eax,[0x10]; mov [0x14],eax; hlt: the
	 * top of 1 MiB + is not RAM */
	BOX(b, false, 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x66, 0xa1, 0x10, 0,
	    0x66, 0xa3, 0x14, 0, 0xf4);

	(void)state;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(b.run->mmio.phys_addr, 0x100000);
	assert_int_equal(b.run->mmio.len, 4);
	assert_int_equal(b.run->mmio.is_write, 0);
	memcpy(b.run->mmio.data, "\x78\x56\x34\x12", 4);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(b.run->mmio.is_write, 1);
	assert_int_equal(b.run->mmio.phys_addr, 0x100004);
	assert_memory_equal(b.run->mmio.data, "\x78\x56\x34\x12", 4);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

static void a_read_modify_write_of_a_device_reads_once_and_writes_once(
	void **state)
{
	/* mov ax,0xffff; mov ds,ax; inc byte [0x10]; hlt */
	BOX(b, false, 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xfe, 0x06, 0x10, 0, 0xf4);

	(void)state;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->mmio.is_write, 0);
	b.run->mmio.data[0] = 0x7f;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(b.run->mmio.is_write, 1);
	assert_int_equal(b.run->mmio.data[0], 0x80);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

static void writes_to_a_read_only_slot_are_mmio(void **state)
{
	/* mov ax,0xffff; mov ds,ax; mov al,[0x10]; mov [0x10],al; hlt */
	BOX(b, false, 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa0, 0x10, 0, 0xa2, 0x10,
	    0, 0xf4);
	struct kvm_userspace_memory_region r = {
		.slot = 5, .guest_phys_addr = BOX_MEM, .memory_size = 4096,
		.flags = KVM_MEM_READONLY,
	};

	(void)state;
	r.userspace_addr = (u64)(uintptr_t)b.mem + 0x9000;
	b.mem[0x9000] = 0x33;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(b.run->mmio.is_write, 1);
	assert_int_equal(b.run->mmio.data[0], 0x33);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

/* --- dirty log ------------------------------------------------------------ */

static void dirty_log_names_written_pages_and_clears(void **state)
{
	/* 1: mov [0x3000],al; mov [0x7fff],ax; out 0x10,al; jmp 1b */
	BOX(b, false, 0xa2, 0, 0x30, 0xa3, 0xff, 0x7f, 0xe6, 0x10, 0xeb, 0xf6);
	struct kvm_userspace_memory_region r = {
		.memory_size = BOX_MEM, .flags = KVM_MEM_LOG_DIRTY_PAGES,
	};
	u64 map[4];
	struct kvm_dirty_log log = { .dirty_bitmap = map };

	(void)state;
	assert_int_equal(box_io(b.vm, KVM_GET_DIRTY_LOG, &log), -ENOENT);
	assert_int_equal(box_run(&b), 0);
	r.userspace_addr = (u64)(uintptr_t)b.mem;
	assert_int_equal(box_io(b.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(box_run(&b), 0);
		memset(map, 0xff, sizeof(map));
		assert_int_equal(box_io(b.vm, KVM_GET_DIRTY_LOG, &log), 0);
		assert_int_equal(map[0], 1u << 3 | 1u << 7 | 1u << 8);
		assert_int_equal(map[1] | map[2] | map[3], 0);
	}
	assert_int_equal(box_io(b.vm, KVM_GET_DIRTY_LOG, &log), 0);
	assert_int_equal(map[0], 0);
	box_close(&b);
}

/* --- eventfds ------------------------------------------------------------- */

static u64 drain(int fd)
{
	u64 n = 0;

	if (read(fd, &n, sizeof(n)) < 0)
		return 0;
	return n;
}

static void ioeventfd_takes_matching_writes_without_an_exit(void **state)
{
	/* mov al,1; out 0x10,al; mov al,2; out 0x10,al; hlt */
	BOX(b, false, 0xb0, 1, 0xe6, 0x10, 0xb0, 2, 0xe6, 0x10, 0xf4);
	struct kvm_ioeventfd e = {
		.addr = 0x10, .len = 1, .datamatch = 1,
		.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	(void)state;
	e.fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(box_io(b.vm, KVM_IOEVENTFD, &e), 0);
	assert_int_equal(box_io(b.vm, KVM_IOEVENTFD, &e), -EEXIST);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(((u8 *)b.run)[4096], 2);
	assert_int_equal(drain(e.fd), 1);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	e.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	assert_int_equal(box_io(b.vm, KVM_IOEVENTFD, &e), 0);
	assert_int_equal(box_io(b.vm, KVM_IOEVENTFD, &e), -ENOENT);
	close(e.fd);
	box_close(&b);
}

static void ioeventfd_of_length_zero_takes_any_mmio_write(void **state)
{
	/* mov ax,0xffff; mov ds,ax; mov [0x10],al; mov [0x10],eax; hlt */
	BOX(b, false, 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa2, 0x10, 0, 0x66, 0xa3,
	    0x10, 0, 0xf4);
	struct kvm_ioeventfd e = { .addr = BOX_MEM };

	(void)state;
	e.fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(box_io(b.vm, KVM_IOEVENTFD, &e), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(drain(e.fd), 2);
	close(e.fd);
	box_close(&b);
}

static void irqfd_interrupts_a_halted_guest(void **state)
{
	/* PIC: ICW1-4 with base 0x20, all unmasked; out 0x82: ready (an edge
	 * before ICW1 is forgotten); sti; hlt; out 0x80; hlt.  vector 0x25's
	 * handler at 0x1800: out 0x81,al; iret */
	BOX(b, true,
	    0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21,
	    0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,
	    0xb0, 0x00, 0xe6, 0x21, 0xe6, 0x82,
	    0xfb, 0xf4, 0xe6, 0x80, 0xf4);
	struct kvm_irqfd f = { .gsi = 5 };
	const u64 one = 1;

	(void)state;
	memcpy(b.mem + 0x1800, "\xe6\x81\xcf", 3);
	memcpy(b.mem + 0x25 * 4, "\x00\x18\x00\x00", 4);
	f.fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(box_io(b.vm, KVM_IRQFD, &f), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->io.port, 0x82);
	assert_int_equal(write(f.fd, &one, 8), 8);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(b.run->io.port, 0x81);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->io.port, 0x80);
	f.flags = KVM_IRQFD_FLAG_DEASSIGN;
	assert_int_equal(box_io(b.vm, KVM_IRQFD, &f), 0);
	close(f.fd);
	box_close(&b);
}

/* --- events --------------------------------------------------------------- */

static void kvm_interrupt_waits_for_the_window(void **state)
{
	/* nop; sti; nop; nop; hlt.  vector 0x40 -> 0x1800: out 0x81; iret */
	BOX(b, false, 0x90, 0xfb, 0x90, 0x90, 0xf4);
	struct kvm_interrupt i = { .irq = 0x40 };

	(void)state;
	memcpy(b.mem + 0x1800, "\xe6\x81\xcf", 3);
	memcpy(b.mem + 0x40 * 4, "\x00\x18\x00\x00", 4);
	b.run->request_interrupt_window = 1;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IRQ_WINDOW_OPEN);
	assert_int_equal(box_regs(&b).rip, BOX_CODE + 3);
	b.run->request_interrupt_window = 0;
	assert_int_equal(box_io(b.cpu, KVM_INTERRUPT, &i), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(b.run->io.port, 0x81);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

static void triple_fault_is_a_shutdown(void **state)
{
	/* lidt of an empty table; ud2 */
	BOX(b, false, 0x0f, 0x01, 0x1e, 0, 0x20, 0x0f, 0x0b);

	(void)state;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_SHUTDOWN);
	box_close(&b);
}

static void *kick_later(void *opaque)
{
	const struct timespec t = { .tv_nsec = 20 * 1000 * 1000 };

	nanosleep(&t, NULL);
	mote_kvm_provider.kick(*(int *)opaque);
	return NULL;
}

static void kick_ends_an_endless_loop(void **state)
{
	BOX(b, false, 0xeb, 0xfe);
	pthread_t t;

	(void)state;
	pthread_create(&t, NULL, kick_later, &b.cpu);
	assert_int_equal(box_run(&b), -EINTR);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_INTR);
	pthread_join(t, NULL);
	box_close(&b);
}

static void kick_ends_a_halt_that_burns_no_cpu(void **state)
{
	BOX(b, true, 0xf4, 0xeb, 0xfd);
	struct timespec before, after;
	pthread_t t;

	(void)state;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	pthread_create(&t, NULL, kick_later, &b.cpu);
	assert_int_equal(box_run(&b), -EINTR);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	pthread_join(t, NULL);
	assert_true((after.tv_sec - before.tv_sec) * 1000000000ll +
		    after.tv_nsec - before.tv_nsec < 10000000);
	box_close(&b);
}

static void immediate_exit_runs_nothing(void **state)
{
	BOX(b, false, 0x40, 0xf4);

	(void)state;
	b.run->immediate_exit = 1;
	assert_int_equal(box_run(&b), -EINTR);
	assert_int_equal(box_regs(&b).rip, BOX_CODE);
	b.run->immediate_exit = 0;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(box_regs(&b).rax, 1);
	box_close(&b);
}

/* --- debugging ------------------------------------------------------------ */

static void single_step_exits_after_each_instruction(void **state)
{
	/* inc ax; inc ax; hlt */
	BOX(b, false, 0x40, 0x40, 0xf4);
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	};

	(void)state;
	assert_int_equal(box_io(b.cpu, KVM_SET_GUEST_DEBUG, &d), 0);
	for (u64 i = 1; i <= 2; i++) {
		assert_int_equal(box_run(&b), 0);
		assert_int_equal(b.run->exit_reason, KVM_EXIT_DEBUG);
		assert_int_equal(b.run->debug.arch.exception, 1);
		assert_int_equal(b.run->debug.arch.pc, BOX_CODE + i);
		assert_true(b.run->debug.arch.dr6 & 1 << 14);
		assert_int_equal(box_regs(&b).rax, i);
	}
	d.control = 0;
	assert_int_equal(box_io(b.cpu, KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

static void software_breakpoint_exits_at_the_int3(void **state)
{
	BOX(b, false, 0x40, 0xcc, 0xf4);
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP,
	};

	(void)state;
	assert_int_equal(box_io(b.cpu, KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_DEBUG);
	assert_int_equal(b.run->debug.arch.exception, 3);
	assert_int_equal(b.run->debug.arch.pc, BOX_CODE + 1);
	assert_int_equal(box_regs(&b).rip, BOX_CODE + 1);
	/* the debugger takes it out again: found, although decoded already */
	b.mem[BOX_CODE + 1] = 0x90;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

static void hardware_breakpoints_hit_code_and_data(void **state)
{
	/* inc ax; mov [0x3000],al; nop; hlt */
	BOX(b, false, 0x40, 0xa2, 0, 0x30, 0x90, 0xf4);
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
	};

	(void)state;
	d.arch.debugreg[0] = BOX_CODE + 1;
	d.arch.debugreg[1] = 0x3000;
	d.arch.debugreg[7] = 1 << 0 | 1 << 2 | 1 << 20;
	assert_int_equal(box_io(b.cpu, KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_DEBUG);
	assert_int_equal(b.run->debug.arch.pc, BOX_CODE + 1);
	assert_int_equal(b.run->debug.arch.dr6 & 15, 1);
	d.arch.debugreg[7] = 1 << 2 | 1 << 20;
	assert_int_equal(box_io(b.cpu, KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_DEBUG);
	assert_int_equal(b.run->debug.arch.dr6 & 15, 2);
	assert_int_equal(b.run->debug.arch.pc, BOX_CODE + 4);
	assert_int_equal(b.mem[0x3000], 1);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

/* --- state ---------------------------------------------------------------- */

static void translate_without_paging_is_identity(void **state)
{
	BOX(b, false, 0xf4);
	struct kvm_translation t = { .linear_address = 0x1234 };

	(void)state;
	assert_int_equal(box_io(b.cpu, KVM_TRANSLATE, &t), 0);
	assert_int_equal(t.valid, 1);
	assert_int_equal(t.physical_address, 0x1234);
	box_close(&b);
}

static void supported_cpuid_names_kvm_and_masks_what_is_missing(void **state)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 e[128];
	} c = { .head.nent = 1 };
	bool kvm = false;
	struct box b;

	(void)state;
	box_vm(&b, false);
	assert_int_equal(box_io(b.sys, KVM_GET_SUPPORTED_CPUID, &c), -E2BIG);
	c.head.nent = 128;
	assert_int_equal(box_io(b.sys, KVM_GET_SUPPORTED_CPUID, &c), 0);
	for (u32 i = 0; i < c.head.nent; i++) {
		if (c.e[i].function == 0x40000000)
			kvm = c.e[i].ebx == 0x4b4d564b;
		if (c.e[i].function == 1) {
			assert_true(c.e[i].ecx & 1u << 31);    /* hypervisor */
			assert_true(c.e[i].ecx & 1u << 21);    /* x2APIC     */
			assert_false(c.e[i].ecx & 1u << 5);    /* VMX        */
		}
	}
	assert_true(kvm);
	box_close(&b);
}

static void msrs_stop_at_the_first_unknown(void **state)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[3];
	} m = { .head.nmsrs = 3, .e = { { .index = 0x174, .data = 0x10 },
					{ .index = 0x12345678 },
					{ .index = 0x175 } } };
	BOX(b, false, 0xf4);

	(void)state;
	assert_int_equal(box_io(b.cpu, KVM_SET_MSRS, &m), 1);
	m.e[0].data = 0;
	assert_int_equal(box_io(b.cpu, KVM_GET_MSRS, &m), 1);
	assert_int_equal(m.e[0].data, 0x10);
	box_close(&b);
}

static void impossible_sregs_are_refused(void **state)
{
	BOX(b, false, 0xf4);
	struct kvm_sregs s;

	(void)state;
	assert_int_equal(box_io(b.cpu, KVM_GET_SREGS, &s), 0);
	s.cr0 |= 0x80000000;           /* PG without PE                   */
	assert_int_equal(box_io(b.cpu, KVM_SET_SREGS, &s), -EINVAL);
	s.cr0 |= 1;
	s.efer = 0x500;                /* long mode without PAE           */
	assert_int_equal(box_io(b.cpu, KVM_SET_SREGS, &s), -EINVAL);
	box_close(&b);
}

static void fpu_and_xsave_agree(void **state)
{
	BOX(b, false, 0xf4);
	struct kvm_fpu f;
	struct kvm_xsave x;

	(void)state;
	assert_int_equal(box_io(b.cpu, KVM_GET_FPU, &f), 0);
	f.xmm[3][5] = 0x77;
	f.mxcsr = 0x1f80;
	assert_int_equal(box_io(b.cpu, KVM_SET_FPU, &f), 0);
	assert_int_equal(box_io(b.cpu, KVM_GET_XSAVE, &x), 0);
	assert_int_equal(((u8 *)x.region)[160 + 3 * 16 + 5], 0x77);
	((u8 *)x.region)[160 + 3 * 16 + 5] = 0x66;
	assert_int_equal(box_io(b.cpu, KVM_SET_XSAVE, &x), 0);
	assert_int_equal(box_io(b.cpu, KVM_GET_FPU, &f), 0);
	assert_int_equal(f.xmm[3][5], 0x66);
	x.region[128] = 0xffff0000;    /* XSTATE_BV: unknown components   */
	assert_int_equal(box_io(b.cpu, KVM_SET_XSAVE, &x), -EINVAL);
	box_close(&b);
}

static void memory_that_vanished_ends_the_run_with_efault(void **state)
{
	/* mov al,[0x3000]; hlt */
	BOX(b, false, 0xa0, 0, 0x30, 0xf4);

	(void)state;
	munmap(b.mem + 0x3000, 4096);
	assert_int_equal(box_run(&b), -EFAULT);
	assert_ptr_equal(mmap(b.mem + 0x3000, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 b.mem + 0x3000);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

/* --- slices --------------------------------------------------------------- */

static void slice_run(struct box *b, u64 n, u64 done)
{
	assert_int_equal(mote_kvm_provider.control(b->cpu, "slice", n), 0);
	assert_int_equal(box_run(b), 0);
	assert_int_equal(b->run->exit_reason, KVM_EXIT_UNKNOWN);
	assert_int_equal(b->run->hw.hardware_exit_reason, done);
}

static void slices_are_counted_and_end_at_what_is_anothers(void **state)
{
	/* inc ax; inc ax; inc ax; mov cx,2; 1: loop 1b; rdmsr; hlt */
	static const u8 code[] = { 0x40, 0x40, 0x40, 0xb9, 2, 0, 0xe2, 0xfe,
				   0x0f, 0x32, 0xf4 };
	struct box b;

	(void)state;
	box_vm(&b, false);
	assert_int_equal(mote_kvm_provider.control(b.vm, "slices", 1), 0);
	box_cpu(&b, code, sizeof(code));
	assert_int_equal(mote_kvm_provider.control(b.vm, "slices", 0), -EBUSY);
	assert_int_equal(mote_kvm_provider.control(b.cpu, "slice", 0),
			 -EINVAL);
	slice_run(&b, 1, 1);
	assert_int_equal(box_regs(&b).rax, 1);
	slice_run(&b, 100, 5);
	assert_int_equal(box_regs(&b).rip, BOX_CODE + 8);
	assert_int_equal(box_regs(&b).rax, 3);
	slice_run(&b, 1, 0);           /* RDMSR stays where it is */
	box_close(&b);
}

static void other_vms_know_nothing_of_slices(void **state)
{
	BOX(b, false, 0xf4);

	(void)state;
	assert_int_equal(mote_kvm_provider.control(b.cpu, "slice", 1),
			 -ENOENT);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

static void the_tsc_offset_is_an_attribute(void **state)
{
	BOX(b, false, 0xf4);
	u64 was = 0, now = 0;
	struct kvm_device_attr a = { .group = KVM_VCPU_TSC_CTRL,
				     .attr = KVM_VCPU_TSC_OFFSET,
				     .addr = (u64)(uintptr_t)&was };

	(void)state;
	assert_int_equal(box_io(b.cpu, KVM_HAS_DEVICE_ATTR, &a), 0);
	assert_int_equal(box_io(b.cpu, KVM_GET_DEVICE_ATTR, &a), 0);
	was += 1000;
	assert_int_equal(box_io(b.cpu, KVM_SET_DEVICE_ATTR, &a), 0);
	a.addr = (u64)(uintptr_t)&now;
	assert_int_equal(box_io(b.cpu, KVM_GET_DEVICE_ATTR, &a), 0);
	assert_int_equal(now, was);
	a.attr = 77;
	assert_int_equal(box_io(b.cpu, KVM_GET_DEVICE_ATTR, &a), -ENXIO);
	a.attr = KVM_VCPU_TSC_OFFSET;
	a.addr = 0;
	assert_int_equal(box_io(b.cpu, KVM_SET_DEVICE_ATTR, &a), -EFAULT);
	box_close(&b);
}

static void a_copied_descriptor_is_as_good_as_the_first(void **state)
{
	BOX(b, false, 0xf4);
	int copy = dup(b.cpu), first = b.cpu;

	(void)state;
	assert_int_equal(mote_kvm_provider.control(b.cpu, "copy", (u64)copy),
			 0);
	assert_int_equal(mote_kvm_provider.close(first), 0);
	b.cpu = copy;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	/* and what is copied over it takes it away */
	assert_int_equal(mote_kvm_provider.control(1, "copy", (u64)copy),
			 -EBADF);
	assert_int_equal(box_io(copy, KVM_RUN, NULL), -EBADF);
	close(copy);
	b.cpu = -1;
	munmap(b.run, b.run_size);
	mote_kvm_provider.close(b.vm);
	mote_kvm_provider.close(b.sys);
	munmap(b.mem, BOX_MEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(provider_is_stamped_with_its_abi),
		cmocka_unit_test(
			api_version_is_twelve_and_unknown_requests_are_refused),
		cmocka_unit_test(a_vm_and_its_vcpu_tell_the_hosts_tsc_rate),
		cmocka_unit_test(bad_memory_regions_are_refused_as_kvm_does),
		cmocka_unit_test(
			a_vm_outlives_its_descriptor_while_a_vcpu_is_open),
		cmocka_unit_test(vcpu_ids_are_unique_and_bounded),
		cmocka_unit_test(out_and_in_leave_through_the_data_page),
		cmocka_unit_test(rep_insb_asks_once_for_each_byte),
		cmocka_unit_test(memory_outside_slots_is_mmio),
		cmocka_unit_test(
		a_read_modify_write_of_a_device_reads_once_and_writes_once),
		cmocka_unit_test(writes_to_a_read_only_slot_are_mmio),
		cmocka_unit_test(dirty_log_names_written_pages_and_clears),
		cmocka_unit_test(
			ioeventfd_takes_matching_writes_without_an_exit),
		cmocka_unit_test(
			ioeventfd_of_length_zero_takes_any_mmio_write),
		cmocka_unit_test(irqfd_interrupts_a_halted_guest),
		cmocka_unit_test(kvm_interrupt_waits_for_the_window),
		cmocka_unit_test(triple_fault_is_a_shutdown),
		cmocka_unit_test(kick_ends_an_endless_loop),
		cmocka_unit_test(kick_ends_a_halt_that_burns_no_cpu),
		cmocka_unit_test(immediate_exit_runs_nothing),
		cmocka_unit_test(single_step_exits_after_each_instruction),
		cmocka_unit_test(software_breakpoint_exits_at_the_int3),
		cmocka_unit_test(hardware_breakpoints_hit_code_and_data),
		cmocka_unit_test(translate_without_paging_is_identity),
		cmocka_unit_test(
			supported_cpuid_names_kvm_and_masks_what_is_missing),
		cmocka_unit_test(msrs_stop_at_the_first_unknown),
		cmocka_unit_test(impossible_sregs_are_refused),
		cmocka_unit_test(fpu_and_xsave_agree),
		cmocka_unit_test(
			memory_that_vanished_ends_the_run_with_efault),
		cmocka_unit_test(slices_are_counted_and_end_at_what_is_anothers),
		cmocka_unit_test(other_vms_know_nothing_of_slices),
		cmocka_unit_test(the_tsc_offset_is_an_attribute),
		cmocka_unit_test(a_copied_descriptor_is_as_good_as_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
