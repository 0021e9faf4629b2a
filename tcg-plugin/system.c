// SPDX-License-Identifier: MIT
/*
 * The system object: what /dev/kvm itself answers.
 *
 * Room:     API version, capabilities, CPUID and MSR lists.
 * Talks to: vm.c, x86/cpuid.c, x86/msr.c.
 * Never:    offers what the rest of the plugin does not do.
 */
#include <errno.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/sys.h"

static const struct {
	u32 cap, value;
} caps[] = {
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_HLT, 1 },
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_CLOCKSOURCE, 1 },
	{ KVM_CAP_NR_VCPUS, TCG_MAX_VCPUS },
	{ KVM_CAP_MAX_VCPUS, TCG_MAX_VCPUS },
	{ KVM_CAP_MAX_VCPU_ID, TCG_MAX_VCPUS },
	{ KVM_CAP_NR_MEMSLOTS, MEM_SLOTS_MAX },
	{ KVM_CAP_PIT, 1 },
	{ KVM_CAP_NOP_IO_DELAY, 1 },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG2,
	  KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
	  KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |
	  KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |
	  KVM_GUESTDBG_BLOCKIRQ },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP, 1 },
	{ KVM_CAP_REINJECT_CONTROL, 1 },
	{ KVM_CAP_IRQ_ROUTING, 4096 },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ KVM_CAP_PIT2, 1 },
	{ KVM_CAP_PIT_STATE2, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_ADJUST_CLOCK, KVM_CLOCK_TSC_STABLE },
	{ KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XSAVE2, sizeof(struct kvm_xsave) },
	{ KVM_CAP_XCRS, 1 },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_VCPU_ATTRIBUTES, 1 },
	{ KVM_CAP_ENABLE_CAP, 1 },
	{ KVM_CAP_ENABLE_CAP_VM, 1 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_KVMCLOCK_CTRL, 1 },
	{ KVM_CAP_SIGNAL_MSI, 1 },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_BINARY_STATS_FD, 1 },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
	{ KVM_CAP_MCE, 32 },
	{ KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS |
			      KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
	  KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE },
};

int tcg_check_extension(struct tcg_vm *vm, unsigned long cap)
{
	(void)vm;
	for (unsigned i = 0; i < ARRAY_LEN(caps); i++)
		if (caps[i].cap == cap)
			return (int)caps[i].value;
	return 0;
}

static int supported_cpuid(struct kvm_cpuid2 *p)
{
	struct kvm_cpuid_entry2 all[128];
	int n = x86_cpuid_supported(all, ARRAY_LEN(all));

	if (n < 0)
		return n;
	if (p->nent < (u32)n) {
		p->nent = n;
		return -E2BIG;
	}
	memcpy(p->entries, all, n * sizeof(all[0]));
	p->nent = n;
	return 0;
}

/* Nothing is offered that SUPPORTED_CPUID does not already name. */
static int emulated_cpuid(struct kvm_cpuid2 *p)
{
	p->nent = 0;
	return 0;
}

static int msr_list(struct kvm_msr_list *p,
		    unsigned (*list)(u32 *out, unsigned max))
{
	u32 all[512];
	unsigned n = list(all, ARRAY_LEN(all));
	bool fits = p->nmsrs >= n;

	p->nmsrs = n;
	if (!fits)
		return -E2BIG;
	memcpy(p->indices, all, n * sizeof(all[0]));
	return 0;
}

static int feature_msrs(struct kvm_msrs *m)
{
	unsigned i;

	for (i = 0; i < m->nmsrs && i < 256; i++) {
		u64 val;

		if (x86_msr_feature(m->entries[i].index, &val) < 0)
			break;
		m->entries[i].data = val;
	}
	return (int)i;
}

long tcg_system_ioctl(unsigned long req, void *arg)
{
	unsigned long n = (unsigned long)(uintptr_t)arg;

	switch (req) {
	case KVM_GET_API_VERSION:
		return n ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return tcg_vm_create(n);
	case KVM_CHECK_EXTENSION:
		return tcg_check_extension(NULL, n);
	case KVM_GET_VCPU_MMAP_SIZE:
		return n ? -EINVAL : TCG_RUN_PAGES * (int)PAGE_SIZE;
	default:
		break;
	}
	if (n < PAGE_SIZE)
		return _IOC_TYPE(req) == KVMIO ? -EFAULT : -EINVAL;
	switch (req) {
	case KVM_GET_SUPPORTED_CPUID:
		return supported_cpuid(arg);
	case KVM_GET_EMULATED_CPUID:
		return emulated_cpuid(arg);
	case KVM_GET_MSR_INDEX_LIST:
		return msr_list(arg, x86_msr_list);
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return msr_list(arg, x86_msr_feature_list);
	case KVM_GET_MSRS:
		return feature_msrs(arg);
	case KVM_X86_GET_MCE_CAP_SUPPORTED:
		memcpy(arg, &(u64){ TCG_MCE_CAP }, sizeof(u64));
		return 0;
	default:
		return -ENOTTY;
	}
}
