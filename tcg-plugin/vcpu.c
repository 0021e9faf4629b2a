// SPDX-License-Identifier: MIT
/*
 * vCPU objects and their ioctls.
 *
 * Room:     life cycle; one dispatch switch; requests too small for a file of
 *           their own.
 * Talks to: vcpu_regs.c, vcpu_fpu.c, vcpu_events.c, exec.c, x86/.
 * Never:    lets two ioctls on one vCPU overlap (v->lock).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tcg-plugin/fdtable.h"
#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/jit.h"
#include "tcg-plugin/x86/sys.h"

/* --- life cycle ----------------------------------------------------------- */

static int map_run(struct tcg_vcpu *v)
{
	const size_t n = TCG_RUN_PAGES * PAGE_SIZE;

	v->fd = memfd_create("mote-tcg-vcpu", MFD_CLOEXEC);
	if (v->fd < 0)
		return -errno;
	if (ftruncate(v->fd, n) < 0)
		goto fail;
	v->run = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run != MAP_FAILED)
		return 0;
	v->run = NULL;
fail:
	return -errno;
}

static void power_on(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;

	x86_cpuid_update(c);
	x86_cpu_reset(c, false);
	x86_msr_reset(c);
	mmu_flush(c);
	x86_debug_update(c);
	c->user_irq = -1;
	c->tsc_offset = -v->vm->tsc_base;
	c->mp_state = KVM_MP_STATE_RUNNABLE;
	if (c->lapic && c->id != v->vm->bsp_id)
		c->mp_state = KVM_MP_STATE_UNINITIALIZED;
	if (c->id == v->vm->bsp_id)
		c->apic_base |= 1u << 8;
}

static struct tcg_vcpu *vcpu_alloc(struct tcg_vm *vm, unsigned id)
{
	struct tcg_vcpu *v;

	v = mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (v == MAP_FAILED)
		return NULL;
	v->vm = v->cpu.vm = vm;
	v->cpu.id = id;
	v->fd = -1;
	atomic_store(&v->sipi_vector, -1);
	lock_init(&v->lock, "tcg vcpu");
	return v;
}

void tcg_vcpu_destroy(struct tcg_vcpu *v)
{
	if (!v)
		return;
	if (v->run)
		munmap(v->run, TCG_RUN_PAGES * PAGE_SIZE);
	if (v->cpu.lapic)
		lapic_destroy(v->cpu.lapic);
	jit_destroy(&v->cpu);
	lock_fini(&v->lock);
	munmap(v, sizeof(*v));
}

int tcg_vcpu_create(struct tcg_vm *vm, unsigned id)
{
	SCOPED_LOCK(&vm->lock);
	struct irqchip *ic = tcg_irqchip(vm);
	struct tcg_vcpu *v;
	int rc;

	if (id >= TCG_MAX_VCPUS || (vm->icount.on && id))
		return -EINVAL;
	if (tcg_vm_vcpu(vm, id))
		return -EEXIST;
	v = vcpu_alloc(vm, id);
	if (!v)
		return -ENOMEM;
	rc = map_run(v);
	if (rc < 0)
		goto fail;
	if (ic) {
		v->cpu.lapic = lapic_create(ic, id);
		if (!v->cpu.lapic) {
			rc = -ENOMEM;
			goto fail;
		}
	}
	v->cpu.run = v->run;
	v->cpu.slices = vm->slices;
	v->slice = vm->slices;         /* one at a time until told        */
	if (jit_supported() && !vm->slices)
		jit_create(&v->cpu);   /* else: the interpreter serves */
	power_on(v);
	v->cpu.counted = vm->icount.on;
	rc = fdtable_add(v->fd, FD_VCPU, v);
	if (rc < 0)
		goto fail;
	if (vm->icount.on)
		vm->icount.cpu = &v->cpu;
	tcg_vm_take(vm);
	if (atomic_load(&vm->nvcpu) <= id)
		atomic_store(&vm->nvcpu, id + 1);
	atomic_store_explicit(&vm->vcpu[id], v, memory_order_release);
	return v->fd;
fail:
	if (v->fd >= 0)
		close(v->fd);
	tcg_vcpu_destroy(v);
	return rc;
}

