/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/qom.c, qom_props.c, qtree.c and their commands. */
#include "tests/unit/qmp_fake.h"

#include "monitor/both.h"
#include "monitor/qom.h"
#include "monitor/qtree.h"

struct gadget {
	struct device d;
	bool on;
	u32 level;
	u64 room;
	char *text;
};

static const struct device_prop gadget_props[] = {
	PROP("on", PROP_BOOL, struct gadget, on, "on", "a switch"),
	{ .name = "level", .type = PROP_U32, .runtime = true,
	  .offset = offsetof(struct gadget, level), .def = "7" },
	PROP("room", PROP_SIZE, struct gadget, room, "2M", "how much"),
	PROP("text", PROP_STR, struct gadget, text, "hello", "words"),
	PROP_END
};

static const struct device_class gadget_class = {
	.name = "gadget", .bus = "System", .size = sizeof(struct gadget),
	.props = gadget_props, .hotplug = true, .user_creatable = true,
};

static struct device *add_gadget(struct qmp_fake *q, const char *id)
{
	struct device *d = device_create(&gadget_class, id, &q->f.vm.env);

	assert_int_equal(device_realize(d, NULL), 0);
	list_append(&q->f.vm.devices, &d->node);
	return d;
}

static void drop_gadgets(struct qmp_fake *q)
{
	while (!list_empty(&q->f.vm.devices)) {
		struct device *d = list_entry(q->f.vm.devices.next,
					      struct device, node);

		list_remove(&d->node);
		device_destroy(d);
	}
}

static void paths_find_objects(void **state)
{
	struct qmp_fake q;
	struct qom_obj o;
	struct err e = { 0 };
	struct device *d, *anon;
	char path[128];

	qmp_fake_init(&q, false);
	d = add_gadget(&q, "g0");
	anon = add_gadget(&q, NULL);
	assert_int_equal(qom_find(&q.f.vm, "/machine/peripheral/g0", &o, &e),
			 0);
	assert_ptr_equal(o.ptr, d);
	assert_int_equal(qom_find(&q.f.vm, "g0", &o, &e), 0);
	assert_ptr_equal(o.ptr, d);
	assert_int_equal(qom_find(&q.f.vm, "/machine/peripheral-anon/"
				  "device[0]", &o, &e), 0);
	assert_ptr_equal(o.ptr, anon);
	assert_int_equal(qom_find(&q.f.vm, "/", &o, &e), 0);
	assert_int_equal(o.kind, QOM_ROOT);
	assert_int_equal(qom_find(&q.f.vm, "/nosuch", &o, &e), -ENOENT);
	assert_string_equal(e.msg, "Device '/nosuch' not found");
	assert_int_equal(qom_find(&q.f.vm, "", &o, &e), -ENOENT);
	assert_int_equal(qom_find(&q.f.vm, "/machine/g0/..", &o, &e), -ENOENT);
	qom_device_path(&q.f.vm, d, path, sizeof(path));
	assert_string_equal(path, "/machine/peripheral/g0");
	qom_device_path(&q.f.vm, anon, path, sizeof(path));
	assert_string_equal(path, "/machine/peripheral-anon/device[0]");
	drop_gadgets(&q);
	qmp_fake_fini(&q);
}

static void properties_are_listed_and_read(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	add_gadget(&q, "g0");
	assert_says(&q.f, "qom-list", "/\n");
	assert_says(&q.f, "qom-list /", "type (string)\n"
		    "objects (child<container>)\nmachine (child<pc-machine>)\n"
		    "chardevs (child<container>)\n");
	assert_says(&q.f, "qom-list g0", "type (string)\n"
		    "parent_bus (link<bus>)\nrealized (bool)\n"
		    "hotplugged (bool)\nhotpluggable (bool)\non (bool)\n"
		    "level (uint32)\nroom (size)\ntext (str)\n");
	assert_says(&q.f, "qom-get g0 type", "\"gadget\"\n");
	assert_says(&q.f, "qom-get g0 on", "true\n");
	assert_says(&q.f, "qom-get g0 room", "2097152\n");
	assert_says(&q.f, "qom-get g0 text", "\"hello\"\n");
	assert_says(&q.f, "qom-get g0 nosuch",
		    "Error: Property 'gadget.nosuch' not found\n");
	assert_says(&q.f, "qom-get /nosuch type",
		    "Error: Device '/nosuch' not found\n");
	drop_gadgets(&q);
	qmp_fake_fini(&q);
}

