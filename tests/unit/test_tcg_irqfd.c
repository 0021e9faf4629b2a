// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/irqfd.c: what may become a line, and what it raises. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tcg_box.h"

static int irqfd(const struct box *b, int fd, u32 gsi, u32 flags)
{
	struct kvm_irqfd f = { .fd = (u32)fd, .gsi = gsi, .flags = flags };

	return box_io(b->vm, KVM_IRQFD, &f);
}

static int drop(const struct box *b, int fd, u32 gsi)
{
	return irqfd(b, fd, gsi, KVM_IRQFD_FLAG_DEASSIGN);
}

/* Signals `fd` and waits until IRQ `gsi` is asked for at the first PIC. */
static void raises(const struct box *b, int fd, u32 gsi)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
	const u64 one = 1;

	chip.chip.pic.elcr = 0;
	assert_int_equal(box_io(b->vm, KVM_SET_IRQCHIP, &chip), 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	for (unsigned n = 0; n < 60000 && !(chip.chip.pic.irr >> gsi & 1); n++) {
		nanosleep(&ms, NULL);
		assert_int_equal(box_io(b->vm, KVM_GET_IRQCHIP, &chip), 0);
	}
	assert_true(chip.chip.pic.irr >> gsi & 1);
}

static void an_eventfd_is_one_line_by_whatever_number(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK), same = dup(fd);
	int other = eventfd(0, EFD_NONBLOCK);
	BOX(b, true, 0xf4);

	(void)state;
	assert_int_equal(irqfd(&b, fd, 5, 0), 0);
	assert_int_equal(irqfd(&b, fd, 6, 0), -EBUSY);
	assert_int_equal(irqfd(&b, same, 6, 0), -EBUSY);
	assert_int_equal(irqfd(&b, fd, 5, 0), -EBUSY);
	assert_int_equal(irqfd(&b, other, 5, 0), 0);   /* shared lines may be */
	raises(&b, same, 5);
	raises(&b, other, 5);
	assert_int_equal(drop(&b, fd, 5), 0);
	assert_int_equal(irqfd(&b, same, 6, 0), 0);
	raises(&b, fd, 6);
	box_close(&b);
	close(fd);
	close(same);
	close(other);
}

/* A number that its owner closed and got again is another eventfd. */
static void a_number_may_come_again(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK), next;
	BOX(b, true, 0xf4);

	(void)state;
	assert_int_equal(irqfd(&b, fd, 5, 0), 0);
	close(fd);
	next = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(next, fd);
	assert_int_equal(irqfd(&b, next, 6, 0), 0);
	raises(&b, next, 6);
	box_close(&b);
	close(next);
}

static void what_is_no_eventfd_is_refused(void **state)
{
	BOX(b, true, 0xf4);

	(void)state;
	assert_int_equal(irqfd(&b, -1, 5, 0), -EBADF);
	assert_int_equal(irqfd(&b, 0, 1 << 20, 0), -EINVAL);
	assert_int_equal(irqfd(&b, 0, 5, 1u << 31), -EINVAL);
	assert_int_equal(drop(&b, 0, 5), 0);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_eventfd_is_one_line_by_whatever_number),
		cmocka_unit_test(a_number_may_come_again),
		cmocka_unit_test(what_is_no_eventfd_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
