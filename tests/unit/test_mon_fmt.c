/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/cmd_mem.c and disas.c: formats, sizes, addresses. */
#include "tests/unit/mon_fake.h"

#include "monitor/disas.h"

#include <fcntl.h>
#include <unistd.h>

static struct fake f;

static int setup(void **state)
{
	static const u32 words[] = { 0x1badb002, 0, 0xe4524ffe, 0,
				     0x00bcfcfa, 0xbf000800 };

	fake_init(&f);
	gmem_write(f.vm.gmem, 0x100000, words, sizeof(words));
	return 0;
}

static int teardown(void **state)
{
	fake_fini(&f);
	return 0;
}

static void hex_has_the_width_of_its_size(void **state)
{
	assert_says(&f, "xp/5xb 0x100000",
		    "0000000000100000: 0x02 0xb0 0xad 0x1b 0x00\n");
	assert_says(&f, "xp/5xh 0x100000",
		    "0000000000100000: 0xb002 0x1bad 0x0000 0x0000 0x4ffe\n");
	assert_says(&f, "xp/5xw 0x100000",
		    "0000000000100000: 0x1badb002 0x00000000 0xe4524ffe "
		    "0x00000000\n0000000000100010: 0x00bcfcfa\n");
	assert_says(&f, "xp/3xg 0x100000",
		    "0000000000100000: 0x000000001badb002 "
		    "0x00000000e4524ffe\n"
		    "0000000000100010: 0xbf00080000bcfcfa\n");
	assert_says(&f, "xp/9xb 0x100000",
		    "0000000000100000: 0x02 0xb0 0xad 0x1b 0x00 0x00 0x00 "
		    "0x00\n0000000000100008: 0xfe\n");
}

static void decimal_is_unsigned_below_8_bytes(void **state)
{
	assert_says(&f, "xp/5db 0x100000",
		    "0000000000100000:   2 176 173  27   0\n");
	assert_says(&f, "xp/5dh 0x100000",
		    "0000000000100000: 45058  7085     0     0 20478\n");
	assert_says(&f, "xp/3dw 0x100000",
		    "0000000000100000:  464367618          0 3830599678\n");
	assert_says(&f, "xp/1dg 0x100010",
		    "0000000000100010: -4683734816359908102\n");
	assert_says(&f, "xp/1ug 0x100010",
		    "0000000000100010: 13763009257349643514\n");
}

static void octal_has_a_leading_zero(void **state)
{
	assert_says(&f, "xp/5ob 0x100000",
		    "0000000000100000:  02 0260 0255 033   0\n");
	assert_says(&f, "xp/2oh 0x100000",
		    "0000000000100000: 0130002 015655\n");
	assert_says(&f, "xp/1og 0x100010",
		    "0000000000100010: 01374000200000057176372\n");
}

static void characters_are_bytes_of_every_size(void **state)
{
	assert_says(&f, "xp/5cb 0x100000",
		    "0000000000100000: '\\x02' '\\xb0' '\\xad' '\\x1b' "
		    "'\\x00'\n");
	assert_says(&f, "xp/1cg 0x100008",
		    "0000000000100008: '\\xfe' 'O' 'R' '\\xe4' '\\x00' "
		    "'\\x00' '\\x00' '\\x00'\n");
}

static void a_format_is_remembered(void **state)
{
	f.vm.monitors = NULL;
	assert_says(&f, "print 16", "0x10\n");
	assert_says(&f, "print/o 16", "020\n");
	assert_says(&f, "print/c 65", "'A'\n");
	assert_says(&f, "print/c 10", "'\\n'\n");
	assert_says(&f, "print/c -1", "'\\xffffffff'\n");
	assert_says(&f, "print/c 39", "'\\''\n");
	assert_says(&f, "print/d -5", "-5\n");
	assert_says(&f, "print/u -1", "18446744073709551615\n");
	assert_says(&f, "print/x 0", "0\n");
	assert_says(&f, "print/xd 16", "16\n");
	assert_says(&f, "print/q 1", "invalid char in format: 'q'\n"
		    "Try \"help print\" for more information\n");
	assert_says(&f, "xp/x0 0", "invalid char in format: '0'\n"
		    "Try \"help xp\" for more information\n");
}

static void counts_wrap_as_ints(void **state)
{
	assert_says(&f, "xp/0x 0", "");
	assert_says(&f, "xp/4294967296x 0", "");
	assert_says(&f, "x/1000000000000xw 0x10000000",
		    "0000000010000000: Cannot access memory\n");
}

static void nothing_there_ends_the_dump(void **state)
{
	assert_says(&f, "xp/8xw 0x3ffff0",
		    "00000000003ffff0: 0x00000000 0x00000000 0x00000000 "
		    "0x00000000\n0000000000400000: Cannot access memory\n");
	assert_says(&f, "xp/4xw 0x3ffff8",
		    "00000000003ffff8: Cannot access memory\n");
	assert_says(&f, "xp 0xffffffffffffffff",
		    "ffffffffffffffff: Cannot access memory\n");
}

static void devices_answer_physical_reads(void **state)
{
	assert_says(&f, "xp/2xw 0x1000000",
		    "0000000001000000: 0x55667788 0x11223344\n");
	assert_says(&f, "xp/4xw 0x10000f8",
		    "00000000010000f8: Cannot access memory\n");
}

