/* SPDX-License-Identifier: MIT */
/*
 * A small KVM program that knows nothing of mote.  TAP; exits 1 when there is
 * no KVM at all.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MEM = 4 << 20, CODE = 0x1000 };

static struct prog {
	int sys, vm, cpu;
	uint8_t *mem;
	struct kvm_run *run;
	size_t run_size;
} p;
static int tests;

static void ok(int good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
}

static int begin(const void *code, size_t n, int irqchip)
{
	struct kvm_userspace_memory_region r = { .memory_size = MEM };
	struct kvm_regs regs = { .rip = CODE, .rflags = 2, .rsp = 0x8000 };
	struct kvm_sregs s;

	p.vm = ioctl(p.sys, KVM_CREATE_VM, 0);
	p.mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r.userspace_addr = (uintptr_t)p.mem;
	if (p.vm < 0 || ioctl(p.vm, KVM_SET_USER_MEMORY_REGION, &r) < 0 ||
	    (irqchip && ioctl(p.vm, KVM_CREATE_IRQCHIP) < 0))
		return -1;
	p.cpu = ioctl(p.vm, KVM_CREATE_VCPU, 0);
	p.run_size = (size_t)ioctl(p.sys, KVM_GET_VCPU_MMAP_SIZE, 0);
	p.run = mmap(NULL, p.run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		     p.cpu, 0);
	if (p.cpu < 0 || p.run == MAP_FAILED)
		return -1;
	memcpy(p.mem + CODE, code, n);
	ioctl(p.cpu, KVM_GET_SREGS, &s);
	s.cs.base = s.cs.selector = 0;
	if (ioctl(p.cpu, KVM_SET_SREGS, &s) < 0)
		return -1;
	return ioctl(p.cpu, KVM_SET_REGS, &regs);
}

static void end(void)
{
	munmap(p.run, p.run_size);
	close(p.cpu);
	close(p.vm);
	munmap(p.mem, MEM);
}

static int run_to(uint32_t reason)
{
	int rc;

	do
		rc = ioctl(p.cpu, KVM_RUN, 0);
	while (rc < 0 && errno == EINTR);
	return rc == 0 && p.run->exit_reason == reason;
}

static void real_mode_prints(void)
{
	static const uint8_t code[] = {
		0xbe, 0x00, 0x20,              /* mov $0x2000,%si */
		0xba, 0xe9, 0x00,              /* mov $0xe9,%dx   */
		0xac, 0x84, 0xc0, 0x74, 0x03,  /* 1: lodsb; test; jz 2f */
		0xee, 0xeb, 0xf8,              /* out; jmp 1b     */
		0xf4,                          /* 2: hlt          */
	};
	char said[32] = "";
	size_t n = 0;

	if (begin(code, sizeof(code), 0) < 0)
		return ok(0, "a real-mode guest starts");
	strcpy((char *)p.mem + 0x2000, "hello, world");
	while (run_to(KVM_EXIT_IO) && n < sizeof(said) - 1)
		said[n++] = *((char *)p.run + p.run->io.data_offset);
	said[n] = '\0';
	ok(!strcmp(said, "hello, world"), "a real-mode guest prints to a port");
	ok(p.run->exit_reason == KVM_EXIT_HLT, "and halts");
	end();
}

static void enter_long_mode(void)
{
	struct kvm_segment seg = { .limit = 0xffffffff, .selector = 8,
				   .type = 11, .present = 1, .s = 1, .l = 1,
				   .g = 1 };
	struct kvm_sregs s;
	uint64_t *t = (uint64_t *)p.mem;

	t[0x10000 / 8] = 0x11003;
	t[0x11000 / 8] = 0x12003;
	t[0x12000 / 8] = 0x83;                 /* 2 MiB at 0            */
	t[0x12008 / 8] = 0xd0000083;           /* 2 MiB at 0xd0000000   */
	ioctl(p.cpu, KVM_GET_SREGS, &s);
	s.cs = seg;
	seg.type = 3;
	seg.selector = 16;
	seg.l = 0;
	seg.db = 1;
	s.ds = s.es = s.fs = s.gs = s.ss = seg;
	s.cr3 = 0x10000;
	s.cr4 = 0x20;
	s.cr0 = 0x80050033;
	s.efer = 0x500;
	ioctl(p.cpu, KVM_SET_SREGS, &s);
}

static void long_mode_and_mmio(void)
{
	static const uint8_t code[] = {
		0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8,    /* movabs ..,%rax  */
		0x48, 0xa3, 8, 0, 0x20, 0, 0, 0, 0, 0, /* mov %rax,0x200008 */
		0x8b, 0x0c, 0x25, 0, 0, 0x20, 0,       /* mov 0x200000,%ecx */
		0xf4,
	};
	struct kvm_regs r;
	uint64_t v = 0;

	if (begin(code, sizeof(code), 0) < 0)
		return ok(0, "a long-mode guest starts");
	enter_long_mode();
	ok(run_to(KVM_EXIT_MMIO) && p.run->mmio.is_write &&
	   p.run->mmio.phys_addr == 0xd0000008, "a store to no memory exits");
	memcpy(&v, p.run->mmio.data, 8);
	ok(v == 0x0807060504030201, "with its value");
	ok(run_to(KVM_EXIT_MMIO) && !p.run->mmio.is_write &&
	   p.run->mmio.len == 4, "a load exits, too");
	memcpy(p.run->mmio.data, "\x78\x56\x34\x12", 4);
	ok(run_to(KVM_EXIT_HLT), "and the guest goes on");
	ioctl(p.cpu, KVM_GET_REGS, &r);
	ok(r.rcx == 0x12345678, "with what was answered");
	end();
}

