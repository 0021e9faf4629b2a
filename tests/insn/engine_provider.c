// SPDX-License-Identifier: MIT
/*
 * Engines behind KVM's API: the plugin's shared object, and the kernel.
 *
 * A VM of 72 KiB holds a kernel of gates only: every vector's stub is a HLT,
 * so the case runs in ring 3 until INT3 or a fault and the vCPU then stops in
 * the stub, with the case's RIP, RFLAGS and error code on the kernel stack.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/insn/insn_test.h"
#include "vmm/kvm/provider.h"

/* Guest-physical pages; the first eight are also at KERNEL linear. */
enum { P_GDT = 0x0000, P_IDT = 0x1000, P_TSS = 0x2000, P_STACK = 0x3000,
       P_STUBS = 0x5000, P_CODE = 0x6000, P_DATA = 0x8000, P_PML4 = 0xa000,
       P_PDPT = 0xb000, P_PD = 0xc000, P_PT = 0xd000, P_KPDPT = 0x10000,
       P_KPD = 0x11000, RAM_LEN = 0x12000 };
#define KERNEL   0xffffff8000000000ull     /* out of the cases' reach */
#define STACK_AT (KERNEL + P_STACK + 0x1000)
enum { PTE_P = 1, PTE_RW = 2, PTE_US = 4 };
#define PTE_NX (1ull << 63)
enum { K_CS = 0x08, U_CS32 = 0x23, U_DS = 0x2b, U_CS = 0x33, K_TSS = 0x40 };

static struct vm {
	const struct kvm_provider *p;
	int sys, vm, cpu;
	u8 *ram;
	struct kvm_run *run;
	bool xcr0;
} v = { .sys = -1 };

static int ask(int fd, unsigned long req, void *arg)
{
	return v.p->ioctl(fd, req, arg);
}

/* --- memory ------------------------------------------------------------------ */

static void put64(unsigned at, u64 val)
{
	memcpy(v.ram + at, &val, 8);
}

/* One page table per 2 MiB region: kernel, code and data. */
static void map_pages(void)
{
	const u64 user = PTE_P | PTE_US, dir = PTE_P | PTE_RW | PTE_US;

	put64(P_PML4, P_PDPT | dir);
	put64(P_PML4 + 511 * 8, P_KPDPT | dir);
	put64(P_PDPT, P_PD | dir);     /* code and data: below 1 GiB */
	put64(P_KPDPT, P_KPD | dir);
	put64(P_KPD, P_PT | dir);
	put64(P_PD + (CODE_PAGE >> 21) * 8, (P_PT + 0x1000) | dir);
	put64(P_PD + (DATA_AT >> 21) * 8, (P_PT + 0x2000) | dir);
	for (unsigned n = 0; n < 6; n++)
		put64(P_PT + n * 8, n * PAGE_SIZE | PTE_P | PTE_RW);
	put64(P_PT + 0x1000, P_CODE | user);
	put64(P_PT + 0x2000, P_DATA | user | PTE_RW | PTE_NX);
	put64(P_PT + 0x2008, (P_DATA + PAGE_SIZE) | user | PTE_RW | PTE_NX);
}

static void make_gates(void)
{
	const u64 flat = 0x00cf000000000000ull | 0xffff;
	u64 tss = KERNEL + P_TSS;

	put64(P_GDT + K_CS, 0x00af9b000000ffff);
	put64(P_GDT + 0x20, flat | 0xfbull << 40);
	put64(P_GDT + 0x28, flat | 0xf3ull << 40);
	put64(P_GDT + 0x30, 0x00affb000000ffff);
	put64(P_GDT + K_TSS, 0x67 | (tss & 0xffffff) << 16 | 0x8bull << 40 |
			     (tss >> 24 & 0xff) << 56);
	put64(P_GDT + K_TSS + 8, tss >> 32);
	put64(P_TSS + 4, STACK_AT);
	for (unsigned n = 0; n < 32; n++) {
		u64 to = KERNEL + P_STUBS + n * 16;

		put64(P_IDT + n * 16, (to & 0xffff) | K_CS << 16 |
				      0xee00ull << 32 | (to >> 16 & 0xffff) << 48);
		put64(P_IDT + n * 16 + 8, to >> 32);
		v.ram[P_STUBS + n * 16] = 0xf4;
	}
}

/* --- set-up ------------------------------------------------------------------ */

