/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/qmp_input.c: keys and the mouse, by JSON. */
#include "tests/unit/qmp_fake.h"
#include "tests/unit/mon_ps2.h"

#define EMPTY "{\"return\": {}}\r\n"
#define GENERIC(text) "{\"error\": {\"class\": \"GenericError\", " \
	"\"desc\": \"" text "\"}}\r\n"

static struct qmp_fake q;
static struct device *ps2;

static int setup(void **state)
{
	(void)state;
	qmp_fake_init(&q, false);
	negotiate(&q);
	ps2 = ps2_add(&q.f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ps2_remove(ps2);
	qmp_fake_fini(&q);
	return 0;
}

static const char *send_key(const char *keys)
{
	char line[512];

	snprintf(line, sizeof(line), "{'execute':'send-key','arguments':"
		 "{'keys':[%s]}}", keys);
	return answer_to(&q, line);
}

static const char *send_event(const char *events)
{
	char line[1024];

	snprintf(line, sizeof(line), "{'execute':'input-send-event',"
		 "'arguments':{'events':[%s]}}", events);
	return answer_to(&q, line);
}

static void keys_come_by_name_and_by_number(void **state)
{
	(void)state;
	assert_string_equal(send_key("{'type':'qcode','data':'shift'},"
				     "{'type':'number','data':30}"), EMPTY);
	assert_string_equal(ps2_said(&q.f), "k2a k1e k9e kaa");
}

static void one_bad_key_presses_none(void **state)
{
	(void)state;
	assert_string_equal(send_key("{'type':'qcode','data':'a'},"
				     "{'type':'qcode','data':'nosuch'}"),
			    GENERIC("Parameter 'data' does not accept value "
				    "'nosuch'"));
	assert_string_equal(send_key("{'type':'number','data':'x'}"),
			    GENERIC("Parameter 'data' does not accept value "
				    "'x'"));
	assert_string_equal(send_key("{'type':'qcode','data':5}"),
			    GENERIC("Parameter 'data' does not accept value "
				    "''"));
	assert_string_equal(ps2_said(&q.f), "");
}

static void events_press_and_release(void **state)
{
	(void)state;
	assert_string_equal(send_event(
		"{'type':'key','data':{'down':true,'key':{'type':'qcode',"
		"'data':'right'}}},{'type':'key','data':{'down':false,'key':"
		"{'type':'qcode','data':'right'}}}"), EMPTY);
	assert_string_equal(ps2_said(&q.f), "ke0 k4d ke0 kcd");
}

static void the_mouse_moves_by_axis_and_keeps_its_buttons(void **state)
{
	(void)state;
	ps2_enable_mouse(&q.f);
	assert_string_equal(send_event(
		"{'type':'btn','data':{'down':true,'button':'left'}},"
		"{'type':'rel','data':{'axis':'x','value':7}},"
		"{'type':'rel','data':{'axis':'y','value':-2}},"
		"{'type':'btn','data':{'down':true,'button':'right'}},"
		"{'type':'btn','data':{'down':false,'button':'left'}}"),
			    EMPTY);
	assert_string_equal(ps2_said(&q.f), "m09 m00 m00 m09 m07 m00 "
			    "m09 m00 m02 m0b m00 m00 m0a m00 m00");
}

static void what_no_device_takes_is_refused_by_number(void **state)
{
	static const char *const bad[] = {
		"{'type':'abs','data':{'axis':'x','value':1}}",
		"{'type':'rel','data':{'axis':'z','value':1}}",
		"{'type':'rel','data':5}",
		"{'type':'btn','data':{'button':'wheel-up','down':true}}",
		"{'type':'btn','data':[]}",
	};

	(void)state;
	ps2_enable_mouse(&q.f);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_string_equal(send_event(bad[i]),
				    GENERIC("no device takes event 0"));
	assert_string_equal(send_event("{'type':'key','data':{}}"),
			    GENERIC("Parameter 'data' does not accept value "
				    "''"));
	assert_string_equal(ps2_said(&q.f), "");
}

static void values_out_of_range_are_a_long_way(void **state)
{
	(void)state;
	ps2_enable_mouse(&q.f);
	assert_string_equal(send_event("{'type':'rel','data':{'axis':'x',"
				       "'value':9223372036854775807}}"),
			    EMPTY);
	assert_true(strlen(ps2_said(&q.f)) > 0);
}

static void mice_are_listed(void **state)
{
	(void)state;
	assert_string_equal(answer_to(&q, "{'execute':'query-mice'}"),
			    "{\"return\": [{\"name\": \"PS/2 Mouse\", "
			    "\"index\": 2, \"current\": true, \"absolute\": "
			    "false}]}\r\n");
	list_remove(&ps2->node);
	assert_string_equal(answer_to(&q, "{'execute':'query-mice'}"),
			    "{\"return\": []}\r\n");
	list_append(&q.f.vm.devices, &ps2->node);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(keys_come_by_name_and_by_number),
		T(one_bad_key_presses_none),
		T(events_press_and_release),
		T(the_mouse_moves_by_axis_and_keeps_its_buttons),
		T(what_no_device_takes_is_refused_by_number),
		T(values_out_of_range_are_a_long_way),
		T(mice_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
