/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's state on its way into another provider's vCPU and back.
 *
 * Room:     what vmm/helper.c moves, in which order, and what may stay.
 * Talks to: kvm/ vCPU ioctls, on that vCPU's thread.
 * Never:    writes back what did not change: each request costs microseconds.
 *
 * General, segment and control registers and events come and go with kvm_run
 * (KVM_CAP_SYNC_REGS) where KVM can.  The twin has no LAPIC, and the MSRs
 * below are those instructions other than WRMSR use.
 */
#include <errno.h>
#include <string.h>

#include "arch/x86/helper.h"
#include "arch/x86/machine.h"
#include "arch/x86/regs.h"
#include "arch/x86/xsave.h"
#include "vmm/vcpu.h"

#define MSR_STAR_INDEX  0xc0000081
#define MSR_LSTAR_INDEX 0xc0000082
#define MSR_CSTAR_INDEX 0xc0000083

static const u32 twin_msrs[] = {
	0xc0000102,                    /* KERNEL_GS_BASE: SWAPGS changes it */
	MSR_STAR_INDEX, MSR_LSTAR_INDEX, MSR_CSTAR_INDEX, 0xc0000084,
	0x174, 0x175, 0x176,           /* SYSENTER                        */
	0xc0000103,                    /* TSC_AUX                         */
};

enum { RFLAGS_VM = BIT(17) };

struct msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry e[ARRAY_LEN(twin_msrs)];
};

struct x86_twin {
	struct kvm_regs gp;
	struct kvm_sregs s;
	struct kvm_vcpu_events events;
	struct kvm_xsave xsave, in_twin;
	u64 xfeatures;                 /* that the plugin has             */
	struct kvm_xcrs xcrs;
	struct kvm_debugregs dr;
	struct msrs msrs;
	unsigned nmsrs;                /* this KVM has that many of them  */
	bool fpu_moved;
	u64 trap;                      /* breakpoint set in KVM, 0 none   */
};

/* --- basic registers ---------------------------------------------------------- */

/* By three requests. */
static int ask_basic(struct vcpu *v, struct kvm_regs *gp, struct kvm_sregs *s,
		     struct kvm_vcpu_events *events)
{
	int rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_REGS, gp);

	if (rc >= 0)
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_SREGS, s);
	if (rc >= 0)
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_VCPU_EVENTS, events);
	return rc;
}

/* From now on every exit brings them; the one that has been did not. */
static int sync_regs(struct vcpu *v)
{
	struct kvm_sync_regs *r = &v->kvm.run->s.regs;

	if (kvm_vm_check(&v->vm->kvm, KVM_CAP_SYNC_REGS) !=
	    KVM_SYNC_X86_VALID_FIELDS)
		return 0;
	v->kvm.run->kvm_valid_regs = KVM_SYNC_X86_VALID_FIELDS;
	return ask_basic(v, &r->regs, &r->sregs, &r->events);
}

static int get_basic(struct vcpu *v, struct x86_twin *t)
{
	const struct kvm_sync_regs *r = &v->kvm.run->s.regs;

	if (!v->kvm.run->kvm_valid_regs)
		return ask_basic(v, &t->gp, &t->s, &t->events);
	t->gp = r->regs;
	t->s = r->sregs;
	t->events = r->events;
	return 0;
}

static int init(struct vcpu *v, struct kvm_vcpu *twin, void *state,
		struct err *e)
{
	struct x86_twin *t = state;
	int rc = x86_vcpu_cpuid(v, twin, e);

	if (rc < 0)
		return rc;
	t->xfeatures = x86_xfeatures(twin->vm, x86_machine(v->vm)->cpuid);
	for (unsigned i = 0; i < ARRAY_LEN(twin_msrs); i++)
		t->msrs.e[i].index = twin_msrs[i];
	t->msrs.head.nmsrs = ARRAY_LEN(twin_msrs);
	rc = sync_regs(v);
	return rc < 0 ? err_set(e, rc, "vCPU %u: its registers: %m",
				v->index) : 0;
}

/* --- which instructions use the FPU ----------------------------------------- */

