// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/block: the door, each driver and filter, disks, locks,
 * throttling; by running requests on a loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/block/blk_throttle.h"
#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"
#include "vmm/block/throttle.h"

static struct loop *loop;
static struct disk_set *set;
static char path[64];
static u8 buf[64 * 1024];

static int up(void **s)
{
	struct err e = { 0 };
	int fd;

	(void)s;
	loop = loop_create("main", &e);
	set = disk_set_create(loop);
	strcpy(path, "/tmp/mote-blk-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	close(fd);
	return 0;
}

static int down(void **s)
{
	(void)s;
	disk_set_destroy(set);
	loop_destroy(loop);
	unlink(path);
	return 0;
}

/* A drive of the file, with these options more. */
static struct disk *drive(const char *more)
{
	struct err e = { 0 };
	char spec[256];
	struct disk *d;

	snprintf(spec, sizeof(spec), "file=%s,format=raw,if=none%s", path, more);
	d = disk_add(set, spec, false, &e);
	if (!d)
		print_error("%s\n", e.msg);
	assert_non_null(d);
	return d;
}

static void refused(const char *spec, const char *word)
{
	struct err e = { 0 };

	assert_null(disk_add(set, spec, false, &e));
	if (!strstr(e.msg, word))
		print_error("'%s' has no '%s'\n", e.msg, word);
	assert_non_null(strstr(e.msg, word));
}

static int run(struct blk *b, enum blk_op op, u64 off, u64 len, u32 flags)
{
	struct iovec iov[2] = { { buf, len / 2 }, { buf + len / 2,
						    len - len / 2 } };
	struct blk_req r = { .op = op, .off = off, .len = len, .iov = iov,
			     .niov = op <= BLK_WRITE ? 2 : 0, .flags = flags };

	return blk_run(b, &r);
}

static bool all(u8 byte, u64 len)
{
	for (u64 i = 0; i < len; i++)
		if (buf[i] != byte)
			return false;
	return true;
}

static void round_trip(struct blk *b)
{
	memset(buf, 0x5a, 8192);
	assert_int_equal(run(b, BLK_WRITE, 4096, 8192, 0), 0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(run(b, BLK_READ, 4096, 8192, 0), 0);
	assert_true(all(0x5a, 8192));
	assert_int_equal(run(b, BLK_WRITE, 0, 512, BLK_F_FUA), 0);
	assert_int_equal(run(b, BLK_FLUSH, 0, 0, 0), 0);
	assert_int_equal(run(b, BLK_WRITE_ZEROES, 4096, 4096, 0), 0);
	assert_int_equal(run(b, BLK_READ, 4096, 4096, 0), 0);
	assert_true(all(0, 4096));
	assert_int_equal(run(b, BLK_READ, 8192, 4096, 0), 0);
	assert_true(all(0x5a, 4096));
}

static void what_is_written_is_read_by_every_engine(void **s)
{
	static const char *const more[] = { "", ",aio=threads", ",cache=unsafe",
					    ",cache=writethrough" };

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(more); i++) {
		struct disk *d = drive(more[i]);

		round_trip(d->root);
		assert_int_equal(disk_del(d, NULL), 0);
	}
}

static void count_done(struct blk_req *r, int rc)
{
	(*(int *)r->iov[0].iov_base)++;
	r->rc = rc;
}

/* Did it come back before blk_submit returned? */
static bool in_place(struct disk *d, u64 len)
{
	static int times;
	struct iovec iov[2] = { { &times, 0 }, { calloc(1, len), len } };
	struct blk_req r = { .op = BLK_WRITE, .len = len, .iov = iov,
			     .niov = 2, .done = count_done };
	bool at_once;

	times = 0;
	assert_int_equal(blk_set_loop(d->root, loop, NULL), 0);
	blk_submit(d->root, &r);
	at_once = times;
	blk_drain(d->root);
	assert_int_equal(times, 1);
	assert_int_equal(r.rc, 0);
	free(iov[1].iov_base);
	return at_once;
}

static int image_in_memory(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 4 << 20), 0);
	unlink(path);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd;
}

