/* SPDX-License-Identifier: MIT */
/* Unit test: info stats, info sync-profile, trace-event, boot_set. */
#include "tests/unit/mon_fake.h"

#include <sys/mman.h>
#include <unistd.h>

#include "monitor/both.h"
#include "vmm/base/trace.h"

static struct {
	struct kvm_stats_header head;
	struct {
		struct kvm_stats_desc d;
		char name[16];
	} desc[3];
	u64 data[6];
} file;

static void add(unsigned i, const char *name, u32 flags, s16 exponent,
		u16 size, u32 offset)
{
	file.desc[i].d = (struct kvm_stats_desc){ .flags = flags,
		.exponent = exponent, .size = size, .offset = offset };
	snprintf(file.desc[i].name, sizeof(file.desc[i].name), "%s", name);
}

static void good_file(void)
{
	memset(&file, 0, sizeof(file));
	file.head = (struct kvm_stats_header){ .name_size = 16, .num_desc = 3,
		.desc_offset = offsetof(__typeof__(file), desc),
		.data_offset = offsetof(__typeof__(file), data) };
	add(0, "exits", KVM_STATS_TYPE_CUMULATIVE, 0, 1, 0);
	add(1, "wait", KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_SECONDS, -9,
	    1, 8);
	add(2, "hist", KVM_STATS_TYPE_LOG_HIST, 0, 4, 16);
	for (unsigned i = 0; i < 6; i++)
		file.data[i] = i + 1;
}

static int stats_ioctl(int fd, unsigned long request, void *arg)
{
	int m;

	(void)fd;
	if (request == KVM_CHECK_EXTENSION)
		return (uintptr_t)arg == KVM_CAP_BINARY_STATS_FD;
	if (request != KVM_GET_STATS_FD)
		return -ENOTTY;
	m = memfd_create("stats", 0);
	assert_int_equal(write(m, &file, sizeof(file)), sizeof(file));
	return m;
}

static const struct kvm_provider stats_provider = {
	.abi = KVM_PROVIDER_ABI, .size = sizeof(struct kvm_provider),
	.name = "kvm", .ioctl = stats_ioctl,
};

static void the_kernels_file_is_shown(void **state)
{
	struct fake f;

	fake_init(&f);
	f.vm.kvm.ops = f.vm.provider = &stats_provider;
	good_file();
	assert_says(&f, "info stats vm", "provider: kvm\n"
		    "    hist (log2-histogram): [1]=3 [2]=4 [3]=5 [4]=6 \n"
		    "    wait (cumulative, ns): 2\n"
		    "    exits (cumulative): 1\n");
	assert_says(&f, "info stats vcpu exits kvm",
		    "    exits (cumulative): 1\n");
	f.cpu[0].calls = 5;
	assert_says(&f, "info stats vcpu called_away", "");
	assert_says(&f, "info stats vcpu called_away mote",
		    "    called_away (cumulative): 5\n");
	assert_says(&f, "info stats vcpu * tcg", "");
	assert_says(&f, "info stats vm nosuch", "");
	assert_says(&f, "info stats bogus", "invalid stats target bogus\n");
	assert_says(&f, "info stats vm * bogus",
		    "invalid stats provider bogus\n");
	fake_fini(&f);
}

static void a_file_that_lies_is_not_believed(void **state)
{
	struct fake f;

	fake_init(&f);
	f.vm.kvm.ops = f.vm.provider = &stats_provider;
	good_file();
	file.desc[2].d.offset = 0x7ffffff0;
	file.desc[1].d.size = 0xffff;
	assert_says(&f, "info stats vm",
		    "provider: kvm\n    exits (cumulative): 1\n");
	file.head.num_desc = 4000;
	assert_says(&f, "info stats vm", "");
	file.head.name_size = 0xffffffff;
	assert_says(&f, "info stats vm", "");
	fake_fini(&f);
}

static void without_it_exits_are_counted(void **state)
{
	struct fake f;

	fake_init(&f);
	f.cpu[0].exits[KVM_EXIT_IO] = 3;
	f.cpu[0].exits[KVM_EXIT_MMIO] = 4;
	f.cpu[0].calls = 5;
	assert_says(&f, "info stats vcpu exits,io_exits",
		    "provider: mote\n    exits (cumulative): 7\n"
		    "    io_exits (cumulative): 3\n");
	assert_says(&f, "info stats vcpu called_away",
		    "provider: mote\n    called_away (cumulative): 5\n");
	assert_says(&f, "info stats vm", "");
	fake_fini(&f);
}

static void fill_the_lock_profile(void)
{
	static struct lock many[2 * LOCK_SITES_MAX];

	lock_profile_set(true);
	for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
		lock_init(&many[i], "many");
		lock_take(&many[i]);
		lock_drop(&many[i]);
	}
	lock_profile_set(false);
}

