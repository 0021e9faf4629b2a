/* SPDX-License-Identifier: MIT */
/*
 * Commands of other guests: documented, unknown here.
 */
#include "monitor/mon.h"

const struct mon_cmd mon_foreign_cmds[] = {
	{
		.name    = "dump-skeys",
		.args    = "filename:file",
		.params  = "filename",
		.help    = "save the storage keys of an s390 guest",
		.doc     = "Save the storage keys of an s390 guest.",
		.example = "dump-skeys keys.txt",
		.when    = MON_FOREIGN,
		.run     = mon_not_yet,
		.needs   = "s390 guests",
	}, {
		.name    = "migration_mode",
		.args    = "mode:int",
		.params  = "mode",
		.help    = "switch an s390 guest's migration mode",
		.doc     = "Switch an s390 guest's migration mode.",
		.example = "migration_mode 1",
		.when    = MON_FOREIGN,
		.run     = mon_not_yet,
		.needs   = "s390 guests",
	},
	{ 0 }
};