static void small_requests_to_a_file_in_memory_are_done_in_place(void **s)
{
	int fd = image_in_memory();
	struct disk *d;

	(void)s;
	d = drive(",locking=off");
	round_trip(d->root);
	assert_true(in_place(d, 4096));
	assert_true(in_place(d, 64 * 1024));
	assert_false(in_place(d, 4 << 20));
	disk_del(d, NULL);

	d = drive(",locking=off,aio=io_uring");
	assert_false(in_place(d, 4096));
	disk_del(d, NULL);
	close(fd);
}

/* There a thread that copies waits for this one, or for the guest. */
static void so_are_large_ones_where_cpus_are_few(void **s)
{
	int fd = image_in_memory();
	cpu_set_t all, one;
	struct disk *d;
	int cpu = 0;

	(void)s;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	d = drive(",locking=off");
	assert_true(in_place(d, 1 << 20));
	disk_del(d, NULL);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);

	d = drive(",locking=off");
	assert_int_equal(in_place(d, 1 << 20), CPU_COUNT(&all) <= 2);
	disk_del(d, NULL);
	close(fd);
}

static void the_door_refuses_what_is_outside_or_read_only(void **s)
{
	struct disk *d = drive(",readonly=on");

	(void)s;
	assert_int_equal(run(d->root, BLK_READ, 1 << 20, 512, 0), -EIO);
	assert_int_equal(run(d->root, BLK_READ, ~0ull - 511, 512, 0), -EIO);
	assert_int_equal(run(d->root, BLK_WRITE, 0, 512, 0), -EROFS);
	assert_int_equal(run(d->root, BLK_READ, 0, 512, 0), 0);
}

static void a_discard_makes_a_hole_when_asked_for(void **s)
{
	struct disk *d = drive(",discard=unmap");

	(void)s;
	memset(buf, 1, 4096);
	assert_int_equal(run(d->root, BLK_WRITE, 0, 4096, 0), 0);
	assert_int_equal(run(d->root, BLK_DISCARD, 0, 4096, 0), 0);
	assert_int_equal(run(d->root, BLK_READ, 0, 4096, 0), 0);
	assert_true(all(0, 4096));
}

static void zeros_are_detected(void **s)
{
	struct disk *d = drive(",detect-zeroes=unmap,discard=unmap");

	(void)s;
	memset(buf, 1, 4096);
	assert_int_equal(run(d->root, BLK_WRITE, 0, 4096, 0), 0);
	memset(buf, 0, 4096);
	assert_int_equal(run(d->root, BLK_WRITE, 0, 4096, 0), 0);
	memset(buf, 2, 4096);
	assert_int_equal(run(d->root, BLK_READ, 0, 4096, 0), 0);
	assert_true(all(0, 4096));
}

static void a_snapshot_reads_both_and_writes_only_its_own(void **s)
{
	struct disk *d = drive("");
	u8 byte;
	int fd;

	(void)s;
	memset(buf, 7, sizeof(buf));
	assert_int_equal(run(d->root, BLK_WRITE, 0, 65536, 0), 0);
	disk_del(d, NULL);
	d = drive(",snapshot=on");
	memset(buf, 9, 1024);
	assert_int_equal(run(d->root, BLK_WRITE, 512, 512, 0), 0);
	assert_int_equal(run(d->root, BLK_WRITE, 2048, 1024, 0), 0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(run(d->root, BLK_READ, 0, 65536, 0), 0);
	for (unsigned i = 0; i < 65536; i++)
		assert_int_equal(buf[i], (i >= 512 && i < 1024) ||
					 (i >= 2048 && i < 3072) ? 9 : 7);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, &byte, 1, 512), 1);
	assert_int_equal(byte, 7);
	close(fd);
}

static void an_image_in_use_is_refused(void **s)
{
	char spec[128];

	(void)s;
	drive(",id=a");
	snprintf(spec, sizeof(spec), "file=%s,format=raw,id=b", path);
	refused(spec, "lock");
	snprintf(spec, sizeof(spec), "file=%s,format=raw,id=b,readonly=on", path);
	refused(spec, "lock");
	snprintf(spec, sizeof(spec), "file=%s,format=raw,id=b,locking=off", path);
	assert_non_null(disk_add(set, spec, false, NULL));
}

