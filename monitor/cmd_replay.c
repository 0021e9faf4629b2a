/* SPDX-License-Identifier: MIT */
/*
 * Record and replay.
 */
#include "monitor/mon.h"

const struct mon_cmd mon_replay_cmds[] = {
	{
		.name    = "replay_break",
		.args    = "icount:long",
		.params  = "icount",
		.help    = "stop a replay at an instruction",
		.doc     = "One at a time, and ahead.",
		.example = "replay_break 1000000",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "record and replay",
	}, {
		.name    = "replay_delete_break",
		.args    = "",
		.params  = "",
		.help    = "forget the replay's breakpoint",
		.doc     = "Forget the replay's breakpoint.",
		.example = "replay_delete_break",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "record and replay",
	}, {
		.name    = "replay_seek",
		.args    = "icount:long",
		.params  = "icount",
		.help    = "go to an instruction of a replay",
		.doc     = "From the nearest snapshot before it.",
		.example = "replay_seek 1000000",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "record and replay",
	},
	{ 0 }
};
