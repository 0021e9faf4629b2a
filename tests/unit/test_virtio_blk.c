// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtio_blk.c over virtio/virtio_pci.c: requests, errors
 * that stop the VM and are tried again, bad requests, resize, removal.
 */
#include "tests/unit/device_fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "virtio/virtio.h"
#include "vmm/block/disk.h"
#include "vmm/pci/pci.h"

extern const struct device_class virtio_blk_pci_class, pci_host_class;

enum { DESC = 0x1000, AVAIL = 0x2000, USED = 0x3000, HDR = 0x4000,
       STATUS = 0x5000, DATA = 0x8000 };

static struct disk_set *disks;
static struct device *host, *dev;
static struct virtio *v;
static u8 *ram;
static u16 avail, ring_size = 16;

static void *find(void *o, enum prop_type t, const char *id)
{
	(void)o;
	return t == PROP_DRIVE ? disk_find(disks, id) : NULL;
}

/* With one property more; not realized. */
static void world(const char *node, const char *prop, const char *value)
{
	struct err e = { 0 };

	fake_machine_up(0);
	fake.env.find_backend = find;
	gmem_add(fake.env.gmem, "ram", 0, MiB, -1, 0, GMEM_RAM, &e);
	ram = gmem_ptr(fake.env.gmem, 0, MiB);
	disks = disk_set_create(fake.env.loop);
	assert_int_equal(blk_add(disk_blks(disks), node, &e), 0);
	host = fake_device(&pci_host_class);
	fake.env.pci = pci_host_bus(host);
	dev = device_create(&virtio_blk_pci_class, "d", &fake.env);
	assert_int_equal(device_set_prop(dev, "drive", "n", &e), 0);
	assert_int_equal(device_set_prop(dev, "werror", "stop", &e), 0);
	assert_int_equal(device_set_prop(dev, "serial", "S1", &e), 0);
	if (prop)
		assert_int_equal(device_set_prop(dev, prop, value, &e), 0);
}

static void up_with(const char *node, const char *prop, const char *value)
{
	world(node, prop, value);
	fake_realize(dev);
	v = to_virtio(dev);
	avail = 0;
}

static void up(const char *node)
{
	up_with(node, NULL, NULL);
}

static void down(void)
{
	device_destroy(dev);
	disk_set_destroy(disks);
	fake_machine_down();
}

/* The registers by hand: the BAR is tested in test_virtio_mmio's way. */
static void driver_up_with(u64 features)
{
	virtio_lock(v);
	virtio_set_status(v, 0);
	virtio_set_status(v, 3);
	virtio_accept(v, 0, features);
	virtio_accept(v, 1, 1);
	virtio_set_status(v, 11);
	v->queue_sel = 0;
	virtio_queue_size(v, ring_size);
	virtio_queue_addr(v, &virtio_q(v, 0)->desc, false, DESC);
	virtio_queue_addr(v, &virtio_q(v, 0)->driver, false, AVAIL);
	virtio_queue_addr(v, &virtio_q(v, 0)->device, false, USED);
	virtio_queue_enable(v);
	virtio_set_status(v, 15);
	virtio_unlock(v);
	avail = 0;
	memset(ram + AVAIL, 0, 6 + 2 * ring_size);
	memset(ram + USED, 0, 6 + 8 * ring_size);
	assert_true(v->started);
}

static void driver_up(void)
{
	driver_up_with(v->offered);
}

static void desc(unsigned i, u64 addr, u32 len, u16 flags)
{
	u16 next = i + 1;

	memcpy(ram + DESC + 16 * i, &addr, 8);
	memcpy(ram + DESC + 16 * i + 8, &len, 4);
	memcpy(ram + DESC + 16 * i + 12, &flags, 2);
	memcpy(ram + DESC + 16 * i + 14, &next, 2);
}

static void offer(void)
{
	u16 head = 0;

	memcpy(ram + AVAIL + 4 + 2 * (avail % 16), &head, 2);
	avail++;
	memcpy(ram + AVAIL + 2, &avail, 2);
	virtio_kick_later(v, 0);
	for (unsigned i = 0; i < 20; i++)
		fake_turn();
	blk_drain(disk_find(disks, "n")->root);
}

static u16 used(void)
{
	u16 n;

	memcpy(&n, ram + USED + 2, 2);
	return n;
}