/* --- small requests ------------------------------------------------------- */

static int interrupt(struct tcg_vcpu *v, const struct kvm_interrupt *i)
{
	if (i->irq > 255)
		return -EINVAL;
	if (v->cpu.lapic)
		return -ENXIO;
	v->cpu.user_irq = (s16)i->irq;
	tcg_request(v, REQ_EVENT);
	return 0;
}

static int nmi(struct tcg_vcpu *v)
{
	atomic_store(&v->nmi_queued, 1);
	tcg_request(v, REQ_EVENT);
	return 0;
}

static int lapic_io(struct tcg_vcpu *v, struct kvm_lapic_state *s, bool set)
{
	int rc;

	if (!v->cpu.lapic)
		return -EINVAL;
	rc = set ? lapic_set(v->cpu.lapic, s) : lapic_get(v->cpu.lapic, s);
	if (set)
		tcg_request(v, REQ_EVENT);
	return rc;
}

static int set_cpuid(struct tcg_vcpu *v, const struct kvm_cpuid2 *p)
{
	struct x86_cpu *c = &v->cpu;

	if (p->nent > ARRAY_LEN(c->cpuid))
		return -E2BIG;
	memcpy(c->cpuid, p->entries, p->nent * sizeof(p->entries[0]));
	c->ncpuid = p->nent;
	x86_cpuid_update(c);
	x86_update_mode(c);
	mmu_flush(c);
	return 0;
}

static int get_cpuid(struct tcg_vcpu *v, struct kvm_cpuid2 *p)
{
	struct x86_cpu *c = &v->cpu;

	if (p->nent < c->ncpuid) {
		p->nent = c->ncpuid;
		return -E2BIG;
	}
	memcpy(p->entries, c->cpuid, c->ncpuid * sizeof(p->entries[0]));
	p->nent = c->ncpuid;
	return 0;
}

/* Stops at the first it cannot do; returns how many it did, as KVM. */
static int msrs(struct tcg_vcpu *v, struct kvm_msrs *m, bool set)
{
	unsigned i;

	if (m->nmsrs > 256)
		return -E2BIG;
	for (i = 0; i < m->nmsrs; i++) {
		struct kvm_msr_entry *e = &m->entries[i];
		u64 val;
		int rc;

		if (set) {
			rc = x86_msr_set(&v->cpu, e->index, e->data);
		} else {
			rc = x86_msr_get(&v->cpu, e->index, &val);
			if (!rc)
				e->data = val;
		}
		if (rc)
			break;
	}
	return (int)i;
}

static int translate(struct tcg_vcpu *v, struct kvm_translation *t)
{
	gpa_t pa;
	u32 attr;

	t->valid = mem_translate(&v->cpu, t->linear_address, &pa, &attr) == 0;
	t->physical_address = t->valid ? pa : ~0ull;
	t->writeable = t->valid && (attr & PF_W);
	t->usermode = t->valid && (attr & PF_U);
	return 0;
}

static int set_signal_mask(struct tcg_vcpu *v, const struct kvm_signal_mask *m)
{
	v->has_sigmask = m != NULL;
	if (!m)
		return 0;
	if (m->len != sizeof(v->sigmask))
		return -EINVAL;
	memcpy(&v->sigmask, m->sigset, sizeof(v->sigmask));
	return 0;
}

