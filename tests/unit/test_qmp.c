/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/qmp.c and the commands, one client on this thread. */
#include "tests/unit/qmp_fake.h"

#include "monitor/both.h"

#define GENERIC(text) "{\"error\": {\"class\": \"GenericError\", " \
	"\"desc\": \"" text "\"}}\r\n"
#define NOT_FOUND(text) "{\"error\": {\"class\": \"CommandNotFound\", " \
	"\"desc\": \"" text "\"}}\r\n"
#define EMPTY "{\"return\": {}}\r\n"
#define STATUS "{\"return\": {\"status\": \"paused\", \"singlestep\": " \
	"false, \"running\": false}}\r\n"

static void the_greeting_has_the_form_clients_parse(void **state)
{
	struct qmp_fake q;
	json_t *v;
	int major = -1;
	const char *package = NULL;

	qmp_fake_init(&q, false);
	v = json_loads(heard(&q), 0, NULL);
	assert_int_equal(json_unpack(v, "{s:{s:{s:{s:i},s:s}}}", "QMP",
				     "version", "qemu", "major", &major,
				     "package", &package), 0);
	assert_int_equal(major, 8);
	assert_non_null(strstr(package, "mote"));
	json_decref(v);
	qmp_fake_fini(&q);
}

static void requests_that_are_none_are_refused_in_words(void **state)
{
	static const char *const rows[][2] = {
		{ "garbage", GENERIC("JSON parse error, invalid keyword "
				     "'garbage'") },
		{ "{\"execute\":1}", GENERIC("QMP input member 'execute' "
					     "must be a string") },
		{ "{\"foo\":1}", GENERIC("QMP input member 'foo' is "
					 "unexpected") },
		{ "{}", GENERIC("QMP input lacks member 'execute'") },
		{ "[]", GENERIC("QMP input must be a JSON object") },
		{ "\"x\"", GENERIC("QMP input must be a JSON object") },
		{ "{\"execute\":\"query-status\",\"arguments\":[]}",
		  GENERIC("QMP input member 'arguments' must be an object") },
		{ "{\"execute\":\"query-status\",\"extra\":1}",
		  GENERIC("QMP input member 'extra' is unexpected") },
		{ "{\"exec-oob\":\"query-status\"}",
		  GENERIC("QMP input member 'exec-oob' is unexpected") },
		{ "{\"execute\":\"query-status\"}",
		  NOT_FOUND("Expecting capabilities negotiation with "
			    "'qmp_capabilities'") },
	};
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	heard(&q);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(answer_to(&q, rows[i][0]), rows[i][1]);
	qmp_fake_fini(&q);
}

static void negotiation_comes_once(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	negotiate(&q);
	assert_string_equal(answer_to(&q, "{'execute':'qmp_capabilities'}"),
			    NOT_FOUND("Capabilities negotiation is already "
				      "complete, command ignored"));
	assert_string_equal(answer_to(&q, "{'execute':'query-status'}"),
			    STATUS);
	qmp_fake_fini(&q);
}

static void an_id_of_any_kind_comes_back(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	negotiate(&q);
	assert_string_equal(answer_to(&q, "{'execute':'query-name',"
				      "'id':{'a':[1,2]}}"),
			    "{\"return\": {}, \"id\": {\"a\": [1, 2]}}\r\n");
	assert_string_equal(answer_to(&q, "{'execute':'nosuch','id':7}"),
			    "{\"id\": 7, \"error\": {\"class\": "
			    "\"CommandNotFound\", \"desc\": \"The command "
			    "nosuch has not been found\"}}\r\n");
	qmp_fake_fini(&q);
}