/* Second opcode bytes of integer instructions that KVMs are known to fail on. */
static bool is_integer_0f(const u8 *op, unsigned n)
{
	static const u8 list[] = { 0x01, 0x05, 0x07, 0x0b, 0x20, 0x21, 0x22,
				   0x23, 0x30, 0x32, 0x34, 0x35, 0xa2, 0xb0,
				   0xb1, 0xc0, 0xc1 };

	if (op[1] == 0xc7)             /* CMPXCHG8B and 16B; not XSAVEC   */
		return n > 2 && (op[2] >> 3 & 7) == 1;
	return memchr(list, op[1], sizeof(list)) != NULL;
}

static bool is_prefix(u8 b)
{
	static const u8 list[] = { 0xf0, 0xf2, 0xf3, 0x66, 0x67, 0x2e, 0x36,
				   0x3e, 0x26, 0x64, 0x65 };

	return (b & 0xf0) == 0x40 || memchr(list, b, sizeof(list));
}

/* When in doubt, it does. */
bool x86_may_use_fpu(const u8 *op, unsigned n)
{
	while (n && is_prefix(*op)) {
		op++;
		n--;
	}
	if (n < 2)
		return true;
	return *op == 0x0f ? !is_integer_0f(op, n) : *op != 0xcc;
}

static bool failed_on_fpu(const struct kvm_run *run)
{
	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
	    run->emulation_failure.ndata < 3 ||
	    !(run->emulation_failure.flags &
	      KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return true;
	return x86_may_use_fpu(run->emulation_failure.insn_bytes,
			       MIN(run->emulation_failure.insn_size, 15u));
}

/* --- in --------------------------------------------------------------------- */

/* What the plugin knows of the image; the rest stays as it is in KVM. */
static int load_fpu(struct vcpu *v, struct kvm_vcpu *twin,
		    struct x86_twin *t)
{
	struct kvm_xsave part;
	int rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_XSAVE, &t->xsave);

	if (rc < 0)
		return rc;
	part = t->xsave;
	x86_xsave_keep(&part, t->xfeatures);
	rc = kvm_vcpu_ioctl(twin, KVM_SET_XSAVE, &part);
	/* as the twin tells it: what to compare with afterwards */
	return rc < 0 ? rc : kvm_vcpu_ioctl(twin, KVM_GET_XSAVE, &t->in_twin);
}

static int load_rest(struct vcpu *v, struct kvm_vcpu *twin,
		     struct x86_twin *t)
{
	int rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_DEBUGREGS, &t->dr);

	if (rc < 0)
		return rc;
	t->dr.flags = 0;
	kvm_vcpu_ioctl(twin, KVM_SET_DEBUGREGS, &t->dr);
	rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_XCRS, &t->xcrs);
	if (rc >= 0)
		kvm_vcpu_ioctl(twin, KVM_SET_XCRS, &t->xcrs);
	t->nmsrs = 0;
	rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_MSRS, &t->msrs);
	if (rc > 0) {
		t->nmsrs = (unsigned)rc;
		t->msrs.head.nmsrs = t->nmsrs;
		rc = kvm_vcpu_ioctl(twin, KVM_SET_MSRS, &t->msrs);
		t->msrs.head.nmsrs = ARRAY_LEN(twin_msrs);
	}
	return rc;
}

/* The twin's clock ticks with the guest's. */
static void load_tsc(struct vcpu *v, struct kvm_vcpu *twin)
{
	u64 offset;

	if (x86_tsc_offset(&v->kvm, KVM_GET_DEVICE_ATTR, &offset) >= 0)
		x86_tsc_offset(twin, KVM_SET_DEVICE_ATTR, &offset);
}

/* --- SYSCALL in a slow KVM ---------------------------------------------------- */

/*
 * A KVM that emulates ring 0 may do half a SYSCALL: rip, rcx, r11 and rflags
 * are as they should be, CS and SS still the user's.  The guest then gets a
 * page fault, fetching the kernel's entry as a user.  So there is a breakpoint
 * on the guest's page fault handler, and that fault is turned into the entry
 * it should have been.  A user who jumps there has interrupts enabled.
 */
enum { VEC_PF = 14, GATE_LEN = 16, PF_FETCH_BY_USER = 0x15,
       RFLAGS_IF = BIT(9), RFLAGS_RF = BIT(16) };
