// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/walk.c and the slow paths of mmu.c. */
#include "tests/unit/tcg_mmu.h"

#include <pthread.h>

#include "tcg-plugin/x86/walk.h"

static u32 walk(gva_t la, u32 access)
{
	struct walk w;
	u32 bad = x86_walk(&vcpu->cpu, la, access, &w);

	return bad ? bad & ~WALK_FAULT : 0x1000;
}

static u32 reach(gva_t la, u32 access, gpa_t *pa)
{
	struct walk w;
	u32 bad = x86_walk(&vcpu->cpu, la, access, &w);

	*pa = w.pa;
	return bad;
}

/* --- shapes --------------------------------------------------------------- */

static void four_levels_lead_to_a_4k_page(void **state)
{
	gpa_t pa;

	(void)state;
	map4k(P | W | U, P | W | U);
	assert_int_equal(reach(LA, 0, &pa), 0);
	assert_int_equal(pa, DATA + 0x123);
}

static void two_mebibyte_and_one_gibibyte_leaves(void **state)
{
	gpa_t pa;

	(void)state;
	put(T1 + 8, T2 | P | W);
	put(T2, T3 | P | W);
	put(T3, 0x40000000 | P | W | PS);
	assert_int_equal(reach(0x8000012345, 0, &pa), 0);
	assert_int_equal(pa, 0x40012345);
	put(T2, 0x80000000 | P | W | PS);
	assert_int_equal(reach(0x8012345678, 0, &pa), 0);
	assert_int_equal(pa, 0x92345678);
	vcpu->cpu.has_1g = false;
	assert_int_equal(walk(0x8012345678, 0), PF_P | PF_RSVD);
}

static void five_levels_with_la57(void **state)
{
	gpa_t pa;

	(void)state;
	vcpu->cpu.cr4 |= CR4_LA57;
	vcpu->cpu.cr3 = T5;
	put(T5 + 3 * 8, T1 | P | W);
	map4k(P | W, P | W);
	assert_int_equal(reach(3ull << 48 | LA, 0, &pa), 0);
	assert_int_equal(pa, DATA + 0x123);
	assert_int_equal(walk(LA, 0), 0);
}

static void legacy_paging_with_4k_and_4m_pages(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	gpa_t pa;

	(void)state;
	c->efer = 0;
	c->mode = MODE_PROT;
	c->cr4 = CR4_PSE;
	*(u32 *)(ram + T1 + 4) = T2 | P | W | U;
	*(u32 *)(ram + T2 + 2 * 4) = DATA | P | W | U;
	assert_int_equal(reach(0x402fff, PF_W | PF_U, &pa), 0);
	assert_int_equal(pa, DATA + 0xfff);
	assert_int_equal(*(u32 *)(ram + T1 + 4), T2 | P | W | U | A);
	assert_int_equal(*(u32 *)(ram + T2 + 8), DATA | P | W | U | A | D);
	/* 4 MiB, physical bits 32-39 in bits 13-20 */
	*(u32 *)(ram + T1 + 8) = 0x00c00000 | 5 << 13 | P | W | PS;
	assert_int_equal(reach(0x812345, 0, &pa), 0);
	assert_int_equal(pa, 0x500c12345);
	*(u32 *)(ram + T1 + 8) |= BIT(21);
	assert_int_equal(walk(0x812345, 0), PF_P | PF_RSVD);
	c->phys_mask = (1ull << 36) - 1;       /* 39:36 are reserved then */
	*(u32 *)(ram + T1 + 8) = 0x00c00000 | 0x10 << 13 | P | W | PS;
	assert_int_equal(walk(0x812345, 0), PF_P | PF_RSVD);
	c->cr4 = 0;                    /* PSE off: PS means nothing       */
	*(u32 *)(ram + T1 + 8) = T2 | P | W | PS;
	assert_int_equal(reach(0x802004, 0, &pa), 0);
	assert_int_equal(pa, DATA + 4);
}

