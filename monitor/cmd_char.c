/* SPDX-License-Identifier: MIT */
/*
 * Character devices.
 */
#include "monitor/mon.h"

#include <string.h>

static void complete_ids(struct mon *m, unsigned n, const char *typed)
{
	if (n == 0)
		mon_offer_chardevs(m, typed, false);
}

static void complete_ringbufs(struct mon *m, unsigned n, const char *typed)
{
	if (n == 0)
		mon_offer_chardevs(m, typed, true);
}

static void complete_kinds(struct mon *m, unsigned n UNUSED,
			   const char *typed)
{
	readline_typed(m->rl, strlen(typed));
	for (const struct chardev_kind *const *k = chardev_kinds; *k; k++)
		mon_offer(m, chardev_kind_name(*k), typed);
}

const struct mon_cmd mon_char_cmds[] = {
	{
		.name    = "chardev-add",
		.args    = "args:string",
		.params  = "args",
		.help    = "add a character device",
		.doc     = "As -chardev.",
		.example = "chardev-add ringbuf,id=r1,size=4096",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_kinds,
		.needs   = "changing chardevs at run time",
	}, {
		.name    = "chardev-change",
		.args    = "id:string args:string",
		.params  = "id args",
		.help    = "replace what is behind a character device",
		.doc     = "ARGS as for chardev-add, without the id.",
		.example = "chardev-change serial0 null",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "changing chardevs at run time",
	}, {
		.name    = "chardev-remove",
		.args    = "id:string",
		.params  = "id",
		.help    = "remove a character device",
		.doc     = "One that is in use stays.",
		.example = "chardev-remove r1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_ids,
		.needs   = "changing chardevs at run time",
	}, {
		.name    = "chardev-send-break",
		.args    = "id:string",
		.params  = "id",
		.help    = "send a break",
		.doc     = "Send a break.",
		.example = "chardev-send-break serial0",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_ids,
		.needs   = "changing chardevs at run time",
	}, {
		.name    = "ringbuf_write",
		.args    = "device:string data:string",
		.params  = "device data",
		.help    = "write to a ring buffer",
		.doc     = "Quote data that holds blanks.",
		.example = "ringbuf_write r1 \"hello\"",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_ringbufs,
		.needs   = "changing chardevs at run time",
	}, {
		.name    = "ringbuf_read",
		.args    = "device:string size:int",
		.params  = "device size",
		.help    = "read from a ring buffer",
		.doc     = "At most SIZE bytes; they are gone then.",
		.example = "ringbuf_read r1 100",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_ringbufs,
		.needs   = "changing chardevs at run time",
	}, {
		.name    = "getfd",
		.args    = "fdname:string",
		.params  = "name",
		.help    = "keep a descriptor under a name",
		.doc     = "The one sent with this line by SCM_RIGHTS.",
		.example = "getfd fd0",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "passing descriptors",
	}, {
		.name    = "closefd",
		.args    = "fdname:string",
		.params  = "name",
		.help    = "close a kept descriptor",
		.doc     = "Close a kept descriptor.",
		.example = "closefd fd0",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "passing descriptors",
	},
	{ 0 }
};