/* A drive of the file for a device that shares it, or not. */
static int attached(const char *id, const char *more, bool share,
		    struct err *e)
{
	static int dev;
	char spec[160];
	struct disk *d;
	int rc;

	snprintf(spec, sizeof(spec), "file=%s,format=raw,id=%s%s", path, id,
		 more);
	d = disk_add(set, spec, false, e);
	if (!d)
		return e->rc;
	rc = disk_attach(d, &dev, loop, share, e);
	if (rc < 0)
		disk_del(d, NULL);
	return rc;
}

static void only_who_shares_may_write_where_others_do(void **s)
{
	struct err e = { 0 };

	(void)s;
	assert_int_equal(attached("a", "", true, &e), 0);
	assert_int_equal(attached("b", "", true, &e), 0);
	assert_int_equal(attached("c", "", false, &e), -EAGAIN);
	assert_non_null(strstr(e.msg, "Failed to get shared \"write\" lock"));
	assert_int_equal(attached("c", ",readonly=on", false, &e), -EAGAIN);
	assert_int_equal(attached("c", ",readonly=on", true, &e), 0);
	for (unsigned i = 0; i < 3; i++)
		disk_detach(disk_known(set, (const char *[]){ "a", "b", "c" }[i]),
			    true);
	assert_int_equal(attached("c", "", false, &e), 0);
	assert_int_equal(attached("d", "", true, &e), -EAGAIN);
	assert_non_null(strstr(e.msg, "Failed to get \"write\" lock"));
	disk_detach(disk_known(set, "c"), true);
}

static void readers_share_an_image(void **s)
{
	(void)s;
	drive(",id=a,readonly=on");
	drive(",id=b,readonly=on");
}

static void wrong_options_are_named(void **s)
{
	char spec[128];
	int fd = open(path, O_WRONLY);

	(void)s;
	assert_int_equal(write(fd, "QFI\xfb", 4), 4);
	close(fd);
	snprintf(spec, sizeof(spec), "file=%s", path);
	refused(spec, "qcow2");
	refused("file=/nowhere,format=raw", "/nowhere");
	refused("id=x", "file=");
	refused("file=null-co://,if=ide", "if=ide");
	refused("file=null-co://,cache=maybe", "maybe");
	refused("file=null-co://,werror=perhaps", "perhaps");
	refused("file=null-co://,colour=red", "colour");
	refused("file=null-co://,id=0x", "0x");
	refused("file=null-co://,bps=1,bps_rd=1", "total");
	refused("file=/tmp,format=raw", "/tmp");
}

static void nodes_are_added_used_and_removed(void **s)
{
	struct blk_set *b = disk_blks(set);
	struct err e = { 0 };
	char spec[160];

	(void)s;
	snprintf(spec, sizeof(spec), "file,filename=%s,node-name=f", path);
	assert_int_equal(blk_add(b, spec, &e), 0);
	assert_int_equal(blk_add(b, "raw,file=f,offset=4096,size=8192,"
				 "node-name=r", &e), 0);
	assert_int_equal(blk_find(b, "r")->len, 8192);
	memset(buf, 3, 512);
	assert_int_equal(run(blk_find(b, "r"), BLK_WRITE, 512, 512, 0), 0);
	assert_int_equal(run(blk_find(b, "r"), BLK_WRITE, 8192, 512, 0), -EIO);
	assert_int_equal(blk_del(b, "f", &e), -EBUSY);
	assert_int_equal(blk_del(b, "r", &e), 0);
	assert_int_equal(run(blk_find(b, "f"), BLK_READ, 4608, 512, 0), 0);
	assert_true(all(3, 512));
	assert_int_equal(blk_del(b, "f", &e), 0);
	assert_int_equal(blk_add(b, "null-co", &e), -EINVAL);
	assert_int_equal(blk_add(b, "raw,file=nope,node-name=x", &e), -EINVAL);
	assert_int_equal(blk_add(b, "raw,node-name=x,file.driver=null-co,"
				 "offset=2G", &e), -EINVAL);
}

static void not_added(const char *spec, const char *why)
{
	struct err e = { 0 };

	assert_true(blk_add(disk_blks(set), spec, &e) < 0);
	assert_string_equal(e.msg, why);
}