static int set_guest_debug(struct tcg_vcpu *v, const struct kvm_guest_debug *d)
{
	const u32 known = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
			  KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |
			  KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |
			  KVM_GUESTDBG_BLOCKIRQ;
	struct x86_cpu *c = &v->cpu;

	if (d->control & ~known)
		return -EINVAL;
	if (d->control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)) {
		if (c->exc.pending)
			return -EBUSY;
		memset(&c->exc, 0, sizeof(c->exc));
		c->exc.pending = true;
		c->exc.vec = d->control & KVM_GUESTDBG_INJECT_DB ? EXC_DB
								 : EXC_BP;
		c->exc.soft = c->exc.vec == EXC_BP;
		c->exc.insn_len = c->exc.soft;
	}
	c->guest_debug = d->control & KVM_GUESTDBG_ENABLE ? d->control : 0;
	for (unsigned i = 0; i < 8; i++)
		c->debug_dr[i] = d->arch.debugreg[i];
	c->singlestep = c->guest_debug & KVM_GUESTDBG_SINGLESTEP;
	x86_debug_update(c);
	return 0;
}

static int xcrs(struct tcg_vcpu *v, struct kvm_xcrs *x, bool set)
{
	struct x86_cpu *c = &v->cpu;

	if (!set) {
		memset(x, 0, sizeof(*x));
		x->nr_xcrs = 1;
		x->xcrs[0].value = c->xcr0;
		return 0;
	}
	if (x->nr_xcrs > KVM_MAX_XCRS || x->flags)
		return -EINVAL;
	for (unsigned i = 0; i < x->nr_xcrs; i++) {
		if (x->xcrs[i].xcr)
			continue;
		if (!(x->xcrs[i].value & 1) ||
		    (x->xcrs[i].value & ~(c->xcr0_allowed | 3)))
			return -EINVAL;
		c->xcr0 = x->xcrs[i].value;
	}
	return 0;
}

