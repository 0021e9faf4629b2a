/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/options.c, option_args.c, config.c: argv to vm_config. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/base/trace.h"
#include "vmm/base/strbuf.h"
#include "vmm/config.h"

static struct vm_config c;
static struct strbuf out = STRBUF_INIT;
static struct err e;

/* Parse "mote" and the words up to NULL. */
static int parse(char *first, ...)
{
	char *argv[32] = { "/usr/bin/mote", first };
	int n = first ? 2 : 1;
	va_list ap;

	config_fini(&c);
	strbuf_reset(&out);
	memset(&e, 0, sizeof(e));
	config_init(&c);
	va_start(ap, first);
	while (first && n < 31 && (argv[n] = va_arg(ap, char *)))
		n++;
	va_end(ap);
	return config_parse(&c, n, argv, &out, &e);
}

static void nothing_asked_for_gives_the_terminal_and_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL), 0);
	assert_string_equal(c.machine, "pc");
	assert_int_equal(c.ram_bytes, 128 * MiB);
	assert_int_equal(c.cpus, 1);
	assert_null(c.accel);
	assert_string_equal(c.serials->text, "mon:stdio");
	assert_null(c.monitors);
	assert_string_equal(c.mons->text, "chardev=serial0,mode=readline");
	assert_null(c.mons->next);
}

static void nodefaults_leaves_serial_and_monitor_out(void **state)
{
	(void)state;
	assert_int_equal(parse("-nodefaults", NULL), 0);
	assert_null(c.serials);
	assert_null(c.mons);
}

static void a_given_serial_leaves_the_terminal_to_the_monitor(void **state)
{
	(void)state;
	assert_int_equal(parse("-nographic", "-serial", "file:/x", NULL), 0);
	assert_string_equal(c.serials->text, "file:/x");
	assert_string_equal(c.monitors->text, "stdio");
	assert_string_equal(c.mons->text,
			    "chardev=compat_monitor0,mode=readline");
}

static void a_given_monitor_leaves_the_terminal_to_the_serial(void **state)
{
	(void)state;
	assert_int_equal(parse("-monitor", "none", NULL), 0);
	assert_string_equal(c.serials->text, "stdio");
	assert_null(c.mons);
}

static void display_none_leaves_the_terminal_alone(void **state)
{
	(void)state;
	assert_int_equal(parse("-display", "none", NULL), 0);
	assert_string_equal(c.serials->text, "null");
	assert_null(c.mons);
	assert_int_equal(parse("-display", "gtk", NULL), -ENOTSUP);
	assert_string_equal(e.msg, "-display gtk: not supported yet: displays");
}

static void who_names_the_terminal_has_it_alone(void **state)
{
	(void)state;
	assert_int_equal(parse("-monitor", "stdio", NULL), 0);
	assert_string_equal(c.serials->text, "null");
	assert_string_equal(c.monitors->text, "stdio");
	assert_null(c.monitors->next);
	assert_int_equal(parse("-serial", "mon:stdio,signal=off", NULL), 0);
	assert_null(c.serials->next);
	assert_null(c.monitors);
	assert_int_equal(parse("-serial", "stdio", NULL), 0);
	assert_null(c.mons);
	assert_int_equal(parse("-gdb", "stdio", NULL), 0);
	assert_string_equal(c.serials->text, "null");
	assert_null(c.mons);
	assert_int_equal(parse("-qmp", "stdio", NULL), 0);
	assert_string_equal(c.serials->text, "null");
	assert_int_equal(parse("-chardev", "stdio,id=c0,mux=on", NULL), 0);
	assert_string_equal(c.serials->text, "null");
	assert_int_equal(parse("-chardev", "id=c0,backend=stdio", NULL), 0);
	assert_string_equal(c.serials->text, "null");
	assert_int_equal(parse("-chardev", "stdiox,id=c0", NULL), 0);
	assert_string_equal(c.serials->text, "mon:stdio");
}

static void a_daemon_has_no_terminal(void **state)
{
	(void)state;
	assert_int_equal(parse("-daemonize", NULL), 0);
	assert_string_equal(c.serials->text, "null");
	assert_int_equal(parse("-daemonize", "-nographic", NULL), -EINVAL);
}

static void serial_ids_follow_their_position(void **state)
{
	char buf[16];

	(void)state;
	assert_int_equal(parse("-serial", "none", "-serial", "null", "-serial",
			       "chardev:foo", "-monitor", "none", NULL), 0);
	assert_int_equal(config_serial_count(&c), 3);
	assert_null(config_serial(&c, 0, buf));
	assert_string_equal(config_serial(&c, 1, buf), "serial1");
	assert_string_equal(config_serial(&c, 2, buf), "foo");
	assert_null(config_serial(&c, 3, buf));
}

