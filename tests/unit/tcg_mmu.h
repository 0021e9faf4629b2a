/* SPDX-License-Identifier: MIT */
/*
 * A CPU in 64-bit kernel mode with a MiB of memory and page tables in it, for
 * tests of walks and of what is remembered of them.
 */
#ifndef TEST_TCG_MMU_H
#define TEST_TCG_MMU_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/mem.h"
#include "tcg-plugin/x86/sys.h"

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100, RAM = 1 << 20,
       T1 = 0x1000, T2 = 0x2000, T3 = 0x3000, T4 = 0x4000, T5 = 0x5000,
       DATA = 0x9000 };
#define NX (1ull << 63)

static struct tcg_vm vm;
static struct tcg_vcpu *vcpu;
static u8 *ram;

static inline void put(gpa_t at, u64 v)
{
	memcpy(ram + at, &v, sizeof(v));
}

static inline u64 get(gpa_t at)
{
	u64 v;

	memcpy(&v, ram + at, sizeof(v));
	return v;
}

static inline void *map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static inline int setup(void **state)
{
	struct kvm_userspace_memory_region r = { .memory_size = RAM };
	struct mem_retired old;
	struct x86_cpu *c;

	(void)state;
	memset(&vm, 0, sizeof(vm));
	ram = map(RAM);
	r.userspace_addr = (u64)(uintptr_t)ram;
	assert_int_equal(mem_map_init(&vm.mem), 0);
	assert_int_equal(mem_map_set(&vm.mem, &r, &old), 0);
	mem_retired_free(&old);
	assert_int_equal(code_cache_init(&vm.code, MiB), 0);
	lock_init(&vm.rmw, "test");
	vcpu = map(sizeof(*vcpu));
	vcpu->vm = vcpu->cpu.vm = &vm;
	c = &vcpu->cpu;
	c->cr0 = CR0_PE | CR0_PG | CR0_WP;
	c->cr4 = CR4_PAE;
	c->efer = EFER_LME | EFER_LMA | EFER_NXE;
	c->mode = MODE_LONG;
	c->phys_mask = (1ull << 40) - 1;
	c->has_1g = true;
	c->cr3 = T1;
	mmu_flush(c);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	code_cache_fini(&vm.code);
	mem_map_fini(&vm.mem);
	munmap(ram, RAM);
	munmap(vcpu, sizeof(*vcpu));
	return 0;
}

/* Map linear 0x8000000000 (slot 1 of the top) down to DATA by 4 KiB pages. */
#define LA 0x8000000123ull

static inline void map4k(u64 top, u64 leaf)
{
	put(T1 + 8, T2 | top);
	put(T2, T3 | top);
	put(T3, T4 | top);
	put(T4, DATA | leaf);
}

/* --- address spaces --- */

/* LA through another top table: to DATA + 4096 * n. */
static inline void space(gpa_t top, unsigned n, u64 leaf)
{
	gpa_t at = 0x10000 + n * 0x4000;

	put(top + 8, at | P | W | U);
	put(at, (at + 0x1000) | P | W | U);
	put(at + 0x1000, (at + 0x2000) | P | W | U);
	put(at + 0x2000, (DATA + n * 0x1000) | leaf);
	put(DATA + n * 0x1000 + 0x120, 0x11111111 * (n + 1));
}

static inline u32 peek(void)
{
	struct x86_cpu *c = &vcpu->cpu;
	u32 v = 0;

	ld_bytes(c, 0x8000000120, &v, 4);
	return v;
}

static inline void load_cr3(u64 v, bool keep)
{
	vcpu->cpu.cr3 = v;
	mmu_new_space(&vcpu->cpu, keep);
}

/* Two spaces, PCIDs 1 and 2; the entries behind their backs no longer lead
 * anywhere, so whoever finds his page has remembered it. */
static inline void two_spaces(u64 leaf)
{
	vcpu->cpu.cr4 |= CR4_PCIDE | CR4_PGE;
	vcpu->cpu.cr3 = T1 | 1;
	mmu_flush(&vcpu->cpu);
	space(T1, 0, leaf);
	space(T2, 1, leaf);
	assert_int_equal(peek(), 0x11111111);
	load_cr3(T2 | 2, true);
	assert_int_equal(peek(), leaf & G ? 0x11111111 : 0x22222222);
	put(T1 + 8, 0);
	put(T2 + 8, 0);
}

static inline bool remembers(void)
{
	volatile bool faulted = false;

	if (!sigsetjmp(vcpu->cpu.unwind, 0))
		peek();
	else
		faulted = true;
	vcpu->cpu.exc.pending = false;
	return !faulted;
}

#endif
