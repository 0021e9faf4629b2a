/* SPDX-License-Identifier: MIT */
/*
 * Keyboard and mouse.
 */
#include "monitor/input.h"
#include "vmm/dev/i8042.h"

#include <stdlib.h>
#include <string.h>

/* One name or 0xNUMBER; -1: neither. */
static int key_of(const char *p, size_t len)
{
	char text[16], *end;
	unsigned long n;

	if (len == 1 && *p == '<')
		return input_key_code("less", 4);
	if (strncmp(p, "0x", 2))
		return input_key_code(p, len);
	if (len >= sizeof(text))
		return -1;
	memcpy(text, p, len);
	text[len] = '\0';
	n = strtoul(text, &end, 16);
	return end == text + len && len > 2 ? (int)(n & 0xff) : -1;
}

static void cmd_sendkey(struct mon *m, const struct mon_arg *a)
{
	const char *p = a[0].str;
	u8 codes[INPUT_KEYS_MAX];
	unsigned n = 0;

	for (;; p++) {
		const size_t len = strcspn(p, "-");
		const int code = key_of(p, len);

		if (code < 0) {
			mon_printf(m, "invalid parameter: %.*s\n", (int)len,
				   p);
			return;
		}
		if (n < INPUT_KEYS_MAX)
			codes[n++] = (u8)code;
		p += len;
		if (!*p)
			break;
	}
	input_keys(m->mons, codes, n, a[1].given && (s32)a[1].num > 0 ?
		   a[1].num : INPUT_HOLD_MS);
}

static int number(const struct mon_arg *a)
{
	const long n = a->given ? strtol(a->str, NULL, 0) : 0;

	return (int)MAX(-4096l, MIN(4096l, n));
}

static void cmd_mouse_move(struct mon *m, const struct mon_arg *a)
{
	input_move(m->mons, number(&a[0]), number(&a[1]), number(&a[2]));
}

/* The monitor's bits are left, middle, right. */
static void cmd_mouse_button(struct mon *m, const struct mon_arg *a)
{
	input_buttons(m->mons, (a[0].num & 1 ? I8042_LEFT : 0) |
			       (a[0].num & 2 ? I8042_MIDDLE : 0) |
			       (a[0].num & 4 ? I8042_RIGHT : 0));
}

static void cmd_mouse_set(struct mon *m, const struct mon_arg *a)
{
	if (!input_has_mouse(mon_vm(m)) || a[0].num != INPUT_MOUSE_INDEX)
		mon_printf(m, "Mouse at index '%d' not found\n",
			   (int)a[0].num);
}

void mon_info_mice(struct mon *m, const struct mon_arg *a UNUSED)
{
	if (input_has_mouse(mon_vm(m)))
		mon_printf(m, "* Mouse #%d: %s\n", INPUT_MOUSE_INDEX,
			   input_mouse_name);
	else
		mon_puts(m, "No mouse devices connected\n");
}

/* The name being typed begins behind the last '-'. */
static void complete_keys(struct mon *m, unsigned n, const char *typed)
{
	const char *dash = strrchr(typed, '-');

	if (n == 0)
		input_offer_keys(m, dash ? dash + 1 : typed);
}

const struct mon_cmd mon_input_cmds[] = {
	{
		.name    = "sendkey",
		.args    = "keys:string hold-time:int?",
		.params  = "keys [hold_ms]",
		.help    = "press keys",
		.doc     = "Names, or codes of scan code set 1 as 0xNN, joined "
			   "by `-`; held for 100 ms unless said. They go to "
			   "the PS/2 keyboard.",
		.example = "sendkey ctrl-alt-delete",
		.when    = MON_MAIN,
		.run     = cmd_sendkey,
		.complete = complete_keys,
	}, {
		.name    = "mouse_move",
		.args    = "dx_str:string dy_str:string dz_str:string?",
		.params  = "dx dy [dz]",
		.help    = "move the mouse",
		.doc     = "DZ turns the wheel.",
		.example = "mouse_move 10 -5",
		.when    = MON_MAIN,
		.run     = cmd_mouse_move,
	}, {
		.name    = "mouse_button",
		.args    = "button_state:int",
		.params  = "state",
		.help    = "set the mouse buttons",
		.doc     = "1 left, 2 middle, 4 right, added.",
		.example = "mouse_button 1",
		.when    = MON_MAIN,
		.run     = cmd_mouse_button,
	}, {
		.name    = "mouse_set",
		.args    = "index:int",
		.params  = "index",
		.help    = "choose the mouse that gets events",
		.doc     = "Index from info mice.",
		.example = "mouse_set 2",
		.when    = MON_MAIN,
		.run     = cmd_mouse_set,
	},
	{ 0 }
};