/* As libvirt writes it: each of the two nodes with all of it. */
static void every_node_takes_the_options_of_its_cache(void **s)
{
	struct blk_set *b = disk_blks(set);
	struct err e = { 0 };
	char spec[300];

	(void)s;
	snprintf(spec, sizeof(spec), "driver=file,filename=%s,node-name=f,"
		 "auto-read-only=on,discard=unmap,cache.direct=off,"
		 "cache.no-flush=on", path);
	assert_int_equal(blk_add(b, spec, &e), 0);
	assert_int_equal(blk_add(b, "driver=raw,file=f,node-name=r,read-only="
				 "off,discard=unmap,cache.direct=off,"
				 "cache.no-flush=on", &e), 0);
	assert_true(blk_find(b, "r")->no_flush);
	assert_true(blk_find(b, "r")->can_discard);
	assert_int_equal(blk_add(b, "raw,file=f,node-name=q,discard=ignore",
				 &e), 0);
	assert_false(blk_find(b, "q")->can_discard);
	round_trip(blk_find(b, "r"));
}

static void a_child_without_a_name_has_its_parents_options(void **s)
{
	struct blk_set *b = disk_blks(set);
	struct err e = { 0 };
	char spec[300];
	struct blk *r;

	(void)s;
	snprintf(spec, sizeof(spec), "raw,node-name=r,discard=unmap,read-only="
		 "on,cache.no-flush=on,file.driver=file,file.filename=%s,"
		 "file.cache.no-flush=off", path);
	assert_int_equal(blk_add(b, spec, &e), 0);
	r = blk_find(b, "r");
	assert_true(r->child->read_only);
	assert_true(r->can_discard);
	assert_false(r->no_flush);
	not_added("raw,file=r,node-name=w,read-only=off",
		  "Block node 'r' is read-only");
	not_added("raw,node-name=w,cache.direct=on",
		  "a filter needs 'file', its child node");
}

static void a_drive_may_name_its_driver(void **s)
{
	static const char *const ways[] = {
		"file.driver=file,file.filename=%s,format=raw",
		"driver=raw,file.driver=file,file.filename=%s",
		"driver=file,filename=%s", "file=file:%s,format=raw",
		"file.driver=raw,file.size=64K,file.file.driver=file,"
		"file.file.filename=%s",
	};
	char spec[160];

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
		struct err e = { 0 };
		struct disk *d;

		snprintf(spec, sizeof(spec), ways[i], path);
		d = disk_add(set, spec, false, &e);
		if (!d)
			print_error("%s: %s\n", spec, e.msg);
		assert_non_null(d);
		round_trip(d->root);
		assert_int_equal(d->root->len, i == 4 ? 64 << 10 : 1 << 20);
		disk_del(d, NULL);
	}
	refused("file=nbd://h/x", "not supported yet: images by protocol 'nbd'");
	refused("driver=raw,format=raw,file=x", "Cannot specify both");
	refused("driver=qcow2,file=x", "image format 'qcow2'");
	refused("file.driver=curl,file.url=x", "Unknown driver 'curl'");
	refused("file.driver=file", "'filename' is missing");
	refused("if=none,format=raw", "a drive needs file=IMAGE");
}

static int reopened(const char *spec, const char *why)
{
	struct opts o = OPTS_INIT;
	struct err e = { 0 };
	int rc;

	assert_int_equal(opts_parse(&o, spec, "driver", &e), 0);
	rc = disk_node_reopen(set, &o, &e);
	opts_fini(&o);
	if (why)
		assert_string_equal(e.msg, why);
	else if (rc)
		print_error("%s\n", e.msg);
	return rc;
}

