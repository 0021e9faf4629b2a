/* SPDX-License-Identifier: MIT */
/*
 * Networks.
 */
#include "monitor/mon.h"

#include <string.h>

static void complete_onoff(struct mon *m, unsigned n, const char *typed)
{
	static const char *const words[] = { "off", "on", NULL };

	if (n == 1)
		mon_offer_list(m, words, typed);
}

const struct mon_cmd mon_net_cmds[] = {
	{
		.name    = "announce_self",
		.args    = "interfaces:string? id:string?",
		.params  = "[interfaces] [id]",
		.help    = "announce the guest's addresses to the network",
		.doc     = "As after a migration.",
		.example = "announce_self",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "networking",
	}, {
		.name    = "netdev_add",
		.args    = "netdev:options",
		.params  = "[user|tap|socket|...],id=str[,prop=value][,...]",
		.help    = "add a network backend",
		.doc     = "As -netdev.",
		.example = "netdev_add user,id=net1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "networking",
	}, {
		.name    = "netdev_del",
		.args    = "id:string",
		.params  = "id",
		.help    = "remove a network backend",
		.doc     = "Remove a network backend.",
		.example = "netdev_del net1",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "networking",
	}, {
		.name    = "hostfwd_add",
		.args    = "arg1:string arg2:string?",
		.params  = "[netdev_id] "
			   "[tcp|udp]:[hostaddr]:hostport-[guestaddr]:"
			   "guestport",
		.help    = "forward a host port to the guest",
		.doc     = "Of user networking.",
		.example = "hostfwd_add tcp::2222-:22",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "networking",
	}, {
		.name    = "hostfwd_remove",
		.args    = "arg1:string arg2:string?",
		.params  = "[netdev_id] [tcp|udp]:[hostaddr]:hostport",
		.help    = "end a port forward",
		.doc     = "End a port forward.",
		.example = "hostfwd_remove tcp::2222",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "networking",
	}, {
		.name    = "set_link",
		.args    = "name:string up:onoff",
		.params  = "name on|off",
		.help    = "plug or unplug a network cable",
		.doc     = "Plug or unplug a network cable.",
		.example = "set_link nic0 off",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_onoff,
		.needs   = "networking",
	},
	{ 0 }
};
