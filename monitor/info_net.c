/* SPDX-License-Identifier: MIT */
/*
 * info: networks, screens, sound, keys.
 */
#include "monitor/input.h"
#include "monitor/mon.h"
#include "vmm/net/netdev.h"

static void info_network(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct strbuf out = STRBUF_INIT;

	netdev_describe_all(mon_vm(m)->nets, &out);
	mon_write(m, out.buf, out.len);
	strbuf_fini(&out);
}

static void info_usernet(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct strbuf out = STRBUF_INIT;

	netdev_describe_user(mon_vm(m)->nets, &out);
	mon_write(m, out.buf, out.len);
	strbuf_fini(&out);
}

const struct mon_cmd mon_info_net_cmds[] = {
	{
		.name    = "network",
		.args    = "",
		.params  = "",
		.help    = "show networks",
		.doc     = "Show networks.",
		.example = "info network",
		.when    = MON_MAIN,
		.run     = info_network,
	}, {
		.name    = "usernet",
		.args    = "",
		.params  = "",
		.help    = "show connections of user networking",
		.doc     = "Show connections of user networking.",
		.example = "info usernet",
		.when    = MON_MAIN,
		.run     = info_usernet,
	}, {
		.name    = "rdma",
		.args    = "",
		.params  = "",
		.help    = "show RDMA devices",
		.doc     = "Show RDMA devices.",
		.example = "info rdma",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "RDMA",
	}, {
		.name    = "rocker",
		.args    = "name:string",
		.params  = "name",
		.help    = "show a rocker switch",
		.doc     = "Show a rocker switch.",
		.example = "info rocker sw1",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "rocker switches",
	}, {
		.name    = "rocker-ports",
		.args    = "name:string",
		.params  = "name",
		.help    = "show the ports of a rocker switch",
		.doc     = "Show the ports of a rocker switch.",
		.example = "info rocker-ports sw1",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "rocker switches",
	}, {
		.name    = "rocker-of-dpa-flows",
		.args    = "name:string tbl_id:int?",
		.params  = "name [tbl_id]",
		.help    = "show flows of a rocker switch",
		.doc     = "Show flows of a rocker switch.",
		.example = "info rocker-of-dpa-flows sw1",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "rocker switches",
	}, {
		.name    = "rocker-of-dpa-groups",
		.args    = "name:string type:int?",
		.params  = "name [type]",
		.help    = "show groups of a rocker switch",
		.doc     = "Show groups of a rocker switch.",
		.example = "info rocker-of-dpa-groups sw1",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "rocker switches",
	}, {
		.name    = "mice",
		.args    = "",
		.params  = "",
		.help    = "show mice",
		.doc     = "The PS/2 mouse, where the machine has one.",
		.example = "info mice",
		.when    = MON_MAIN,
		.run     = mon_info_mice,
	}, {
		.name    = "capture",
		.args    = "",
		.params  = "",
		.help    = "show sound recordings",
		.doc     = "Show sound recordings.",
		.example = "info capture",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "sound",
	}, {
		.name    = "vnc",
		.args    = "",
		.params  = "",
		.help    = "show the VNC server",
		.doc     = "Show the VNC server.",
		.example = "info vnc",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "displays",
	}, {
		.name    = "spice",
		.args    = "",
		.params  = "",
		.help    = "show the SPICE server",
		.doc     = "Show the SPICE server.",
		.example = "info spice",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "displays",
	},
	{ 0 }
};
