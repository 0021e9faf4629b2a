/* SPDX-License-Identifier: MIT */
/* Unit test: the LAPIC's registers, priorities, IPIs and state round trip. */
#include "tests/unit/irqchip_fake.h"

#include <errno.h>

static struct fake_vm vm;

static int up(void **s)
{
	(void)s;
	fake_up(&vm);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_down(&vm);
	return 0;
}

static void reset_values_are_the_manuals(void **s)
{
	struct lapic *l = vm.cpu[1];

	lapic_reset(l, false);
	assert_int_equal(apic_rd(l, APIC_ID), 1u << 24);
	assert_int_equal(apic_rd(l, APIC_LVR), 0x50014);
	assert_int_equal(apic_rd(l, APIC_DFR), 0xffffffff);
	assert_int_equal(apic_rd(l, APIC_SVR), 0xff);
	assert_int_equal(apic_rd(l, APIC_LVTT), LVT_MASKED);
	assert_int_equal(lapic_base(l), 0xfee00800);
	assert_int_equal(lapic_base(vm.cpu[0]), 0xfee00900);
}

static void priorities_nest_and_eoi_reopens(void **s)
{
	struct lapic *l = vm.cpu[0];

	assert_int_equal(lapic_accept(l, DM_FIXED, 0x31, false), 1);
	assert_int_equal(lapic_accept(l, DM_FIXED, 0x31, false), 0);
	assert_int_equal(lapic_ack(l), 0x31);
	lapic_accept(l, DM_FIXED, 0x35, false);
	assert_false(lapic_has_work(l));       /* same class */
	lapic_accept(l, DM_FIXED, 0x41, false);
	assert_int_equal(lapic_pending(l), 0x41);
	assert_int_equal(lapic_ack(l), 0x41);
	assert_int_equal(apic_rd(l, APIC_PPR), 0x40);
	apic_wr(l, APIC_EOI, 0);
	assert_int_equal(lapic_pending(l), -1);
	vm.notified[0] = 0;
	apic_wr(l, APIC_EOI, 0);
	assert_int_equal(vm.notified[0], 1);
	assert_int_equal(fake_take(l), 0x35);
	assert_int_equal(lapic_pending(l), -1);
}

static void tpr_and_cr8_mask_by_class(void **s)
{
	struct lapic *l = vm.cpu[0];

	lapic_set_cr8(l, 4);
	assert_int_equal(apic_rd(l, APIC_TPR), 0x40);
	lapic_accept(l, DM_FIXED, 0x4f, false);
	assert_int_equal(lapic_pending(l), -1);
	lapic_set_cr8(l, 3);
	assert_int_equal(lapic_pending(l), 0x4f);
	assert_int_equal(lapic_cr8(l), 3);
}

static void software_disabled_refuses_fixed_but_not_nmi(void **s)
{
	struct lapic *l = vm.cpu[1];

	apic_wr(l, APIC_LVT1, 0x400);
	apic_wr(l, APIC_SVR, 0xff);
	assert_int_equal(apic_rd(l, APIC_LVT1), 0x10400);
	apic_wr(l, APIC_LVT1, 0x400);          /* the mask cannot go away */
	assert_int_equal(apic_rd(l, APIC_LVT1), 0x10400);
	assert_int_equal(lapic_accept(l, DM_FIXED, 0x50, false), -1);
	assert_int_equal(lapic_accept(l, DM_NMI, 0, false), 1);
	assert_int_equal(vm.nmi[1], 1);
}

static void icr_shorthands_reach_whom_they_say(void **s)
{
	apic_wr(vm.cpu[0], APIC_ICR, 0x40000 | 0x55);      /* self */
	assert_int_equal(fake_take(vm.cpu[0]), 0x55);
	assert_int_equal(lapic_pending(vm.cpu[1]), -1);
	apic_wr(vm.cpu[0], APIC_ICR, 0x80000 | 0x56);      /* all */
	for (int i = 0; i < FAKE_CPUS; i++)
		assert_int_equal(fake_take(vm.cpu[i]), 0x56);
	apic_wr(vm.cpu[0], APIC_ICR, 0xc0000 | 0x57);      /* others */
	assert_int_equal(fake_take(vm.cpu[0]), -1);
	for (int i = 1; i < FAKE_CPUS; i++)
		assert_int_equal(fake_take(vm.cpu[i]), 0x57);
}