#define EFER_LMA BIT(10)

static int read_linear(struct vcpu *v, const struct kvm_sregs *s, gva_t at,
		       void *buf, unsigned n)
{
	const struct paging p = { .cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4,
				  .efer = s->efer };
	u8 *to = buf;

	for (unsigned part; n; n -= part, at += part, to += part) {
		gpa_t pa;

		part = MIN(n, (unsigned)(PAGE_SIZE - at % PAGE_SIZE));
		if (paging_translate(v->vm->gmem, &p, at, &pa, NULL) < 0 ||
		    gmem_read(v->vm->gmem, pa, to, part) < 0)
			return -EFAULT;
	}
	return 0;
}

static void set_trap(struct vcpu *v, struct x86_twin *t, u64 at)
{
	struct kvm_guest_debug d = {
		.control = at ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP
			      : 0,
		.arch.debugreg = { [0] = at, [7] = 0x401 },
	};

	if (at != t->trap &&
	    kvm_vcpu_ioctl(&v->kvm, KVM_SET_GUEST_DEBUG, &d) >= 0)
		t->trap = at;
}

static void trap_page_faults(struct vcpu *v, struct x86_twin *t)
{
	u32 g[GATE_LEN / 4];

	if (!(t->s.efer & EFER_LMA) ||
	    t->s.idt.limit < (VEC_PF + 1) * GATE_LEN - 1 ||
	    read_linear(v, &t->s, t->s.idt.base + VEC_PF * GATE_LEN, g,
			sizeof(g)) < 0)
		return set_trap(v, t, 0);
	set_trap(v, t, (g[0] & 0xffff) | (g[1] & 0xffff0000) |
		       (u64)g[2] << 32);
}

static bool trapped(struct vcpu *v, const void *state)
{
	const struct x86_twin *t = state;

	return t->trap && v->kvm.run->kvm_valid_regs &&
	       v->kvm.run->debug.arch.pc == t->trap;
}

static u64 msr_of(const struct x86_twin *t, u32 index)
{
	for (unsigned i = 0; i < t->nmsrs; i++)
		if (t->msrs.e[i].index == index)
			return t->msrs.e[i].data;
	return 0;
}

static void enter_by_syscall(struct x86_twin *t)
{
	struct kvm_segment cs = {
		.selector = (u16)(msr_of(t, MSR_STAR_INDEX) >> 32) & 0xfffc,
		.limit = 0xffffffff, .type = 0xb, .present = 1, .s = 1,
		.l = 1, .g = 1,
	};

	t->s.cs = cs;
	cs.selector += 8;
	cs.type = 3;
	cs.l = 0;
	cs.db = 1;
	t->s.ss = cs;
}

/* t->msrs are the guest's already. */
static void repair_syscall(struct vcpu *v, struct x86_twin *t)
{
	struct { u64 err, rip, cs, rflags, rsp, ss; } f;

	if (v->kvm.run->exit_reason != KVM_EXIT_DEBUG || !trapped(v, t) ||
	    read_linear(v, &t->s, t->gp.rsp, &f, sizeof(f)) < 0)
		return;
	if (f.err != PF_FETCH_BY_USER || (f.cs & 3) != 3 ||
	    (f.rflags & RFLAGS_IF) ||
	    (f.rip != msr_of(t, MSR_LSTAR_INDEX) &&
	     f.rip != msr_of(t, MSR_CSTAR_INDEX)))
		return;
	t->gp.rip = f.rip;
	t->gp.rsp = f.rsp;
	t->gp.rflags = f.rflags & ~(u64)RFLAGS_RF;
	enter_by_syscall(t);
}