static void arguments_are_checked_against_the_table(void **state)
{
	static const char *const rows[][2] = {
		{ "{'execute':'query-status','arguments':{'x':1}}",
		  GENERIC("Parameter 'x' is unexpected") },
		{ "{'execute':'human-monitor-command'}",
		  GENERIC("Parameter 'command-line' is missing") },
		{ "{'execute':'device_del','arguments':{'id':5}}",
		  GENERIC("Invalid parameter type for 'id', expected: "
			  "string") },
		{ "{'execute':'memsave','arguments':{'val':'x','size':1,"
		  "'filename':'f'}}",
		  GENERIC("Invalid parameter type for 'val', expected: "
			  "integer") },
		{ "{'execute':'set-action','arguments':{'reboot':'fly'}}",
		  GENERIC("Parameter 'reboot' does not accept value "
			  "'fly'") },
		{ "{'execute':'chardev-add','arguments':{'id':'c',"
		  "'backend':{}}}",
		  GENERIC("Parameter 'backend.type' is missing") },
	};
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	negotiate(&q);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(answer_to(&q, rows[i][0]), rows[i][1]);
	qmp_fake_fini(&q);
}

static void several_requests_may_share_a_line_or_many(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	negotiate(&q);
	assert_string_equal(answer_to(&q, "{'execute':'query-name'}"
				      "{'execute':'query-name'}"),
			    EMPTY EMPTY);
	assert_string_equal(answer_to(&q, "{'execute':\n'query-name'\n"), "");
	assert_string_equal(answer_to(&q, "}"), EMPTY);
	qmp_fake_fini(&q);
}

static void events_come_before_the_answer(void **state)
{
	struct qmp_fake q;
	const char *s;

	qmp_fake_init(&q, false);
	negotiate(&q);
	q.f.vm.nvcpus = 0;
	q.f.vm.loop = NULL;
	s = answer_to(&q, "{'execute':'system_powerdown'}");
	assert_non_null(strstr(s, "\"timestamp\": {\"seconds\": "));
	assert_non_null(strstr(s, "\"event\": \"POWERDOWN\"}\r\n" EMPTY));
	monitors_event(&q.f.vm, "DEVICE_DELETED", "{\"path\": \"/x\"}");
	assert_non_null(strstr(heard(&q), "\"event\": \"DEVICE_DELETED\", "
			       "\"data\": {\"path\": \"/x\"}}\r\n"));
	qmp_fake_fini(&q);
}

static void no_event_before_negotiation(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	heard(&q);
	monitors_event(&q.f.vm, "STOP", NULL);
	assert_string_equal(heard(&q), "");
	qmp_fake_fini(&q);
}

static void events_for_who_never_reads_are_bounded(void **state)
{
	struct qmp_fake q;
	json_t *v;
	unsigned n = 0;

	qmp_fake_init(&q, false);
	negotiate(&q);
	for (unsigned i = 0; i < 20000; i++)
		monitors_event(&q.f.vm, "STOP", NULL);
	for (const char *p = heard(&q); *p; n++) {
		const char *end = strstr(p, "\r\n");

		v = json_loadb(p, end - p, 0, NULL);
		assert_non_null(v);
		json_decref(v);
		p = end + 2;
	}
	assert_true(n > 1000 && n < 10000);
	assert_true(q.out.len < 2 * QMP_EVENTS_MAX);
	qmp_fake_fini(&q);
}

static void the_human_monitor_is_a_command(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	negotiate(&q);
	assert_string_equal(answer_to(&q, "{'execute':'human-monitor-command',"
			"'arguments':{'command-line':'info status'}}"),
			"{\"return\": \"VM status: paused\\r\\n\"}\r\n");
	assert_string_equal(answer_to(&q, "{'execute':'human-monitor-command',"
			"'arguments':{'command-line':'foo'}}"),
			"{\"return\": \"unknown command: 'foo'\\r\\n\"}\r\n");
	assert_string_equal(answer_to(&q, "{'execute':'human-monitor-command',"
			"'arguments':{'command-line':'info cpus',"
			"'cpu-index':9}}"),
			GENERIC("Parameter 'cpu-index' expects a CPU number"));
	assert_string_equal(answer_to(&q, "{'execute':'human-monitor-command',"
			"'arguments':{'command-line':'p $rbx','cpu-index':1}}"),
			"{\"return\": \"0x1\\r\\n\"}\r\n");
	qmp_fake_fini(&q);
}