static void icr_destinations_physical_and_flat(void **s)
{
	apic_wr(vm.cpu[0], APIC_ICR2, 2u << 24);
	apic_wr(vm.cpu[0], APIC_ICR, 0x61);
	assert_int_equal(fake_take(vm.cpu[2]), 0x61);
	apic_wr(vm.cpu[0], APIC_ICR2, 0x0au << 24);        /* logical 1, 3 */
	apic_wr(vm.cpu[0], APIC_ICR, 0x800 | 0x62);
	assert_int_equal(fake_take(vm.cpu[0]), -1);
	assert_int_equal(fake_take(vm.cpu[1]), 0x62);
	assert_int_equal(fake_take(vm.cpu[2]), -1);
	assert_int_equal(fake_take(vm.cpu[3]), 0x62);
	apic_wr(vm.cpu[0], APIC_ICR2, 0xffu << 24);        /* broadcast */
	apic_wr(vm.cpu[0], APIC_ICR, 0x63);
	for (int i = 0; i < FAKE_CPUS; i++)
		assert_int_equal(fake_take(vm.cpu[i]), 0x63);
}

static void cluster_model_matches_cluster_and_member(void **s)
{
	for (int i = 0; i < FAKE_CPUS; i++) {
		apic_wr(vm.cpu[i], APIC_DFR, 0x0fffffff);
		apic_wr(vm.cpu[i], APIC_LDR,
			(u32)((i / 2) << 4 | 1 << (i % 2)) << 24);
	}
	apic_wr(vm.cpu[0], APIC_ICR2, 0x13u << 24);
	apic_wr(vm.cpu[0], APIC_ICR, 0x800 | 0x64);
	assert_int_equal(fake_take(vm.cpu[0]), -1);
	assert_int_equal(fake_take(vm.cpu[1]), -1);
	assert_int_equal(fake_take(vm.cpu[2]), 0x64);
	assert_int_equal(fake_take(vm.cpu[3]), 0x64);
}

static void lowest_priority_takes_turns(void **s)
{
	int seen = 0;

	apic_wr(vm.cpu[0], APIC_ICR2, 0x0fu << 24);
	for (int i = 0; i < FAKE_CPUS; i++)
		apic_wr(vm.cpu[0], APIC_ICR, 0x900 | (0x70 + 16 * i));
	for (int i = 0; i < FAKE_CPUS; i++) {
		seen |= fake_take(vm.cpu[i]) >= 0 ? 1 << i : 0;
		assert_int_equal(fake_take(vm.cpu[i]), -1);
	}
	assert_int_equal(seen, 0xf);
}

static void init_and_sipi_go_to_the_host(void **s)
{
	apic_wr(vm.cpu[0], APIC_ICR2, 3u << 24);
	apic_wr(vm.cpu[0], APIC_ICR, 0xc500);              /* INIT assert */
	apic_wr(vm.cpu[0], APIC_ICR, 0x8500);              /* de-assert   */
	apic_wr(vm.cpu[0], APIC_ICR, 0x69a);
	assert_int_equal(vm.init[3], 1);
	assert_int_equal(vm.sipi[3], 1);
	assert_int_equal(vm.sipi_vector, 0x9a);
	assert_int_equal(apic_rd(vm.cpu[0], APIC_ICR) & BIT(12), 0);
}