static u8 request(u32 type, u64 sector, u32 len)
{
	const bool in = type == 0 || type == 8;
	unsigned n = 0;

	memcpy(ram + HDR, &type, 4);
	memcpy(ram + HDR + 8, &sector, 8);
	ram[STATUS] = 0xee;
	desc(n++, HDR, 16, 1);
	if (len)
		desc(n++, DATA, len, in ? 3 : 1);
	desc(n, STATUS, 1, 2);
	offer();
	return ram[STATUS];
}

static void what_cannot_be_said_of_the_interface_is_refused(void **s)
{
	static const char *const bad[][3] = {
		{ "disable-legacy", "off", "no interface from before virtio 1" },
		{ "disable-modern", "on", "would leave no interface" },
		{ "romfile", "x.rom", "option ROMs" },
		{ "max-discard-sectors", "0", "are not 1 to 4194304" },
		{ "max-write-zeroes-sectors", "4194305", "are not 1 to" },
		{ "discard_granularity", "513", "multiple of the logical" },
	};

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };

		world("null-co,node-name=n,size=1M", bad[i][0], bad[i][1]);
		assert_true(device_realize(dev, &e) < 0);
		assert_non_null(strstr(e.msg, bad[i][2]));
		down();
	}
}

static void write_cache_goes_before_the_drives(void **s)
{
	(void)s;
	up_with("null-co,node-name=n,size=1M", "write-cache", "off");
	assert_int_equal(virtio_config_get(v, 32, 1), 0);
	down();
	up_with("null-co,node-name=n,size=1M", "write-cache", "on");
	assert_int_equal(virtio_config_get(v, 32, 1), 1);
	down();
}

static void reads_writes_and_flushes_end_well(void **s)
{
	(void)s;
	up("null-co,node-name=n,size=1M,read-zeroes=on");
	driver_up();
	memset(ram + DATA, 1, 512);
	assert_int_equal(request(0, 0, 512), 0);
	assert_int_equal(ram[DATA], 0);
	assert_int_equal(request(1, 8, 4096), 0);
	assert_int_equal(request(4, 0, 0), 0);
	assert_int_equal(request(8, 0, 20), 0);
	assert_string_equal((char *)ram + DATA, "S1");
	assert_int_equal(used(), 4);
	assert_int_equal(v->errors, 0);
	down();
}

enum { MANY = 40, PIECES = 22, TABLES = 0x10000, HDRS = 0x20000,
       STATUSES = 0x30000 };

static void table_desc(u64 table, unsigned k, u64 addr, u32 len, u16 flags)
{
	desc(k, addr, len, flags);
	memcpy(ram + table + 16 * k, ram + DESC + 16 * k, 16);
}

/* Request i: header, PIECES times a sector to write, status. */
static void put_long(unsigned i)
{
	const u64 sector = (u64)i * PIECES, header = HDRS + 16 * i;
	const u64 table = TABLES + 0x400 * i;
	const u32 type = 1;
	const u16 head = i;

	memcpy(ram + header, &type, 4);
	memcpy(ram + header + 8, &sector, 8);
	table_desc(table, 0, header, 16, 1);
	for (unsigned k = 1; k <= PIECES; k++)
		table_desc(table, k, DATA + 512 * i, 512, 1);
	table_desc(table, PIECES + 1, STATUSES + i, 1, 2);
	memset(ram + DATA + 512 * i, i + 1, 512);
	ram[STATUSES + i] = 0xee;
	memcpy(ram + AVAIL + 4 + 2 * i, &head, 2);
}

/* More of them than the device has room for at a time. */
static void requests_of_many_pieces_wait_their_turn_and_all_are_done(void **s)
{
	char path[] = "/tmp/mote-vblk-XXXXXX", spec[128];
	const u16 n = MANY;
	int fd = mkstemp(path);
	u8 byte;

	(void)s;
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	snprintf(spec, sizeof(spec), "file,filename=%s,node-name=n,aio=io_uring",
		 path);
	up(spec);
	ring_size = 64;
	driver_up();
	for (unsigned i = 0; i < MANY; i++)
		put_long(i);
	for (unsigned i = 0; i < MANY; i++)
		desc(i, TABLES + 0x400 * i, 16 * (PIECES + 2), 4);
	memcpy(ram + AVAIL + 2, &n, 2);
	virtio_kick_later(v, 0);
	for (unsigned i = 0; i < 1000 && used() < MANY; i++) {
		fake_turn();
		blk_drain(disk_find(disks, "n")->root);
	}
	assert_int_equal(used(), MANY);
	assert_int_equal(virtio_q(v, 0)->inuse, 0);
	assert_int_equal(v->errors, 0);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(ram[STATUSES + i], 0);
		for (unsigned k = 0; k < PIECES; k++) {
			off_t at = 512 * (off_t)(i * PIECES + k) + 511;

			assert_int_equal(pread(fd, &byte, 1, at), 1);
			assert_int_equal(byte, i + 1);
		}
	}
	down();
	ring_size = 16;
	close(fd);
	unlink(path);
}

