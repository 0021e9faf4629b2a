// SPDX-License-Identifier: MIT
/*
 * Unit test: tcg-plugin/stats.c: KVM_GET_STATS_FD of a VM and of a vCPU, read
 * as a program reads the kernel's.
 */
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/tcg_box.h"

struct stats {
	u8 bytes[8192];
	ssize_t len;
};

static void read_stats(int fd, struct stats *s)
{
	int f = box_io(fd, KVM_GET_STATS_FD, NULL);

	assert_true(f >= 0);
	s->len = pread(f, s->bytes, sizeof(s->bytes), 0);
	assert_true(s->len > (ssize_t)sizeof(struct kvm_stats_header));
	close(f);
}

/* The value behind a name; fails when there is none. */
static u64 value(const struct stats *s, const char *name)
{
	struct kvm_stats_header h;
	struct kvm_stats_desc d;
	u64 v;

	memcpy(&h, s->bytes, sizeof(h));
	for (u32 i = 0; i < h.num_desc; i++) {
		size_t off = h.desc_offset + i * (sizeof(d) + h.name_size);

		assert_true(off + sizeof(d) + h.name_size <= (size_t)s->len);
		memcpy(&d, s->bytes + off, sizeof(d));
		if (strcmp((const char *)s->bytes + off + sizeof(d), name))
			continue;
		assert_int_equal(d.size, 1);
		assert_true(h.data_offset + d.offset + 8 <= (size_t)s->len);
		memcpy(&v, s->bytes + h.data_offset + d.offset, 8);
		return v;
	}
	fail_msg("there is no statistic '%s'", name);
	return 0;
}

static void what_is_counted_can_be_read_as_the_kernels(void **state)
{
	/* mov al, 5; out 0x80, al; hlt */
	static const u8 code[] = { 0xb0, 5, 0xe6, 0x80, 0xf4 };
	struct stats vm, before, after;
	struct box b;

	(void)state;
	box_vm(&b, false);
	assert_true(box_io(b.vm, KVM_CHECK_EXTENSION,
			   (void *)(uintptr_t)KVM_CAP_BINARY_STATS_FD) > 0);
	box_cpu(&b, code, sizeof(code));
	read_stats(b.cpu, &before);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	read_stats(b.cpu, &after);
	read_stats(b.vm, &vm);
	assert_true(value(&after, "guest_exits") >=
		    value(&before, "guest_exits") + 2);
	assert_true(value(&after, "interpreted") >=
		    value(&before, "interpreted"));
	assert_true(value(&vm, "blocks") >= 1);
	assert_int_equal(value(&vm, "cache_flushes"), 0);
	box_close(&b);
}

static void a_descriptor_is_the_callers(void **state)
{
	struct box b;
	int a, c;

	(void)state;
	box_vm(&b, false);
	a = box_io(b.vm, KVM_GET_STATS_FD, NULL);
	c = box_io(b.vm, KVM_GET_STATS_FD, NULL);
	assert_true(a >= 0 && c >= 0 && a != c);
	close(a);
	close(c);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_counted_can_be_read_as_the_kernels),
		cmocka_unit_test(a_descriptor_is_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
