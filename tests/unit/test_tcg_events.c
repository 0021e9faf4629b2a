/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/events.c: of several events one comes first, and the
 * others are not forgotten. */
#include "tcg_box.h"

enum { VEC_DE = 0, VEC_NMI = 2, VEC_IRQ = 0x40, HANDLERS = 0x3000,
       PORT_DE = 0x10, PORT_NMI = 0x12, PORT_IRQ = 0x50, PORT_MAIN = 0x80 };

/* STI; NOP; OUT to 0x10 + vector; IRET */
static void handler(struct box *b, u8 vector)
{
	const u16 at = (u16)(HANDLERS + vector * 16);
	const u8 code[] = { 0xfb, 0x90, 0xe6, (u8)(PORT_DE + vector), 0xcf };

	memcpy(b->mem + vector * 4, (u16[]){ at, 0 }, 4);
	memcpy(b->mem + at, code, sizeof(code));
}

/* NOP; OUT, with what is said waiting. */
static struct box box_with(struct kvm_vcpu_events e)
{
	struct kvm_regs r;
	BOX(b, false, 0x90, 0xe6, PORT_MAIN);

	handler(&b, VEC_DE);
	handler(&b, VEC_NMI);
	handler(&b, VEC_IRQ);
	r = box_regs(&b);
	r.rflags |= 0x200;
	assert_int_equal(box_io(b.cpu, KVM_SET_REGS, &r), 0);
	assert_int_equal(box_io(b.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	return b;
}

static void next_port_is(struct box *b, unsigned port)
{
	assert_int_equal(box_run(b), 0);
	assert_int_equal(b->run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(b->run->io.port, port);
}

static void an_interrupt_behind_an_exception_is_taken_when_if_opens(void **state)
{
	struct box b = box_with((struct kvm_vcpu_events){
		.exception = { .injected = 1, .nr = VEC_DE },
		.interrupt = { .injected = 1, .nr = VEC_IRQ } });

	(void)state;
	next_port_is(&b, PORT_IRQ);    /* behind the handler's STI        */
	next_port_is(&b, PORT_DE);
	next_port_is(&b, PORT_MAIN);
	box_close(&b);
}

static void an_interrupt_behind_an_nmi_is_taken_when_if_opens(void **state)
{
	struct box b = box_with((struct kvm_vcpu_events){
		.nmi = { .pending = 1 },
		.interrupt = { .injected = 1, .nr = VEC_IRQ },
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING });

	(void)state;
	next_port_is(&b, PORT_IRQ);
	next_port_is(&b, PORT_NMI);
	next_port_is(&b, PORT_MAIN);
	box_close(&b);
}

static void an_nmi_behind_an_exception_precedes_its_handler(void **state)
{
	struct box b = box_with((struct kvm_vcpu_events){
		.exception = { .injected = 1, .nr = VEC_DE },
		.nmi = { .pending = 1 },
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING });

	(void)state;
	next_port_is(&b, PORT_NMI);
	next_port_is(&b, PORT_DE);
	next_port_is(&b, PORT_MAIN);
	box_close(&b);
}

static void an_nmi_behind_mov_ss_comes_one_instruction_later(void **state)
{
	struct box b = box_with((struct kvm_vcpu_events){
		.interrupt = { .shadow = KVM_X86_SHADOW_INT_MOV_SS },
		.nmi = { .pending = 1 },
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
			 KVM_VCPUEVENT_VALID_SHADOW });
	u16 ip;

	(void)state;
	next_port_is(&b, PORT_NMI);
	memcpy(&ip, b.mem + box_regs(&b).rsp, 2);
	assert_int_equal(ip, BOX_CODE + 1);
	next_port_is(&b, PORT_MAIN);
	box_close(&b);
}

static void an_nmi_during_another_comes_with_its_iret(void **state)
{
	struct box b = box_with((struct kvm_vcpu_events){
		.nmi = { .pending = 1 },
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING });

	(void)state;
	next_port_is(&b, PORT_NMI);
	assert_int_equal(box_io(b.cpu, KVM_NMI, NULL), 0);
	next_port_is(&b, PORT_NMI);
	next_port_is(&b, PORT_MAIN);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_interrupt_behind_an_exception_is_taken_when_if_opens),
		cmocka_unit_test(
			an_interrupt_behind_an_nmi_is_taken_when_if_opens),
		cmocka_unit_test(
			an_nmi_behind_an_exception_precedes_its_handler),
		cmocka_unit_test(
			an_nmi_behind_mov_ss_comes_one_instruction_later),
		cmocka_unit_test(an_nmi_during_another_comes_with_its_iret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