static void pae_has_four_pointers_at_the_top(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	gpa_t pa;

	(void)state;
	c->efer = EFER_NXE;
	c->mode = MODE_PROT;
	c->cr3 = T1 + 0x20;
	put(T1 + 0x20 + 3 * 8, T2 | P);
	put(T2, T3 | P | W);
	put(T3 + 8, DATA | P | W | NX);
	assert_int_equal(reach(0xc0001010, PF_W, &pa), 0);
	assert_int_equal(pa, DATA + 0x10);
	assert_int_equal(get(T1 + 0x38), T2 | P);      /* no A bit there  */
	assert_int_equal(walk(0xc0001010, PF_I), PF_P | PF_I);
	assert_int_equal(walk(0x1010, 0), 0);
}

static void reserved_bits_of_the_four_pointers(void **state)
{
	static const u64 bad[] = { W, U, 1 << 5, 1 << 8, 1ull << 45, NX };
	struct x86_cpu *c = &vcpu->cpu;

	(void)state;
	c->efer = EFER_NXE;
	c->mode = MODE_PROT;
	put(T2, DATA | P | W | PS);
	put(T1, T2 | P | 1 << 9);              /* ignored: 11:9           */
	assert_true(x86_pdptes_ok(c, T1));
	for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
		put(T1, T2 | P | bad[n]);
		assert_false(x86_pdptes_ok(c, T1));
		assert_int_equal(walk(0x1000, 0), PF_P | PF_RSVD);
		put(T1, T2 | bad[n]);          /* absent: all are ignored */
		assert_true(x86_pdptes_ok(c, T1));
	}
}

static void without_paging_linear_is_physical(void **state)
{
	gpa_t pa;

	(void)state;
	vcpu->cpu.cr0 = CR0_PE;
	assert_int_equal(reach(0xfee01234, PF_W, &pa), 0);
	assert_int_equal(pa, 0xfee01234);
}

/* --- rights --------------------------------------------------------------- */

static void rights_are_those_of_all_levels_together(void **state)
{
	(void)state;
	map4k(P | W | U, P);
	assert_int_equal(walk(LA, PF_U), PF_P | PF_U);
	map4k(P | U, P | W | U);
	assert_int_equal(walk(LA, PF_U), 0x1000);
	assert_int_equal(walk(LA, PF_U | PF_W), PF_P | PF_U | PF_W);
	assert_int_equal(walk(LA, PF_W), PF_P | PF_W);
	vcpu->cpu.cr0 &= ~(u64)CR0_WP;
	assert_int_equal(walk(LA, PF_W), 0x1000);
	assert_int_equal(walk(LA, PF_U | PF_W), PF_P | PF_U | PF_W);
}

static void nx_smep_and_smap(void **state)
{
	(void)state;
	map4k(P | W | U, P | W | U | NX);
	assert_int_equal(walk(LA, PF_I | PF_U), PF_P | PF_I | PF_U);
	map4k(P | W | U, P | W | U);
	assert_int_equal(walk(LA, PF_I), 0x1000);
	vcpu->cpu.cr4 |= CR4_SMEP | CR4_SMAP;
	assert_int_equal(walk(LA, PF_I), PF_P | PF_I);
	assert_int_equal(walk(LA, PF_I | PF_U), 0x1000);
	assert_int_equal(walk(LA, 0), PF_P);
	assert_int_equal(walk(LA, PF_W), PF_P | PF_W);
	assert_int_equal(walk(LA, WALK_AC), 0x1000);
	assert_int_equal(walk(LA, PF_U), 0x1000);
}

static void the_i_bit_needs_nxe_or_smep(void **state)
{
	(void)state;
	vcpu->cpu.efer &= ~(u64)EFER_NXE;
	assert_int_equal(walk(LA, PF_I), 0);
	vcpu->cpu.efer |= EFER_NXE;
	assert_int_equal(walk(LA, PF_I), PF_I);
}

