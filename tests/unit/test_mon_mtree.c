/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/mtree.c, info_mem.c and info_vm.c: maps and lists. */
#include "tests/unit/mon_fake.h"

static struct fake f;

static int setup(void **state)
{
	fake_init(&f);
	return 0;
}

static int teardown(void **state)
{
	fake_fini(&f);
	return 0;
}

static void the_tree_lists_both_spaces(void **state)
{
	assert_says(&f, "info mtree",
"address-space: cpu-memory-0\n"
"address-space: cpu-memory-1\n"
"address-space: memory\n"
"  0000000000000000-ffffffffffffffff (prio 0, i/o): system\n"
"    0000000000000000-00000000003fffff (prio 0, ram): pc.ram\n"
"    0000000001000000-00000000010000ff (prio 0, i/o): fake-regs\n"
"    00000000fffff000-00000000ffffffff (prio 0, rom): pc.bios\n"
"\n"
"address-space: I/O\n"
"  0000000000000000-000000000000ffff (prio 0, i/o): io\n"
"    0000000000000070-0000000000000073 (prio 0, i/o): fake-ports\n"
"\n");
}

static void the_flat_view_cuts_what_is_covered(void **state)
{
	static const struct region over = { "over", 0x1000010, 0x10, 1,
					    &fake_ops, &f.dev };

	assert_int_equal(bus_map(f.vm.mmio, &over, NULL), 0);
	assert_says(&f, "info mtree -f",
"FlatView #0\n"
" AS \"memory\", root: system\n"
" AS \"cpu-memory-0\", root: system\n"
" AS \"cpu-memory-1\", root: system\n"
" Root memory region: system\n"
"  0000000000000000-00000000003fffff (prio 0, ram): pc.ram\n"
"  0000000001000000-000000000100000f (prio 0, i/o): fake-regs\n"
"  0000000001000010-000000000100001f (prio 1, i/o): over\n"
"  0000000001000020-00000000010000ff (prio 0, i/o): fake-regs "
"@0000000000000020\n"
"  00000000fffff000-00000000ffffffff (prio 0, rom): pc.bios\n"
"\n"
"FlatView #1\n"
" AS \"I/O\", root: io\n"
" Root memory region: io\n"
"  0000000000000070-0000000000000073 (prio 0, i/o): fake-ports\n"
"\n");
	assert_non_null(strstr(said(&f, "info mtree -f -d -o"),
			       "      #2 @0000000001000000..000000000100000f "
			       "fake-regs\n"));
	assert_non_null(strstr(said(&f, "info mtree -o"),
			       "over owner:{dev path=/machine/unattached/"
			       "fake}\n"));
	assert_int_equal(bus_unmap(f.vm.mmio, &f.dev, 0x1000010), 0);
}

static void blocks_of_one_name_are_one(void **state)
{
	assert_int_equal(gmem_add(f.vm.gmem, "pc.ram", 1ull << 32, 1 << 20,
				  -1, 0, GMEM_RAM, NULL), 0);
	assert_says(&f, "info ramblock",
"              Block Name    PSize              Offset               Used"
"              Total\n"
"                  pc.ram    4 KiB  0x0000000000000000 0x0000000000500000 "
"0x0000000000500000\n"
"                 pc.bios    4 KiB  0x0000000000500000 0x0000000000001000 "
"0x0000000000001000\n");
	assert_int_equal(gmem_remove(f.vm.gmem, 1ull << 32, NULL), 0);
}

static void roms_are_listed(void **state)
{
	struct rom_entry r = { .addr = 0xfffc0000, .size = 0x40000,
			       .name = (char *)"bios.bin", .kind = "mem=rom" };

	list_append(&f.vm.roms, &r.node);
	assert_says(&f, "info roms", "addr=00000000fffc0000 size=0x040000 "
		    "mem=rom name=\"bios.bin\"\n");
	list_remove(&r.node);
}

static void the_machine_is_named(void **state)
{
	assert_says(&f, "info name", "");
	assert_says(&f, "info uuid",
		    "00000000-0000-0000-0000-000000000000\n");
	f.config.name = (char *)"box";
	f.config.uuid = (char *)"12345678-ABCD-5678-1234-567812345678";
	assert_says(&f, "info name", "box\n");
	assert_says(&f, "info uuid",
		    "12345678-abcd-5678-1234-567812345678\n");
	assert_says(&f, "info memory_size_summary",
		    "base memory: 4194304\nplugged memory: 0\n");
	assert_says(&f, "info kvm", "kvm support: disabled\n");
}

static void states_are_named(void **state)
{
	f.vm.state = RUN_PAUSED;
	assert_says(&f, "info status", "VM status: paused\n");
	f.vm.state = RUN_RUNNING;
	assert_says(&f, "info status", "VM status: running\n");
	f.vm.state = RUN_GUEST_PANICKED;
	assert_says(&f, "info status", "VM status: paused (guest-panicked)\n");
	f.vm.state = RUN_PAUSED;
}

static void what_is_not_built_says_so(void **state)
{
	assert_says(&f, "savevm x", "not supported yet: snapshots\n");
	assert_says(&f, "info block-jobs", "not supported yet: block jobs, media and exports\n");
	assert_says(&f, "dump-skeys f", "unknown command: 'dump-skeys'\n");
	assert_says(&f, "info via", "unknown command: 'info via'\n");
}

static void help_shows_rows(void **state)
{
	const char *s;

	assert_says(&f, "help nosuch", "unknown command: 'nosuch'\n");
	assert_says(&f, "help info nosuch",
		    "unknown command: 'info nosuch'\n");
	assert_says(&f, "help \"open", "");
	assert_memory_equal(said(&f, "? c x y"), "cont|c  -- ", 11);
	s = said(&f, "help");
	assert_non_null(strstr(s, "\nstop|s  -- "));
	assert_true(strstr(s, "\nstopcapture ") < strstr(s, "\nstop|s "));
	s = said(&f, "info");
	assert_memory_equal(s, "info balloon  -- ", 17);
}

static void logs_are_chosen(void **state)
{
	assert_memory_equal(said(&f, "log nosuch"), "Log items", 9);
	assert_says(&f, "log int,cpu_reset", "");
	assert_says(&f, "log none", "");
	assert_says(&f, "logfile q-%s.log",
		    "Bad logfile template: q-%s.log\n");
	assert_says(&f, "logfile q-%d-%d.log",
		    "Bad logfile template: q-%d-%d.log\n");
	assert_says(&f, "logfile \"/nonexistent/x.log\"",
		    "Error opening logfile /nonexistent/x.log: No such file "
		    "or directory\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tree_lists_both_spaces),
		cmocka_unit_test(the_flat_view_cuts_what_is_covered),
		cmocka_unit_test(blocks_of_one_name_are_one),
		cmocka_unit_test(roms_are_listed),
		cmocka_unit_test(the_machine_is_named),
		cmocka_unit_test(states_are_named),
		cmocka_unit_test(what_is_not_built_says_so),
		cmocka_unit_test(help_shows_rows),
		cmocka_unit_test(logs_are_chosen),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
