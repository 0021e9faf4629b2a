// SPDX-License-Identifier: MIT
/*
 * Arguments of -netdev, -nic and -net.
 *
 * Never:    opens anything; what an argument means is vmm/net's to say.
 */
#include <errno.h>
#include <string.h>

#include "vmm/net/netdev.h"
#include "vmm/options_priv.h"

static bool helped(struct option_run *r, const char *arg)
{
	if (strcmp(arg, "help") && strcmp(arg, "?"))
		return false;
	netdev_help(r->out);
	r->c->wants_exit = true;
	return true;
}

int option_netdev(struct option_run *r, const char *arg, struct err *e)
{
	return helped(r, arg) ? 0 : config_append_spec(&r->c->netdevs, arg, e);
}

int option_nic(struct option_run *r, const char *arg, struct err *e)
{
	(void)e;
	if (!helped(r, arg) && strcmp(arg, "none"))
		config_append(&r->c->nics, arg);
	return 0;
}

int option_net(struct option_run *r, const char *arg, struct err *e)
{
	(void)r;
	if (!strcmp(arg, "none"))
		return 0;
	return err_set(e, -ENOTSUP, "not supported yet: -net (use -nic, or "
		       "-netdev and -device)");
}
