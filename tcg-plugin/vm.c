// SPDX-License-Identifier: MIT
/*
 * VM objects and their ioctls.
 *
 * Room:     life cycle; one dispatch switch.
 * Talks to: vm_mem.c, vm_irq.c, irqfd.c, ioeventfd.c, vcpu.c.
 * Never:    runs guest code.
 *
 * A VM lives until its descriptor and those of its vCPUs are closed.
 */
#include <errno.h>
#include <string.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tcg-plugin/fdtable.h"
#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/sys.h"

/* --- life cycle ----------------------------------------------------------- */

static void vm_destroy(struct tcg_vm *vm)
{
	struct irqchip *ic = tcg_irqchip(vm);

	tcg_irqfd_fini(vm);
	tcg_ioeventfd_fini(vm);
	/* LAPICs, then the chip and its timers, then those they would notify. */
	for (unsigned i = 0; ic && i < TCG_MAX_VCPUS; i++) {
		struct tcg_vcpu *v = tcg_vm_vcpu(vm, i);

		if (v && v->cpu.lapic) {
			lapic_destroy(v->cpu.lapic);
			v->cpu.lapic = NULL;
		}
	}
	if (ic)
		irqchip_destroy(ic);
	for (unsigned i = 0; i < TCG_MAX_VCPUS; i++)
		tcg_vcpu_destroy(tcg_vm_vcpu(vm, i));
	code_cache_fini(&vm->code);
	mem_map_fini(&vm->mem);
	lock_fini(&vm->lock);
	lock_fini(&vm->rmw);
	lock_fini(&vm->stop_lock);
	free(vm);
}

void tcg_vm_take(struct tcg_vm *vm)
{
	atomic_fetch_add(&vm->refs, 1);
}

void tcg_vm_drop(struct tcg_vm *vm)
{
	if (vm && atomic_fetch_sub(&vm->refs, 1) == 1)
		vm_destroy(vm);
}

static struct tcg_vm *vm_alloc(void)
{
	struct tcg_vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	if (mem_map_init(&vm->mem) < 0)
		goto fail_vm;
	if (code_cache_init(&vm->code, TCG_CODE_ARENA) < 0)
		goto fail_mem;
	atomic_store(&vm->refs, 1);
	lock_init(&vm->lock, "tcg vm");
	lock_init(&vm->rmw, "tcg rmw");
	lock_init(&vm->stop_lock, "tcg stop");
	vm->tsc_base = tcg_vm_tsc(vm);
	atomic_store(&vm->one_insn, tcg_default_one_insn());
	atomic_store(&vm->eager, tcg_default_eager());
	return vm;

fail_mem:
	mem_map_fini(&vm->mem);
fail_vm:
	free(vm);
	return NULL;
}

int tcg_vm_create(unsigned long type)
{
	struct tcg_vm *vm;
	int fd, rc;

	if (type)
		return -EINVAL;
	tcg_fault_init();
	insn_tables_init();
	vm = vm_alloc();
	if (!vm)
		return -ENOMEM;
	fd = eventfd(0, EFD_CLOEXEC);
	rc = fd < 0 ? -errno : fdtable_add(fd, FD_VM, vm);
	if (rc < 0) {
		if (fd >= 0)
			close(fd);
		tcg_vm_drop(vm);
		return rc;
	}
	return fd;
}

/* --- small requests ------------------------------------------------------- */

static int set_boot_cpu(struct tcg_vm *vm, unsigned long id)
{
	SCOPED_LOCK(&vm->lock);

	if (atomic_load(&vm->nvcpu))
		return -EBUSY;
	if (id >= TCG_MAX_VCPUS)
		return -EINVAL;
	vm->bsp_id = id;
	return 0;
}

static int get_clock(struct tcg_vm *vm, struct kvm_clock_data *d)
{
	memset(d, 0, sizeof(*d));
	d->clock = tcg_clock_ns(vm);
	d->host_tsc = tcg_vm_tsc(vm);
	d->flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_HOST_TSC;
	return 0;
}