static void errors_latch_on_write_and_interrupt_once(void **s)
{
	struct lapic *l = vm.cpu[0];
	u64 v = 0;

	apic_wr(l, APIC_LVTERR, 0xfe);
	apic_wr(l, APIC_ICR, 0x40000 | 5);
	assert_int_equal(apic_rd(l, APIC_ESR), 0);
	assert_int_equal(lapic_pending(l), 0xfe);
	apic_wr(l, APIC_ESR, 0);
	assert_int_equal(apic_rd(l, APIC_ESR), ESR_SEND_ILLEGAL);
	apic_wr(l, APIC_ESR, 0);
	assert_int_equal(apic_rd(l, APIC_ESR), 0);
	assert_true(lapic_mmio(l, 0xfee003c0, 4, &v, false));
	apic_wr(l, APIC_ESR, 0);
	assert_int_equal(apic_rd(l, APIC_ESR), ESR_ILLEGAL_REG);
}

static void page_wants_aligned_words_for_writes(void **s)
{
	struct lapic *l = vm.cpu[0];
	u64 v = 0x55;

	assert_true(lapic_mmio(l, 0xfee00080, 1, &v, true));
	assert_int_equal(apic_rd(l, APIC_TPR), 0);
	v = 0x30;
	assert_true(lapic_mmio(l, 0xfee00080, 4, &v, true));
	assert_true(lapic_mmio(l, 0xfee00032, 1, &v, false));
	assert_int_equal(v, 5);                /* byte 2 of the version */
	assert_false(lapic_mmio(l, 0xfee01000, 4, &v, false));
	assert_true(lapic_mmio(l, 0xfee00ffc, 8, &v, false));
}

static void base_transitions_follow_the_state_diagram(void **s)
{
	struct lapic *l = vm.cpu[1];
	u64 v;

	assert_int_equal(lapic_set_base(l, 0xfee00400), -EINVAL);
	assert_int_equal(lapic_set_base(l, 0xfee00801), -EINVAL);
	assert_int_equal(lapic_set_base(l, 0xfee00000), 0);
	assert_false(lapic_mmio(l, 0xfee00020, 4, &v, false));
	assert_int_equal(lapic_set_base(l, 0xfee00c00), -EINVAL);
	assert_int_equal(lapic_set_base(l, 0xfee00800), 0);
	assert_int_equal(lapic_set_base(l, 0xfee00c00), 0);
	assert_false(lapic_mmio(l, 0xfee00020, 4, &v, false));
	assert_int_equal(lapic_set_base(l, 0xfee00800), -EINVAL);
	assert_int_equal(lapic_restore_base(l, 0xfee00800), 0);
}

static void x2apic_msrs_check_what_they_are_given(void **s)
{
	struct lapic *l = vm.cpu[3];
	u64 v;

	assert_int_equal(lapic_rdmsr(l, 0x802, &v), -EINVAL);
	fake_x2apic(&vm);
	assert_int_equal(lapic_rdmsr(l, 0x802, &v), 0);
	assert_int_equal(v, 3);
	assert_int_equal(lapic_rdmsr(l, 0x80d, &v), 0);
	assert_int_equal(v, 8);
	assert_int_equal(lapic_rdmsr(l, 0x80e, &v), -EINVAL);
	assert_int_equal(lapic_rdmsr(l, 0x831, &v), -EINVAL);
	assert_int_equal(lapic_rdmsr(l, 0x8ff, &v), -EINVAL);
	assert_int_equal(lapic_wrmsr(l, 0x80b, 1), -EINVAL);
	assert_int_equal(lapic_wrmsr(l, 0x80b, 0), 0);
	assert_int_equal(lapic_wrmsr(l, 0x808, 0x100), -EINVAL);
	assert_int_equal(lapic_wrmsr(l, 0x802, 1), -EINVAL);
	assert_int_equal(lapic_wrmsr(l, 0x80f, 1ull << 32), -EINVAL);
}

