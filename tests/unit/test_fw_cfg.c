/* SPDX-License-Identifier: MIT */
/* Unit test: fw_cfg's items, directory and DMA. */
#include "tests/unit/device_fake.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>

#include "vmm/dev/fw_cfg.h"

extern const struct device_class fw_cfg_class;

static int up(void **s)
{
	struct err e = { 0 };
	int fd;

	(void)s;
	fake_machine_up(0);
	if (gmem_backing_create("ram", MiB, &fd, &e) < 0 ||
	    gmem_add(fake.env.gmem, "ram", 0, MiB, fd, 0, GMEM_RAM, &e) < 0)
		return -1;
	fake_device(&fw_cfg_class);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_machine_down();
	return 0;
}

static void read_item(u16 key, void *buf, unsigned n)
{
	u8 *p = buf;

	out(0x510, key, 2);
	while (n--)
		*p++ = inb(0x511);
}

static void signature_and_id_say_what_it_is(void **s)
{
	char sig[4];
	u32 id;

	read_item(FW_CFG_SIGNATURE, sig, 4);
	assert_memory_equal(sig, "QEMU", 4);
	read_item(FW_CFG_ID, &id, 4);
	assert_int_equal(id, 3);
	assert_int_equal(be32toh(in(0x514, 4)), 0x51454d55);
	assert_int_equal(be32toh(in(0x518, 4)), 0x20434647);
}

static void items_read_in_order_then_zeroes(void **s)
{
	u8 b[8];

	fw_cfg_add_u16(fake.dev, FW_CFG_NB_CPUS, 0x0102);
	fw_cfg_add_u64(fake.dev, FW_CFG_RAM_SIZE, 0x1122334455667788ull);
	fw_cfg_add_string(fake.dev, FW_CFG_CMDLINE_DATA, "quiet");
	read_item(FW_CFG_NB_CPUS, b, 4);
	assert_memory_equal(b, "\x02\x01\0\0", 4);
	read_item(FW_CFG_RAM_SIZE, b, 8);
	assert_memory_equal(b, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	read_item(FW_CFG_CMDLINE_DATA, b, 6);
	assert_string_equal((char *)b, "quiet");
	read_item(0x3fff, b, 2);
	assert_memory_equal(b, "\0\0", 2);
	read_item(0x8000, b, 2);
	assert_memory_equal(b, "\0\0", 2);
}

static void directory_lists_files_big_endian(void **s)
{
	struct err e;
	u8 dir[4 + 2 * 64];

	assert_int_equal(fw_cfg_add_file(fake.dev, "etc/a", "xy", 2, &e), 0);
	assert_int_equal(fw_cfg_add_file(fake.dev, "etc/b", "z", 1, &e), 0);
	assert_int_equal(fw_cfg_add_file(fake.dev, "etc/a", "xyz", 3, &e), 0);
	read_item(FW_CFG_FILE_DIR, dir, sizeof(dir));
	assert_memory_equal(dir, "\0\0\0\2\0\0\0\3\0\x20\0\0etc/a", 17);
	assert_memory_equal(dir + 68, "\0\0\0\1\0\x21\0\0etc/b", 13);
	read_item(0x20, dir, 4);
	assert_memory_equal(dir, "xyz\0", 4);
}

static void directory_has_its_limits(void **s)
{
	struct err e;
	char name[64];

	memset(name, 'a', sizeof(name));
	name[56] = 0;
	assert_int_equal(fw_cfg_add_file(fake.dev, name, "", 0, &e), -EINVAL);
	assert_int_equal(fw_cfg_add_file(fake.dev, "", "", 0, &e), -EINVAL);
	name[55] = 0;
	assert_int_equal(fw_cfg_add_file(fake.dev, name, "", 0, &e), 0);
	for (int i = 1; i < 32; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(fw_cfg_add_file(fake.dev, name, "", 0, &e), 0);
	}
	assert_int_equal(fw_cfg_add_file(fake.dev, "one more", "", 0, &e),
			 -ENOSPC);
}

static u32 dma(u32 control, u32 len, u64 addr)
{
	struct { u32 control, len; u64 addr; } c = {
		htobe32(control), htobe32(len), htobe64(addr) };

	gmem_write(fake.env.gmem, 0x1000, &c, sizeof(c));
	out(0x514, 0, 4);
	out(0x518, htobe32(0x1000), 4);
	gmem_read(fake.env.gmem, 0x1000, &c, sizeof(c));
	return be32toh(c.control);
}

static void dma_selects_reads_skips(void **s)
{
	char buf[8];

	fw_cfg_add_string(fake.dev, FW_CFG_CMDLINE_DATA, "abcdef");
	memset(buf, '#', sizeof(buf));
	gmem_write(fake.env.gmem, 0x2000, buf, 8);
	assert_int_equal(dma(FW_CFG_CMDLINE_DATA << 16 | 0x0a, 3, 0x2000), 0);
	assert_int_equal(dma(0x04, 1, 0), 0);
	assert_int_equal(dma(0x02, 5, 0x2003), 0);     /* "ef" and zeroes */
	gmem_read(fake.env.gmem, 0x2000, buf, 8);
	assert_memory_equal(buf, "abcef\0\0\0", 8);
}

static void dma_errors_are_told_to_the_guest(void **s)
{
	assert_int_equal(dma(FW_CFG_ID << 16 | 0x0a, 4, 64 * MiB), 1);
	assert_int_equal(dma(FW_CFG_ID << 16 | 0x18, 4, 0x2000), 1);
	out(0x514, 0xffffffff, 4);
	out(0x518, 0xffffffff, 4);     /* no RAM there: nothing happens */
}

static void state_round_trips(void **s)
{
	fw_cfg_add_string(fake.dev, FW_CFG_CMDLINE_DATA, "abcdef");
	out(0x510, FW_CFG_CMDLINE_DATA, 2);
	inb(0x511);
	fake_round_trip(fake.dev);
	assert_int_equal(inb(0x511), 'b');
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(signature_and_id_say_what_it_is),
		T(items_read_in_order_then_zeroes),
		T(directory_lists_files_big_endian),
		T(directory_has_its_limits),
		T(dma_selects_reads_skips),
		T(dma_errors_are_told_to_the_guest),
		T(state_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
