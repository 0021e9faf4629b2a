/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/qmp_probe.c: machines, CPU models, options, as data. */
#include "tests/unit/qmp_fake.h"

static char asked_model[256];

static int expand(struct vm *vm, const char *model,
		  void (*fn)(const char *feature, bool on, void *opaque),
		  void *opaque, struct err *e)
{
	(void)vm;
	snprintf(asked_model, sizeof(asked_model), "%s", model);
	if (!strncmp(model, "none", 4))
		return err_set(e, -EINVAL, "no CPU model 'none'");
	fn("sse2", true, opaque);
	fn("avx", false, opaque);
	return 0;
}

static struct qmp_fake q;

static int up(void **state)
{
	(void)state;
	qmp_fake_init(&q, false);
	q.f.arch.expand_cpu = expand;
	negotiate(&q);
	return 0;
}

static int down(void **state)
{
	(void)state;
	qmp_fake_fini(&q);
	return 0;
}

/* Its "return", the caller's; NULL: an error. */
static json_t *asked(const char *text)
{
	json_t *v = json_loads(answer_to(&q, text), 0, NULL), *r;

	assert_non_null(v);
	r = json_incref(json_object_get(v, "return"));
	json_decref(v);
	return r;
}

/* Takes both. */
static void is(json_t *v, json_t *want)
{
	assert_true(json_equal(v, want));
	json_decref(v);
	json_decref(want);
}

#define EXPAND(type, model) "{'execute':'query-cpu-model-expansion'," \
	"'arguments':{'type':'" type "','model':{" model "}}}"

static void every_machine_the_option_takes_is_listed(void **state)
{
	json_t *all = asked("{'execute':'query-machines'}");

	(void)state;
	for (unsigned i = 0; config_machine(i); i++) {
		json_t *m = json_array_get(all, i);

		assert_string_equal(json_string_value(json_object_get(m,
				    "name")), config_machine(i));
		assert_int_equal(json_is_true(json_object_get(m,
				 "is-default")), !i);
	}
	assert_string_equal(config_machine(2), "microvm");
	assert_null(config_machine(json_array_size(all)));
	json_decref(all);
}

static void a_full_expansion_names_what_is_not_there_too(void **state)
{
	json_t *v = asked(EXPAND("full", "'name':'max'"));

	(void)state;
	is(v, json_pack("{s:{s:s,s:{s:b,s:b}}}", "model", "name", "max",
			"props", "sse2", 1, "avx", 0));
	assert_string_equal(asked_model, "max");
}

static void a_static_expansion_is_what_is_added_to_nothing(void **state)
{
	json_t *v = asked(EXPAND("static", "'name':'max',"
				 "'props':{'aes':false,'avx2':true}"));

	(void)state;
	is(v, json_pack("{s:{s:s,s:{s:b}}}", "model", "name", "base", "props",
			"sse2", 1));
	assert_string_equal(asked_model, "max,aes=off,avx2=on");
}

static void a_model_that_is_none_is_an_error(void **state)
{
	static const char *const bad[] = {
		EXPAND("full", "'name':'none'"), EXPAND("half", "'name':'max'"),
		EXPAND("full", "'name':'max,+avx'"), EXPAND("full", ""),
		EXPAND("full", "'name':'max','props':[]"),
		EXPAND("full", "'name':'max','props':{'a,b':true}"),
		EXPAND("full", "'name':'max','props':{'a':'on'}"),
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		if (asked(bad[i]))
			fail_msg("%s", bad[i]);
}

/* The type of a parameter of an option; "": there is none. */
static const char *type_of(const char *option, const char *name)
{
	static char type[16];
	json_t *all = asked("{'execute':'query-command-line-options'}");
	json_t *o, *p;
	size_t i, k;

	type[0] = '\0';
	json_array_foreach(all, i, o) {
		if (strcmp(json_string_value(json_object_get(o, "option")),
			   option))
			continue;
		json_array_foreach(json_object_get(o, "parameters"), k, p)
			if (!strcmp(json_string_value(json_object_get(p,
					"name")), name))
				snprintf(type, sizeof(type), "%s",
					 json_string_value(json_object_get(p,
						"type")));
	}
	json_decref(all);
	return type;
}

static void options_say_what_they_take(void **state)
{
	(void)state;
	assert_string_equal(type_of("machine", "type"), "string");
	assert_string_equal(type_of("machine", "hpet"), "boolean");
	assert_string_equal(type_of("smp", "cpus"), "number");
	assert_string_equal(type_of("smp", "threads"), "number");
	assert_string_equal(type_of("mon", "pretty"), "boolean");
	assert_string_equal(type_of("mon", "mode"), "string");
	assert_string_equal(type_of("jail", "fsize"), "size");
	assert_string_equal(type_of("jail", "uid"), "number");
	assert_string_equal(type_of("sandbox", "spawn"), "string");
	assert_string_equal(type_of("machine", "prop"), "");
	assert_string_equal(type_of("nographic", ""), "");
}

static void one_option_may_be_asked_for(void **state)
{
	json_t *v = asked("{'execute':'query-command-line-options',"
			  "'arguments':{'option':'smp'}}");

	(void)state;
	assert_int_equal(json_array_size(v), 1);
	json_decref(v);
	assert_string_equal(answer_to(&q, "{'execute':"
		"'query-command-line-options','arguments':{'option':'x'}}"),
		"{\"error\": {\"class\": \"GenericError\", \"desc\": "
		"\"invalid option name: x\"}}\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_machine_the_option_takes_is_listed),
		cmocka_unit_test(a_full_expansion_names_what_is_not_there_too),
		cmocka_unit_test(a_static_expansion_is_what_is_added_to_nothing),
		cmocka_unit_test(a_model_that_is_none_is_an_error),
		cmocka_unit_test(options_say_what_they_take),
		cmocka_unit_test(one_option_may_be_asked_for),
	};

	return cmocka_run_group_tests(tests, up, down);
}