static void a_node_is_opened_again_to_write_or_not(void **s)
{
	struct blk_set *b = disk_blks(set);
	char spec[160], own[200];
	struct err e = { 0 };
	struct disk *d;
	struct blk *r;
	static int dev;

	(void)s;
	snprintf(spec, sizeof(spec), "file,filename=%s,node-name=f", path);
	snprintf(own, sizeof(own), "%s,read-only=on", spec);
	assert_int_equal(blk_add(b, own, &e), 0);
	assert_int_equal(blk_add(b, "raw,file=f,node-name=r,read-only=on", &e),
			 0);
	r = blk_find(b, "r");
	assert_int_equal(run(r, BLK_WRITE, 0, 512, 0), -EROFS);
	assert_true(reopened("raw,file=f,node-name=r",
			     "Block node 'f' is read-only") < 0);
	assert_int_equal(reopened(spec, NULL), 0);
	assert_int_equal(reopened("raw,file=f,node-name=r", NULL), 0);
	round_trip(r);
	assert_true(reopened(own, "Cannot make block node 'f' read-only, 'r' "
			     "writes to it") < 0);
	d = disk_find(set, "r");
	assert_int_equal(disk_attach(d, &dev, loop, false, &e), 0);
	assert_true(reopened("raw,file=f,node-name=r,read-only=on",
			     "Cannot make block node 'r' read-only, a device "
			     "writes to it") < 0);
	disk_detach(d, true);
	assert_int_equal(reopened("raw,file=f,node-name=r,read-only=on", NULL),
			 0);
	assert_int_equal(reopened(own, NULL), 0);
	assert_int_equal(run(r, BLK_WRITE, 0, 512, 0), -EROFS);
	assert_int_equal(attached("a", "", false, &e), -EAGAIN);
	assert_true(reopened("null-co,node-name=f",
			     "Cannot change the option 'driver'") < 0);
	assert_true(reopened("file,filename=/x,node-name=f",
			     "Cannot change the option 'filename'") < 0);
	snprintf(own, sizeof(own), "%s,aio=threads", spec);
	assert_true(reopened(own, "Invalid parameter 'aio'") < 0);
	assert_true(reopened("file,node-name=z", "Failed to find node with "
			     "node-name='z'") < 0);
}

/* Requests let through in a second of bucket time. */
static unsigned second(struct throttle *t, s64 n)
{
	unsigned went = 0;

	for (s64 now = n * 1000000000 + 1; now < (n + 1) * 1000000000;
	     now += 500000)
		went += throttle_try(t, false, 4096, now) == 0;
	return went;
}

static void a_burst_lasts_as_long_as_it_may(void **s)
{
	struct throttle_config c = { .iops_size = 2048 };
	struct throttle t;

	(void)s;
	throttle_init(&t);
	c.limit[THROTTLE_IOPS] = (struct throttle_limit){ 100, 1000, 3 };
	throttle_set(&t, &c);          /* two operations each, by iops_size */
	assert_in_range(second(&t, 0), 480, 560);
	assert_in_range(second(&t, 1), 480, 560);
	assert_in_range(second(&t, 2), 480, 560);
	second(&t, 3);
	assert_in_range(second(&t, 4), 45, 60);
	lock_fini(&t.lock);
}

static void a_throttle_group_is_there_before_its_nodes(void **s)
{
	struct list *groups = blk_groups(disk_blks(set));
	struct throttle_config c;
	struct opts o = OPTS_INIT;
	struct err e = { 0 };
	struct disk *a, *b;
	const char *name;

	(void)s;
	not_added("throttle,throttle-group=g,node-name=t,file.driver=null-co",
		  "Throttle group 'g' does not exist");
	opts_set(&o, "limits.iops-total", "100");
	opts_set(&o, "x-bps-read", "1M");
	assert_int_equal(throttle_group_add(groups, "g", &o, &e), 0);
	assert_int_equal(throttle_group_add(groups, "g", &o, &e), -EEXIST);
	opts_fini(&o);
	assert_int_equal(blk_add(disk_blks(set), "throttle,throttle-group=g,"
				 "node-name=t,file.driver=null-co", &e), 0);
	a = disk_find(set, "t");
	assert_true(disk_get_throttle(a, &c, &name));
	assert_string_equal(name, "g");
	assert_int_equal(c.limit[THROTTLE_IOPS].avg, 100);
	assert_int_equal(c.limit[THROTTLE_BPS_RD].avg, 1 << 20);
	b = drive(",iops=5,iops_size=512,iops_max=6,iops_max_length=2,group=g");
	assert_ptr_equal(blk_throttle_group(a->root),
			 blk_throttle_group(b->root));
	assert_true(disk_get_throttle(a, &c, &name));
	assert_int_equal(c.limit[THROTTLE_IOPS].length, 2);
	assert_int_equal(throttle_group_del(groups, "g", &e), -EBUSY);
	disk_del(b, NULL);
	assert_int_equal(disk_node_del(set, "t", &e), 0);
	assert_int_equal(throttle_group_del(groups, "g", &e), 0);
	assert_int_equal(throttle_group_del(groups, "g", &e), -ENOENT);
	refused("file=null-co://,iops=5,iops_max_length=2",
		"burst length set without burst rate");
}