static void bad_requests_fail_and_do_no_harm(void **s)
{
	(void)s;
	up("null-co,node-name=n,size=1M");
	driver_up();
	assert_int_equal(request(0, 2048, 512), 1);    /* beyond the end   */
	assert_int_equal(request(0, ~0ull, 512), 1);
	assert_int_equal(request(1, 0, 100), 1);       /* not whole sectors */
	assert_int_equal(request(0, 0, 0), 1);
	assert_int_equal(request(77, 0, 512), 2);
	assert_int_equal(request(8, 0, 8), 1);
	assert_int_equal(request(11, 0, 8), 1);        /* range too short  */
	assert_int_equal(v->errors, 0);
	down();
}

static void a_request_without_header_or_status_breaks_the_device(void **s)
{
	(void)s;
	up("null-co,node-name=n,size=1M");
	driver_up();
	desc(0, HDR, 8, 1);
	desc(1, STATUS, 1, 2);
	offer();
	assert_true(v->status & VIRTIO_S_NEEDS_RESET);
	assert_int_equal(v->errors, 1);
	driver_up();
	desc(0, HDR, 16, 0);
	offer();
	assert_int_equal(v->errors, 2);
	assert_int_equal(virtio_q(v, 0)->inuse, 0);
	down();
}

static void a_full_disk_stops_the_vm_and_cont_tries_again(void **s)
{
	(void)s;
	up("fault,file.driver=null-co,node-name=n,op=write,errno=28,count=2");
	driver_up();
	assert_int_equal(request(1, 0, 512), 0xee);    /* not answered yet */
	assert_int_equal(fake.request, VM_REQ_IO_ERROR);
	assert_int_equal(used(), 0);
	device_quiesce(dev);
	device_resume(dev);                            /* full once more   */
	fake_turn();
	assert_int_equal(fake.requests, 2);
	device_quiesce(dev);
	device_resume(dev);
	fake_turn();
	assert_int_equal(ram[STATUS], 0);
	assert_int_equal(used(), 1);
	down();
}

static void a_reset_lets_stopped_requests_go(void **s)
{
	(void)s;
	up("fault,file.driver=null-co,node-name=n,op=write,errno=5");
	driver_up();
	assert_int_equal(request(1, 0, 512), 0xee);
	driver_up();
	assert_int_equal(request(0, 0, 512), 0);
	assert_int_equal(request(1, 0, 512), 0xee);
	down();                        /* and so does removal              */
}

static unsigned told;

/* The driver wants to hear of the next one that is finished, too. */
static void count_told(struct virtio *dv, unsigned q)
{
	const u16 n = used();

	(void)dv;
	(void)q;
	told++;
	memcpy(ram + AVAIL + 4 + 2 * ring_size, &n, 2);
}

/* `n` reads of `len` bytes, offered at once: how often is the guest told? */
static unsigned times_told(u16 n, u32 len)
{
	struct virtio_transport t = *v->transport;

	driver_up();
	t.notify_queue = count_told;
	v->transport = &t;
	told = 0;
	memset(ram + HDR, 0, 16);
	desc(0, HDR, 16, 1);
	desc(1, DATA, len, 3);
	desc(2, STATUS, 1, 2);
	memset(ram + AVAIL + 4, 0, 2 * ring_size);
	avail = n - 1;
	offer();
	assert_int_equal(used(), n);
	assert_int_equal(v->errors, 0);
	return told;
}

static void the_guest_hears_of_large_requests_one_by_one(void **s)
{
	const struct virtio_transport *was;

	(void)s;
	up("null-co,node-name=n,size=1M");
	was = v->transport;
	assert_int_equal(times_told(4, 4096), 1);
	v->transport = was;
	assert_int_equal(times_told(4, 512 << 10), 4);
	v->transport = was;
	assert_int_equal(times_told(15, 512 << 10), 15);       /* two turns */
	v->transport = was;
	down();
}

