/* SPDX-License-Identifier: MIT */
/*
 * Keyboard and mouse.
 */
#include "monitor/mon.h"

#include <string.h>

/* QEMU's names, as sendkey and QMP's qcode know them. */
static const char *const key_names[] = {
	"unmapped", "shift", "shift_r", "alt", "alt_r", "ctrl", "ctrl_r",
	"menu", "esc", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0",
	"minus", "equal", "backspace", "tab", "q", "w", "e", "r", "t", "y",
	"u", "i", "o", "p", "bracket_left", "bracket_right", "ret", "a", "s",
	"d", "f", "g", "h", "j", "k", "l", "semicolon", "apostrophe",
	"grave_accent", "backslash", "z", "x", "c", "v", "b", "n", "m",
	"comma", "dot", "slash", "asterisk", "spc", "caps_lock", "f1", "f2",
	"f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12",
	"num_lock", "scroll_lock", "kp_divide", "kp_multiply", "kp_subtract",
	"kp_add", "kp_enter", "kp_decimal", "sysrq", "kp_0", "kp_1", "kp_2",
	"kp_3", "kp_4", "kp_5", "kp_6", "kp_7", "kp_8", "kp_9", "less",
	"print", "home", "pgup", "pgdn", "end", "left", "up", "down", "right",
	"insert", "delete", "stop", "again", "props", "undo", "front", "copy",
	"open", "paste", "find", "cut", "lf", "help", "meta_l", "meta_r",
	"compose", "pause", "ro", "hiragana", "henkan", "yen", "muhenkan",
	"katakanahiragana", "kp_comma", "kp_equals", "power", "sleep", "wake",
	"audionext", "audioprev", "audiostop", "audioplay", "audiomute",
	"volumeup", "volumedown", "mediaselect", "mail", "calculator",
	"computer", "ac_home", "ac_back", "ac_forward", "ac_refresh",
	"ac_bookmarks", "lang1", "lang2",
	NULL
};

/* The name being typed begins behind the last '-'. */
static void complete_keys(struct mon *m, unsigned n, const char *typed)
{
	const char *dash = strrchr(typed, '-');

	if (n == 0)
		mon_offer_list(m, key_names, dash ? dash + 1 : typed);
}

const struct mon_cmd mon_input_cmds[] = {
	{
		.name    = "sendkey",
		.args    = "keys:string hold-time:int?",
		.params  = "keys [hold_ms]",
		.help    = "press keys",
		.doc     = "Names or codes joined by `-`; held for 100 ms "
			   "unless said.",
		.example = "sendkey ctrl-alt-delete",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_keys,
		.needs   = "keyboards and mice",
	}, {
		.name    = "mouse_move",
		.args    = "dx_str:string dy_str:string dz_str:string?",
		.params  = "dx dy [dz]",
		.help    = "move the mouse",
		.doc     = "DZ turns the wheel.",
		.example = "mouse_move 10 -5",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "keyboards and mice",
	}, {
		.name    = "mouse_button",
		.args    = "button_state:int",
		.params  = "state",
		.help    = "set the mouse buttons",
		.doc     = "1 left, 2 right, 4 middle, added.",
		.example = "mouse_button 1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "keyboards and mice",
	}, {
		.name    = "mouse_set",
		.args    = "index:int",
		.params  = "index",
		.help    = "choose the mouse that gets events",
		.doc     = "Index from info mice.",
		.example = "mouse_set 1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "keyboards and mice",
	},
	{ 0 }
};