static void protection_keys(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;

	(void)state;
	map4k(P | W | U, P | W | U | 5ull << 59);
	c->cr4 |= CR4_PKE;
	c->pkru = 1u << 10;            /* key 5: access disabled          */
	assert_int_equal(walk(LA, PF_U), PF_P | PF_U | PF_PK);
	assert_int_equal(walk(LA, PF_I | PF_U), 0x1000);
	c->pkru = 2u << 10;            /* write disabled                  */
	assert_int_equal(walk(LA, PF_U), 0x1000);
	assert_int_equal(walk(LA, PF_U | PF_W), PF_P | PF_U | PF_W | PF_PK);
	assert_int_equal(walk(LA, PF_W), PF_P | PF_W | PF_PK);
	c->cr0 &= ~(u64)CR0_WP;
	assert_int_equal(walk(LA, PF_W), 0x1000);
}

/* SDM vol. 3, 4.7: PK says what PKRU would do to the access, whatever else
 * forbids it; and nothing of fetches, supervisor pages and other modes. */
static void the_pk_bit_comes_with_other_reasons_too(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;

	(void)state;
	map4k(P | W | U, P | U | 5ull << 59);
	c->cr4 |= CR4_PKE | CR4_SMAP;
	c->pkru = 2u << 10;
	assert_int_equal(walk(LA, PF_U | PF_W), PF_P | PF_U | PF_W | PF_PK);
	assert_int_equal(walk(LA, 0), PF_P);
	c->pkru = 1u << 10;
	assert_int_equal(walk(LA, 0), PF_P | PF_PK);           /* and SMAP */
	assert_int_equal(walk(LA, WALK_AC), PF_P | PF_PK);
	c->cr4 &= ~(u64)CR4_PKE;
	assert_int_equal(walk(LA, WALK_AC), 0x1000);
	c->cr4 |= CR4_PKE;
	map4k(P | W | U, P | W | 5ull << 59);
	assert_int_equal(walk(LA, PF_W), 0x1000);
	assert_int_equal(walk(LA, PF_U), PF_P | PF_U);
}

static void reserved_bits_fault_at_every_level(void **state)
{
	(void)state;
	map4k(P | W | U, P | W | U | 1ull << 45);
	assert_int_equal(walk(LA, 0), PF_P | PF_RSVD);
	map4k(P | W | U, P | W | U);
	put(T1 + 8, T2 | P | W | U | PS);
	assert_int_equal(walk(LA, PF_U), PF_P | PF_RSVD | PF_U);
	map4k(P | W | U, P | W | U);
	put(T3, 0x200000 | P | W | PS | 1 << 14);
	assert_int_equal(walk(LA, 0), PF_P | PF_RSVD);
	map4k(P | W | U, P | W | U | NX);
	vcpu->cpu.efer &= ~(u64)EFER_NXE;
	assert_int_equal(walk(LA, PF_W), PF_P | PF_RSVD | PF_W);
}

/* --- A and D -------------------------------------------------------------- */

static void accessed_and_dirty_are_set_when_the_access_succeeds(void **state)
{
	(void)state;
	map4k(P | W | U, P | U);
	assert_int_equal(walk(LA, PF_W), PF_P | PF_W);
	assert_int_equal(get(T4), DATA | P | U);       /* fault: untouched */
	assert_int_equal(get(T1 + 8), T2 | P | W | U);
	assert_int_equal(walk(LA, 0), 0x1000);
	assert_int_equal(get(T1 + 8), T2 | P | W | U | A);
	assert_int_equal(get(T4), DATA | P | U | A);
	map4k(P | W | U, P | W | U);
	assert_int_equal(walk(LA, PF_W), 0x1000);
	assert_int_equal(get(T4), DATA | P | W | U | A | D);
}

/* Another processor changes the same entry, atomically: neither its bits nor
 * ours may get lost. */