/* The host's features, as the native run sees them. */
static int copy_cpuid(void)
{
	struct kvm_cpuid2 *id = calloc(1, sizeof(*id) +
				       64 * sizeof(id->entries[0]));
	int rc;

	if (!id)
		return -ENOMEM;
	id->nent = host_cpuid(id->entries, 64);
	rc = ask(v.cpu, KVM_SET_CPUID2, id);
	for (unsigned n = 0; n < id->nent; n++)
		if (id->entries[n].function == 1)
			v.xcr0 = id->entries[n].ecx >> 26 & 1;
	free(id);
	return rc;
}

static int start(const struct kvm_provider *p)
{
	struct kvm_userspace_memory_region slot = { .memory_size = RAM_LEN };
	int len;

	if (v.p == p)
		return 0;
	v.p = p;
	v.sys = p->open();
	if (v.sys < 0)
		return -1;
	v.ram = mmap(NULL, RAM_LEN, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	slot.userspace_addr = (uintptr_t)v.ram;
	v.vm = ask(v.sys, KVM_CREATE_VM, NULL);
	if (v.vm >= 0 && p->control)   /* no case runs anything twice */
		p->control(v.vm, "eager", 1);
	if (v.vm < 0 || ask(v.vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000ul) < 0 ||
	    ask(v.vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return -1;
	v.cpu = ask(v.vm, KVM_CREATE_VCPU, NULL);
	len = ask(v.sys, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (v.cpu < 0 || len < 0)
		return -1;
	v.run = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED,
		     v.cpu, 0);
	if (v.run == MAP_FAILED || copy_cpuid() < 0)
		return -1;
	map_pages();
	make_gates();
	return 0;
}

static int tcg_start(void)
{
	char path[PATH_MAX], *dir;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	void *so;

	if (n < 0)
		return -1;
	path[n] = 0;
	dir = dirname(dirname(dirname(path)));   /* O/tests/insn/insn-test */
	memmove(path, dir, strlen(dir) + 1);
	strcat(path, "/mote-tcg.so");
	if (v.p)
		return 0;
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!so) {
		printf("# %s\n", dlerror());
		return -1;
	}
	return start(dlsym(so, KVM_PROVIDER_SYMBOL));
}

static int dev_open(void)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

static int dev_ioctl(int fd, unsigned long req, void *arg)
{
	int rc = ioctl(fd, req, arg);

	return rc < 0 ? -errno : rc;
}

static int kvm_start(void)
{
	static const struct kvm_provider kernel = {
		.name = "kvm", .open = dev_open, .ioctl = dev_ioctl,
	};

	return start(&kernel);
}

/* --- one case ----------------------------------------------------------------- */

static struct kvm_segment seg(u16 sel, u8 type, u8 dpl, bool l)
{
	return (struct kvm_segment){
		.limit = ~0u, .selector = sel, .type = type, .present = 1,
		.dpl = dpl, .db = !l, .s = 1, .l = l, .g = 1,
	};
}

static void set_sregs(const struct insn_case *k)
{
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs = { { .value = 7 } } };
	struct kvm_segment d = seg(U_DS, 3, 3, false);
	struct kvm_sregs s;

	ask(v.cpu, KVM_GET_SREGS, &s);
	s.cs = seg(k->bits == 64 ? U_CS : U_CS32, 11, 3, k->bits == 64);
	s.ds = s.es = s.fs = s.gs = s.ss = d;
	s.gs.base = k->bits == 64 ? GS_BASE : 0;
	s.tr = (struct kvm_segment){ .base = KERNEL + P_TSS, .limit = 0x67,
				     .selector = K_TSS, .type = 11,
				     .present = 1 };
	s.ldt = (struct kvm_segment){ .unusable = 1 };
	s.gdt = (struct kvm_dtable){ .base = KERNEL + P_GDT, .limit = 0x4f };
	s.idt = (struct kvm_dtable){ .base = KERNEL + P_IDT, .limit = 0x1ff };
	s.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	s.cr3 = P_PML4;
	s.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE |
		(v.xcr0 ? CR4_OSXSAVE : 0);
	s.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	ask(v.cpu, KVM_SET_SREGS, &s);
	if (v.xcr0 && ask(v.cpu, KVM_SET_XCRS, &x) < 0) {
		x.xcrs[0].value = 3;
		ask(v.cpu, KVM_SET_XCRS, &x);
	}
}

static void set_regs(const struct insn_case *k)
{
	const u64 *r = k->in.r;
	struct kvm_regs g = {
		.rax = r[RAX], .rcx = r[RCX], .rdx = r[RDX], .rbx = r[RBX],
		.rsp = r[RSP], .rbp = r[RBP], .rsi = r[RSI], .rdi = r[RDI],
		.r8 = r[8], .r9 = r[9], .r10 = r[10], .r11 = r[11],
		.r12 = r[12], .r13 = r[13], .r14 = r[14], .r15 = r[15],
		.rip = k->in.rip, .rflags = k->in.rflags,
	};

	ask(v.cpu, KVM_SET_REGS, &g);
}

enum { XSTATE_BV = 512, YMMH_AT = 576 };

static void set_fpu(const struct insn_state *s)
{
	static struct kvm_xsave x;
	u8 *p = (u8 *)x.region;
	u64 bv = host_has_avx() ? 7 : 3;

	memcpy(p, &s->fx, sizeof(s->fx));
	memcpy(p + XSTATE_BV, &bv, 8);
	memcpy(p + YMMH_AT, s->ymmh, sizeof(s->ymmh));
	ask(v.cpu, KVM_SET_XSAVE, &x);
}

/* A component whose bit is clear is in its initial state. */
static void get_fpu(struct insn_state *s)
{
	static struct kvm_xsave x;
	struct fx_state *fx = &s->fx;
	const u8 *p = (const u8 *)x.region;
	u64 bv;

	ask(v.cpu, KVM_GET_XSAVE, &x);
	memcpy(fx, p, sizeof(*fx));
	memcpy(&bv, p + XSTATE_BV, 8);
	memset(s->ymmh, 0, sizeof(s->ymmh));
	if (bv & 4)
		memcpy(s->ymmh, p + YMMH_AT, sizeof(s->ymmh));
	if (!(bv & 1)) {
		memset(fx, 0, 24);
		memset(fx->st, 0, sizeof(fx->st));
		fx->fcw = 0x37f;
	}
	if (!(bv & 2))
		memset(fx->xmm, 0, sizeof(fx->xmm));
	if (!(bv & 6))
		fx->mxcsr = 0x1f80;
}

/* From the stub it stopped in and the frame under STACK_AT. */
static void get_result(struct insn_state *out)
{
	struct kvm_sregs s;
	struct kvm_regs g;
	u64 frame[6], at;

	ask(v.cpu, KVM_GET_REGS, &g);
	memcpy(out->r, (u64[16]){ g.rax, g.rcx, g.rdx, g.rbx, 0, g.rbp, g.rsi,
				  g.rdi, g.r8, g.r9, g.r10, g.r11, g.r12,
				  g.r13, g.r14, g.r15 }, sizeof(out->r));
	at = (g.rip - 1 - KERNEL - P_STUBS) / 16;
	if (v.run->exit_reason != KVM_EXIT_HLT || at >= 32) {
		out->vec = 0x100 + v.run->exit_reason;
		out->rip = g.rip;
		out->r[RSP] = g.rsp;
		return;
	}
	memcpy(frame, v.ram + P_STACK + 0x1000 - 48, 48);
	out->vec = (u32)at;
	out->err = g.rsp == STACK_AT - 48 ? (u32)frame[0] : 0;
	out->rip = frame[1];
	out->rflags = frame[3];
	out->r[RSP] = frame[4];
	if (at == EXC_BP) {
		out->vec = NO_VEC;
		out->rip--;
	}
	if (at == EXC_PF && ask(v.cpu, KVM_GET_SREGS, &s) >= 0)
		out->cr2 = s.cr2;
}

static void provider_run(const struct insn_case *k, struct insn_state *out)
{
	memset(v.ram + P_CODE, 0xcc, PAGE_SIZE);
	memcpy(v.ram + P_CODE + (CODE_AT - CODE_PAGE), k->code, k->len);
	memcpy(v.ram + P_DATA, k->in.mem, DATA_LEN);
	memset(v.ram + P_STACK, 0, PAGE_SIZE);
	set_sregs(k);
	set_regs(k);
	set_fpu(&k->in);
	if (ask(v.cpu, KVM_RUN, NULL) < 0)
		v.run->exit_reason = KVM_EXIT_UNKNOWN;
	get_result(out);
	get_fpu(out);
	memcpy(out->mem, v.ram + P_DATA, DATA_LEN);
}

const struct engine engine_tcg = {
	.name  = "tcg",
	.start = tcg_start,
	.run   = provider_run,
};

const struct engine engine_kvm = {
	.name  = "kvm",
	.start = kvm_start,
	.run   = provider_run,
	.asked = true,
};
