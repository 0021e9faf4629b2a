// SPDX-License-Identifier: MIT
/*
 * The wiring room, networks: -netdev and -nic become back ends and cards.
 *
 * Room:     in which order; what a card is by default.
 * Talks to: vmm/net; machine.c, which calls it and adds the cards.
 */
#include "vmm/machine.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/net/netdev.h"

/* Append ",key=val" with commas of `val` doubled. */
static void add_opt(struct strbuf *s, const char *key, const char *val)
{
	strbuf_addf(s, "%s%s=", s->len ? "," : "", key);
	for (; *val; val++) {
		if (*val == ',')
			strbuf_addc(s, ',');
		strbuf_addc(s, *val);
	}
}

/* Properties of -nic that are the card's. */
static bool is_cards(const char *key)
{
	static const char *const keys[] = { "mac", "addr", "vectors" };

	for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

/* "user,model=virtio-net-pci,mac=...,hostfwd=...": a netdev and its card. */
static int nic_add(struct vm *vm, struct opts *o, unsigned n, struct err *e)
{
	const char *type = opts_take(o, "type"), *id = opts_take(o, "id");
	const char *model = opts_take(o, "model");
	struct strbuf nd = STRBUF_INIT, card = STRBUF_INIT;
	struct strbuf name = STRBUF_INIT;
	struct opt *p;
	int rc;

	if (!type || !strcmp(type, "none"))
		return 0;
	if (id && !netdev_find(vm->nets, id))
		strbuf_addstr(&name, id);
	else
		strbuf_addf(&name, "nic%u", n);
	if (!model || !strcmp(model, "virtio"))
		model = vm->env.pci ? "virtio-net-pci" : "virtio-net-device";
	add_opt(&nd, "type", type);
	add_opt(&nd, "id", name.buf);
	add_opt(&card, "driver", model);
	add_opt(&card, "netdev", name.buf);
	opts_for_each(p, o)
		if (!p->taken)
			add_opt(is_cards(p->key) ? &card : &nd, p->key,
				p->val);
	rc = netdev_add(vm->nets, nd.buf, e);
	if (!rc)
		rc = machine_device_add(vm, card.buf, e);
	strbuf_fini(&nd);
	strbuf_fini(&card);
	strbuf_fini(&name);
	return rc;
}

/* A script at the end needs it, and a helper that is not to end up inside. */
static bool list_wants_broker(const struct config_item *i, bool confined)
{
	for (; i; i = i->next)
		if (strstr(i->text, "downscript=") ||
		    (confined && (!strncmp(i->text, "user", 4) ||
				  strstr(i->text, "type=user"))))
			return true;
	return false;
}

bool machine_wants_broker(const struct vm_config *c, bool confined)
{
	return c->spawn || list_wants_broker(c->netdevs, confined) ||
	       list_wants_broker(c->nics, confined);
}

int machine_netdevs_open(struct vm *vm, struct err *e)
{
	vm->nets = netdev_set_create(vm->loop);
	netdev_set_broker(vm->nets, vm->config->broker);
	for (const struct config_item *i = vm->config->netdevs; i;
	     i = i->next) {
		int rc = netdev_add(vm->nets, i->text, e);

		if (rc < 0) {
			err_prefix(e, "-netdev %s", i->text);
			return rc;
		}
	}
	return 0;
}

int machine_nics_add(struct vm *vm, struct err *e)
{
	unsigned n = 0;

	for (const struct config_item *i = vm->config->nics; i; i = i->next) {
		struct opts o;
		int rc = opts_parse(&o, i->text, "type", e);

		if (rc >= 0) {
			rc = nic_add(vm, &o, n++, e);
			opts_fini(&o);
		}
		if (rc < 0) {
			err_prefix(e, "-nic %s", i->text);
			return rc;
		}
	}
	return 0;
}

int machine_netdevs_ready(struct vm *vm, struct err *e)
{
	return netdevs_ready(vm->nets, NETDEV_BUILD_MS, e);
}
