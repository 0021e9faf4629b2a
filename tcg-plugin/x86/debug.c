// SPDX-License-Identifier: MIT
/*
 * Debug registers and breakpoints (SDM vol. 3, chapter 18).
 *
 * Room:     DR0-DR7 of the guest, the VMM's own set (KVM_GUESTDBG_USE_HW_BP),
 *           and which of their addresses an access touches.
 * Talks to: the soft TLB: pages with watched data are never cached.
 */
#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/sys.h"

enum { RW_EXEC, RW_WRITE, RW_IO, RW_ACCESS };
#define DR6_FIXED 0xffff0ff0ull
#define DR7_FIXED 0x400ull

/* The set in force: the debugger's hides the guest's, as in KVM. */
static const u64 *armed_set(const struct x86_cpu *c)
{
	return c->guest_debug & KVM_GUESTDBG_USE_HW_BP ? c->debug_dr : c->dr;
}

static bool enabled(u64 dr7, unsigned n)
{
	return dr7 >> 2 * n & 3;
}

static unsigned kind(u64 dr7, unsigned n)
{
	return dr7 >> (16 + 4 * n) & 3;
}

static unsigned length(u64 dr7, unsigned n)
{
	static const u8 len[4] = { 1, 2, 8, 4 };

	return len[dr7 >> (18 + 4 * n) & 3];
}

void x86_debug_update(struct x86_cpu *c)
{
	const u64 *dr = armed_set(c);
	bool armed = false;

	for (unsigned n = 0; n < 4; n++)
		armed |= enabled(dr[7], n);
	if (armed || c->dr_armed)
		mmu_flush_host(c);
	c->dr_armed = armed;
}

u64 x86_dr_read(struct x86_cpu *c, unsigned n)
{
	return n < 4 || n > 5 ? c->dr[n & 7] : 0;
}

void x86_dr_write(struct x86_cpu *c, unsigned n, u64 v)
{
	switch (n) {
	case 6:
		c->dr[6] = (v & 0xe00f) | DR6_FIXED;
		return;
	case 7:
		c->dr[7] = (u32)(v & ~0xd000ull) | DR7_FIXED;
		break;
	default:
		c->dr[n & 3] = v;
		break;
	}
	x86_debug_update(c);
}

u32 x86_debug_exec_hit(struct x86_cpu *c, gva_t la)
{
	const u64 *dr = armed_set(c);
	u32 hits = 0;

	for (unsigned n = 0; n < 4; n++)
		if (enabled(dr[7], n) && kind(dr[7], n) == RW_EXEC &&
		    dr[n] == la)
			hits |= BIT(n);
	return hits;
}

static bool watches(u64 dr7, unsigned n, bool write)
{
	unsigned k = kind(dr7, n);

	return enabled(dr7, n) &&
	       (k == RW_ACCESS || (k == RW_WRITE && write));
}

bool x86_debug_exec_page(struct x86_cpu *c, gva_t la)
{
	const u64 *dr = armed_set(c);

	for (unsigned n = 0; n < 4; n++)
		if (enabled(dr[7], n) && kind(dr[7], n) == RW_EXEC &&
		    dr[n] >> PAGE_SHIFT == la >> PAGE_SHIFT)
			return true;
	return false;
}

u32 x86_debug_data_hit(struct x86_cpu *c, gva_t la, unsigned n, bool write)
{
	const u64 *dr = armed_set(c);
	u32 hits = 0;

	for (unsigned i = 0; i < 4; i++) {
		unsigned len = length(dr[7], i);
		u64 at = dr[i] & ~(u64)(len - 1);

		if (watches(dr[7], i, write) && at < la + n && la < at + len)
			hits |= BIT(i);
	}
	return hits;
}

bool x86_debug_page_watched(struct x86_cpu *c, gva_t la, bool write)
{
	const u64 *dr = armed_set(c);

	for (unsigned i = 0; i < 4; i++)
		if (watches(dr[7], i, write) &&
		    dr[i] >> PAGE_SHIFT == la >> PAGE_SHIFT)
			return true;
	return false;
}