static void pretty_is_on_many_lines(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, true);
	heard(&q);
	assert_string_equal(answer_to(&q, "{'execute':'qmp_capabilities'}"),
			    "{\r\n    \"return\": {}\r\n}\r\n");
	qmp_fake_fini(&q);
}

static void a_new_client_starts_over(void **state)
{
	struct qmp_fake q;

	qmp_fake_init(&q, false);
	negotiate(&q);
	answer_to(&q, "{'execute':");
	qmp_client_went(&q.m);
	qmp_client_came(&q.m);
	assert_non_null(strstr(heard(&q), "\"QMP\""));
	assert_non_null(strstr(answer_to(&q, "{'execute':'query-name'}"),
			       "Expecting capabilities"));
	qmp_fake_fini(&q);
}

/* --- what a row says it returns is what it returns --- */

static void check_type(const char *type, json_t *v, const char *who)
{
	char list[128];
	struct err e = { 0 };
	json_t *o;

	snprintf(list, sizeof(list), "v:%s", type);
	o = json_pack("{s:O}", "v", v);
	if (qmp_check_members(list, o, "", &e) < 0)
		fail_msg("%s: %s", who, e.msg);
	json_decref(o);
}

static void queries_answer_by_their_types(void **state)
{
	struct qmp_fake q;
	char line[256];
	json_t *v, *r;

	qmp_fake_init(&q, false);
	negotiate(&q);
	for (const struct qmp_cmd *const *g = qmp_groups; *g; g++) {
		for (const struct qmp_cmd *c = *g; c->name; c++) {
			if (!strstr(c->name, "query-") || *c->args ||
			    strstr(c->name, "chardev") ||
			    strstr(c->name, "yank") ||
			    strstr(c->name, "block"))
				continue;
			snprintf(line, sizeof(line), "{'execute':'%s'}",
				 c->name);
			v = json_loads(answer_to(&q, line), 0, NULL);
			assert_non_null(v);
			r = json_object_get(v, "return");
			if (r)
				check_type(c->ret, r, c->name);
			else
				assert_non_null(json_object_get(v, "error"));
			json_decref(v);
		}
	}
	qmp_fake_fini(&q);
}

static void every_row_is_complete(void **state)
{
	char seen[512][64];
	unsigned n = 0;

	for (const struct qmp_cmd *const *g = qmp_groups; *g; g++) {
		for (const struct qmp_cmd *c = *g; c->name; c++) {
			assert_true(c->args && c->ret && c->doc && c->run);
			for (unsigned i = 0; i < n; i++)
				assert_string_not_equal(seen[i], c->name);
			snprintf(seen[n++], 64, "%s", c->name);
			assert_ptr_equal(qmp_find(c->name), c);
			/* the main loop has one of a client's at a time */
			assert_false((c->when & QMP_OOB) &&
				     (c->when & MON_MAIN));
		}
	}
	assert_true(n > 50);
}

/* Every type a list of members names exists. */
static void check_names(const char *members, const char *who)
{
	static const char *const builtin[] = { "str", "int", "size", "number",
					       "bool", "any" };
	struct qmp_decl d;

	while (qmp_decl_next(&members, &d, NULL)) {
		bool found = qmp_type_find(d.type);

		for (unsigned i = 0; i < ARRAY_LEN(builtin); i++)
			found |= !strcmp(builtin[i], d.type);
		if (!found)
			fail_msg("%s: no type %s", who, d.type);
	}
}

static void every_type_named_exists(void **state)
{
	char list[128];

	for (const struct qmp_cmd *const *g = qmp_groups; *g; g++) {
		for (const struct qmp_cmd *c = *g; c->name; c++) {
			check_names(c->args, c->name);
			if (!*c->ret)
				continue;
			snprintf(list, sizeof(list), "ret:%s", c->ret);
			check_names(list, c->name);
		}
	}
	for (const struct qmp_type *t = qmp_types; t->name; t++)
		if (t->members)
			check_names(t->members, t->name);
	for (const struct qmp_event_row *r = qmp_event_rows; r->name; r++)
		check_names(r->data, r->name);
}

