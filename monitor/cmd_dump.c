/* SPDX-License-Identifier: MIT */
/*
 * What the guest holds, written to files: core dumps and its device tree.
 */
#include "monitor/both.h"
#include "monitor/dump.h"
#include "monitor/mon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int open_target(struct mon *m, const char *to, struct err *e)
{
	int fd;

	if (!strncmp(to, "file:", 5))
		return mon_open(m, to + 5, O_WRONLY | O_CREAT | O_TRUNC, 0600,
				e);
	if (strncmp(to, "fd:", 3))
		return err_set(e, -EINVAL, "parameter 'protocol' must start "
			       "with 'file:' or 'fd:'");
	fd = mon_fd_take(m->mons, to + 3);
	return fd >= 0 ? fd : err_set(e, fd, "File descriptor named '%s' has "
				      "not been found", to + 3);
}

int mon_do_dump(struct mon *m, const struct dump_wish *w, const char *to,
		struct err *e)
{
	int fd = dump_check(m->mons, w, e);

	if (!fd)
		fd = open_target(m, to, e);
	return fd < 0 ? fd : dump_run(m, w, fd, e);
}

enum { PAGING, DETACH, WINDMP, ZLIB, LZO, SNAPPY, RAW, FILENAME, BEGIN,
       LENGTH };

static int wish_of(const struct mon_arg *a, struct dump_wish *w,
		   struct err *e)
{
	if (a[WINDMP].given + a[ZLIB].given + a[LZO].given +
	    a[SNAPPY].given > 1)
		return err_set(e, -EINVAL, "only one of '-z|-l|-s|-w' can be "
			       "set");
	if (a[LZO].given || a[SNAPPY].given)
		return err_set(e, -ENOTSUP, "kdump-%s is not available now",
			       a[LZO].given ? "lzo" : "snappy");
	if (a[WINDMP].given)
		return err_set(e, -ENOTSUP, "not supported yet: Windows dumps");
	if (a[RAW].given && !a[ZLIB].given)
		return err_set(e, -EINVAL, "-R is for kdump-compressed "
			       "formats (-z)");
	if (a[BEGIN].given && !a[LENGTH].given)
		return err_set(e, -EINVAL, "Parameter 'length' is missing");
	*w = (struct dump_wish){
		.format = !a[ZLIB].given ? DUMP_ELF : a[RAW].given ?
			  DUMP_KDUMP_RAW_ZLIB : DUMP_KDUMP_ZLIB,
		.paging = a[PAGING].given, .detach = a[DETACH].given,
		.has_range = a[BEGIN].given,
		.begin = a[BEGIN].num, .length = a[LENGTH].num,
	};
	return 0;
}

static void cmd_dump(struct mon *m, const struct mon_arg *a)
{
	struct dump_wish w;
	struct err e = { 0 };
	char to[MON_WORD_MAX + 8];

	snprintf(to, sizeof(to), "file:%s", a[FILENAME].str);
	if (wish_of(a, &w, &e) < 0 || mon_do_dump(m, &w, to, &e) < 0)
		mon_error(m, &e);
}

/* A PC describes itself by ACPI. */
static void cmd_dumpdtb(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_puts(m, "Error: This machine doesn't have a FDT\n");
}

const struct mon_cmd mon_dump_cmds[] = {
	{
		.name    = "dump-guest-memory",
		.args    = "paging:-p detach:-d windmp:-w zlib:-z lzo:-l "
			   "snappy:-s raw:-R filename:file begin:long? "
			   "length:long?",
		.params  = "[-p] [-d] [-z|-l|-s|-w] [-R] filename [begin "
			   "length]",
		.help    = "write a core file of the guest",
		.doc     = "ELF, as gdb reads it; -p adds the CPUs' page "
			   "tables; -z writes zlib pages for crash(8), "
			   "flattened or, with -R, in place. BEGIN and LENGTH "
			   "choose physical memory. The guest stands still "
			   "meanwhile; -d returns at once (info dump shows how "
			   "far it is). Not supported yet: -w.",
		.example = "dump-guest-memory core.elf",
		.when    = MON_ANYTIME,
		.run     = cmd_dump,
	}, {
		.name    = "dumpdtb",
		.args    = "filename:file",
		.params  = "filename",
		.help    = "write the device tree",
		.doc     = "A PC has none and says so.",
		.example = "dumpdtb guest.dtb",
		.when    = MON_MAIN,
		.run     = cmd_dumpdtb,
	},
	{ 0 }
};
