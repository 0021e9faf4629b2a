/* SPDX-License-Identifier: MIT */
/*
 * The generation identifier of a machine.  See vmgenid.h.
 *
 * Room:     one GUID, as text in its property and as bytes in guest memory.
 * Talks to: gmem; the guest's ACPI by env.acpi_event when it changes.
 * Never:    lets a restored machine keep the identifier it was saved with:
 *           the bytes are this process's, not the stream's.
 */
#include "vmm/dev/vmgenid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vmm/core/gmem.h"

enum { GUID_BYTES = 16, GUID_TEXT = 36 };

struct vmgenid {
	struct device dev;
	char *guid;                    /* property; never "auto" once realized */
	u8  bytes[GUID_BYTES];         /* as in memory                         */
	u64 addr;                      /* 0: not placed yet                    */
};

static struct vmgenid *to_vmgenid(struct device *d)
{
	return container_of(d, struct vmgenid, dev);
}

/* --- text and bytes ---------------------------------------------------------- */

/* The first three groups are little-endian numbers in memory. */
static const u8 text_order[GUID_BYTES] = {
	3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_dash(unsigned at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

static int parse_guid(const char *text, u8 out[GUID_BYTES])
{
	unsigned n = 0;

	if (strlen(text) != GUID_TEXT)
		return -EINVAL;
	for (unsigned i = 0; i < GUID_TEXT; i++) {
		int hi, lo;

		if (is_dash(i)) {
			if (text[i] != '-')
				return -EINVAL;
			continue;
		}
		hi = hex_digit(text[i]);
		lo = hex_digit(text[++i]);
		if (hi < 0 || lo < 0)
			return -EINVAL;
		out[text_order[n++]] = hi << 4 | lo;
	}
	return 0;
}

static void format_guid(const u8 bytes[GUID_BYTES], char out[GUID_TEXT + 1])
{
	for (unsigned i = 0, at = 0; i < GUID_BYTES; i++, at += 2) {
		if (is_dash(at))
			out[at++] = '-';
		snprintf(out + at, 3, "%02x", bytes[text_order[i]]);
	}
}

/* Random, as RFC 4122's version 4. */
static int make_guid(u8 out[GUID_BYTES], struct err *e)
{
	if (getrandom(out, GUID_BYTES, 0) != GUID_BYTES)
		return err_set(e, -errno, "vmgenid: no random bytes: %m");
	out[7] = (out[7] & 0x0f) | 0x40;
	out[8] = (out[8] & 0x3f) | 0x80;
	return 0;
}

/* The property says what the bytes are. */
static void show_guid(struct vmgenid *g)
{
	char text[GUID_TEXT + 1];

	format_guid(g->bytes, text);
	free(g->guid);
	g->guid = strdup(text);
	if (!g->guid)
		abort();
}

/* The property's text becomes bytes. */
static int take_guid(struct vmgenid *g, struct err *e)
{
	u8 bytes[GUID_BYTES];
	int rc;

	if (!g->guid || !strcmp(g->guid, "auto"))
		rc = make_guid(bytes, e);
	else
		rc = parse_guid(g->guid, bytes);
	if (rc == -EINVAL)
		return err_set(e, rc, "vmgenid: guid=%s is neither 'auto' nor "
			       "a GUID", g->guid);
	if (rc < 0)
		return rc;
	memcpy(g->bytes, bytes, sizeof(bytes));
	show_guid(g);
	return 0;
}

/* --- in the guest's memory ---------------------------------------------------- */

static void put(struct vmgenid *g)
{
	if (g->addr)
		gmem_write(g->dev.env->gmem, g->addr, g->bytes,
			   sizeof(g->bytes));
}

static void tell_guest(struct vmgenid *g)
{
	const struct device_env *env = g->dev.env;

	put(g);
	if (g->addr && env->acpi_event)
		env->acpi_event(env->opaque, ACPI_EV_VMGENID);
}

void vmgenid_place(struct device *d, gpa_t addr)
{
	to_vmgenid(d)->addr = addr;
	put(to_vmgenid(d));
}

static void vmgenid_reset(struct device *d)
{
	put(to_vmgenid(d));
}

static int vmgenid_changed(struct device *d, struct err *e)
{
	struct vmgenid *g = to_vmgenid(d);
	int rc = take_guid(g, e);

	if (rc < 0)
		show_guid(g);          /* as it was */
	else
		tell_guest(g);
	return rc;
}

static int vmgenid_realize(struct device *d, struct err *e)
{
	return take_guid(to_vmgenid(d), e);
}

/* A restored machine is another generation: it has this process's GUID. */
static int vmgenid_post_load(struct device *d, unsigned version, struct err *e)
{
	(void)version;
	(void)e;
	tell_guest(to_vmgenid(d));
	return 0;
}

static const struct state_field vmgenid_fields[] = {
	STATE_FIELD(STATE_U64, struct vmgenid, addr, 1),
	STATE_END
};

static const struct state_desc vmgenid_state = {
	.version = 1, .oldest = 1, .fields = vmgenid_fields,
	.post_load = vmgenid_post_load,
};

static const struct device_prop vmgenid_props[] = {
	{ .name = "guid", .type = PROP_STR,
	  .offset = offsetof(struct vmgenid, guid), .def = "auto",
	  .help = "the identifier, or auto for a random one", .runtime = true },
	PROP_END
};

const struct device_class vmgenid_class = {
	.name           = "vmgenid",
	.summary        = "VM generation ID",
	.bus            = "System",
	.category       = "Misc",
	.size           = sizeof(struct vmgenid),
	.props          = vmgenid_props,
	.state          = &vmgenid_state,
	.user_creatable = true,
	.realize        = vmgenid_realize,
	.reset          = vmgenid_reset,
	.changed        = vmgenid_changed,
};
