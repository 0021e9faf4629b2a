// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/pkey.c, what a change of PKRU takes from the TLB. */
#include "tests/unit/tcg_mmu.h"

enum { KEY = 3 };
#define KEYED ((u64)KEY << 59)
#define AD (1u << 2 * KEY)
#define WD (2u << 2 * KEY)

static struct x86_cpu *keyed(u64 leaf)
{
	struct x86_cpu *c = &vcpu->cpu;

	c->cr4 |= CR4_PKE;
	mmu_flush(c);
	map4k(P | W | U, P | W | U | leaf);
	put(DATA + 0x120, 5);
	c->tlb_mode = TLB_USER;
	return c;
}

static bool hit(const struct x86_cpu *c, enum tlb_kind k)
{
	return tlb_lookup(&vcpu->cpu.tlb, c->tlb_mode, k, LA, 1);
}

/* 0, or the error code of the fault. */
static u32 store(struct x86_cpu *c)
{
	c->exc.err = 0;
	c->exc.pending = false;
	if (!sigsetjmp(c->unwind, 0))
		st8(c, LA, 1);
	c->exc.pending = false;
	return c->exc.err;
}

static void a_denied_key_is_denied_at_once(void **state)
{
	struct x86_cpu *c = keyed(KEYED);

	(void)state;
	assert_true(remembers());
	mmu_set_pkru(c, 1u << 4);      /* another key: nothing changes    */
	assert_true(hit(c, TLB_READ));
	mmu_set_pkru(c, AD);
	assert_false(hit(c, TLB_READ));
	assert_false(remembers());
	assert_int_equal(c->exc.err, PF_P | PF_U | PF_PK);
	mmu_set_pkru(c, 0);
	assert_true(remembers());
}

static void denied_writes_leave_reads(void **state)
{
	struct x86_cpu *c = keyed(KEYED);

	(void)state;
	assert_int_equal(store(c), 0);
	mmu_set_pkru(c, WD);
	assert_true(remembers());
	assert_false(hit(c, TLB_WRITE));
	assert_int_equal(store(c), PF_P | PF_U | PF_W | PF_PK);
	mmu_set_pkru(c, 0);
	assert_int_equal(store(c), 0);
}

static void more_rights_drop_nothing(void **state)
{
	struct x86_cpu *c = keyed(KEYED);
	u64 gen;

	(void)state;
	mmu_set_pkru(c, WD);
	assert_true(remembers());
	gen = c->tlb.gen;
	mmu_set_pkru(c, 0);
	assert_true(hit(c, TLB_READ));
	assert_true(c->tlb.gen == gen);
}

static void pages_without_a_key_stay_until_key_0_is_denied(void **state)
{
	struct x86_cpu *c = keyed(0);

	(void)state;
	assert_true(remembers());
	assert_int_equal(c->pkeys.n, 0);
	mmu_set_pkru(c, 0x55555554);
	assert_true(hit(c, TLB_READ));
	mmu_set_pkru(c, 0x55555555);
	assert_false(remembers());
}

static void the_kernel_s_pages_have_no_keys(void **state)
{
	struct x86_cpu *c = keyed(0);

	(void)state;
	map4k(P | W | U, P | W | KEYED);
	c->tlb_mode = TLB_SUPER;
	assert_true(remembers());
	assert_int_equal(c->pkeys.n, 0);
}

static void the_kernel_is_denied_user_pages_too(void **state)
{
	struct x86_cpu *c = keyed(KEYED);

	(void)state;
	c->tlb_mode = TLB_SUPER;
	assert_int_equal(store(c), 0);
	mmu_set_pkru(c, WD);
	assert_int_equal(store(c), PF_P | PF_W | PF_PK);
	c->cr0 &= ~(u64)CR0_WP;
	mmu_flush(c);
	assert_int_equal(store(c), 0);
	mmu_set_pkru(c, AD);
	assert_int_equal(store(c), PF_P | PF_W | PF_PK);
}

static void fetches_know_no_keys(void **state)
{
	struct x86_cpu *c = keyed(KEYED);

	(void)state;
	assert_non_null(mem_fetch(c, LA, NULL));
	assert_int_equal(c->pkeys.n, 0);
	mmu_set_pkru(c, AD);
	assert_true(hit(c, TLB_EXEC));
}

/* PKRU may change while another address space is there. */
static void no_keyed_entry_is_put_aside(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;

	(void)state;
	c->cr4 |= CR4_PKE;
	c->tlb_mode = TLB_USER;
	two_spaces(P | W | U | KEYED);
	load_cr3(T1 | 1, true);
	assert_true(remembers());
	load_cr3(T2 | 2, true);
	mmu_set_pkru(c, AD);
	load_cr3(T1 | 1, true);
	assert_false(hit(c, TLB_READ));
	mmu_set_pkru(c, 0);
	assert_true(remembers());
	load_cr3(T2 | 2, true);
	assert_true(remembers());
}

static void global_pages_with_a_key_are_found_too(void **state)
{
	struct x86_cpu *c = &vcpu->cpu;

	(void)state;
	c->cr4 |= CR4_PKE;
	c->tlb_mode = TLB_USER;
	two_spaces(P | W | U | G | KEYED);
	assert_true(remembers());
	mmu_set_pkru(c, AD);
	assert_false(remembers());
}

static void too_many_pages_to_list_are_all_dropped(void **state)
{
	struct x86_cpu *c = keyed(KEYED);
	const u64 far = LA + 0x100000;

	(void)state;
	put(T4, DATA | P | W | U | KEYED);
	put(T4 + 0x100 * 8, DATA | P | W | U | KEYED);
	for (unsigned n = 0; n <= PKEY_PAGES; n++) {
		mem_slow_read(c, n & 1 ? far : LA, &(u8){ 0 }, 1, TLB_USER);
		if (n == PKEY_PAGES - 1)
			assert_int_equal(c->pkeys.n, PKEY_PAGES);
	}
	assert_true(c->pkeys.n > PKEY_PAGES);
	mmu_set_pkru(c, AD);
	assert_int_equal(c->pkeys.n, 0);
	assert_false(hit(c, TLB_READ));
	assert_false(remembers());
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_denied_key_is_denied_at_once),
		T(denied_writes_leave_reads),
		T(more_rights_drop_nothing),
		T(pages_without_a_key_stay_until_key_0_is_denied),
		T(the_kernel_s_pages_have_no_keys),
		T(the_kernel_is_denied_user_pages_too),
		T(fetches_know_no_keys),
		T(no_keyed_entry_is_put_aside),
		T(global_pages_with_a_key_are_found_too),
		T(too_many_pages_to_list_are_all_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