static void the_schema_names_only_what_it_defines(void **state)
{
	json_t *schema = qmp_schema(), *seen = json_object(), *v, *m;
	static const char *const refs[] = { "arg-type", "ret-type",
					    "element-type" };
	size_t i, k;

	json_array_foreach(schema, i, v)
		json_object_set(seen, json_string_value(
				json_object_get(v, "name")), v);
	assert_int_equal(json_object_size(seen), json_array_size(schema));
	json_array_foreach(schema, i, v) {
		for (k = 0; k < ARRAY_LEN(refs); k++) {
			const char *t = json_string_value(
				json_object_get(v, refs[k]));

			if (t && !json_object_get(seen, t))
				fail_msg("no type %s", t);
		}
		if (strcmp(json_string_value(json_object_get(v, "meta-type")),
			   "object"))
			continue;
		json_array_foreach(json_object_get(v, "members"), k, m) {
			const char *t = json_string_value(
				json_object_get(m, "type"));

			if (!json_object_get(seen, t))
				fail_msg("no type %s", t);
		}
	}
	json_decref(seen);
	json_decref(schema);
}

static void bytes_that_are_no_text_can_be_sent(void **state)
{
	static const struct { const char *in; size_t n; const char *out; }
	rows[] = {
		{ "abc", 3, "abc" }, { "\xff", 1, "\xef\xbf\xbd" },
		{ "\xc3\xa4", 2, "\xc3\xa4" }, { "\xc3", 1, "\xef\xbf\xbd" },
		{ "\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd"
		  "\xef\xbf\xbd\xef\xbf\xbd" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *v = qmp_text(rows[i].in, rows[i].n);

		assert_string_equal(json_string_value(v), rows[i].out);
		json_decref(v);
	}
}

static void base64_goes_there_and_back(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foobar", "Zm9vYmFy" },
	};
	struct strbuf s = STRBUF_INIT;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		strbuf_reset(&s);
		mon_base64_encode(rows[i][0], strlen(rows[i][0]), &s);
		assert_string_equal(s.buf, rows[i][1]);
		strbuf_reset(&s);
		assert_int_equal(mon_base64_decode(rows[i][1],
				strlen(rows[i][1]), &s, NULL), 0);
		assert_string_equal(s.buf, rows[i][0]);
	}
	assert_true(mon_base64_decode("a!b=", 4, &s, NULL) < 0);
	assert_true(mon_base64_decode("=abc", 4, &s, NULL) < 0);
	assert_true(mon_base64_decode("a\0bc", 4, &s, NULL) < 0);
	strbuf_fini(&s);
}

static void print_doc(void)
{
	struct strbuf out = STRBUF_INIT;

	qmp_document(&out);
	fputs(out.buf, stdout);
	strbuf_fini(&out);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_greeting_has_the_form_clients_parse),
		cmocka_unit_test(requests_that_are_none_are_refused_in_words),
		cmocka_unit_test(negotiation_comes_once),
		cmocka_unit_test(an_id_of_any_kind_comes_back),
		cmocka_unit_test(arguments_are_checked_against_the_table),
		cmocka_unit_test(several_requests_may_share_a_line_or_many),
		cmocka_unit_test(events_come_before_the_answer),
		cmocka_unit_test(no_event_before_negotiation),
		cmocka_unit_test(events_for_who_never_reads_are_bounded),
		cmocka_unit_test(the_human_monitor_is_a_command),
		cmocka_unit_test(pretty_is_on_many_lines),
		cmocka_unit_test(a_new_client_starts_over),
		cmocka_unit_test(queries_answer_by_their_types),
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(every_type_named_exists),
		cmocka_unit_test(the_schema_names_only_what_it_defines),
		cmocka_unit_test(bytes_that_are_no_text_can_be_sent),
		cmocka_unit_test(base64_goes_there_and_back),
	};

	if (argc > 1 && !strcmp(argv[1], "doc")) {
		print_doc();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
