/* SPDX-License-Identifier: MIT */
/*
 * Snapshots, of the whole machine and of single disks.
 */
#include "monitor/mon.h"

const struct mon_cmd mon_snapshot_cmds[] = {
	{
		.name    = "savevm",
		.args    = "name:string?",
		.params  = "tag",
		.help    = "save the machine as a snapshot",
		.doc     = "RAM and devices go into the first disk that can "
			   "hold them; one with the same tag is replaced.",
		.example = "savevm before-upgrade",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "snapshots",
	}, {
		.name    = "loadvm",
		.args    = "name:string",
		.params  = "tag",
		.help    = "go back to a snapshot",
		.doc     = "Go back to a snapshot.",
		.example = "loadvm before-upgrade",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "snapshots",
	}, {
		.name    = "delvm",
		.args    = "name:string",
		.params  = "tag",
		.help    = "delete a snapshot",
		.doc     = "Delete a snapshot.",
		.example = "delvm before-upgrade",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "snapshots",
	}, {
		.name    = "snapshot_blkdev",
		.args    = "reuse:-n device:block snapshot-file:string? "
			   "format:string?",
		.params  = "[-n] device [new-image-file] [format]",
		.help    = "put a new overlay on a disk",
		.doc     = "-n uses an overlay that is there.",
		.example = "snapshot_blkdev drv0 top.qcow2",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "snapshots",
	}, {
		.name    = "snapshot_blkdev_internal",
		.args    = "device:block name:string",
		.params  = "device name",
		.help    = "take a snapshot inside a disk image",
		.doc     = "Without the machine's state.",
		.example = "snapshot_blkdev_internal drv0 s1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "snapshots",
	}, {
		.name    = "snapshot_delete_blkdev_internal",
		.args    = "device:block name:string id:string?",
		.params  = "device name [id]",
		.help    = "delete a snapshot inside a disk image",
		.doc     = "Delete a snapshot inside a disk image.",
		.example = "snapshot_delete_blkdev_internal drv0 s1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "snapshots",
	},
	{ 0 }
};