static int set_clock(struct tcg_vm *vm, const struct kvm_clock_data *d)
{
	if (d->flags & ~(u32)(KVM_CLOCK_REALTIME | KVM_CLOCK_TSC_STABLE |
			      KVM_CLOCK_HOST_TSC))
		return -EINVAL;
	tcg_clock_set(vm, d->clock);
	return 0;
}

static int enable_cap(struct tcg_vm *vm, const struct kvm_enable_cap *c)
{
	struct irqchip *ic = tcg_irqchip(vm);
	const u64 x2apic = KVM_X2APIC_API_USE_32BIT_IDS |
			   KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;

	if (c->flags)
		return -EINVAL;
	switch (c->cap) {
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		if (c->args[0] & ~(u64)KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
			return -EINVAL;
		vm->manual_dirty = c->args[0];
		return 0;
	case KVM_CAP_X2APIC_API:
		if (c->args[0] & ~x2apic)
			return -EINVAL;
		vm->x2apic_ids = c->args[0] & KVM_X2APIC_API_USE_32BIT_IDS;
		if (ic)
			irqchip_use_x2apic_ids(ic, vm->x2apic_ids);
		return 0;
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		vm->tell_triple_fault = c->args[0];
		return 0;
	default:
		return -EINVAL;
	}
}

/* --- dispatch ------------------------------------------------------------- */

static bool wants_pointer(unsigned long req)
{
	switch (req) {
	case KVM_CREATE_VCPU:
	case KVM_CREATE_IRQCHIP:
	case KVM_CREATE_PIT:
	case KVM_SET_TSS_ADDR:
	case KVM_SET_NR_MMU_PAGES:
	case KVM_CHECK_EXTENSION:
	case KVM_GET_STATS_FD:
	case KVM_SET_BOOT_CPU_ID:
	case KVM_GET_TSC_KHZ:
	case KVM_SET_TSC_KHZ:
		return false;
	default:
		return _IOC_TYPE(req) == KVMIO;
	}
}

long tcg_vm_ioctl(struct tcg_vm *vm, unsigned long req, void *arg)
{
	unsigned long n = (unsigned long)(uintptr_t)arg;

	if (wants_pointer(req) && n < PAGE_SIZE)
		return -EFAULT;
	switch (req) {
	case KVM_CREATE_VCPU:
		return n >= TCG_MAX_VCPUS ? -EINVAL : tcg_vcpu_create(vm, n);
	case KVM_CHECK_EXTENSION:
		return tcg_check_extension(vm, n);
	case KVM_GET_STATS_FD:
		return tcg_vm_stats_fd(vm);
	case KVM_SET_USER_MEMORY_REGION:
		return tcg_vm_set_region(vm, arg);
	case KVM_GET_DIRTY_LOG:
		return tcg_vm_get_dirty(vm, arg);
	case KVM_CLEAR_DIRTY_LOG:
		return tcg_vm_clear_dirty(vm, arg);
	case KVM_SET_TSS_ADDR:
	case KVM_SET_IDENTITY_MAP_ADDR:
	case KVM_SET_NR_MMU_PAGES:
		return 0;              /* VT-x needs; we do not           */
	case KVM_SET_BOOT_CPU_ID:
		return set_boot_cpu(vm, n);
	case KVM_GET_CLOCK:
		return get_clock(vm, arg);
	case KVM_SET_CLOCK:
		return set_clock(vm, arg);
	case KVM_GET_TSC_KHZ:
		return tcg_vm_tsc_khz(vm);
	case KVM_IOEVENTFD:
		return tcg_ioeventfd(vm, arg);
	case KVM_IRQFD:
		return tcg_irqfd(vm, arg);
	case KVM_ENABLE_CAP:
		return enable_cap(vm, arg);
	default:
		return tcg_vm_irq_ioctl(vm, req, arg);
	}
}