static void a_name_that_is_taken_is_the_reason_and_not_the_lock(void **s)
{
	struct blk_set *b = disk_blks(set);
	struct err e = { 0 };
	char spec[160];

	(void)s;
	snprintf(spec, sizeof(spec), "file,filename=%s,node-name=f", path);
	assert_int_equal(blk_add(b, spec, &e), 0);
	assert_true(blk_add(b, spec, &e) < 0);
	assert_string_equal(e.msg, "Duplicate nodes with node-name='f'");
	assert_true(blk_add(b, "raw,node-name=x,file.driver=null-co,"
			    "file.node-name=x", &e) < 0);
	assert_string_equal(e.msg, "Duplicate nodes with node-name='x'");
	assert_null(blk_find(b, "x"));
	assert_int_equal(blk_del(b, "f", &e), 0);
}

static void faults_come_when_asked_for(void **s)
{
	struct blk_set *b = disk_blks(set);
	struct err e = { 0 };
	struct blk *f;

	(void)s;
	assert_int_equal(blk_add(b, "fault,file.driver=null-co,node-name=x,"
				 "op=write,errno=28,after=1,count=2", &e), 0);
	f = blk_find(b, "x");
	assert_int_equal(run(f, BLK_WRITE, 0, 512, 0), 0);
	assert_int_equal(run(f, BLK_READ, 0, 512, 0), 0);
	assert_int_equal(run(f, BLK_WRITE, 0, 512, 0), -ENOSPC);
	assert_int_equal(run(f, BLK_WRITE, 0, 512, 0), -ENOSPC);
	assert_int_equal(run(f, BLK_WRITE, 0, 512, 0), 0);
}

static void errors_lead_where_the_drive_says(void **s)
{
	struct disk *d = drive(",werror=stop,rerror=ignore");

	(void)s;
	assert_int_equal(disk_on_error(d, BLK_WRITE, -EIO), DISK_STOP);
	assert_int_equal(disk_on_error(d, BLK_READ, -EIO), DISK_IGNORE);
	disk_del(d, NULL);
	d = drive("");
	assert_int_equal(disk_on_error(d, BLK_WRITE, -ENOSPC), DISK_STOP);
	assert_int_equal(disk_on_error(d, BLK_WRITE, -EIO), DISK_REPORT);
	assert_int_equal(disk_on_error(d, BLK_READ, -EIO), DISK_REPORT);
}

static void a_disk_grows(void **s)
{
	struct disk *d = drive("");
	struct err e = { 0 };

	(void)s;
	assert_int_equal(disk_resize(d, 2 << 20, &e), 0);
	assert_int_equal(d->root->len, 2 << 20);
	assert_int_equal(run(d->root, BLK_WRITE, (2 << 20) - 512, 512, 0), 0);
	assert_int_equal(disk_resize(d, 1000, &e), -EINVAL);
}

static void a_bucket_lets_so_much_through(void **s)
{
	struct throttle_config c = { 0 };
	struct throttle t;
	unsigned went = 0;

	(void)s;
	throttle_init(&t);
	c.limit[THROTTLE_IOPS].avg = 100;
	throttle_set(&t, &c);
	for (s64 now = 1; now < 1000000000; now += 1000000)
		went += throttle_try(&t, false, 4096, now) == 0;
	assert_in_range(went, 100, 115);
	c.limit[THROTTLE_IOPS].avg = 0;
	c.limit[THROTTLE_BPS_WR].avg = 40960;
	throttle_set(&t, &c);
	assert_int_equal(throttle_try(&t, true, 4096, 1000000000), 0);
	assert_int_equal(throttle_try(&t, true, 4096, 1000000000), 0);
	assert_true(throttle_try(&t, true, 4096, 1000000000) > 0);
	assert_int_equal(throttle_try(&t, false, 4096, 1000000000), 0);
	lock_fini(&t.lock);
}