static void x2apic_icr_takes_wide_destinations(void **s)
{
	u64 v;

	fake_x2apic(&vm);
	lapic_wrmsr(vm.cpu[0], 0x830, 2ull << 32 | 0x71);
	assert_int_equal(lapic_ack(vm.cpu[2]), 0x71);
	lapic_rdmsr(vm.cpu[0], 0x830, &v);
	assert_int_equal(v, 2ull << 32 | 0x71);
	lapic_wrmsr(vm.cpu[0], 0x830, 6ull << 32 | 0x872);  /* cluster 0 */
	assert_int_equal(lapic_pending(vm.cpu[1]), 0x72);
	lapic_wrmsr(vm.cpu[0], 0x830, 0xffull << 32 | 0x93); /* nobody */
	assert_int_not_equal(lapic_pending(vm.cpu[1]), 0x93);
	lapic_wrmsr(vm.cpu[0], 0x830, 0xffffffffull << 32 | 0x94);
	assert_int_equal(lapic_pending(vm.cpu[1]), 0x94);
	lapic_wrmsr(vm.cpu[3], 0x83f, 0xa5);
	assert_int_equal(lapic_pending(vm.cpu[3]), 0xa5);
}

static void state_round_trips_byte_for_byte(void **s)
{
	struct kvm_lapic_state a, b;
	struct lapic *l = vm.cpu[1];

	apic_wr(l, APIC_TPR, 0x20);
	apic_wr(l, APIC_LVT1, 0x8400);
	lapic_accept(l, DM_FIXED, 0x91, true);
	lapic_ack(l);
	lapic_accept(l, DM_FIXED, 0x33, true);
	lapic_accept(l, DM_FIXED, 0xa2, false);
	assert_int_equal(lapic_get(l, &a), 0);
	lapic_reset(l, false);
	assert_int_equal(lapic_set(l, &a), 0);
	assert_int_equal(lapic_get(l, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(fake_take(l), 0xa2);
	apic_wr(l, APIC_EOI, 0);
	assert_int_equal(fake_take(l), 0x33);
}

static void x2apic_ids_are_shifted_unless_asked_not_to(void **s)
{
	struct kvm_lapic_state st;
	u32 id;

	fake_x2apic(&vm);
	lapic_get(vm.cpu[2], &st);
	memcpy(&id, st.regs + APIC_ID, 4);
	assert_int_equal(id, 2u << 24);
	assert_int_equal(lapic_set(vm.cpu[2], &st), 0);
	irqchip_use_x2apic_ids(vm.ic, true);
	lapic_get(vm.cpu[2], &st);
	memcpy(&id, st.regs + APIC_ID, 4);
	assert_int_equal(id, 2);
	assert_int_equal(lapic_set(vm.cpu[3], &st), -EINVAL);
}

static void lint1_carries_the_nmi_button(void **s)
{
	lapic_inject_nmi(vm.cpu[0]);
	assert_int_equal(vm.nmi[0], 0);
	apic_wr(vm.cpu[0], APIC_LVT1, 0x400);
	lapic_inject_nmi(vm.cpu[0]);
	assert_int_equal(vm.nmi[0], 1);
}

static void init_keeps_id_and_mode(void **s)
{
	fake_x2apic(&vm);
	lapic_reset(vm.cpu[2], true);
	assert_true(lapic_base(vm.cpu[2]) & APIC_BASE_EXTD);
	assert_int_equal(vm.cpu[2]->id, 2);
	lapic_reset(vm.cpu[2], false);
	assert_false(lapic_base(vm.cpu[2]) & APIC_BASE_EXTD);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reset_values_are_the_manuals),
		T(priorities_nest_and_eoi_reopens),
		T(tpr_and_cr8_mask_by_class),
		T(software_disabled_refuses_fixed_but_not_nmi),
		T(icr_shorthands_reach_whom_they_say),
		T(icr_destinations_physical_and_flat),
		T(cluster_model_matches_cluster_and_member),
		T(lowest_priority_takes_turns),
		T(init_and_sipi_go_to_the_host),
		T(errors_latch_on_write_and_interrupt_once),
		T(page_wants_aligned_words_for_writes),
		T(base_transitions_follow_the_state_diagram),
		T(x2apic_msrs_check_what_they_are_given),
		T(x2apic_icr_takes_wide_destinations),
		T(state_round_trips_byte_for_byte),
		T(x2apic_ids_are_shifted_unless_asked_not_to),
		T(lint1_carries_the_nmi_button),
		T(init_keeps_id_and_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
