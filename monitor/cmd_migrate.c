/* SPDX-License-Identifier: MIT */
/*
 * Migration.
 */
#include "monitor/mon.h"

#include <string.h>

static void complete_caps(struct mon *m, unsigned n, const char *typed)
{
	static const char *const onoff[] = { "off", "on", NULL };
	static const char *const caps[] = {
		"xbzrle", "rdma-pin-all", "auto-converge", "zero-blocks",
		"compress", "events", "postcopy-ram", "x-colo", "release-ram",
		"block", "return-path", "pause-before-switchover", "multifd",
		"dirty-bitmaps", "postcopy-blocktime", "late-block-activate",
		"x-ignore-shared", "validate-uuid", "background-snapshot",
		"zero-copy-send", "postcopy-preempt", "switchover-ack",
		"dirty-limit",
		NULL
	};

	mon_offer_list(m, n == 0 ? caps : onoff, typed);
}

static void complete_params(struct mon *m, unsigned n, const char *typed)
{
	static const char *const params[] = {
		"announce-initial", "announce-max", "announce-rounds",
		"announce-step", "compress-level", "compress-threads",
		"compress-wait-thread", "decompress-threads",
		"throttle-trigger-threshold", "cpu-throttle-initial",
		"cpu-throttle-increment", "cpu-throttle-tailslow",
		"tls-creds", "tls-hostname", "tls-authz", "max-bandwidth",
		"downtime-limit", "x-checkpoint-delay", "block-incremental",
		"multifd-channels", "xbzrle-cache-size",
		"max-postcopy-bandwidth", "max-cpu-throttle",
		"multifd-compression", "multifd-zlib-level",
		"multifd-zstd-level", "block-bitmap-mapping",
		NULL
	};

	if (n == 0)
		mon_offer_list(m, params, typed);
}

const struct mon_cmd mon_migrate_cmds[] = {
	{
		.name    = "migrate",
		.args    = "detach:-d blk:-b inc:-i resume:-r uri:string",
		.params  = "[-d] [-b] [-i] [-r] uri",
		.help    = "move the guest elsewhere",
		.doc     = "-d returns at once, -r resumes a post-copy that "
			   "broke.",
		.example = "migrate -d tcp:host:4444",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "migrate_cancel",
		.args    = "",
		.params  = "",
		.help    = "stop a migration",
		.doc     = "The guest stays here.",
		.example = "migrate_cancel",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "migrate_continue",
		.args    = "state:string",
		.params  = "state",
		.help    = "go on from a migration's pause point",
		.doc     = "Go on from a migration's pause point.",
		.example = "migrate_continue pre-switchover",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "migrate_incoming",
		.args    = "uri:string",
		.params  = "uri",
		.help    = "begin to receive a guest",
		.doc     = "After -incoming defer.",
		.example = "migrate_incoming tcp:0:4444",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "migrate_recover",
		.args    = "uri:string",
		.params  = "uri",
		.help    = "receive the rest of a post-copy that broke",
		.doc     = "Receive the rest of a post-copy that broke.",
		.example = "migrate_recover tcp:0:4445",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "migrate_pause",
		.args    = "",
		.params  = "",
		.help    = "break a post-copy",
		.doc     = "So that it can be resumed.",
		.example = "migrate_pause",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "migrate_set_capability",
		.args    = "capability:string state:onoff",
		.params  = "capability state",
		.help    = "switch a migration capability",
		.doc     = "Switch a migration capability.",
		.example = "migrate_set_capability postcopy-ram on",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_caps,
		.needs   = "migration",
	}, {
		.name    = "migrate_set_parameter",
		.args    = "parameter:string value:string",
		.params  = "parameter value",
		.help    = "set a migration parameter",
		.doc     = "Set a migration parameter.",
		.example = "migrate_set_parameter max-bandwidth 1G",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_params,
		.needs   = "migration",
	}, {
		.name    = "migrate_start_postcopy",
		.args    = "",
		.params  = "",
		.help    = "switch a migration to post-copy",
		.doc     = "Switch a migration to post-copy.",
		.example = "migrate_start_postcopy",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "x_colo_lost_heartbeat",
		.args    = "",
		.params  = "",
		.help    = "tell COLO that its peer is gone",
		.doc     = "Tell COLO that its peer is gone.",
		.example = "x_colo_lost_heartbeat",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "migration",
	},
	{ 0 }
};
