// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/code/blocks.c, and self-modifying code through it. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tcg-plugin/code/blocks.h"
#include "tests/unit/tcg_box.h"

static u8 ram[4 * PAGE_SIZE] __attribute__((aligned(4096)));

static struct block *make(struct code_cache *cc, const u8 *host, unsigned mode,
			  unsigned bytes)
{
	enum code_why why;
	struct block *b = code_begin(cc, host, mode, 64, &why);

	if (!b) {
		assert_int_equal(why, CODE_PROTECT);
		code_page_protected(cc, host);
		b = code_begin(cc, host, mode, 64, &why);
	}
	assert_non_null(b);
	code_commit(cc, b, 1, bytes, 16);
	return b;
}

static struct code_cache fresh(void)
{
	struct code_cache cc;

	memset(ram, 0x90, sizeof(ram));
	assert_int_equal(code_cache_init(&cc, MiB), 0);
	return cc;
}

static void a_block_is_found_by_host_address_and_mode(void **state)
{
	struct code_cache cc = fresh();
	struct block *b = make(&cc, ram + 0x10, 32, 4);

	(void)state;
	assert_ptr_equal(code_find(&cc, ram + 0x10, 32), b);
	assert_null(code_find(&cc, ram + 0x10, 64));
	assert_null(code_find(&cc, ram + 0x11, 32));
	assert_true(code_page_tracked(&cc, ram));
	assert_false(code_page_tracked(&cc, ram + PAGE_SIZE));
	code_cache_fini(&cc);
}

static void a_new_page_must_be_protected_first(void **state)
{
	struct code_cache cc = fresh();
	enum code_why why;

	(void)state;
	assert_null(code_begin(&cc, ram, 64, 64, &why));
	assert_int_equal(why, CODE_PROTECT);
	assert_true(code_page_tracked(&cc, ram));
	assert_null(code_begin(&cc, ram, 64, 64, &why));
	code_page_protected(&cc, ram);
	assert_non_null(code_begin(&cc, ram, 64, 64, &why));
	code_abort(&cc);
	code_cache_fini(&cc);
}

static void a_store_kills_exactly_the_blocks_it_touches(void **state)
{
	struct code_cache cc = fresh();
	struct block *a = make(&cc, ram + 0x100, 64, 8);
	struct block *b = make(&cc, ram + 0x108, 64, 8);
	struct block *c = make(&cc, ram + 0x104, 64, 8);

	(void)state;
	assert_true(code_write(&cc, ram + 0x110, "\xcc", 1));
	assert_true(a->valid && b->valid && c->valid);
	assert_true(code_write(&cc, ram + 0x10a, "\xcc", 1));
	assert_true(a->valid && !b->valid && !c->valid);
	assert_int_equal(ram[0x10a], 0xcc);
	assert_null(code_find(&cc, ram + 0x108, 64));
	assert_ptr_equal(code_find(&cc, ram + 0x100, 64), a);
	code_cache_fini(&cc);
}

static void a_page_without_blocks_may_be_written_freely_again(void **state)
{
	struct code_cache cc = fresh();

	(void)state;
	make(&cc, ram, 64, 4);
	assert_true(code_write(&cc, ram + 1, "\xcc", 1));
	assert_false(code_page_tracked(&cc, ram));
	assert_false(code_write(&cc, ram + 2, "\xcc", 1));
	assert_int_equal(ram[2], 0x90);
	make(&cc, ram, 64, 4);
	assert_true(code_page_tracked(&cc, ram));
	code_cache_fini(&cc);
}

static void verify_finds_stores_made_behind_our_back(void **state)
{
	struct code_cache cc = fresh();
	struct block *a = make(&cc, ram + 0x40, 64, 8);
	struct block *b = make(&cc, ram + 0x400, 64, 8);

	(void)state;
	code_verify(&cc, ram);
	assert_true(a->valid && b->valid);
	ram[0x403] = 0xcc;
	ram[0x800] = 0xcc;
	code_verify(&cc, ram);
	assert_true(b->valid);         /* nobody was outside since */
	code_outside(&cc);
	code_verify(&cc, ram);
	assert_true(a->valid);
	assert_false(b->valid);
	assert_int_equal(cc.n_stale, 1);
	code_cache_fini(&cc);
}

static void forget_drops_a_range_of_memory(void **state)
{
	struct code_cache cc = fresh();
	struct block *a = make(&cc, ram, 64, 8);
	struct block *b = make(&cc, ram + PAGE_SIZE, 64, 8);

	(void)state;
	code_forget(&cc, ram + PAGE_SIZE, 2 * PAGE_SIZE);
	assert_true(a->valid);
	assert_false(b->valid);
	code_cache_fini(&cc);
}

/* --- threads ---------------------------------------------------------------- */

enum { STORES = 3000 };

struct race {
	struct code_cache cc;
	_Atomic bool over;
	_Atomic u64 found, lookers;
};

/* As a vCPU does it: no lock. */
static void *look_for_blocks(void *opaque)
{
	struct race *r = opaque;

	atomic_fetch_add(&r->lookers, 1);
	while (!atomic_load(&r->over)) {
		for (unsigned at = 0; at < 64; at += 4) {
			struct block *b = code_find(&r->cc, ram + at, 64);

			if (b && b->host == ram + at && b->bytes == 4)
				atomic_fetch_add(&r->found, 1);
			code_page_tracked(&r->cc, ram + at);
			code_verify(&r->cc, ram + at);
		}
		sched_yield();
	}
	return NULL;
}