/* A handler at vector 8 writes to a port; the PIC is initialised first. */
static void an_interrupt_arrives(void)
{
	static const uint8_t code[] = {
		0xb0, 0x11, 0xe6, 0x20,        /* ICW1            */
		0xb0, 0x08, 0xe6, 0x21,        /* ICW2: vector 8  */
		0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,
		0xb0, 0x00, 0xe6, 0x21,        /* all unmasked    */
		0xe6, 0x10, 0xfb, 0xf4,        /* out; sti; hlt   */
		0xe6, 0x11, 0xeb, 0xfe,        /* out             */
	};
	static const uint8_t handler[] = { 0xe6, 0x12, 0xb0, 0x20, 0xe6, 0x20,
					   0xcf };
	struct kvm_irq_level l = { .irq = 3, .level = 1 };
	struct kvm_irqfd f = { .gsi = 4 };

	if (begin(code, sizeof(code), 1) < 0)
		return ok(0, "a guest with an irqchip starts");
	memcpy(p.mem + 0x3000, handler, sizeof(handler));
	for (unsigned i = 8; i < 16; i++)
		memcpy(p.mem + i * 4, "\x00\x30\x00\x00", 4);
	ok(run_to(KVM_EXIT_IO) && p.run->io.port == 0x10,
	   "a guest sets up its interrupt controller");
	ok(ioctl(p.vm, KVM_IRQ_LINE, &l) >= 0, "a line is raised");
	ok(run_to(KVM_EXIT_IO) && p.run->io.port == 0x12,
	   "its handler runs, out of HLT");
	ok(run_to(KVM_EXIT_IO) && p.run->io.port == 0x11,
	   "and the guest goes on");
	f.fd = (uint32_t)eventfd(0, EFD_CLOEXEC);
	ok(ioctl(p.vm, KVM_IRQFD, &f) >= 0, "an eventfd becomes a line");
	close((int)f.fd);
	end();
}

static volatile sig_atomic_t kicks;

static void on_kick(int sig)
{
	(void)sig;
	kicks++;
}

static void *kicker(void *thread)
{
	usleep(50000);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static void a_signal_ends_kvm_run(void)
{
	static const uint8_t code[] = { 0x40, 0xeb, 0xfd };
	struct sigaction sa = { .sa_handler = on_kick }, was;
	pthread_t self = pthread_self(), other;
	int rc;

	if (begin(code, sizeof(code), 0) < 0)
		return ok(0, "a guest that spins starts");
	enter_long_mode();
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR1, NULL, &was);
	ok(was.sa_handler == on_kick, "sigaction tells the handler set");
	pthread_create(&other, NULL, kicker, &self);
	rc = ioctl(p.cpu, KVM_RUN, 0);
	ok(rc < 0 && errno == EINTR && kicks == 1,
	   "a signal ends KVM_RUN of a guest that spins");
	pthread_join(other, NULL);
	end();
}

static void copies_are_as_good(void)
{
	static const uint8_t code[] = { 0xf4 };
	struct pollfd poll_vm;
	int copy, second;

	if (begin(code, sizeof(code), 0) < 0)
		return ok(0, "a guest starts");
	copy = dup(p.cpu);
	second = fcntl(p.vm, F_DUPFD_CLOEXEC, 50);
	ok(second >= 50 && ioctl(second, KVM_CHECK_EXTENSION,
				 KVM_CAP_USER_MEMORY) > 0,
	   "F_DUPFD copies a VM's descriptor");
	poll_vm = (struct pollfd){ .fd = second, .events = POLLIN };
	ok(poll(&poll_vm, 1, 0) >= 0, "which can be polled");
	close(p.cpu);
	p.cpu = copy;
	ok(run_to(KVM_EXIT_HLT), "a copy of the vCPU's runs it when the "
				 "original is closed");
	close(second);
	ok(ioctl(second, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY) < 0 &&
	   errno == EBADF, "a closed copy is none");
	second = dup2(1, copy);
	ok(second == copy && ioctl(copy, KVM_RUN, 0) < 0,
	   "dup2 over it takes it away");
	end();
}

/* QEMU lays images out by the host's CPUID. */
static void xsave_images_are_the_hosts(void)
{
	static struct { struct kvm_cpuid2 d; struct kvm_cpuid_entry2 room[256]; } s;
	int same = 0, n = 0;

	s.d.nent = 256;
	if (ioctl(p.sys, KVM_GET_SUPPORTED_CPUID, &s.d) < 0)
		return ok(0, "CPUID is offered");
	for (unsigned i = 0; i < s.d.nent; i++) {
		const struct kvm_cpuid_entry2 *e = &s.d.entries[i];
		uint32_t size = 0, at = 0, c, d;

		if (e->function != 0xd || e->index < 2 || !e->eax)
			continue;
		n++;
		__get_cpuid_count(0xd, e->index, &size, &at, &c, &d);
		same += size == e->eax && at == e->ebx;
	}
	ok(same == n, "XSAVE images are laid out as the host's");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	p.sys = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (p.sys < 0) {
		perror("/dev/kvm");
		return 1;
	}
	ok(ioctl(p.sys, KVM_GET_API_VERSION, 0) == 12, "KVM speaks version 12");
	ok(openat(AT_FDCWD, "/dev/null", O_RDWR) >= 0, "other files still open");
	xsave_images_are_the_hosts();
	real_mode_prints();
	long_mode_and_mmio();
	an_interrupt_arrives();
	a_signal_ends_kvm_run();
	copies_are_as_good();
	close(p.sys);
	return 0;
}