static void *toggle_bits(void *opaque)
{
	u64 *pte = opaque;

	for (unsigned n = 0; n < 20001; n++) {
		__atomic_fetch_xor(pte, 0x200, __ATOMIC_SEQ_CST);
		__atomic_fetch_and(pte, ~(u64)(A | D), __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void entries_others_change_meanwhile_lose_no_bit(void **state)
{
	pthread_t t;

	(void)state;
	map4k(P | W | U, P | W | U);
	assert_int_equal(pthread_create(&t, NULL, toggle_bits, ram + T4), 0);
	for (unsigned n = 0; n < 20000; n++)
		assert_int_equal(walk(LA, n & 1 ? PF_W : 0), 0x1000);
	pthread_join(t, NULL);
	assert_int_equal(walk(LA, PF_W), 0x1000);
	assert_int_equal(get(T4), DATA | P | W | U | A | D | 0x200);
}

static void a_debugger_s_look_leaves_no_trace(void **state)
{
	gpa_t pa;
	u32 attr;

	(void)state;
	map4k(P | U, P | U);
	assert_int_equal(mem_translate(&vcpu->cpu, LA, &pa, &attr), 0);
	assert_int_equal(pa, DATA + 0x123);
	assert_int_equal(attr, PF_U | PF_I);
	assert_int_equal(get(T4), DATA | P | U);
	assert_true(mem_translate(&vcpu->cpu, 1ull << 50, &pa, &attr) < 0);
}

static void tables_outside_ram_do_not_hurt(void **state)
{
	(void)state;
	vcpu->cpu.cr3 = 0x7f00000000;
	assert_int_equal(walk(LA, 0), PF_P | PF_RSVD);
	vcpu->cpu.cr3 = T1;
	put(T1 + 8, 0x3f00000000 | P | W | U);
	assert_int_equal(walk(LA, 0), PF_P | PF_RSVD);
}

/* Random tables, random accesses: the walk ends, and never outside RAM. */
static void random_tables_are_walked_safely(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	u64 x = 88172645463325252ull;

	(void)state;
	for (unsigned i = 0; i < RAM / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		put(i * 8, (x & 0x80000000000fffffull) | (x >> 60 ? P : 0));
	}
	for (unsigned i = 0; i < 200000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		c->cr3 = x & 0xff000;
		c->cr4 = (x >> 20 & 1 ? CR4_PAE : 0) |
			 (x >> 21 & 1 ? CR4_PSE : 0) |
			 (x >> 22 & 1 ? CR4_LA57 : 0);
		c->efer = x >> 23 & 1 && c->cr4 & CR4_PAE
			? EFER_LME | EFER_LMA | EFER_NXE : 0;
		walk(x * 0x9e3779b97f4a7c15ull, x >> 24 & (PF_W | PF_U));
	}
}

/* --- the soft TLB's filling ----------------------------------------------- */

static void a_read_fills_reads_only_and_a_write_marks_the_page(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	u32 v = 0;

	(void)state;
	map4k(P | W | U, P | W | U);
	put(DATA + 0x123, 0x11223344);
	mem_slow_read(c, LA, &v, 4, TLB_SUPER);
	assert_int_equal(v, 0x11223344);
	assert_non_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, LA, 4));
	assert_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_WRITE, LA, 4));
	assert_int_equal(get(T4) & D, 0);
	v = 0x55667788;
	mem_slow_write(c, LA, &v, 4, TLB_SUPER);
	assert_non_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_WRITE, LA, 4));
	assert_int_equal(get(T4) & D, D);
	assert_int_equal((u32)get(DATA + 0x123), 0x55667788);
}

static void invlpg_drops_every_piece_of_a_large_page(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	u32 v;

	(void)state;
	put(T1 + 8, T2 | P | W);
	put(T2, T3 | P | W);
	put(T3, 0 | P | W | PS);
	put(T3 + 8, T4 | P | W);
	put(T4, DATA | P | W);
	mem_slow_read(c, 0x8000001000, &v, 4, TLB_SUPER);
	mem_slow_read(c, 0x8000005000, &v, 4, TLB_SUPER);
	mem_slow_read(c, 0x8000200000, &v, 4, TLB_SUPER);
	mmu_invlpg(c, 0x8000201000);
	assert_non_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ,
				   0x8000005000, 4));
	mmu_invlpg(c, 0x8000003000);
	assert_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, 0x8000001000, 4));
	assert_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, 0x8000005000, 4));
}

