/* SPDX-License-Identifier: MIT */
/*
 * info: disks and snapshots.
 */
#include "monitor/disk.h"
#include "monitor/mon.h"

const struct mon_cmd mon_info_block_cmds[] = {
	{
		.name    = "block",
		.args    = "nodes:-n verbose:-v device:block?",
		.params  = "[-n] [-v] [device]",
		.help    = "show disks",
		.doc     = "-n shows block nodes, -v the images too.",
		.example = "info block -v",
		.when    = MON_MAIN,
		.run     = mon_info_block,
	}, {
		.name    = "blockstats",
		.args    = "",
		.params  = "",
		.help    = "show how disks were used",
		.doc     = "Show how disks were used.",
		.example = "info blockstats",
		.when    = MON_MAIN,
		.run     = mon_info_blockstats,
	}, {
		.name    = "block-jobs",
		.args    = "",
		.params  = "",
		.help    = "show background jobs of disks",
		.doc     = "Show background jobs of disks.",
		.example = "info block-jobs",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "block jobs, media and exports",
	}, {
		.name    = "snapshots",
		.args    = "",
		.params  = "",
		.help    = "list the snapshots",
		.doc     = "List the snapshots.",
		.example = "info snapshots",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "snapshots",
	},
	{ 0 }
};