static void limits_are_put_on_and_shown(void **s)
{
	struct throttle_config c = { 0 }, got;
	struct disk *d = drive("");
	struct err e = { 0 };
	const char *group;

	(void)s;
	assert_false(disk_get_throttle(d, &got, &group));
	c.limit[THROTTLE_IOPS].avg = 1000;
	assert_int_equal(disk_set_throttle(d, &c, NULL, &e), 0);
	assert_true(disk_get_throttle(d, &got, &group));
	assert_int_equal(got.limit[THROTTLE_IOPS].avg, 1000);
	round_trip(d->root);
}

/* --- a disk of an I/O thread's that is busy -------------------------------- */

static struct {
	struct disk *d;
	struct loop *loop;
	struct blk_req r;
	struct iovec iov;
	_Atomic bool stop, ended;
} busy;

static void busy_again(void *opaque);

static void busy_done(struct blk_req *r, int rc)
{
	(void)r;
	assert_int_equal(rc, 0);
	loop_post(busy.loop, busy_again, NULL);
}

static void busy_again(void *opaque)
{
	(void)opaque;
	if (busy.stop) {
		busy.ended = true;
		return;
	}
	busy.iov = (struct iovec){ buf, 4096 };
	busy.r = (struct blk_req){ .op = BLK_READ, .len = 4096,
				   .iov = &busy.iov, .niov = 1,
				   .done = busy_done };
	blk_plug(busy.d->root);
	blk_submit(busy.d->root, &busy.r);
	blk_unplug(busy.d->root);
}

static void limits_may_be_put_on_a_disk_that_is_busy(void **s)
{
	struct throttle_config c = { .limit[THROTTLE_BPS].avg = 1ull << 40 };
	struct opts o = OPTS_INIT;
	struct list threads;
	struct err e = { 0 };

	(void)s;
	list_init(&threads);
	opts_set(&o, "id", "io0");
	assert_int_equal(iothread_add(&threads, &o, &e), 0);
	opts_fini(&o);
	busy.loop = iothread_find(&threads, "io0")->loop;
	for (unsigned i = 0; i < 300; i++) {
		busy.d = drive("");
		busy.stop = busy.ended = false;
		assert_int_equal(disk_attach(busy.d, &busy, busy.loop, false,
					     &e), 0);
		loop_post(busy.loop, busy_again, NULL);
		usleep(i * 3);
		assert_int_equal(disk_set_throttle(busy.d, &c, NULL, &e), 0);
		usleep(100);
		busy.stop = true;
		while (!busy.ended)
			usleep(50);
		disk_detach(busy.d, true);
	}
	blk_set_forget_loop(disk_blks(set), busy.loop);
	iothreads_destroy(&threads);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_written_is_read_by_every_engine),
		T(small_requests_to_a_file_in_memory_are_done_in_place),
		T(so_are_large_ones_where_cpus_are_few),
		T(the_door_refuses_what_is_outside_or_read_only),
		T(a_discard_makes_a_hole_when_asked_for),
		T(zeros_are_detected),
		T(a_snapshot_reads_both_and_writes_only_its_own),
		T(an_image_in_use_is_refused),
		T(only_who_shares_may_write_where_others_do),
		T(readers_share_an_image),
		T(wrong_options_are_named),
		T(nodes_are_added_used_and_removed),
		T(every_node_takes_the_options_of_its_cache),
		T(a_child_without_a_name_has_its_parents_options),
		T(a_drive_may_name_its_driver),
		T(a_node_is_opened_again_to_write_or_not),
		T(a_burst_lasts_as_long_as_it_may),
		T(a_throttle_group_is_there_before_its_nodes),
		T(a_name_that_is_taken_is_the_reason_and_not_the_lock),
		T(faults_come_when_asked_for),
		T(errors_lead_where_the_drive_says),
		T(a_disk_grows),
		T(a_bucket_lets_so_much_through),
		T(limits_are_put_on_and_shown),
		T(limits_may_be_put_on_a_disk_that_is_busy),
	};

	return cmocka_run_group_tests_name("blk", tests, NULL, NULL);
}