static void a_serial_device_replaces_the_default_port(void **state)
{
	(void)state;
	assert_int_equal(parse("-device", "isa-serial,chardev=x", "-chardev",
			       "null,id=x", NULL), 0);
	assert_null(c.serials);
}

static void what_may_be_json_is_brought_into_one_form(void **state)
{
	(void)state;
	assert_int_equal(parse("-device", "{\"driver\":\"x\",\"a\":true}",
			       "-blockdev", "{\"driver\":\"raw\",\"file\":"
			       "{\"driver\":\"y\"}}", "-netdev",
			       "{\"type\":\"user\",\"id\":\"n\"}", "-object",
			       "{\"qom-type\":\"z\"}", NULL), 0);
	assert_string_equal(c.devices->text, "driver=x,a=on");
	assert_string_equal(c.blockdevs->text, "driver=raw,file.driver=y");
	assert_string_equal(c.netdevs->text, "type=user,id=n");
	assert_string_equal(c.objects->text, "qom-type=z");
	assert_int_equal(parse("-device", "{driver}", NULL), -EINVAL);
	assert_non_null(strstr(e.msg, "JSON parse error at byte 7"));
}

static void single_and_double_dash_are_the_same(void **state)
{
	(void)state;
	assert_int_equal(parse("--m", "1G", "-name", "a", NULL), 0);
	assert_int_equal(c.ram_bytes, GiB);
	assert_string_equal(c.name, "a");
}

static void unknown_options_are_named(void **state)
{
	(void)state;
	assert_int_equal(parse("-frobnicate", NULL), -EINVAL);
	assert_string_equal(e.msg, "-frobnicate: invalid option");
	assert_int_equal(parse("-kernel", NULL), -EINVAL);
	assert_string_equal(e.msg, "-kernel: requires an argument");
}

static void trace_points_are_switched_by_option(void **state)
{
	(void)state;
	assert_int_equal(parse("-trace", "vm_st*", NULL), 0);
	assert_true(trace_enabled[TRACE_vm_state]);
	assert_false(trace_enabled[TRACE_vm_reset]);
	assert_int_equal(parse("-trace", "enable=vm_reset", NULL), 0);
	assert_true(trace_enabled[TRACE_vm_reset]);
	assert_int_equal(parse("-trace", "nosuch", NULL), -EINVAL);
	assert_non_null(strstr(e.msg, "there is no trace point 'nosuch'"));
	assert_int_equal(parse("-trace", "vm_reset,bogus=1", NULL), -EINVAL);
	trace_set("*", false);
}

static void an_argument_is_set_in_an_option_given_before(void **state)
{
	(void)state;
	assert_int_equal(parse("-device", "virtio-rng,id=r,period=1", "-drive",
			       "id=d,file=a", "-set", "device.r.period=2",
			       "-set", "drive.d.file=b,c", NULL), 0);
	assert_string_equal(c.devices->text,
			    "virtio-rng,id=r,period=1,period=2");
	assert_string_equal(c.drives->text, "id=d,file=a,file=b,,c");
	assert_int_equal(parse("-set", "device.r.a=b", NULL), -ENOENT);
	assert_string_equal(e.msg, "-set device.r.a=b: there is no -device with "
			    "id=r before it");
	assert_int_equal(parse("-set", "smp.r.a=b", NULL), -EINVAL);
	assert_int_equal(parse("-set", "device.r", NULL), -EINVAL);
	assert_int_equal(parse("-set", "device.r.=b", NULL), -EINVAL);
	assert_int_equal(parse("-set", "device..a=b", NULL), -EINVAL);
	assert_non_null(strstr(e.msg, "GROUP.ID.ARG=VALUE is expected"));
}