/* With its header and status: Linux would make two of it. */
static void a_mebibyte_in_pages_is_one_request(void **s)
{
	(void)s;
	up("null-co,node-name=n,size=1M");
	assert_true(virtio_config_get(v, 12, 4) >= MiB / 4096);
	down();
}

static void a_resize_reaches_the_configuration(void **s)
{
	struct err e = { 0 };

	(void)s;
	up("null-co,node-name=n,size=1M");
	driver_up();
	assert_int_equal(virtio_config_get(v, 0, 8), 2048);
	assert_int_equal(disk_resize(disk_find(disks, "n"), 2 << 20, &e), 0);
	assert_int_equal(virtio_config_get(v, 0, 8), 4096);
	assert_int_equal(v->config_gen, 1);
	down();
}

static void a_size_is_of_whole_blocks(void **s)
{
	struct err e = { 0 };

	(void)s;
	world("null-co,node-name=n,size=1M", "logical_block_size", "4096");
	assert_int_equal(device_set_prop(dev, "physical_block_size", "4096",
					 &e), 0);
	fake_realize(dev);
	v = to_virtio(dev);
	assert_int_equal(disk_resize(disk_find(disks, "n"), MiB + 512, &e),
			 -EINVAL);
	assert_non_null(strstr(e.msg, "logical_block_size 4096"));
	assert_int_equal(disk_resize(disk_find(disks, "n"), MiB + 4096, &e),
			 0);
	assert_int_equal(virtio_config_get(v, 0, 8), 2056);
	down();
}

static void a_disk_has_one_device_at_most(void **s)
{
	struct err e = { 0 };
	struct device *other;

	(void)s;
	up("null-co,node-name=n,size=1M");
	other = device_create(&virtio_blk_pci_class, "d2", &fake.env);
	assert_int_equal(device_set_prop(other, "drive", "n", &e), 0);
	assert_int_equal(device_realize(other, &e), -EBUSY);
	device_destroy(other);
	down();
}

static void a_drive_goes_with_its_device_but_stays_for_one_that_failed(void **s)
{
	struct err e = { 0 };
	struct device *d;

	(void)s;
	up("null-co,node-name=n,size=1M");
	assert_non_null(disk_add(disks, "if=none,id=k,file=null-co://", false,
				 &e));
	d = device_create(&virtio_blk_pci_class, "d2", &fake.env);
	assert_int_equal(device_set_prop(d, "drive", "k", &e), 0);
	assert_int_equal(device_set_prop(d, "addr", "1", &e), 0);
	assert_true(device_realize(d, &e) < 0);        /* its slot is taken */
	device_destroy(d);
	assert_non_null(disk_known(disks, "k"));

	d = device_create(&virtio_blk_pci_class, "d2", &fake.env);
	assert_int_equal(device_set_prop(d, "drive", "k", &e), 0);
	assert_int_equal(device_realize(d, &e), 0);
	device_destroy(d);
	assert_null(disk_known(disks, "k"));
	down();
}

static void state_goes_round(void **s)
{
	(void)s;
	up("null-co,node-name=n,size=1M");
	driver_up();
	request(1, 0, 512);
	fake_round_trip(dev);
	assert_int_equal(request(1, 0, 512), 0);
	assert_int_equal(used(), 2);
	down();
}

static struct disk_failure heard;
static unsigned hearings;

static void hear(void *opaque, struct disk *d, const struct disk_failure *f)
{
	assert_ptr_equal(opaque, disks);
	assert_string_equal(d->id, "n");
	heard = *f;
	hearings++;
}

static void who_listens_hears_of_a_failed_request_once(void **s)
{
	struct disk *d;

	(void)s;
	up("fault,node-name=n,op=write,errno=28,count=1,file.driver=null-co,"
	   "file.size=1M");
	disk_set_listen(disks, hear, disks);
	driver_up();
	hearings = 0;
	d = disk_find(disks, "n");
	request(1, 0, 512);
	assert_int_equal(hearings, 1);
	assert_int_equal(heard.op, BLK_WRITE);
	assert_int_equal(heard.rc, -ENOSPC);
	assert_int_equal(heard.action, DISK_STOP);
	assert_int_equal(d->status, DISK_NOSPACE);
	device_quiesce(dev);
	device_resume(dev);
	fake_turn();
	assert_int_equal(d->status, DISK_OK);
	assert_int_equal(hearings, 1);
	down();
}