static int debugregs(struct tcg_vcpu *v, struct kvm_debugregs *d, bool set)
{
	struct x86_cpu *c = &v->cpu;

	if (!set) {
		memset(d, 0, sizeof(*d));
		memcpy(d->db, c->dr, sizeof(d->db));
		d->dr6 = x86_dr_read(c, 6);
		d->dr7 = x86_dr_read(c, 7);
		return 0;
	}
	if (d->flags || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	memcpy(c->dr, d->db, sizeof(d->db));
	x86_dr_write(c, 6, d->dr6);
	x86_dr_write(c, 7, d->dr7);
	return 0;
}

static int set_tsc_khz(struct tcg_vcpu *v, unsigned long khz)
{
	u64 have = tcg_vm_tsc_khz(v->vm);

	/* No TSC scaling: KVM tolerates 250 ppm without it. */
	if (khz && (khz > have + have / 4000 || khz < have - have / 4000))
		return -EINVAL;
	return 0;
}

/* The one attribute there is: guest TSC = host TSC + this. */
static int device_attr(struct tcg_vcpu *v, unsigned long req,
		       const struct kvm_device_attr *a)
{
	u64 *at = (u64 *)(uintptr_t)a->addr;

	if (a->group != KVM_VCPU_TSC_CTRL || a->attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	if (req == KVM_HAS_DEVICE_ATTR)
		return 0;
	if ((uintptr_t)at < PAGE_SIZE)
		return -EFAULT;
	if (req == KVM_GET_DEVICE_ATTR) {
		memcpy(at, &v->cpu.tsc_offset, sizeof(*at));
		return 0;
	}
	__atomic_store_n(&v->cpu.tsc_offset, *at, __ATOMIC_RELAXED);
	tcg_clock_update(&v->cpu);
	return 0;
}

/* --- dispatch ------------------------------------------------------------- */

static bool wants_pointer(unsigned long req)
{
	switch (req) {
	case KVM_RUN:
	case KVM_NMI:
	case KVM_SMI:
	case KVM_SET_TSC_KHZ:
	case KVM_GET_TSC_KHZ:
	case KVM_KVMCLOCK_CTRL:
	case KVM_SET_SIGNAL_MASK:
		return false;
	default:
		return true;
	}
}

/* long: one line for each request */
static long vcpu_request(struct tcg_vcpu *v, unsigned long req, void *arg)
{
	switch (req) {
	case KVM_RUN:
		return arg ? -EINVAL : tcg_vcpu_run(v);
	case KVM_GET_REGS:
		return tcg_get_regs(v, arg), 0;
	case KVM_SET_REGS:
		return tcg_set_regs(v, arg), 0;
	case KVM_GET_SREGS:
		return tcg_get_sregs(v, arg), 0;
	case KVM_SET_SREGS:
		return tcg_set_sregs(v, arg);
	case KVM_GET_SREGS2:
		return tcg_get_sregs2(v, arg), 0;
	case KVM_SET_SREGS2:
		return tcg_set_sregs2(v, arg);
	case KVM_GET_FPU:
		return tcg_get_fpu(v, arg), 0;
	case KVM_SET_FPU:
		return tcg_set_fpu(v, arg);
	case KVM_GET_XSAVE:
	case KVM_GET_XSAVE2:
		return tcg_get_xsave(v, arg), 0;
	case KVM_SET_XSAVE:
		return tcg_set_xsave(v, arg);
	case KVM_GET_XCRS:
		return xcrs(v, arg, false);
	case KVM_SET_XCRS:
		return xcrs(v, arg, true);
	case KVM_GET_MSRS:
		return msrs(v, arg, false);
	case KVM_SET_MSRS:
		return msrs(v, arg, true);
	case KVM_SET_CPUID2:
		return set_cpuid(v, arg);
	case KVM_GET_CPUID2:
		return get_cpuid(v, arg);
	case KVM_GET_LAPIC:
		return lapic_io(v, arg, false);
	case KVM_SET_LAPIC:
		return lapic_io(v, arg, true);
	case KVM_GET_MP_STATE:
		return tcg_get_mp_state(v, arg), 0;
	case KVM_SET_MP_STATE:
		return tcg_set_mp_state(v, arg);
	case KVM_GET_VCPU_EVENTS:
		return tcg_get_events(v, arg), 0;
	case KVM_SET_VCPU_EVENTS:
		return tcg_set_events(v, arg);
	case KVM_GET_DEBUGREGS:
		return debugregs(v, arg, false);
	case KVM_SET_DEBUGREGS:
		return debugregs(v, arg, true);
	case KVM_INTERRUPT:
		return interrupt(v, arg);
	case KVM_NMI:
		return nmi(v);
	case KVM_X86_SETUP_MCE:
		return tcg_setup_mce(v, *(const u64 *)arg);
	case KVM_X86_SET_MCE:
		return tcg_set_mce(v, arg);
	case KVM_SMI:
		return 0;              /* no SMM: nothing would handle it */
	case KVM_SET_GUEST_DEBUG:
		return set_guest_debug(v, arg);
	case KVM_TRANSLATE:
		return translate(v, arg);
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(v, arg);
	case KVM_GET_TSC_KHZ:
		return tcg_vm_tsc_khz(v->vm);
	case KVM_SET_TSC_KHZ:
		return set_tsc_khz(v, (unsigned long)(uintptr_t)arg);
	case KVM_KVMCLOCK_CTRL:
		return tcg_clock_paused(&v->cpu);
	case KVM_SET_VAPIC_ADDR:       /* 0 is off: we report no TPR use  */
		return v->cpu.lapic && !((struct kvm_vapic_addr *)arg)->vapic_addr
		       ? 0 : -EINVAL;
	case KVM_HAS_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR:
		return device_attr(v, req, arg);
	default:
		return -EINVAL;        /* as kvm_arch_vcpu_ioctl          */
	}
}

long tcg_vcpu_ioctl(struct tcg_vcpu *v, unsigned long req, void *arg)
{
	if (req == KVM_GET_STATS_FD)   /* while it runs, too: only counters */
		return tcg_vcpu_stats_fd(v);
	SCOPED_LOCK(&v->lock);
	if (wants_pointer(req) && (uintptr_t)arg < PAGE_SIZE)
		return -EFAULT;
	return vcpu_request(v, req, arg);
}