static void what_is_not_there_yet_says_so(void **state)
{
	static char *const later[][2] = {
		{ "-vnc", ":1" }, { "-smbios", "type=1" }, { "-bios", "x" },
		{ "-boot", "c" }, { "-usb", NULL }, { "-net", "user" },
		{ "-incoming", "defer" }, { "-L", "/" },
		{ "-dtb", "x" }, { "-hda", "x" },
		{ "disk.img", NULL },
		{ "-smp", "1,maxcpus=2" }, { "-m", "1G,slots=2,maxmem=2G" },
		{ "-vga", "std" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(later); i++) {
		assert_int_equal(parse(later[i][0], later[i][1], NULL),
				 -ENOTSUP);
		assert_non_null(strstr(e.msg, "not supported yet: "));
		assert_memory_equal(e.msg, later[i][0], strlen(later[i][0]));
	}
	assert_int_equal(parse("-net", "none", "-vga", "none", "-parallel",
			       "none", "-sandbox", "off", NULL), 0);
	assert_int_equal(parse("-sandbox", "maybe", NULL), -EINVAL);
	assert_int_equal(parse("-sandbox", "on", NULL), 0);
	assert_int_equal(parse("-sandbox", "on,paths=/a:/b,spawn=deny", NULL),
			 0);
	assert_string_equal(c.sandbox_paths, "/a:/b");
	assert_int_equal(parse("-sandbox", "off,paths=/a", NULL), -EINVAL);
	assert_int_equal(parse("-sandbox", "on,obsolete=allow", NULL),
			 -ENOTSUP);
}

static void a_machine_has_the_parts_its_properties_leave_it(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL), 0);
	assert_int_equal(c.board, BOARD_PC);
	assert_int_equal(parse("-M", "q35,rtc=off,i8042=off", NULL), 0);
	assert_int_equal(c.board, BOARD_PC & ~(BOARD_RTC | BOARD_I8042));
	assert_int_equal(parse("-M", "microvm", NULL), 0);
	assert_string_equal(c.machine, "microvm");
	assert_int_equal(c.board, BOARD_ACPI | BOARD_REDUCED | BOARD_SERIAL |
			 BOARD_CMDLINE);
	assert_int_equal(parse("-M", "microvm,pic=on,isa-serial=off,rtc=on,"
			       "rtc=auto", NULL), 0);
	assert_int_equal(c.board, BOARD_ACPI | BOARD_REDUCED | BOARD_PIC |
			 BOARD_CMDLINE);
	/* Later -M add to earlier ones, whichever names the machine. */
	assert_int_equal(parse("-M", "auto-kernel-cmdline=off", "-machine",
			       "type=microvm,accel=tcg", "-M", "pcie=on",
			       NULL), 0);
	assert_int_equal(c.board, BOARD_ACPI | BOARD_REDUCED | BOARD_SERIAL |
			 BOARD_PCI);
	assert_string_equal(c.accel, "tcg");
}

static void without_acpi_legacy_chips_stay_unless_switched_off(void **state)
{
	(void)state;
	assert_int_equal(parse("-M", "microvm,acpi=off", NULL), 0);
	assert_int_equal(c.board, BOARD_REDUCED | BOARD_SERIAL |
			 BOARD_CMDLINE | BOARD_PIC | BOARD_PIT | BOARD_RTC);
	assert_int_equal(parse("-M", "microvm,acpi=off,pit=off,pic=off,"
			       "rtc=off", NULL), 0);
	assert_int_equal(c.board, BOARD_REDUCED | BOARD_SERIAL |
			 BOARD_CMDLINE);
}

static void a_machines_wrong_property_is_named(void **state)
{
	(void)state;
	assert_int_equal(parse("-M", "microvm,colour=red", NULL), -EINVAL);
	assert_non_null(strstr(e.msg, "'colour'"));
	assert_int_equal(parse("-M", "pc,isa-serial=off", NULL), -EINVAL);
	assert_string_equal(e.msg, "-M: machine pc has no property "
			    "'isa-serial'");
	assert_int_equal(parse("-M", "microvm,pit=maybe", NULL), -EINVAL);
	assert_non_null(strstr(e.msg, "'pit' expects"));
	assert_int_equal(parse("-M", "microvm,usb=on", NULL), -ENOTSUP);
	assert_non_null(strstr(e.msg, "not supported yet: usb=on"));
	assert_int_equal(parse("-M", "pcfoo", NULL), -EINVAL);
	assert_int_equal(parse("-M", "microvm,help", NULL), 0);
	assert_true(c.wants_exit);
	assert_non_null(strstr(out.buf, "auto-kernel-cmdline=<bool>"));
}

static void memory_sizes_are_mebibytes_unless_said(void **state)
{
	(void)state;
	assert_int_equal(parse("-m", "256", NULL), 0);
	assert_int_equal(c.ram_bytes, 256 * MiB);
	assert_int_equal(parse("-m", "size=2G", NULL), 0);
	assert_int_equal(c.ram_bytes, 2 * GiB);
	assert_int_equal(parse("-m", "3000K", NULL), 0);
	assert_int_equal(c.ram_bytes, 3000 * KiB);
	assert_true(parse("-m", "lots", NULL) < 0);
	assert_true(parse("-m", "99999999999G", NULL) < 0);
	assert_true(parse("-m", "1G,foo=bar", NULL) < 0);
}