static void a_disk_that_was_read_only_stays_so_for_its_guest(void **s)
{
	struct opts o = OPTS_INIT;
	struct err e = { 0 };

	(void)s;
	up("null-co,node-name=n,size=1M,read-only=on");
	driver_up();
	assert_int_equal(request(1, 8, 4096), 1);
	assert_int_equal(opts_parse(&o, "null-co,node-name=n", "driver", &e), 0);
	assert_int_equal(disk_node_reopen(disks, &o, &e), 0);
	opts_fini(&o);
	assert_false(disk_find(disks, "n")->root->read_only);
	assert_int_equal(request(1, 8, 4096), 1);
	assert_int_equal(request(0, 8, 4096), 0);
	down();
}

static u8 discard(u64 sector, u32 sectors)
{
	memcpy(ram + DATA, &sector, 8);
	memcpy(ram + DATA + 8, &sectors, 4);
	memset(ram + DATA + 12, 0, 4);
	return request(11, 0, 16);
}

static void a_discard_is_no_longer_than_was_said(void **s)
{
	enum { MAX_DISCARD = 36, DISCARD_ALIGN = 44, MAX_ZEROES = 48 };

	(void)s;
	up_with("null-co,node-name=n,size=1M", "max-discard-sectors", "64");
	driver_up();
	assert_int_equal(virtio_config_get(v, MAX_DISCARD, 4), 64);
	assert_int_equal(virtio_config_get(v, MAX_ZEROES, 4), 1 << 22);
	assert_int_equal(discard(0, 64), 0);
	assert_int_equal(discard(0, 65), 1);
	down();
	up_with("null-co,node-name=n,size=1M", "discard_granularity", "4096");
	assert_int_equal(virtio_config_get(v, DISCARD_ALIGN, 4), 8);
	down();
}

/* Virtio 1.2, 5.2.6.2: what it cannot flush must be on the disk. */
static void who_cannot_flush_has_no_write_cache(void **s)
{
	enum { FLUSH = BIT(9), WCE = BIT(11), WRITEBACK = 32 };

	(void)s;
	up("null-co,node-name=n,size=1M");
	driver_up_with(0);
	assert_false(disk_find(disks, "n")->writeback);
	driver_up_with(FLUSH);
	assert_true(disk_find(disks, "n")->writeback);
	driver_up_with(FLUSH | WCE);
	assert_true(disk_find(disks, "n")->writeback);
	virtio_lock(v);
	virtio_config_access_write(v, WRITEBACK, 0, 1);
	virtio_unlock(v);
	assert_false(disk_find(disks, "n")->writeback);
	driver_up_with(FLUSH | WCE);   /* another driver asks anew         */
	assert_true(disk_find(disks, "n")->writeback);
	assert_int_equal(virtio_config_get(v, WRITEBACK, 1), 1);
	down();
	up_with("null-co,node-name=n,size=1M", "write-cache", "off");
	driver_up_with(FLUSH);
	assert_false(disk_find(disks, "n")->writeback);
	down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_said_of_the_interface_is_refused),
		cmocka_unit_test(write_cache_goes_before_the_drives),
		cmocka_unit_test(reads_writes_and_flushes_end_well),
		cmocka_unit_test(requests_of_many_pieces_wait_their_turn_and_all_are_done),
		cmocka_unit_test(bad_requests_fail_and_do_no_harm),
		cmocka_unit_test(a_request_without_header_or_status_breaks_the_device),
		cmocka_unit_test(a_full_disk_stops_the_vm_and_cont_tries_again),
		cmocka_unit_test(a_reset_lets_stopped_requests_go),
		cmocka_unit_test(a_mebibyte_in_pages_is_one_request),
		cmocka_unit_test(the_guest_hears_of_large_requests_one_by_one),
		cmocka_unit_test(a_resize_reaches_the_configuration),
		cmocka_unit_test(a_size_is_of_whole_blocks),
		cmocka_unit_test(a_disk_has_one_device_at_most),
		cmocka_unit_test(a_drive_goes_with_its_device_but_stays_for_one_that_failed),
		cmocka_unit_test(state_goes_round),
		cmocka_unit_test(a_disk_that_was_read_only_stays_so_for_its_guest),
		cmocka_unit_test(a_discard_is_no_longer_than_was_said),
		cmocka_unit_test(who_cannot_flush_has_no_write_cache),
		cmocka_unit_test(who_listens_hears_of_a_failed_request_once),
	};

	return cmocka_run_group_tests_name("virtio_blk", tests, NULL, NULL);
}
