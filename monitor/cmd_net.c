/* SPDX-License-Identifier: MIT */
/*
 * Networks.
 *
 * Talks to: vmm/net, on the main loop.
 */
#include "monitor/both.h"
#include "vmm/base/opts.h"
#include "vmm/net/netdev.h"

#include <string.h>

/* --- what both monitors do --- */

int mon_do_netdev_add(struct vm *vm, const char *spec, struct err *e)
{
	struct opts o = OPTS_INIT;
	int rc = netdev_add(vm->nets, spec, e);

	if (rc < 0)
		return rc;
	rc = netdevs_ready(vm->nets, NETDEV_PLUG_MS, e);
	if (rc < 0 && opts_parse(&o, spec, "type", NULL) == 0)
		netdev_del(vm->nets, opts_find(&o, "id"), NULL);
	opts_fini(&o);
	return rc;
}

int mon_do_netdev_del(struct vm *vm, const char *id, struct err *e)
{
	return netdev_del(vm->nets, id, e);
}

int mon_do_set_link(struct vm *vm, const char *id, bool up, struct err *e)
{
	return netdev_set_link(vm->nets, id, up, e);
}

void mon_do_announce(struct vm *vm, const char *names)
{
	netdev_announce(vm->nets, names);
}

/* --- the commands --- */

static void report(struct mon *m, int rc, const struct err *e)
{
	if (rc < 0)
		mon_error(m, e);
}

static void cmd_netdev_add(struct mon *m, const struct mon_arg *a)
{
	const char *spec = a[0].given ? a[0].str : "";
	struct strbuf out = STRBUF_INIT;
	struct err e = { 0 };

	if (!strcmp(spec, "help") || !strcmp(spec, "?")) {
		netdev_help(&out);
		mon_write(m, out.buf, out.len);
	} else if (!*spec) {
		mon_puts(m, "Error: Parameter 'type' is missing\n");
	} else {
		report(m, mon_do_netdev_add(mon_vm(m), spec, &e), &e);
	}
	strbuf_fini(&out);
}

static void cmd_netdev_del(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	report(m, mon_do_netdev_del(mon_vm(m), a[0].str, &e), &e);
}

static void cmd_set_link(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	report(m, mon_do_set_link(mon_vm(m), a[0].str, a[1].num, &e), &e);
}

static void cmd_announce(struct mon *m, const struct mon_arg *a)
{
	mon_do_announce(mon_vm(m), a[0].given ? a[0].str : NULL);
}

/* With one argument it is the rule; with two the first is the netdev. */
static void hostfwd(struct mon *m, const struct mon_arg *a, bool add)
{
	const char *id = a[1].given ? a[0].str : NULL;
	const char *rule = a[1].given ? a[1].str : a[0].str;
	struct err e = { 0 };
	int rc = netdev_hostfwd(mon_vm(m)->nets, id, rule, add, &e);

	if (rc >= 0 && !add)
		mon_printf(m, "host forwarding rule for %s removed\n", rule);
	else if (rc < 0)
		mon_printf(m, "%s\n", e.msg);
}

static void cmd_hostfwd_add(struct mon *m, const struct mon_arg *a)
{
	hostfwd(m, a, true);
}

static void cmd_hostfwd_remove(struct mon *m, const struct mon_arg *a)
{
	hostfwd(m, a, false);
}

/* --- completion --- */

static void offer_names(struct mon *m, const char *typed, bool cards)
{
	const char *name;

	for (unsigned i = 0; (name = netdev_nth_name(mon_vm(m)->nets, i,
						     cards)); i++)
		mon_offer(m, name, typed);
}

static void complete_netdev(struct mon *m, unsigned n, const char *typed)
{
	if (n == 0)
		offer_names(m, typed, false);
}

static void complete_onoff(struct mon *m, unsigned n, const char *typed)
{
	static const char *const words[] = { "off", "on", NULL };

	if (n == 1)
		mon_offer_list(m, words, typed);
	else if (n == 0)
		offer_names(m, typed, true);
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
		.run     = cmd_announce,
	}, {
		.name    = "netdev_add",
		.args    = "netdev:options",
		.params  = "[user|tap|socket|...],id=str[,prop=value][,...]",
		.help    = "add a network backend",
		.doc     = "As -netdev.",
		.example = "netdev_add user,id=net1",
		.when    = MON_MAIN | MON_PRE,
		.run     = cmd_netdev_add,
	}, {
		.name    = "netdev_del",
		.args    = "id:string",
		.params  = "id",
		.help    = "remove a network backend",
		.doc     = "Remove a network backend.",
		.example = "netdev_del net1",
		.when    = MON_MAIN | MON_PRE,
		.run     = cmd_netdev_del,
		.complete = complete_netdev,
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
		.run     = cmd_hostfwd_add,
	}, {
		.name    = "hostfwd_remove",
		.args    = "arg1:string arg2:string?",
		.params  = "[netdev_id] [tcp|udp]:[hostaddr]:hostport",
		.help    = "end a port forward",
		.doc     = "End a port forward.",
		.example = "hostfwd_remove tcp::2222",
		.when    = MON_MAIN,
		.run     = cmd_hostfwd_remove,
	}, {
		.name    = "set_link",
		.args    = "name:string up:onoff",
		.params  = "name on|off",
		.help    = "plug or unplug a network cable",
		.doc     = "Plug or unplug a network cable.",
		.example = "set_link nic0 off",
		.when    = MON_MAIN,
		.run     = cmd_set_link,
		.complete = complete_onoff,
	},
	{ 0 }
};