static void only_properties_that_may_change_do(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	add_gadget(&q, "g0");
	assert_says(&q.f, "qom-set g0 level 9", "");
	assert_says(&q.f, "qom-get g0 level", "9\n");
	assert_says(&q.f, "qom-set -j g0 level 11", "");
	assert_says(&q.f, "qom-get g0 level", "11\n");
	assert_says(&q.f, "qom-set g0 level x",
		    "Error: Parameter 'level' expects int64\n");
	assert_says(&q.f, "qom-set g0 text x",
		    "Error: Attempt to set property 'text' on device 'g0' "
		    "(type 'gadget') after it was realized\n");
	assert_says(&q.f, "qom-set g0 type x",
		    "Error: Property 'gadget.type' is not writable\n");
	assert_says(&q.f, "qom-set g0 nosuch 1",
		    "Error: Property 'gadget.nosuch' not found\n");
	assert_memory_equal(said(&q.f, "qom-set -j g0 level {"),
			    "Error: JSON parse error, ", 25);
	assert_memory_equal(said(&q.f, "qom-set -j g0 level [1]"),
			    "Error: Invalid parameter type", 29);
	drop_gadgets(&q);
	qmp_fake_fini(&q);
}

static void trees_show_what_there_is(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	add_gadget(&q, "g0");
	assert_says(&q.f, "info qom-tree /machine/peripheral",
		    "/peripheral (container)\n  /g0 (gadget)\n");
	assert_says(&q.f, "info qom-tree /nosuch",
		    "Path '/nosuch' could not be resolved.\n");
	assert_non_null(strstr(said(&q.f, "info qtree"),
		    "bus: main-system-bus\n  type System\n"
		    "  dev: gadget, id \"g0\"\n    on = true\n"
		    "    level = 7 (0x7)\n    room = 2097152 (2 MiB)\n"
		    "    text = \"hello\"\n"));
	assert_non_null(strstr(said(&q.f, "info qdm"), " devices:\nname \""));
	drop_gadgets(&q);
	qmp_fake_fini(&q);
}

static void adding_wants_a_driver_and_a_new_id(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	add_gadget(&q, "g0");
	assert_says(&q.f, "device_add",
		    "Error: Parameter 'driver' is missing\n");
	assert_says(&q.f, "device_add id=x",
		    "Error: Parameter 'driver' is missing\n");
	assert_says(&q.f, "device_add nosuch",
		    "Error: 'nosuch' is not a valid device model name\n");
	assert_says(&q.f, "device_add nosuch,help",
		    "Device 'nosuch' not found\n");
	assert_says(&q.f, "device_add isa-serial,id=g0",
		    "Error: Duplicate device ID 'g0'\n");
	assert_says(&q.f, "device_del nosuch",
		    "Error: Device 'nosuch' not found\n");
	assert_says(&q.f, "object_add iothread",
		    "Error: Parameter 'id' is missing\n");
	assert_says(&q.f, "object_add nosuch,id=x", "Error: Parameter "
		    "'qom-type' does not accept value 'nosuch'\n");
	assert_says(&q.f, "object_del nosuch",
		    "Error: object 'nosuch' not found\n");
	drop_gadgets(&q);
	qmp_fake_fini(&q);
}

static void qmp_sees_the_same_tree(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	add_gadget(&q, "g0");
	negotiate(&q);
	assert_string_equal(answer_to(&q, "{'execute':'qom-get','arguments':"
			"{'path':'g0','property':'level'}}"),
			"{\"return\": 7}\r\n");
	assert_string_equal(answer_to(&q, "{'execute':'qom-set','arguments':"
			"{'path':'g0','property':'level','value':5}}"),
			"{\"return\": {}}\r\n");
	assert_string_equal(answer_to(&q, "{'execute':'qom-list','arguments':"
			"{'path':'/nosuch'}}"),
			"{\"error\": {\"class\": \"DeviceNotFound\", \"desc\":"
			" \"Device '/nosuch' not found\"}}\r\n");
	assert_string_equal(answer_to(&q, "{'execute':'device_add',"
			"'arguments':{'driver':'x','a':{'b':null}}}"),
			"{\"error\": {\"class\": \"GenericError\", \"desc\": "
			"\"Parameter 'a.b' is null\"}}\r\n");
	assert_string_equal(answer_to(&q, "{'execute':'device_add',"
			"'arguments':{'driver':'x,y'}}"),
			"{\"error\": {\"class\": \"GenericError\", \"desc\": "
			"\"'x,y' is not a valid device model name\"}}\r\n");
	drop_gadgets(&q);
	qmp_fake_fini(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_find_objects),
		cmocka_unit_test(properties_are_listed_and_read),
		cmocka_unit_test(only_properties_that_may_change_do),
		cmocka_unit_test(trees_show_what_there_is),
		cmocka_unit_test(adding_wants_a_driver_and_a_new_id),
		cmocka_unit_test(qmp_sees_the_same_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