static void smp_fills_in_what_is_left_out(void **state)
{
	(void)state;
	assert_int_equal(parse("-smp", "4", NULL), 0);
	assert_int_equal(c.cpus, 4);
	assert_int_equal(c.sockets, 1);
	assert_int_equal(c.cores, 4);
	assert_int_equal(parse("-smp", "8,sockets=2,threads=2", NULL), 0);
	assert_int_equal(c.cores, 2);
	assert_int_equal(parse("-smp", "cores=2,threads=2", NULL), 0);
	assert_int_equal(c.cpus, 4);
	assert_int_equal(c.sockets, 1);
	assert_int_equal(parse("-smp", "6,cores=3", NULL), 0);
	assert_int_equal(c.sockets, 2);
}

static void smp_refuses_what_does_not_add_up(void **state)
{
	static char *const bad[] = { "0", "256", "3,cores=2", "4,cores=0",
				     "x", "2,foo=1", "5,maxcpus=4",
				     "99999999999999999999" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_true(parse("-smp", bad[i], NULL) < 0);
		assert_memory_equal(e.msg, "-smp ", 5);
	}
}

static void accelerators_come_in_the_order_given(void **state)
{
	(void)state;
	assert_int_equal(parse("-accel", "kvm", "-accel", "tcg,thread=multi",
			       NULL), 0);
	assert_string_equal(c.accel, "kvm:tcg");
	assert_int_equal(parse("-enable-kvm", NULL), 0);
	assert_string_equal(c.accel, "kvm");
	assert_int_equal(parse("-machine", "q35,accel=tcg", NULL), 0);
	assert_string_equal(c.accel, "tcg");
	assert_string_equal(c.machine, "q35");
	assert_false(c.no_helper);
	assert_int_equal(parse("-accel", "kvm,helper=off", NULL), 0);
	assert_true(c.no_helper);
	assert_int_equal(parse("-accel", "kvm,helper=maybe", NULL), -EINVAL);
	assert_false(c.can_switch);
	assert_int_equal(parse("-accel", "tcg,switch=on", NULL), 0);
	assert_true(c.can_switch);
	assert_int_equal(parse("-accel", "hax", NULL), -EINVAL);
	assert_int_equal(parse("-accel", "tcg,tb-size=1", NULL), -EINVAL);
	assert_int_equal(parse("-M", "pdp11", NULL), -EINVAL);
	assert_int_equal(parse("-M", "pc,foo=bar", NULL), -EINVAL);
}

static void files_for_perf_have_two_spellings(void **state)
{
	(void)state;
	assert_int_equal(parse("-accel", "tcg,perfmap=on,jitdump=off", NULL), 0);
	assert_true(c.perfmap);
	assert_false(c.jitdump);
	assert_int_equal(parse("-jitdump", NULL), 0);
	assert_false(c.perfmap);
	assert_true(c.jitdump);
	assert_int_equal(parse("-accel", "tcg,perfmap=maybe", NULL), -EINVAL);
	assert_false(c.eager);
	assert_int_equal(parse("-accel", "tcg,eager=on", NULL), 0);
	assert_true(c.eager);
}

static void actions_set_their_field(void **state)
{
	(void)state;
	assert_int_equal(parse("-no-reboot", "-no-shutdown", NULL), 0);
	assert_int_equal(c.on_reboot, REBOOT_SHUTDOWN);
	assert_int_equal(c.on_shutdown, SHUTDOWN_PAUSE);
	assert_int_equal(parse("-action", "panic=exit-failure,reboot=shutdown",
			       "-watchdog-action", "pause", NULL), 0);
	assert_int_equal(c.on_panic, PANIC_EXIT_FAILURE);
	assert_int_equal(c.on_reboot, REBOOT_SHUTDOWN);
	assert_int_equal(c.on_watchdog, WATCHDOG_PAUSE);
	assert_int_equal(parse("-action", "panic=scream", NULL), -EINVAL);
	assert_int_equal(parse("-action", "coffee=on", NULL), -EINVAL);
}

static void a_uuid_is_checked_and_lower_case(void **state)
{
	(void)state;
	assert_int_equal(parse("-uuid",
			       "550E8400-e29b-41d4-a716-446655440000", NULL),
			 0);
	assert_string_equal(c.uuid, "550e8400-e29b-41d4-a716-446655440000");
	assert_int_equal(parse("-uuid", "550e8400", NULL), -EINVAL);
	assert_int_equal(parse("-uuid",
			       "550e8400-e29b-41d4-a716-4466554400001", NULL),
			 -EINVAL);
}

