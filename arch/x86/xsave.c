/* SPDX-License-Identifier: MIT */
/*
 * XSAVE images, component by component.  See xsave.h.
 *
 * Talks to: the host's CPUID, which says where components lie: the standard
 *           format is the same for every guest.
 * Never:    looks into a component.
 */
#include "arch/x86/xsave.h"

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpuid.h"
#include "vmm/kvm/kvm.h"

enum {
	X87 = 0, SSE = 1, FIRST_EXTENDED = 2,
	LEGACY_LEN = 512, HEADER = 512, HEADER_LEN = 64,
	MXCSR = 24, MXCSR_LEN = 8, ST = 32, XMM = 160, XMM_END = 416,
};

static u64 xfeatures_in(struct cpuid_list *l)
{
	const struct kvm_cpuid_entry2 *c = cpuid_find(l, 0xd, 0);

	/* x87 and SSE are always there */
	return 3 | (c ? c->eax | (u64)c->edx << 32 : 0);
}

u64 x86_xfeatures(struct kvm_vm *vm, struct cpuid_list *guest)
{
	struct cpuid_list *l = calloc(1, sizeof(*l));
	u64 f = 3;

	if (!l)
		abort();
	l->head.nent = CPUID_MAX;
	if (kvm_sys_ioctl(vm, KVM_GET_SUPPORTED_CPUID, l) >= 0)
		f = xfeatures_in(l);
	free(l);
	return f & xfeatures_in(guest);
}

static u64 features_of(const struct kvm_xsave *x)
{
	u64 bv;

	memcpy(&bv, (const u8 *)x + HEADER, sizeof(bv));
	return bv;
}

static void set_features(struct kvm_xsave *x, u64 bv)
{
	memcpy((u8 *)x + HEADER, &bv, sizeof(bv));
}

void x86_xsave_keep(struct kvm_xsave *image, u64 features)
{
	set_features(image, features_of(image) & features);
}

static void copy(struct kvm_xsave *to, const struct kvm_xsave *from,
		 size_t at, size_t n)
{
	memcpy((u8 *)to + at, (const u8 *)from + at, n);
}

static void copy_component(struct kvm_xsave *to, const struct kvm_xsave *from,
			   unsigned n)
{
	u32 size, at, c, d;

	if (n == X87) {
		copy(to, from, 0, MXCSR);
		copy(to, from, ST, XMM - ST);
	} else if (n == SSE) {
		copy(to, from, MXCSR, MXCSR_LEN);
		copy(to, from, XMM, XMM_END - XMM);
	} else {
		__cpuid_count(0xd, n, size, at, c, d);
		if (at >= LEGACY_LEN + HEADER_LEN &&
		    (u64)at + size <= sizeof(*to))
			copy(to, from, at, size);
	}
}

void x86_xsave_merge(struct kvm_xsave *to, const struct kvm_xsave *from,
		     u64 features)
{
	for (unsigned n = 0; n < 63; n++)
		if (features >> n & 1)
			copy_component(to, from, n);
	set_features(to, (features_of(to) & ~features) |
			 (features_of(from) & features));
}
