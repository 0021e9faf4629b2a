/* SPDX-License-Identifier: MIT */
/*
 * Unit test: monitor/qmp_virtio.c on a device with one chain out and one with
 * rings lent to the kernel; what comes back has the declared types.
 */
#include "tests/unit/vhost_fake.h"

#include <fcntl.h>
#include <stdio.h>

#include "tests/unit/qmp_fake.h"

static struct qmp_fake q;
static char fd_text[16];

/* A call of this row; its answer was checked against the row's type. */
static struct qmp_call ask(const char *name, const char *args)
{
	const struct qmp_cmd *cmd = qmp_find(name);
	struct qmp_call c = { .m = &q.m, .cmd = cmd };
	struct err e = { 0 };

	assert_non_null(cmd);
	c.args = json_loads(args, 0, NULL);
	assert_non_null(c.args);
	cmd->run(&c);
	if (!c.e.rc && *cmd->ret != '[')
		assert_int_equal(qmp_check_members(
			qmp_type_find(cmd->ret)->members, c.ret, "", &e), 0);
	return c;
}

static void done(struct qmp_call *c)
{
	json_decref(c->args);
	json_decref(c->ret);
}

static s64 number(struct qmp_call *c, const char *key)
{
	json_t *v = json_object_get(c->ret, key);

	assert_true(json_is_integer(v) || json_is_boolean(v));
	return json_is_boolean(v) ? json_is_true(v) : json_integer_value(v);
}

static void fails(const char *name, const char *args, const char *sentence)
{
	struct qmp_call c = ask(name, args);

	assert_true(c.e.rc);
	assert_string_equal(c.e.msg, sentence);
	done(&c);
}

static void up(const char *class, const char *const *props, u64 features)
{
	struct err e = { 0 };

	g_memory();
	fake_vhost_up();
	assert_int_equal(g_realize(class, props, &e), 0);
	g_start(features);
	g_turns(2);
	qmp_fake_init(&q, false);
	list_append(&q.f.vm.devices, &fake.dev->node);
}

static void down(void)
{
	struct device *d = fake.dev;

	list_remove(&d->node);
	qmp_fake_fini(&q);
	fake.dev = NULL;
	device_destroy(d);
	fake_machine_down();
}

static const char *const one_port[] = { "max_ports", "1", NULL };

static void a_device_says_what_it_is_and_what_was_agreed(void **s)
{
	struct qmp_call c;
	char *text;

	(void)s;
	up("virtio-serial-device", one_port, BIT64(0) | BIT64(VIRTIO_F_EVENT_IDX));
	c = ask("x-query-virtio-status", "{\"path\": \"d0\"}");
	assert_int_equal(c.e.rc, 0);
	assert_int_equal(number(&c, "device-id"), 3);
	assert_int_equal(number(&c, "num-vqs"), 2);
	assert_int_equal(number(&c, "vhost-started"), 0);
	assert_int_equal(number(&c, "started"), 1);
	text = json_dumps(json_object_get(c.ret, "guest-features"),
			  JSON_COMPACT);
	assert_string_equal(text, "{\"transports\":[\"event_idx\","
			    "\"version_1\"],\"dev-features\":[\"size\"]}");
	free(text);
	done(&c);
	fails("x-query-virtio-status", "{\"path\": \"/nowhere\"}",
	      "Path /nowhere is not a VirtIODevice");
	down();
}

static void a_queue_and_its_elements(void **s)
{
	struct qmp_call c;
	json_t *d;

	(void)s;
	up("virtio-serial-device", one_port, 0);
	g_in(0, 64);
	c = ask("x-query-virtio-queue-status", "{\"path\":\"d0\",\"queue\":0}");
	assert_int_equal(c.e.rc, 0);
	assert_int_equal(number(&c, "vring-num"), G_RING);
	assert_int_equal(number(&c, "vring-desc"), g_base(0));
	assert_int_equal(number(&c, "last-avail-idx"), 0);
	done(&c);
	c = ask("x-query-virtio-queue-element",
		"{\"path\":\"d0\",\"queue\":0}");
	assert_int_equal(c.e.rc, 0);
	d = json_array_get(json_object_get(c.ret, "descs"), 0);
	assert_int_equal(json_integer_value(json_object_get(d, "len")), 64);
	assert_int_equal(json_integer_value(json_object_get(
		json_object_get(c.ret, "avail"), "idx")), 1);
	done(&c);
	fails("x-query-virtio-queue-status", "{\"path\":\"d0\",\"queue\":9}",
	      "Invalid virtqueue number 9");
	fails("x-query-virtio-queue-status", "{\"path\":\"d0\",\"queue\":-1}",
	      "Invalid virtqueue number -1");
	fails("x-query-virtio-vhost-queue-status",
	      "{\"path\":\"d0\",\"queue\":0}",
	      "vhost device has not started yet");
	down();
}

/* A guest's chain may be a loop. */
static void descriptors_that_loop_come_to_an_end(void **s)
{
	struct qmp_call c;

	(void)s;
	up("virtio-serial-device", one_port, 0);
	g_in(0, 64);
	for (unsigned i = 0; i < G_RING; i++)
		g_descs(0)[i] = (struct g_desc){ 0, 1, 1, 0 };
	c = ask("x-query-virtio-queue-element",
		"{\"path\":\"d0\",\"queue\":0}");
	assert_int_equal(json_array_size(json_object_get(c.ret, "descs")),
			 G_RING);
	done(&c);
	down();
}

static void a_queue_the_kernel_works_is_as_the_kernel_was_told(void **s)
{
	static const char *const props[] = { "guest-cid", "9", "vhostfd",
					     fd_text, NULL };
	struct qmp_call c;

	(void)s;
	snprintf(fd_text, sizeof(fd_text), "%d", open("/dev/null", O_RDWR));
	up("vhost-vsock-device", props, 0);
	c = ask("x-query-virtio-vhost-queue-status",
		"{\"path\":\"d0\",\"queue\":1}");
	assert_int_equal(c.e.rc, 0);
	assert_int_equal(number(&c, "num"), kernel.ring[1].num);
	assert_int_equal(number(&c, "kick"), kernel.ring[1].kick);
	assert_int_equal(number(&c, "call"), kernel.ring[1].call);
	assert_int_equal(number(&c, "desc"),
			 kernel.ring[1].addr.desc_user_addr);
	assert_int_equal(number(&c, "used-phys"), g_base(1) + 0x2000);
	done(&c);
	c = ask("x-query-virtio-status", "{\"path\":\"d0\"}");
	assert_int_equal(number(&c, "vhost-started"), 1);
	done(&c);
	fails("x-query-virtio-vhost-queue-status",
	      "{\"path\":\"d0\",\"queue\":2}",
	      "vhost does not work this queue");
	down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_says_what_it_is_and_what_was_agreed),
		cmocka_unit_test(a_queue_and_its_elements),
		cmocka_unit_test(descriptors_that_loop_come_to_an_end),
		cmocka_unit_test(a_queue_the_kernel_works_is_as_the_kernel_was_told),
	};

	return cmocka_run_group_tests_name("qmp_virtio", tests, NULL, NULL);
}
