/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/x86_chips.c: a provider's chips read as memory, ports. */
#include "tests/unit/mon_fake.h"

#include "monitor/x86.h"

static struct fake f;
static struct kvm_lapic_state lapic;
static struct kvm_ioapic_state ioapic;
static struct kvm_pic_state pic[2];
static u64 apic_base;
static unsigned sets;                  /* requests that change something */

static int chips_ioctl(int fd, unsigned long request, void *arg)
{
	struct kvm_irqchip *c = arg;

	(void)fd;
	switch (request) {
	case KVM_GET_LAPIC:
		memcpy(arg, &lapic, sizeof(lapic));
		return 0;
	case KVM_GET_SREGS:
		((struct kvm_sregs *)arg)->apic_base = apic_base;
		return 0;
	case KVM_GET_IRQCHIP:
		if (c->chip_id == KVM_IRQCHIP_IOAPIC)
			c->chip.ioapic = ioapic;
		else
			c->chip.pic = pic[c->chip_id];
		return 0;
	}
	sets++;
	return -ENOTTY;
}

static int chips_report(int fd, enum kvm_report what, char *buf, size_t n)
{
	(void)fd;
	return snprintf(buf, n, "%s", what == KVM_REPORT_IRQS ?
			"IRQ statistics for ioapic:\n 4: 7\n" : "");
}

static const struct kvm_provider counts_nothing = {
	.abi = KVM_PROVIDER_ABI, .size = sizeof(struct kvm_provider),
	.name = "kvm", .ioctl = chips_ioctl,
};
static const struct kvm_provider counts = {
	.abi = KVM_PROVIDER_ABI, .size = sizeof(struct kvm_provider),
	.name = "tcg", .ioctl = chips_ioctl, .report = chips_report,
};

static int setup(void **state)
{
	const u32 id = 1 << 24, version = 0x50014, spurious = 0x1ff;

	(void)state;
	fake_init(&f);
	f.vm.provider = f.vm.kvm.ops = &counts_nothing;
	f.vm.kvm.has_irqchip = true;
	memset(&lapic, 0, sizeof(lapic));
	memcpy(lapic.regs + 0x20, &id, 4);
	memcpy(lapic.regs + 0x30, &version, 4);
	memcpy(lapic.regs + 0xf0, &spurious, 4);
	ioapic = (struct kvm_ioapic_state){ .ioregsel = 0x15, .id = 3 };
	ioapic.redirtbl[2].bits = 0x0100000000010930ull;
	pic[0] = (struct kvm_pic_state){ .irr = 1, .imr = 0xfb, .isr = 2,
					 .elcr = 8 };
	pic[1] = (struct kvm_pic_state){ .imr = 0xee, .elcr = 0xc,
					 .isr = 0x20, .read_reg_select = 1 };
	apic_base = 0xfee00900;
	sets = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(sets, 0);
	fake_fini(&f);
	return 0;
}

static void the_local_apic_is_a_page(void **state)
{
	(void)state;
	assert_says(&f, "xp/4xw 0xfee00020", "00000000fee00020: 0x01000000 "
		    "0x00000000 0x00000000 0x00000000\n");
	assert_says(&f, "xp/1xw 0xfee00030", "00000000fee00030: 0x00050014\n");
	assert_says(&f, "xp/1xb 0xfee000f1", "00000000fee000f1: 0x01\n");
	assert_says(&f, "xp/1xw 0xfee00ff0", "00000000fee00ff0: 0x00000000\n");
}

static void an_x2apic_or_none_is_no_memory(void **state)
{
	(void)state;
	apic_base = 0xfee00d00;
	assert_says(&f, "xp/1xw 0xfee00020", "00000000fee00020: Cannot access "
		    "memory\n");
	apic_base = 0xfee00100;
	assert_says(&f, "xp/1xw 0xfee00020", "00000000fee00020: Cannot access "
		    "memory\n");
	apic_base = 0xfee00900;
	f.vm.kvm.has_irqchip = false;
	assert_says(&f, "xp/1xw 0xfee00020", "00000000fee00020: Cannot access "
		    "memory\n");
}

static void the_ioapic_shows_what_was_selected(void **state)
{
	(void)state;
	assert_says(&f, "xp/1xw 0xfec00000", "00000000fec00000: 0x00000015\n");
	assert_says(&f, "xp/1xw 0xfec00010", "00000000fec00010: 0x01000000\n");
	ioapic.ioregsel = 0x14;
	assert_says(&f, "xp/1xw 0xfec00010", "00000000fec00010: 0x00010930\n");
	ioapic.ioregsel = 1;
	assert_says(&f, "xp/1xw 0xfec00010", "00000000fec00010: 0x00170011\n");
	ioapic.ioregsel = 0;
	assert_says(&f, "xp/1xw 0xfec00010", "00000000fec00010: 0x03000000\n");
	ioapic.ioregsel = 0xffffff40;
	assert_says(&f, "xp/1xw 0xfec00010", "00000000fec00010: 0x00000000\n");
}

/* From nothing into the chip, and out of it. */
static void a_range_may_begin_and_end_elsewhere(void **state)
{
	(void)state;
	assert_says(&f, "sum 0xfebffff0 32", "00042\n");
	assert_says(&f, "xp/1xg 0xfec00ffc", "00000000fec00ffc: Cannot access "
		    "memory\n");
}

static void the_pics_are_read_without_an_acknowledge(void **state)
{
	(void)state;
	assert_says(&f, "i/b 0x20", "portb[0x0020] = 0x01\n");
	assert_says(&f, "i/b 0x21", "portb[0x0021] = 0xfb\n");
	assert_says(&f, "i/b 0xa0", "portb[0x00a0] = 0x20\n");
	assert_says(&f, "i/b 0xa1", "portb[0x00a1] = 0xee\n");
	assert_says(&f, "i/b 0x4d0", "portb[0x04d0] = 0x08\n");
	assert_says(&f, "i/b 0x4d1", "portb[0x04d1] = 0x0c\n");
}

static void counts_come_from_who_keeps_them(void **state)
{
	(void)state;
	assert_says(&f, "info irq", "IRQ statistics for kvm-ioapic:\n"
		    "IRQ statistics for kvm-i8259:\n");
	f.vm.provider = &counts;
	assert_says(&f, "info irq", "IRQ statistics for ioapic:\n 4: 7\n");
	f.vm.provider = &counts_nothing;
	f.vm.kvm.has_irqchip = false;
	assert_says(&f, "info irq", "");
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_local_apic_is_a_page),
		T(an_x2apic_or_none_is_no_memory),
		T(the_ioapic_shows_what_was_selected),
		T(a_range_may_begin_and_end_elsewhere),
		T(the_pics_are_read_without_an_acknowledge),
		T(counts_come_from_who_keeps_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
