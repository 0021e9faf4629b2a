/* SPDX-License-Identifier: MIT */
/*
 * -fw_cfg: files the user gives the guest by the firmware configuration device.
 *
 * Room:     one occurrence of the option.
 * Talks to: fw_cfg.c; reads a file once, while the machine is built.
 * Never:    keeps the file open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/opts.h"
#include "vmm/base/path.h"
#include "vmm/dev/fw_cfg.h"

enum { FILE_MAX = 16 << 20 };

/* All of it, malloc'd; NULL + sentence. */
static void *read_whole(const char *path, size_t *n, struct err *e)
{
	int fd = path_open(path, O_RDONLY, 0, e);
	u8 *buf = NULL;
	struct stat st;
	ssize_t got = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > FILE_MAX) {
		err_set(e, -EINVAL, "'%s' is not a file of at most %d MiB", path,
			FILE_MAX >> 20);
		close(fd);
		return NULL;
	}
	buf = malloc((size_t)st.st_size + 1);
	assert(buf);
	for (*n = 0; *n < (size_t)st.st_size; *n += (size_t)got) {
		got = read(fd, buf + *n, (size_t)st.st_size - *n);
		if (got <= 0)
			break;
	}
	close(fd);
	if (got >= 0)
		return buf;
	err_set(e, -errno, "reading '%s': %m", path);
	free(buf);
	return NULL;
}

static int add(struct device *d, struct opts *o, struct err *e)
{
	const char *name = opts_take(o, "name");
	const char *file = opts_take(o, "file");
	const char *string = opts_take(o, "string");
	void *data = NULL;
	size_t n = 0;
	int rc = opts_check_taken(o, e);

	if (rc < 0)
		return rc;
	if (!name || !file == !string)
		return err_set(e, -EINVAL, "it needs name=NAME and either "
			       "file=FILE or string=TEXT");
	if (string)
		return fw_cfg_add_file(d, name, string, strlen(string), e);
	data = read_whole(file, &n, e);
	if (!data)
		return e && e->rc ? e->rc : -EIO;
	rc = fw_cfg_add_file(d, name, data, n, e);
	free(data);
	return rc;
}

int fw_cfg_add_option(struct device *d, const char *text, struct err *e)
{
	struct opts o;
	int rc;

	if (!d)
		return err_set(e, -ENODEV, "-fw_cfg %s: this machine has no "
			       "firmware configuration device (-M ...,fw_cfg=on)",
			       text);
	rc = opts_parse(&o, text, "name", e);
	if (rc == 0) {
		rc = add(d, &o, e);
		opts_fini(&o);
	}
	if (rc < 0)
		err_prefix(e, "-fw_cfg %s", text);
	return rc;
}