static void ports_are_read_and_written(void **state)
{
	assert_says(&f, "i/b 0x70", "portb[0x0070] = 0x88\n");
	assert_says(&f, "i/h 0x70", "portw[0x0070] = 0x7788\n");
	assert_says(&f, "i/w 0x70", "portl[0x0070] = 0x55667788\n");
	assert_says(&f, "i/g 0x70", "portb[0x0070] = 0x0000000000000088\n");
	assert_says(&f, "i/b 0x12345", "portb[0x2345] = 0xff\n");
	assert_says(&f, "i/b 0x70.9", "portb[0x0071] = 0x77\n");
	assert_int_equal(fake_written[0], 0);
	assert_int_equal(fake_written[1], 9);
	assert_says(&f, "o/h 0x72 0x1234", "");
	assert_int_equal(fake_written[0], 2);
	assert_int_equal(fake_written[1], 0x1234);
	assert_int_equal(fake_written[2], 2);
}

static void addresses_are_translated(void **state)
{
	assert_says(&f, "gva2gpa 0x1234", "gpa: 0x1234\n");
	assert_says(&f, "gva2gpa 0", "gpa: 0\n");
	fake_long_mode();
	fake_regs.s.cr3 = 0x200000;    /* empty tables */
	assert_says(&f, "gva2gpa 0x1234", "Unmapped\n");
	assert_says(&f, "x 0", "0000000000000000: Cannot access memory\n");
	x86_regs_reset(&fake_regs, true, 0x60fb1);
	assert_says(&f, "gpa2hva 0x1000000",
		    "Memory at address 0x1000000 is not RAM\n");
	assert_says(&f, "gpa2hva 0x20000000",
		    "No memory is mapped at address 0x20000000\n");
	assert_memory_equal(said(&f, "gpa2hva 0x100000"),
			    "Host virtual address for 0x100000 (pc.ram) is 0x",
			    48);
}

static void sums_are_those_of_bsd(void **state)
{
	assert_says(&f, "sum 0x100000 16", "04592\n");
	assert_says(&f, "sum 0x100000 0", "00000\n");
	assert_says(&f, "sum 0xfffffff0 16", "00000\n");
	assert_says(&f, "sum 0x20000000 16", "00000\n");
}

static void memory_is_saved_to_files(void **state)
{
	char path[] = "/tmp/mote-memsave-XXXXXX", line[128];
	u8 buf[32];
	int fd = mkstemp(path);

	snprintf(line, sizeof(line), "memsave 0x100000 24 \"%s\"", path);
	assert_says(&f, line, "");
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), 24);
	assert_int_equal(buf[0], 2);
	snprintf(line, sizeof(line), "memsave 0x3ffff0 64 \"%s\"", path);
	assert_says(&f, line, "Error: Invalid addr 0x00000000003ffff0/size "
		    "64 specified\n");
	snprintf(line, sizeof(line), "pmemsave 0x3ffff0 32 \"%s\"", path);
	assert_says(&f, line, "");
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), 32);
	assert_says(&f, "pmemsave 0 1 \"/nonexistent/x\"",
		    "Error: Could not open '/nonexistent/x': No such file or "
		    "directory\n");
	close(fd);
	unlink(path);
}

static void code_is_shown_in_the_cpus_mode(void **state)
{
	static const u8 code[] = { 0x48, 0x89, 0xe5, 0x48, 0xb9, 0xf0, 0xde,
		0xbc, 0x9a, 0x78, 0x56, 0x34, 0x12, 0x0f, 0x05, 0x06, 0xc3 };

	gmem_write(f.vm.gmem, 0x100800, code, sizeof(code));
	fake_regs.s.efer = 0x500;
	fake_regs.s.cs.l = 1;
	assert_says(&f, "x/5i 0x100800",
		    "0x00100800:  48 89 e5                 movq     %rsp, "
		    "%rbp\n"
		    "0x00100803:  48 b9 f0 de bc 9a 78 56  movabsq  "
		    "$0x123456789abcdef0, %rcx\n"
		    "0x0010080b:  34 12\n"
		    "0x0010080d:  0f 05                    syscall  \n"
		    "0x0010080f:  06                       .byte    0x06\n"
		    "0x00100810:  c3                       retq     \n");
	assert_says(&f, "x/2wi 0x100800",
		    "0x00100800:  48                       decl     %eax\n"
		    "0x00100801:  89 e5                    movl     %esp, "
		    "%ebp\n");
	assert_says(&f, "x/1hi 0x100801",
		    "0x00100801:  89 e5                    movw     %sp, "
		    "%bp\n");
	assert_says(&f, "x/0i 0x10080d",
		    "0x0010080d:  0f 05                    syscall  \n");
	x86_regs_reset(&fake_regs, true, 0x60fb1);
	assert_says(&f, "xp/2i 0x20000000",
		    "0x20000000: unable to read memory\n");
	assert_says(&f, "xp/xw 0", "0000000000000000: 0x00000000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_has_the_width_of_its_size),
		cmocka_unit_test(decimal_is_unsigned_below_8_bytes),
		cmocka_unit_test(octal_has_a_leading_zero),
		cmocka_unit_test(characters_are_bytes_of_every_size),
		cmocka_unit_test(a_format_is_remembered),
		cmocka_unit_test(counts_wrap_as_ints),
		cmocka_unit_test(nothing_there_ends_the_dump),
		cmocka_unit_test(devices_answer_physical_reads),
		cmocka_unit_test(ports_are_read_and_written),
		cmocka_unit_test(addresses_are_translated),
		cmocka_unit_test(sums_are_those_of_bsd),
		cmocka_unit_test(memory_is_saved_to_files),
		cmocka_unit_test(code_is_shown_in_the_cpus_mode),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
