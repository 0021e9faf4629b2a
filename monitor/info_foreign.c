/* SPDX-License-Identifier: MIT */
/*
 * info of other guests: documented, unknown here.
 */
#include "monitor/mon.h"

const struct mon_cmd mon_info_foreign_cmds[] = {
	{
		.name    = "skeys",
		.args    = "addr:long",
		.params  = "address",
		.help    = "show a storage key of an s390 guest",
		.doc     = "Show a storage key of an s390 guest.",
		.example = "info skeys 0",
		.when    = MON_FOREIGN,
		.run     = mon_not_yet,
		.needs   = "s390 guests",
	}, {
		.name    = "cmma",
		.args    = "addr:long count:long?",
		.params  = "address [count]",
		.help    = "show CMMA values of an s390 guest",
		.doc     = "Show CMMA values of an s390 guest.",
		.example = "info cmma 0",
		.when    = MON_FOREIGN,
		.run     = mon_not_yet,
		.needs   = "s390 guests",
	}, {
		.name    = "via",
		.args    = "",
		.params  = "",
		.help    = "show VIA chips of an m68k Macintosh",
		.doc     = "Show VIA chips of an m68k Macintosh.",
		.example = "info via",
		.when    = MON_FOREIGN,
		.run     = mon_not_yet,
		.needs   = "m68k guests",
	},
	{ 0 }
};