static void rtc_takes_words_and_dates(void **state)
{
	(void)state;
	assert_int_equal(parse("-rtc", "base=localtime,clock=vm", NULL), 0);
	assert_int_equal(c.rtc_base, RTC_LOCALTIME);
	assert_int_equal(c.rtc_clock, RTC_CLOCK_VM);
	assert_int_equal(parse("-rtc", "base=2006-06-17T16:01:21", NULL), 0);
	assert_int_equal(c.rtc_date, 1150560081);
	assert_int_equal(parse("-rtc", "base=2006-06-17", NULL), 0);
	assert_int_equal(c.rtc_date, 1150502400);
	assert_int_equal(parse("-rtc", "base=teatime", NULL), -EINVAL);
}

static void log_items_are_checked(void **state)
{
	(void)state;
	assert_int_equal(parse("-d", "int,cpu_reset", NULL), 0);
	assert_string_equal(c.log_items, "int,cpu_reset");
	assert_int_equal(parse("-d", "dreams", NULL), -EINVAL);
}

static void help_lists_options_and_wants_exit(void **state)
{
	(void)state;
	assert_int_equal(parse("-help", NULL), 0);
	assert_true(c.wants_exit);
	assert_non_null(strstr(out.buf, "-kernel FILE"));
	assert_null(strstr(out.buf, "-vnc"));
	for (const char *line = out.buf; *line; ) {
		const size_t n = strcspn(line, "\n");

		assert_true(*line == '-' || n < 80);
		line += n + !!line[n];
	}
	assert_int_equal(parse("-version", NULL), 0);
	assert_memory_equal(out.buf, "mote version", 12);
}

static void every_list_has_its_help(void **state)
{
	static char *const topics[] = { "-machine", "-accel", "-cpu",
					"-chardev", "-device", "-d",
					"-netdev", "-object", "-blockdev" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(topics); i++) {
		assert_int_equal(parse(topics[i], "help", NULL), 0);
		assert_true(c.wants_exit);
		assert_true(out.len > 0);
	}
	assert_int_equal(parse("-device", "isa-debug-exit,help", NULL), 0);
	assert_non_null(strstr(out.buf, "iobase"));
}

static void a_monitor_option_is_brought_into_one_form(void **state)
{
	(void)state;
	assert_int_equal(parse("-chardev", "null,id=a", "-mon", "a", "-serial",
			       "none", NULL), 0);
	assert_string_equal(c.mons->text, "chardev=a,mode=readline");
	assert_null(c.mons->next);
	assert_int_equal(parse("-mon", "mode=readline", NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_asked_for_gives_the_terminal_and_defaults),
	cmocka_unit_test(nodefaults_leaves_serial_and_monitor_out),
	cmocka_unit_test(a_given_serial_leaves_the_terminal_to_the_monitor),
	cmocka_unit_test(a_given_monitor_leaves_the_terminal_to_the_serial),
	cmocka_unit_test(display_none_leaves_the_terminal_alone),
	cmocka_unit_test(who_names_the_terminal_has_it_alone),
	cmocka_unit_test(a_daemon_has_no_terminal),
	cmocka_unit_test(serial_ids_follow_their_position),
	cmocka_unit_test(a_serial_device_replaces_the_default_port),
		cmocka_unit_test(what_may_be_json_is_brought_into_one_form),
	cmocka_unit_test(single_and_double_dash_are_the_same),
	cmocka_unit_test(unknown_options_are_named),
	cmocka_unit_test(trace_points_are_switched_by_option),
	cmocka_unit_test(an_argument_is_set_in_an_option_given_before),
	cmocka_unit_test(what_is_not_there_yet_says_so),
	cmocka_unit_test(a_machine_has_the_parts_its_properties_leave_it),
	cmocka_unit_test(without_acpi_legacy_chips_stay_unless_switched_off),
	cmocka_unit_test(a_machines_wrong_property_is_named),
	cmocka_unit_test(memory_sizes_are_mebibytes_unless_said),
	cmocka_unit_test(smp_fills_in_what_is_left_out),
	cmocka_unit_test(smp_refuses_what_does_not_add_up),
	cmocka_unit_test(accelerators_come_in_the_order_given),
		cmocka_unit_test(files_for_perf_have_two_spellings),
	cmocka_unit_test(actions_set_their_field),
	cmocka_unit_test(a_uuid_is_checked_and_lower_case),
	cmocka_unit_test(rtc_takes_words_and_dates),
	cmocka_unit_test(log_items_are_checked),
	cmocka_unit_test(help_lists_options_and_wants_exit),
	cmocka_unit_test(every_list_has_its_help),
	cmocka_unit_test(a_monitor_option_is_brought_into_one_form),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	config_fini(&c);
	strbuf_fini(&out);
	return rc;
}
