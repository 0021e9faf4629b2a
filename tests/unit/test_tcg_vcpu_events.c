/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/vcpu_events.c: what somebody who saves a vCPU must see,
 * and what comes from another provider. */
#include <errno.h>

#include "tcg_box.h"

enum { HANDLER = 0x3000, VEC_DE = 0, VEC_NMI = 2, VEC_BP = 3 };

static void handler(struct box *b, unsigned vector)
{
	memcpy(b->mem + vector * 4, (u16[]){ HANDLER, 0 }, 4);
	memcpy(b->mem + HANDLER, (u8[]){ 0xe6, 0x10 }, 2);     /* out */
}

/* An NMI that another provider had begun to deliver: masked, and not there. */
static void an_nmi_on_its_way_in_is_delivered(void **state)
{
	struct kvm_vcpu_events e = { .nmi = { .injected = 1, .masked = 1 } };
	BOX(b, false, 0xe6, 0x11);

	(void)state;
	handler(&b, VEC_NMI);
	assert_int_equal(box_io(b.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->io.port, 0x10);
	assert_int_equal(box_io(b.cpu, KVM_GET_VCPU_EVENTS, &e), 0);
	assert_true(e.nmi.masked);
	box_close(&b);
}

static void a_masked_nmi_waits(void **state)
{
	struct kvm_vcpu_events e = {
		.nmi = { .pending = 1, .masked = 1 },
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING,
	};
	BOX(b, false, 0xe6, 0x11);

	(void)state;
	handler(&b, VEC_NMI);
	assert_int_equal(box_io(b.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->io.port, 0x11);
	box_close(&b);
}

/* Its CR2 and DR6 have no place in KVM's structure. */
static void an_exception_is_delivered_before_a_stop(void **state)
{
	struct kvm_vcpu_events e = { .exception = { .injected = 1,
						    .nr = VEC_DE } };
	struct kvm_regs r;
	BOX(b, false, 0xe6, 0x11);

	(void)state;
	handler(&b, VEC_DE);
	assert_int_equal(box_io(b.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	b.run->immediate_exit = 1;
	assert_int_equal(box_run(&b), -EINTR);
	r = box_regs(&b);
	assert_int_equal(r.rip, HANDLER);      /* and not an instruction of it */
	assert_int_equal(box_io(b.cpu, KVM_GET_VCPU_EVENTS, &e), 0);
	assert_false(e.exception.injected);
	b.run->immediate_exit = 0;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->io.port, 0x10);
	box_close(&b);
}

static void assert_handled_behind_int3(struct box *b)
{
	u16 ip;

	assert_int_equal(box_run(b), 0);
	assert_int_equal(b->run->io.port, 0x10);
	memcpy(&ip, b->mem + box_regs(b).rsp, 2);
	assert_int_equal(ip, BOX_CODE + 1);
}

/* An INT3 that a debugger gave back.  KVM's structure has no place for how long an
 * instruction is, so nothing is told, and the instruction comes again. */
static void an_int3_that_was_given_back_is_still_to_come(void **state)
{
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE |
						KVM_GUESTDBG_INJECT_BP };
	struct kvm_vcpu_events e;
	BOX(b, false, 0xcc, 0xe6, 0x11);

	(void)state;
	handler(&b, VEC_BP);
	assert_int_equal(box_io(b.cpu, KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(box_io(b.cpu, KVM_GET_VCPU_EVENTS, &e), 0);
	assert_false(e.exception.injected);
	assert_int_equal(box_io(b.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	assert_handled_behind_int3(&b);
	box_close(&b);
}

static void an_int3_from_elsewhere_returns_behind_itself(void **state)
{
	struct kvm_vcpu_events e = { .exception = { .injected = 1,
						    .nr = VEC_BP } };
	BOX(b, false, 0xcc, 0xe6, 0x11);

	(void)state;
	handler(&b, VEC_BP);
	assert_int_equal(box_io(b.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	assert_handled_behind_int3(&b);
	box_close(&b);
}

static void a_vcpu_that_cannot_run_stops_at_once(void **state)
{
	struct kvm_vcpu_events e = { .exception = { .injected = 1 } };
	struct kvm_mp_state mp = { KVM_MP_STATE_UNINITIALIZED };
	BOX(b, true, 0xe6, 0x11);

	(void)state;
	assert_int_equal(box_io(b.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(box_io(b.cpu, KVM_SET_MP_STATE, &mp), 0);
	b.run->immediate_exit = 1;
	assert_int_equal(box_run(&b), -EINTR);
	box_close(&b);
}

static void msi(struct box *b, u32 data)
{
	struct kvm_msi m = { .address_lo = 0xfee00000, .data = data };

	assert_true(box_io(b->vm, KVM_SIGNAL_MSI, &m) >= 0);
}

/* INIT comes from another vCPU or, here, in a message. */
static void asking_for_the_run_state_takes_an_init(void **state)
{
	struct kvm_mp_state mp;
	struct kvm_regs r;
	BOX(b, true, 0xe6, 0x11);

	(void)state;
	r = box_regs(&b);
	r.rbx = 0x1234;
	assert_int_equal(box_io(b.cpu, KVM_SET_REGS, &r), 0);
	msi(&b, 0x500);
	assert_int_equal(box_io(b.cpu, KVM_GET_MP_STATE, &mp), 0);
	r = box_regs(&b);
	assert_int_equal(r.rbx, 0);
	assert_int_equal(r.rip, 0xfff0);
	assert_int_equal(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_nmi_on_its_way_in_is_delivered),
		cmocka_unit_test(a_masked_nmi_waits),
		cmocka_unit_test(an_exception_is_delivered_before_a_stop),
		cmocka_unit_test(an_int3_that_was_given_back_is_still_to_come),
		cmocka_unit_test(an_int3_from_elsewhere_returns_behind_itself),
		cmocka_unit_test(a_vcpu_that_cannot_run_stops_at_once),
		cmocka_unit_test(asking_for_the_run_state_takes_an_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
