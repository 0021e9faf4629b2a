/* SPDX-License-Identifier: MIT */
/*
 * CPUID of a guest that two providers may run in turn: what both offer.
 * See cpuid.h.
 *
 * Features are the bits set on both sides.  A leaf that describes something only
 * one side has goes; caches, topology and names are no promise and stay.
 */
#include "arch/x86/cpu_features.h"
#include "arch/x86/cpuid.h"

enum { EAX = BIT(R_EAX), EBX = BIT(R_EBX), ECX = BIT(R_ECX), EDX = BIT(R_EDX),
       ALL = EAX | EBX | ECX | EDX };
enum how { AND, LEAST };

static const struct {
	u32 function, index;
	unsigned regs;
	enum how how;
} rules[] = {
	{ 0, 0, EAX, LEAST },          /* the last leaf                   */
	{ 1, 0, ECX | EDX, AND },
	{ 6, 0, EAX, AND },
	{ 7, 0, EBX | ECX | EDX, AND },
	{ 7, 1, ALL, AND }, { 7, 2, ALL, AND },
	{ 0xd, 0, EAX | EDX, AND }, { 0xd, 0, EBX | ECX, LEAST },
	{ 0xd, 1, EAX | ECX | EDX, AND },
	{ 0x40000000, 0, EAX, LEAST },
	{ 0x40000001, 0, EAX | EDX, AND },
	{ 0x80000000, 0, EAX, LEAST },
	{ 0x80000001, 0, ECX | EDX, AND },
	{ 0x80000007, 0, ALL, AND },
	{ 0x80000008, 0, EBX, AND },
	{ 0x8000000a, 0, EDX, AND },
	{ 0x80000021, 0, EAX | ECX, AND },
};

/* Leaves that promise nothing. */
static bool only_describes(u32 function)
{
	static const u32 list[] = { 2, 4, 0xb, 0x15, 0x16, 0x1f, 0x80000002,
				    0x80000003, 0x80000004, 0x80000005,
				    0x80000006, 0x8000001d, 0x8000001e };

	for (unsigned i = 0; i < ARRAY_LEN(list); i++)
		if (list[i] == function)
			return true;
	return false;
}

static void drop_foreign(struct cpuid_list *l, struct cpuid_list *other)
{
	struct kvm_cpuid_entry2 *e = l->head.entries;
	u32 n = 0;

	for (u32 i = 0; i < l->head.nent; i++)
		if (only_describes(e[i].function) ||
		    cpuid_find(other, e[i].function, e[i].index))
			e[n++] = e[i];
	l->head.nent = n;
}

static void apply(u32 *to, u32 other, enum how how)
{
	*to = how == AND ? *to & other : MIN(*to, other);
}

/* Physical and linear address bits are two numbers in one register. */
static void narrow_addresses(u32 *to, u32 other)
{
	const u32 phys = MIN(*to & 0xff, other & 0xff);
	const u32 lin = MIN(*to & 0xff00, other & 0xff00);

	*to = (*to & ~0xffffu) | lin | phys;
}

void cpuid_keep_common(struct cpuid_list *l, struct cpuid_list *other)
{
	struct kvm_cpuid_entry2 *a, *b;

	drop_foreign(l, other);
	for (unsigned i = 0; i < ARRAY_LEN(rules); i++) {
		a = cpuid_find(l, rules[i].function, rules[i].index);
		b = cpuid_find(other, rules[i].function, rules[i].index);
		for (unsigned r = R_EAX; a && b && r <= R_EDX; r++)
			if (rules[i].regs & BIT(r))
				apply(cpuid_reg(a, r), *cpuid_reg(b, r),
				      rules[i].how);
	}
	a = cpuid_find(l, 0x80000008, 0);
	b = cpuid_find(other, 0x80000008, 0);
	if (a && b)
		narrow_addresses(&a->eax, b->eax);
}
