/* SPDX-License-Identifier: MIT */
/*
 * QMP: keys and the mouse.
 *
 * Talks to: input.c, as the human monitor does.
 */
#include "monitor/input.h"
#include "monitor/qmp.h"
#include "vmm/dev/i8042.h"

#include <string.h>

/* {"type": "qcode"|"number", "data": ...}; -1 and an error: none such. */
static int key_of(struct qmp_call *c, json_t *key)
{
	const char *type = json_string_value(json_object_get(key, "type"));
	json_t *data = json_object_get(key, "data");
	const char *name = json_string_value(data);
	int code = -1;

	if (type && !strcmp(type, "number") && json_is_integer(data))
		return (int)(json_integer_value(data) & 0xff);
	if (type && !strcmp(type, "qcode") && name)
		code = input_key_code(name, strlen(name));
	if (code < 0)
		qmp_fail(c, QMP_GENERIC, "Parameter 'data' does not accept "
			 "value '%.64s'", name ? name : "");
	return code < 0 ? -1 : code;
}

static void run_send_key(struct qmp_call *c)
{
	json_t *keys = qmp_arg(c, "keys"), *key;
	const s64 hold = qmp_int(c, "hold-time", 0);
	u8 codes[INPUT_KEYS_MAX];
	unsigned n = 0;
	size_t i;

	json_array_foreach(keys, i, key) {
		const int code = key_of(c, key);

		if (code < 0)
			return;
		if (n < INPUT_KEYS_MAX)
			codes[n++] = (u8)code;
	}
	input_keys(c->m->mons, codes, n, hold > 0 ? (u64)hold :
		   INPUT_HOLD_MS);
}

static void run_query_mice(struct qmp_call *c)
{
	c->ret = json_array();
	if (input_has_mouse(mon_vm(c->m)))
		json_array_append_new(c->ret, json_pack(
			"{s:s,s:i,s:b,s:b}", "name", input_mouse_name,
			"index", INPUT_MOUSE_INDEX, "current", 1, "absolute",
			0));
}

static bool button(struct qmp_call *c, json_t *data)
{
	static const struct { const char *name; u8 bit; } buttons[] = {
		{ "left", I8042_LEFT }, { "middle", I8042_MIDDLE },
		{ "right", I8042_RIGHT },
	};
	const char *name = json_string_value(json_object_get(data, "button"));
	const u8 now = input_buttons_now(c->m->mons);

	for (unsigned i = 0; name && i < ARRAY_LEN(buttons); i++) {
		if (strcmp(name, buttons[i].name))
			continue;
		input_buttons(c->m->mons, json_is_true(json_object_get(data,
				"down")) ? now | buttons[i].bit :
				now & (u8)~buttons[i].bit);
		return true;
	}
	return false;
}

static bool move(struct qmp_call *c, json_t *data)
{
	const char *axis = json_string_value(json_object_get(data, "axis"));
	const json_int_t v = json_integer_value(json_object_get(data,
								"value"));
	const int by = (int)MAX(-4096, MIN(4096, v));

	if (!axis || (strcmp(axis, "x") && strcmp(axis, "y")))
		return false;
	input_move(c->m->mons, *axis == 'x' ? by : 0, *axis == 'y' ? by : 0,
		   0);
	return true;
}

static bool send_event(struct qmp_call *c, json_t *ev)
{
	const char *type = json_string_value(json_object_get(ev, "type"));
	json_t *data = json_object_get(ev, "data");
	int code;

	if (type && !strcmp(type, "btn"))
		return button(c, data);
	if (type && !strcmp(type, "rel"))
		return move(c, data);
	if (!type || strcmp(type, "key"))
		return false;          /* abs: there is no tablet */
	code = key_of(c, json_object_get(data, "key"));
	if (code >= 0)
		input_key(c->m->mons, (u8)code,
			  json_is_true(json_object_get(data, "down")));
	return true;
}

static void run_send_event(struct qmp_call *c)
{
	json_t *list = qmp_arg(c, "events"), *ev;
	size_t i;

	json_array_foreach(list, i, ev) {
		if (!send_event(c, ev) && !c->e.rc)
			qmp_fail(c, QMP_GENERIC, "no device takes event %zu",
				 i);
		if (c->e.rc)
			return;
	}
}

const struct qmp_cmd qmp_input_cmds[] = {
	{ "send-key", "keys:[KeyValue] hold-time:int?", "",
	  "Press keys together, and release them.", MON_MAIN, run_send_key,
	  NULL },
	{ "input-send-event", "device:str? head:int? events:[InputEvent]", "",
	  "Keys, buttons and relative moves, one by one.", MON_MAIN,
	  run_send_event, NULL },
	{ "query-mice", "", "[MouseInfo]", "Pointing devices.", MON_MAIN,
	  run_query_mice, NULL },
	{ 0 }
};