static int load(struct vcpu *v, struct kvm_vcpu *twin, void *state,
		bool more, u64 *pc)
{
	struct x86_twin *t = state;
	int rc = get_basic(v, t);

	x86_sregs_offered(&t->s, x86_machine(v->vm)->cpuid);
	if (rc >= 0)
		rc = load_rest(v, twin, t);
	if (rc >= 0)
		repair_syscall(v, t);
	twin->run->cr8 = t->s.cr8;     /* a vCPU without LAPIC goes by this */
	if (rc >= 0)
		rc = kvm_vcpu_ioctl(twin, KVM_SET_SREGS, &t->s);
	if (rc >= 0)
		rc = kvm_vcpu_ioctl(twin, KVM_SET_REGS, &t->gp);
	if (rc >= 0)
		rc = kvm_vcpu_ioctl(twin, KVM_SET_VCPU_EVENTS, &t->events);
	t->fpu_moved = more || failed_on_fpu(v->kvm.run);
	if (rc >= 0 && t->fpu_moved)
		rc = load_fpu(v, twin, t);
	if (rc >= 0)
		load_tsc(v, twin);
	*pc = t->s.cs.base + t->gp.rip;
	return rc < 0 ? rc : 0;
}

/* --- out -------------------------------------------------------------------- */

static int put_basic(struct vcpu *v, const struct x86_twin *now)
{
	struct kvm_run *run = v->kvm.run;
	int rc;

	if (run->kvm_valid_regs) {
		run->s.regs.regs = now->gp;
		run->s.regs.sregs = now->s;
		run->s.regs.events = now->events;
		run->kvm_dirty_regs = KVM_SYNC_X86_VALID_FIELDS;
		return 0;
	}
	rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_SREGS, (void *)&now->s);
	if (rc >= 0)
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_REGS, (void *)&now->gp);
	if (rc >= 0)
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_VCPU_EVENTS,
				    (void *)&now->events);
	return rc;
}

static int store_fpu(struct vcpu *v, struct kvm_vcpu *twin,
		     struct x86_twin *t)
{
	struct kvm_xsave now;
	int rc = kvm_vcpu_ioctl(twin, KVM_GET_XSAVE, &now);

	if (rc < 0 || !memcmp(&now, &t->in_twin, sizeof(now)))
		return rc;
	x86_xsave_merge(&t->xsave, &now, t->xfeatures);
	return kvm_vcpu_ioctl(&v->kvm, KVM_SET_XSAVE, &t->xsave);
}

static int store_rest(struct vcpu *v, struct kvm_vcpu *twin,
		      struct x86_twin *t)
{
	struct kvm_debugregs dr = { 0 };
	struct msrs m = t->msrs;
	int rc = kvm_vcpu_ioctl(twin, KVM_GET_DEBUGREGS, &dr);

	if (rc >= 0 && memcmp(&dr, &t->dr, sizeof(dr)))
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_DEBUGREGS, &dr);
	m.head.nmsrs = t->nmsrs;
	if (rc >= 0 && t->nmsrs)
		rc = kvm_vcpu_ioctl(twin, KVM_GET_MSRS, &m);
	if (rc >= 0 && memcmp(m.e, t->msrs.e, t->nmsrs * sizeof(m.e[0])))
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_MSRS, &m);
	return rc;
}

static int store(struct vcpu *v, struct kvm_vcpu *twin, void *state,
		 bool more)
{
	struct x86_twin *t = state;
	int rc = t->fpu_moved ? store_fpu(v, twin, t) : 0;

	if (rc >= 0)
		rc = store_rest(v, twin, t);
	if (rc >= 0)
		rc = kvm_vcpu_ioctl(twin, KVM_GET_SREGS, &t->s);
	if (rc >= 0)
		rc = kvm_vcpu_ioctl(twin, KVM_GET_REGS, &t->gp);
	if (rc >= 0)
		rc = kvm_vcpu_ioctl(twin, KVM_GET_VCPU_EVENTS, &t->events);
	if (rc >= 0 && more)
		trap_page_faults(v, t);
	return rc < 0 ? rc : put_basic(v, t);
}

/* KVM does part of what WRMSR asks for when it next enters the guest: the
 * kvmclock page is filled in then. */
static bool after_wrmsr(struct vcpu *v)
{
	const struct kvm_sync_regs *r = &v->kvm.run->s.regs;
	u8 op[2];

	if (read_linear(v, &r->sregs, r->sregs.cs.base + r->regs.rip - 2, op,
			sizeof(op)) < 0)
		return false;
	return op[0] == 0x0f && op[1] == 0x30;
}

static bool awake(struct vcpu *v)
{
	struct kvm_mp_state mp = { 0 };

	return kvm_vcpu_ioctl(&v->kvm, KVM_GET_MP_STATE, &mp) >= 0 &&
	       mp.mp_state == KVM_MP_STATE_RUNNABLE;
}

