/* SPDX-License-Identifier: MIT */
/*
 * The floor: what any KVM program pays to run one instruction.  Opens
 * /dev/kvm, creates a VM with 128 MiB and a vCPU, runs a real-mode guest that
 * writes one byte to a port, and passes that byte to stdout.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RAM = 128 << 20, CODE = 0x1000 };

/* mov $0x3f8,%dx; mov $'!',%al; out %al,%dx; 1: hlt; jmp 1b */
static const uint8_t code[] = { 0xba, 0xf8, 0x03, 0xb0, '!', 0xee, 0xf4,
				0xeb, 0xfd };

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int run(int vcpu, struct kvm_run *r)
{
	struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	struct kvm_sregs s;

	if (ioctl(vcpu, KVM_GET_SREGS, &s) < 0)
		return fail("KVM_GET_SREGS");
	s.cs.base = s.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &s) < 0 ||
	    ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
		return fail("registers");
	if (ioctl(vcpu, KVM_RUN, 0) < 0 || r->exit_reason != KVM_EXIT_IO)
		return fail("KVM_RUN");
	if (write(1, (char *)r + r->io.data_offset, 1) != 1)
		return fail("write");
	return pause();
}

int main(void)
{
	struct kvm_userspace_memory_region m = { .memory_size = RAM };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu;
	long size;
	void *ram, *r;

	if (kvm < 0)
		return fail("/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm < 0 || ram == MAP_FAILED)
		return fail("VM");
	memcpy((char *)ram + CODE, code, sizeof(code));
	m.userspace_addr = (uintptr_t)ram;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &m) < 0)
		return fail("memory");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vcpu < 0 || size < 0)
		return fail("vCPU");
	r = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
		 0);
	return r == MAP_FAILED ? fail("kvm_run") : run(vcpu, r);
}