/* --- address spaces ------------------------------------------------------- */

static void a_switch_with_bit_63_keeps_both_spaces(void **state)
{
	(void)state;
	two_spaces(P | W | U);
	for (unsigned n = 0; n < 100; n++) {
		load_cr3(T1 | 1, true);
		assert_int_equal(peek(), 0x11111111);
		load_cr3(T2 | 2, true);
		assert_int_equal(peek(), 0x22222222);
	}
	load_cr3(T1 | 3, true);
	assert_false(remembers());
}

static void a_switch_without_it_forgets_the_new_space_only(void **state)
{
	(void)state;
	two_spaces(P | W | U);
	load_cr3(T1 | 1, false);
	assert_false(remembers());
	load_cr3(T2 | 2, true);
	assert_true(remembers());
	load_cr3(T2 | 2, false);
	assert_false(remembers());
}

static void without_pcids_each_switch_forgets(void **state)
{
	(void)state;
	two_spaces(P | W | U);
	vcpu->cpu.cr4 &= ~(u64)CR4_PCIDE;
	load_cr3(T2, true);
	mmu_flush(&vcpu->cpu);
	put(T2 + 8, 0x14000 | P | W | U);
	assert_int_equal(peek(), 0x22222222);
	put(T2 + 8, 0);
	load_cr3(T2, false);
	assert_false(remembers());
}

static void invpcid_type_0_takes_one_page_of_one_space(void **state)
{
	(void)state;
	two_spaces(P | W | U);
	mmu_invpcid(&vcpu->cpu, 0, 1, LA);
	assert_true(remembers());
	load_cr3(T1 | 1, true);
	assert_false(remembers());
	load_cr3(T2 | 2, true);
	mmu_invpcid(&vcpu->cpu, 0, 2, LA + 0x1000);
	assert_true(remembers());
	mmu_invpcid(&vcpu->cpu, 0, 2, LA);
	assert_false(remembers());
}

static void invpcid_type_1_takes_one_space(void **state)
{
	(void)state;
	two_spaces(P | W | U);
	mmu_invpcid(&vcpu->cpu, 1, 1, 0);
	assert_true(remembers());
	load_cr3(T1 | 1, true);
	assert_false(remembers());
	load_cr3(T2 | 2, true);
	mmu_invpcid(&vcpu->cpu, 1, 2, 0);
	assert_false(remembers());
}

static void invpcid_types_2_and_3_take_all_with_and_without_global(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;

	(void)state;
	two_spaces(P | W | U);
	mmu_invpcid(c, 3, 0, 0);
	assert_false(remembers());
	load_cr3(T1 | 1, true);
	assert_false(remembers());
	two_spaces(P | W | U | G);
	mmu_invpcid(c, 1, 2, 0);
	assert_true(remembers());
	mmu_invpcid(c, 3, 0, 0);
	assert_true(remembers());
	mmu_invpcid(c, 2, 0, 0);
	assert_false(remembers());
}

static void invlpg_takes_global_pages_and_the_present_space_s(void **state)
{
	(void)state;
	two_spaces(P | W | U);
	mmu_invlpg(&vcpu->cpu, LA);
	assert_false(remembers());
	load_cr3(T1 | 1, true);
	assert_true(remembers());
	two_spaces(P | W | U | G);
	load_cr3(T1 | 1, true);
	mmu_invlpg(&vcpu->cpu, LA);
	assert_false(remembers());
	load_cr3(T2 | 2, true);
	assert_false(remembers());
}

static bool faults_writing(void)
{
	volatile bool faulted = false;

	if (!sigsetjmp(vcpu->cpu.unwind, 0))
		st8(&vcpu->cpu, LA, 1);
	else
		faulted = true;
	vcpu->cpu.exc.pending = false;
	return faulted;
}

/* What the host does to its memory says nothing about the guest's tables, but
 * no host address may outlive it. */