static void blocks_come_and_go_under_lookers(void **state)
{
	static struct race r;
	pthread_t t[2];

	(void)state;
	r.cc = fresh();
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(pthread_create(&t[n], NULL, look_for_blocks,
						&r), 0);
	while (atomic_load(&r.lookers) < 2)
		sched_yield();
	for (unsigned n = 0; n < STORES; n++) {
		u8 *at = ram + n % 16 * 4;
		u8 v = (u8)n;

		if (!code_find(&r.cc, at, 64))
			make(&r.cc, at, 64, 4);
		code_note_writer(&r.cc, at, n % 8);
		if (n % 64 == 0)
			code_outside(&r.cc);
		if (n % 3 == 0 && code_write(&r.cc, at, &v, 1))
			assert_null(code_find(&r.cc, at, 64));
	}
	if (!code_find(&r.cc, ram, 64))
		make(&r.cc, ram, 64, 4);
	while (!atomic_load(&r.found))
		sched_yield();
	atomic_store(&r.over, true);
	for (unsigned n = 0; n < 2; n++)
		pthread_join(t[n], NULL);
	code_cache_fini(&r.cc);
}

static void a_full_arena_asks_for_a_flush(void **state)
{
	struct code_cache cc = fresh();
	enum code_why why = CODE_PROTECT;
	unsigned n = 0;

	(void)state;
	for (struct block *b; ; n++) {
		u8 *at = ram + n % 1024;

		b = code_begin(&cc, at, 16 + n / 1024 % 100, 4096, &why);
		if (!b && why == CODE_PROTECT) {
			code_page_protected(&cc, at);
			continue;
		}
		if (!b)
			break;
		code_commit(&cc, b, 1, 1, 4096);
	}
	assert_int_equal(why, CODE_FULL);
	assert_true(n > 100);
	code_flush(&cc);
	assert_null(code_find(&cc, ram, 16));
	assert_false(code_page_tracked(&cc, ram));
	make(&cc, ram, 16, 1);
	code_cache_fini(&cc);
}

/* --- through the whole engine --------------------------------------------- */

static void code_that_rewrites_the_next_instruction_sees_it(void **state)
{
	/* mov byte [next+1],7; next: mov al,0; hlt   (next is at +5) */
	BOX(b, false, 0xc6, 0x06, 0x06, 0x10, 0x07, 0xb0, 0x00, 0xf4);

	(void)state;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(box_regs(&b).rax & 0xff, 7);
	box_close(&b);
}

static void a_loop_that_patches_its_own_body_counts_right(void **state)
{
	/* mov cx,50; l: inc byte [imm]; mov al,0 (imm at +8); add bx,ax;
	 * loop l; hlt */
	BOX(b, false, 0xb9, 50, 0, 0xfe, 0x06, 0x08, 0x10, 0xb0, 0x00,
	    0x01, 0xc3, 0xe2, 0xf6, 0xf4);

	(void)state;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(box_regs(&b).rbx & 0xffff, 50 * 51 / 2);
	box_close(&b);
}

static void code_over_a_page_end_is_seen_to_change_in_both_pages(void **state)
{
	/* jmp 0x1ffe; there: b8 xx | yy (mov ax,imm16); out 0x10,al; jmp $-5 */
	BOX(b, false, 0xe9, 0xfb, 0x0f);

	(void)state;
	memcpy(b.mem + 0x1ffe, "\xb8\x11\x22\xe6\x10\xeb\xf9", 7);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(box_regs(&b).rax, 0x2211);
	b.mem[0x1fff] = 0x33;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(box_regs(&b).rax, 0x2233);
	b.mem[0x2000] = 0x44;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(box_regs(&b).rax, 0x4433);
	box_close(&b);
}

static void code_loaded_by_a_device_in_real_mode_is_seen(void **state)
{
	/* l: call 0x2000; out 0x10,al; jmp l.  0x2000: mov al,n; ret */
	BOX(b, false, 0xe8, 0xfd, 0x0f, 0xe6, 0x10, 0xeb, 0xf9);

	(void)state;
	memcpy(b.mem + 0x2000, "\xb0\x01\xc3", 3);
	for (u8 n = 1; n < 5; n++) {
		b.mem[0x2001] = n;     /* as DMA would, during an exit    */
		assert_int_equal(box_run(&b), 0);
		assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
		assert_int_equal(((u8 *)b.run)[4096], n);
	}
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_found_by_host_address_and_mode),
		cmocka_unit_test(a_new_page_must_be_protected_first),
		cmocka_unit_test(a_store_kills_exactly_the_blocks_it_touches),
		cmocka_unit_test(
			a_page_without_blocks_may_be_written_freely_again),
		cmocka_unit_test(verify_finds_stores_made_behind_our_back),
		cmocka_unit_test(forget_drops_a_range_of_memory),
		cmocka_unit_test(a_full_arena_asks_for_a_flush),
		cmocka_unit_test(blocks_come_and_go_under_lookers),
		cmocka_unit_test(
			code_that_rewrites_the_next_instruction_sees_it),
		cmocka_unit_test(a_loop_that_patches_its_own_body_counts_right),
		cmocka_unit_test(
			code_over_a_page_end_is_seen_to_change_in_both_pages),
		cmocka_unit_test(code_loaded_by_a_device_in_real_mode_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