static void the_lock_profile_is_a_table(void **state)
{
	struct fake f;

	fake_init(&f);
	assert_says(&f, "sync-profile", "sync-profile is off\n");
	assert_says(&f, "info sync-profile 0",
		    "Type               Object  Call site  Wait Time (s)"
		    "         Count  Average (us)\n"
		    "----------------------------------------"
		    "---------------------------------------\n"
		    "----------------------------------------"
		    "---------------------------------------\n");
	assert_says(&f, "sync-profile on", "");
	assert_says(&f, "sync-profile", "sync-profile is on\n");
	lock_take(&f.dev.lock);
	lock_drop(&f.dev.lock);
	assert_non_null(strstr(said(&f, "info sync-profile 1000"),
			       "test_mon_stats.c:"));
	assert_says(&f, "sync-profile off", "");
	assert_says(&f, "sync-profile reset", "");
	assert_null(strstr(said(&f, "info sync-profile -m -n 1000"),
			   "mutex"));
	assert_null(strstr(said(&f, "info sync-profile"), "full"));
	fill_the_lock_profile();
	assert_non_null(strstr(said(&f, "info sync-profile"),
			       "The table is full: "));
	assert_says(&f, "sync-profile reset", "");
	assert_null(strstr(said(&f, "info sync-profile"), "full"));
	assert_non_null(strstr(said(&f, "sync-profile x"),
			       "Error: invalid parameter 'x'"));
	fake_fini(&f);
}

static u64 switched = 99;

static int locks_control(int fd, const char *name, u64 value)
{
	(void)fd;
	if (strcmp(name, "lock-profile"))
		return -ENOENT;
	switched = value;
	return 0;
}

static int locks_report(int fd, enum kvm_report what, char *buf, size_t n)
{
	(void)fd;
	return snprintf(buf, n, "%s", what == KVM_REPORT_LOCKS ?
			"plugin.c:7 0x1000 4 8000\nno line\n"
			"plugin.c:7 0x2000 1 2000\n" : "");
}

static void locks_of_the_plugin_are_in_it(void **state)
{
	const struct kvm_provider provider = {
		.name = "tcg", .ioctl = stats_ioctl,
		.control = locks_control, .report = locks_report,
	};
	struct fake f;

	(void)state;
	fake_init(&f);
	f.vm.provider = &provider;
	said(&f, "sync-profile on");
	assert_int_equal(switched, LOCK_PROFILE_ON);
	said(&f, "sync-profile off");
	assert_int_equal(switched, LOCK_PROFILE_OFF);
	said(&f, "sync-profile reset");
	assert_int_equal(switched, LOCK_PROFILE_RESET);
	assert_non_null(strstr(said(&f, "info sync-profile"),
		"mutex      [           2]  plugin.c:7        0.00001"
		"             5          2.00\n"));
	assert_non_null(strstr(said(&f, "info sync-profile -n"),
			       "0x2000  plugin.c:7"));
	fake_fini(&f);
}

static void trace_points_are_switched_by_name(void **state)
{
	struct fake f;

	fake_init(&f);
	assert_says(&f, "info trace-events bus_*",
		    "bus_read : state 0\nbus_write : state 0\n");
	assert_says(&f, "trace-event bus_r* on", "");
	assert_says(&f, "info trace-events bus_*",
		    "bus_read : state 1\nbus_write : state 0\n");
	assert_says(&f, "trace-event nosuch on",
		    "unknown event \"nosuch\"\n");
	assert_says(&f, "trace-event no* on", "");
	assert_says(&f, "trace-event bus_read on 0",
		    "event \"bus_read\" is not vCPU-specific\n");
	assert_says(&f, "trace-event bus_read on 7",
		    "invalid vCPU index 7\n");
	assert_says(&f, "trace-event * off", "");
	assert_says(&f, "trace-file set /tmp/mote-no-such-file", "");
	assert_says(&f, "trace-file",
		    "Trace file \"/tmp/mote-no-such-file\" off.\n");
	assert_says(&f, "trace-file bogus",
		    "unexpected argument \"bogus\"\n");
	fake_fini(&f);
}

static void a_boot_order_is_checked_and_kept(void **state)
{
	static const char *const rows[][2] = {
		{ "boot_set z", "Invalid boot device 'z'\n" },
		{ "boot_set cc", "Boot device 'c' was given twice\n" },
		{ "boot_set acdn", "Too many boot devices for PC\n" },
		{ "boot_set e", "Invalid boot device for PC: 'e'\n" },
		{ "boot_set dnc", "boot device list now set to dnc\n" },
		{ "boot_set \"\"", "boot device list now set to \n" },
	};
	const struct device_class *c = device_class_find("mc146818rtc");
	struct fake f;
	struct device *d;

	fake_init(&f);
	assert_says(&f, "boot_set c", "no function defined to set boot "
		    "device list for this architecture\n");
	d = device_create(c, NULL, &f.vm.env);
	list_append(&f.vm.devices, &d->node);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		assert_says(&f, rows[i][0], rows[i][1]);
	device_destroy(d);
	fake_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernels_file_is_shown),
		cmocka_unit_test(a_file_that_lies_is_not_believed),
		cmocka_unit_test(without_it_exits_are_counted),
		cmocka_unit_test(the_lock_profile_is_a_table),
		cmocka_unit_test(locks_of_the_plugin_are_in_it),
		cmocka_unit_test(trace_points_are_switched_by_name),
		cmocka_unit_test(a_boot_order_is_checked_and_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