static void a_host_s_flush_keeps_walks_and_no_host_addresses(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;

	(void)state;
	two_spaces(P | W | U);
	mmu_flush_host(c);
	for (unsigned k = 0; k < TLB_KINDS; k++)
		assert_null(tlb_lookup(&c->tlb, TLB_SUPER, k, LA, 1));
	for (unsigned n = 0; n < TLB_ASIDES; n++)
		assert_int_equal(c->tlb.aside[n].n, 0);
	assert_true(remembers());
}

static void a_remembered_walk_does_not_skip_the_dirty_bit(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	u32 v = 1;

	(void)state;
	map4k(P | W | U, P | W | U);
	mem_slow_read(c, LA, &v, 4, TLB_SUPER);
	mem_slow_write(c, LA, &v, 4, TLB_USER);
	assert_int_equal(get(T4) & (A | D), A | D);
	put(T4, DATA | P | U);         /* less, but not told              */
	c->n_walk = 0;
	mem_slow_write(c, LA, &v, 4, TLB_SUPER);
	assert_int_equal(c->n_walk, 0);
}

/* SDM vol. 3, 4.10.4.1: what is known of a page goes with its page fault. */
static void a_page_fault_invalidates_its_page(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;

	(void)state;
	map4k(P | W | U, P | U);
	assert_true(remembers());
	assert_non_null(mem_fetch(c, LA, NULL));
	put(T4, 0);
	assert_true(remembers());
	assert_true(faults_writing());
	assert_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, LA, 1));
	assert_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_EXEC, LA, 1));
	assert_false(remembers());
}

/* A TLB has one entry for a page: a write that walks the tables anew is seen by
 * the reads after it. */
static void reads_follow_where_writes_went(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	u32 v = 0x55667788;

	(void)state;
	map4k(P | W | U, P | U);
	put(DATA + 0x120, 1);
	c->cr0 |= CR0_WP;
	assert_int_equal(peek(), 1);
	put(T4, (DATA + 0x1000) | P | W | U);  /* more rights, elsewhere  */
	mem_slow_write(c, 0x8000000120, &v, 4, TLB_USER);
	assert_int_equal((u32)get(DATA + 0x1120), v);
	assert_int_equal(peek(), v);
}

/* #GP is found before any page is looked at. */
static void the_end_of_canonical_addresses_comes_before_page_faults(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;

	(void)state;
	map4k(P | W | U, P | U);
	memcpy(ram + DATA + 0x123, "\x48\x8b\x00", 3);        /* mov (%rax) */
	c->rip = LA;
	c->code_bits = 64;
	c->exc.pending = false;
	if (!sigsetjmp(c->unwind, 0))
		ld64(c, 0x7ffffffffffcull);    /* nothing is mapped there */
	assert_true(c->exc.pending);
	assert_int_equal(c->exc.vec, EXC_GP);
	c->exc.pending = false;
}

static void more_rights_need_no_invalidation(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	u32 v = 1;

	(void)state;
	map4k(P | W | U, P);
	mem_slow_read(c, LA, &v, 4, TLB_SUPER);
	put(T4, DATA | P | W | U);
	mem_slow_write(c, LA, &v, 4, TLB_USER);
	assert_int_equal(get(T4) & D, D);
}

static void pages_of_1g_and_4m_lose_all_their_pieces(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	u32 v;

	(void)state;
	put(T1 + 8, T2 | P | W);
	put(T2, 0 | P | W | PS);
	mem_slow_read(c, 0x8000001000, &v, 4, TLB_SUPER);
	mem_slow_read(c, 0x8000081000, &v, 4, TLB_SUPER);
	mmu_invlpg(c, 0x8020000000);
	assert_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, 0x8000001000, 4));
	assert_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, 0x8000081000, 4));
	c->efer = 0;
	c->cr4 = CR4_PSE;
	c->mode = MODE_PROT;
	mmu_flush(c);
	memset(ram + T1, 0, 4096);
	put(T1 + 4, 0 | P | W | PS);
	mem_slow_read(c, 0x401000, &v, 4, TLB_SUPER);
	mmu_invlpg(c, 0x7ff000);
	assert_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_READ, 0x401000, 4));
}