static bool in_kernel(struct vcpu *v)
{
	const struct kvm_run *run = v->kvm.run;

	return run->kvm_valid_regs && !run->s.regs.sregs.cs.dpl &&
	       !(run->s.regs.regs.rflags & RFLAGS_VM) && !after_wrmsr(v) &&
	       awake(v);
}

/* --- a debugged guest ----------------------------------------------------------- */

static bool ready(struct vcpu *v, bool fetch)
{
	struct kvm_sync_regs *r = &v->kvm.run->s.regs;

	return v->kvm.run->kvm_valid_regs &&
	       (!fetch || ask_basic(v, &r->regs, &r->sregs,
				    &r->events) >= 0) &&
	       !after_wrmsr(v) && awake(v);
}

static bool interruptible(struct vcpu *v)
{
	const struct kvm_sync_regs *r = &v->kvm.run->s.regs;

	return (r->regs.rflags & RFLAGS_IF) && !r->events.interrupt.shadow;
}

/* Slot n of these stops at an instruction. */
static bool breaks(const struct kvm_guest_debug *d, unsigned n)
{
	return (d->control & KVM_GUESTDBG_USE_HW_BP) &&
	       (d->arch.debugreg[7] >> 2 * n & 3) &&
	       !(d->arch.debugreg[7] >> (16 + 4 * n) & 3);
}

static int one_insn(struct vcpu *v, const struct kvm_guest_debug *want,
		    void *state, bool here)
{
	const struct kvm_sync_regs *r = &v->kvm.run->s.regs;
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
			   KVM_GUESTDBG_USE_HW_BP |
			   (want->control & (KVM_GUESTDBG_USE_SW_BP |
					     KVM_GUESTDBG_BLOCKIRQ)),
		.arch.debugreg[7] = 0x400,
	};
	unsigned spare = 3;

	((struct x86_twin *)state)->trap = 0;
	for (unsigned n = 0; n < 4; n++) {
		if (!breaks(want, n)) {
			spare = n;
			continue;
		}
		d.arch.debugreg[n] = want->arch.debugreg[n];
		d.arch.debugreg[7] |= BIT64(2 * n + 1);
	}
	if (here) {
		d.arch.debugreg[spare] = r->sregs.cs.base + r->regs.rip;
		d.arch.debugreg[7] |= BIT64(2 * spare + 1);
	}
	return kvm_vcpu_ioctl(&v->kvm, KVM_SET_GUEST_DEBUG, &d);
}

/* What breaks there is told by its own slot. */
static bool was_one_insn(struct vcpu *v, const struct kvm_guest_debug *want)
{
	struct kvm_debug_exit_arch *a = &v->kvm.run->debug.arch;
	u64 slots = 0;

	if (a->exception != 1)
		return false;
	for (unsigned n = 0; n < 4; n++)
		if ((a->dr6 & 15) && breaks(want, n) &&
		    want->arch.debugreg[n] == a->pc)
			slots |= BIT64(n);
	a->dr6 = (a->dr6 & ~15ull) | slots;
	return !slots && !(want->control & KVM_GUESTDBG_SINGLESTEP);
}

/* The PICs, the PIT and its gate at port 0x61. */
static bool provider_port(u16 port)
{
	return (port & ~0x81) == 0x20 || (port & ~3) == 0x40 ||
	       port == 0x61 || (port & ~1) == 0x4d0;
}

static bool several(struct vm *vm)
{
	const struct kvm_cpuid_entry2 *e =
		cpuid_find(x86_machine(vm)->cpuid, CPUID_KVM_FEATURES, 0);

	return !e || !(e->eax & CPUID_PV_TLB_FLUSH);
}

const struct arch_helper x86_arch_helper = {
	.state_size    = sizeof(struct x86_twin),
	.init          = init,
	.load          = load,
	.store         = store,
	.in_kernel     = in_kernel,
	.ready         = ready,
	.interruptible = interruptible,
	.one_insn      = one_insn,
	.was_one_insn  = was_one_insn,
	.trapped       = trapped,
	.provider_port = provider_port,
	.several       = several,
};