static void a_fault_on_the_second_page_leaves_the_first_untouched(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	u64 v = ~0ull;
	volatile bool faulted = false;

	(void)state;
	map4k(P | W | U, P | W | U);   /* the next page is not present    */
	if (!sigsetjmp(c->unwind, 0))
		mem_slow_write(c, 0x8000000ffc, &v, 8, TLB_SUPER);
	else
		faulted = true;
	assert_true(faulted);
	assert_int_equal(c->exc.vec, EXC_PF);
	assert_int_equal(c->exc.err, PF_W);
	assert_int_equal(get(DATA + 0xff8), 0);
}

static void a_code_page_gets_no_write_entry(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;
	enum code_why why;
	struct block *b;
	u8 v = 0xcc;

	(void)state;
	map4k(P | W | U, P | W | U);
	assert_null(code_begin(&vm.code, ram + DATA, 64, 64, &why));
	code_page_protected(&vm.code, ram + DATA);
	b = code_begin(&vm.code, ram + DATA, 64, 64, &why);
	code_commit(&vm.code, b, 1, 16, 16);
	mem_slow_write(c, 0x8000000800, &v, 1, TLB_SUPER);
	assert_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_WRITE, LA, 1));
	assert_null(mem_rmw_ptr(c, 0x8000000800, 1));
	assert_int_equal(ram[DATA + 0x800], 0xcc);
	assert_true(b->valid);
	mem_slow_write(c, 0x8000000005, &v, 1, TLB_SUPER);
	assert_false(b->valid);
	mem_slow_write(c, 0x8000000005, &v, 1, TLB_SUPER);
	assert_non_null(tlb_lookup(&c->tlb, TLB_SUPER, TLB_WRITE, LA, 1));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(four_levels_lead_to_a_4k_page),
		T(two_mebibyte_and_one_gibibyte_leaves),
		T(five_levels_with_la57),
		T(legacy_paging_with_4k_and_4m_pages),
		T(pae_has_four_pointers_at_the_top),
		T(reserved_bits_of_the_four_pointers),
		T(without_paging_linear_is_physical),
		T(rights_are_those_of_all_levels_together),
		T(nx_smep_and_smap),
		T(the_i_bit_needs_nxe_or_smep),
		T(protection_keys),
		T(the_pk_bit_comes_with_other_reasons_too),
		T(reserved_bits_fault_at_every_level),
		T(accessed_and_dirty_are_set_when_the_access_succeeds),
		T(entries_others_change_meanwhile_lose_no_bit),
		T(a_debugger_s_look_leaves_no_trace),
		T(tables_outside_ram_do_not_hurt),
		T(random_tables_are_walked_safely),
		T(a_read_fills_reads_only_and_a_write_marks_the_page),
		T(invlpg_drops_every_piece_of_a_large_page),
		T(a_switch_with_bit_63_keeps_both_spaces),
		T(a_switch_without_it_forgets_the_new_space_only),
		T(without_pcids_each_switch_forgets),
		T(invpcid_type_0_takes_one_page_of_one_space),
		T(invpcid_type_1_takes_one_space),
		T(invpcid_types_2_and_3_take_all_with_and_without_global),
		T(invlpg_takes_global_pages_and_the_present_space_s),
		T(a_host_s_flush_keeps_walks_and_no_host_addresses),
		T(a_remembered_walk_does_not_skip_the_dirty_bit),
		T(a_page_fault_invalidates_its_page),
		T(reads_follow_where_writes_went),
		T(the_end_of_canonical_addresses_comes_before_page_faults),
		T(more_rights_need_no_invalidation),
		T(pages_of_1g_and_4m_lose_all_their_pieces),
		T(a_fault_on_the_second_page_leaves_the_first_untouched),
		T(a_code_page_gets_no_write_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
