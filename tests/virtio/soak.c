// SPDX-License-Identifier: MIT
/*
 * Soak: millions of disk requests and network frames through the real queues,
 * devices and back ends, with resets, unplugs, migrations of the state, pauses,
 * link flaps and full disks mixed in.  TAP.
 *
 * Checked: every block reads as what was last written to it, also after a
 * reset in the middle, and in the file at the end; frames arrive in order;
 * memory and descriptors do not grow.
 *
 * usage: soak REQUESTS [SEED]
 *
 * Thread: the disk is on an I/O thread; the driver, the main loop and the
 * network card on this one.
 */
#include "tests/unit/device_fake.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <dirent.h>
#include <errno.h>

#include "tests/virtio/ring.h"
#include "virtio/virtio_net.h"
#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"
#include "vmm/net/netdev.h"

enum { RAM = 4 << 20, BLOCK = 4096, BLOCKS = 2048, QUEUES = 2, DEPTH = 96,
       HEADERS = 0x40000, DATA = 0x80000, NET_RINGS = 0x20000,
       NET_DATA = 0x200000, FRAME = 512, NET_DEPTH = 32, TURN = 256,
       BATCH = 32, EVENT = 1500, FULL_AFTER = 4000, FULL_COUNT = 40 };
enum { T_IN, T_OUT, T_FLUSH = 4 };

struct hdr {
	u32 type, reserved;
	u64 sector;
};

/* What the driver knows of a block. */
struct block {
	u64 is;                        /* generation last seen to be there */
	u64 maybe;                     /* written by a request a reset hit */
	bool busy;
};

struct request {
	u32 type, block;
	u64 generation;
};

static struct {
	u8 *ram;
	u64 rng, generation, done, target;
	char path[64];

	struct list iothreads;
	struct iothread *io;
	struct disk_set *disks;
	struct device *blk;
	struct ring ring[QUEUES];
	struct request out[QUEUES][RING_MAX];
	struct block block[BLOCKS];
	_Atomic unsigned stops;        /* the VM should stop: so often     */
	unsigned stops_seen;

	struct netdev_set *nets;
	struct device *net;
	int peer;
	struct ring rx, tx;
	u64 sent, heard, peer_sent, guest_heard, frames;
	bool link;

	u64 resets, unplugs, pauses, flaps, loads, full;
} s;

static u64 rnd(u64 n)
{
	s.rng ^= s.rng << 13;
	s.rng ^= s.rng >> 7;
	s.rng ^= s.rng << 17;
	return (s.rng >> 11) % n;
}

static void die(const char *what)
{
	printf("not ok 1 - %s after %llu requests\n", what,
	       (unsigned long long)s.done);
	exit(1);
}

/* --- the disk -------------------------------------------------------------- */

static u64 header_at(unsigned q, u16 head)
{
	return HEADERS + (q * RING_MAX + head) * 32u;
}

static u64 data_at(unsigned q, u16 head)
{
	return DATA + (q * DEPTH + head / 3u) * (u64)BLOCK;
}

/* Its number and generation, at both ends: a torn one is seen. */
static void fill_block(u8 *p, u32 block, u64 generation)
{
	const u64 v[2] = { block, generation };

	memcpy(p, v, sizeof(v));
	memcpy(p + BLOCK - sizeof(v), v, sizeof(v));
}

static u64 block_generation(const u8 *p, u32 block)
{
	u64 v[2], w[2];

	memcpy(v, p, sizeof(v));
	memcpy(w, p + BLOCK - sizeof(v), sizeof(v));
	if (v[0] != w[0] || v[1] != w[1] || (v[1] && v[0] != block))
		die("a block is torn or another's");
	return v[1];
}

static void check_block(struct block *b, u64 generation)
{
	if (generation != b->is && (!b->maybe || generation != b->maybe))
		die("a block is not what was written to it");
	b->is = generation;
	b->maybe = 0;
}

static bool submit(unsigned q)
{
	struct ring *r = &s.ring[q];
	const int head = ring_get(r);
	const u64 dice = rnd(64);
	const u32 block = rnd(BLOCKS);
	struct request *o;
	struct hdr h = { 0 };
	u64 at;

	if (head < 0)
		return false;
	if (dice && s.block[block].busy) {
		ring_put(r, head);
		return true;
	}
	o = &s.out[q][head];
	*o = (struct request){ dice == 0 ? T_FLUSH : dice & 1 ? T_IN : T_OUT,
			       block, 0 };
	if (s.block[o->block].maybe && o->type == T_OUT)
		o->type = T_IN;        /* find out first                   */
	at = header_at(q, head);
	h.type = o->type;
	h.sector = o->type == T_FLUSH ? 0 : (u64)o->block * (BLOCK / 512);
	memcpy(s.ram + at, &h, sizeof(h));
	s.ram[at + 16] = 0xee;
	if (o->type == T_OUT) {
		o->generation = ++s.generation;
		fill_block(s.ram + data_at(q, head), o->block, o->generation);
	}
	s.block[o->block].busy |= o->type != T_FLUSH;
	r->desc[head] = (struct ring_desc){ at, 16, 1, head + 1 };
	r->desc[head + 1] = (struct ring_desc){ data_at(q, head), BLOCK,
		o->type == T_IN ? 3 : 1, head + 2 };
	r->desc[head + 2] = (struct ring_desc){ at + 16, 1, 2, 0 };
	if (o->type == T_FLUSH)
		r->desc[head].next = head + 2;
	ring_publish(r, head);
	return true;
}

static void finished(unsigned q, int head)
{
	struct request *o = &s.out[q][head];
	struct block *b = &s.block[o->block];

	if (s.ram[header_at(q, head) + 16])
		die("a request failed");
	if (o->type == T_OUT) {
		b->is = o->generation;
		b->maybe = 0;
	} else if (o->type == T_IN) {
		check_block(b, block_generation(s.ram + data_at(q, head),
						o->block));
	}
	if (o->type != T_FLUSH)
		b->busy = false;
	o->type = ~0u;
	ring_put(&s.ring[q], head);
	s.done++;
}

static bool reap(unsigned q)
{
	u32 len;
	int head, n = 0;

	for (; (head = ring_take(&s.ring[q], &len)) >= 0; n++)
		finished(q, head);
	return n;
}

/* What a reset took away may be done or not. */
static void forget_requests(void)
{
	for (unsigned q = 0; q < QUEUES; q++) {
		for (unsigned i = 0; i < RING_MAX; i++) {
			struct request *o = &s.out[q][i];

			if (o->type == T_OUT)
				s.block[o->block].maybe = o->generation;
			if (o->type == T_OUT || o->type == T_IN)
				s.block[o->block].busy = false;
			o->type = ~0u;
		}
	}
}

static void start_disk(void)
{
	struct virtio *v = to_virtio(s.blk);

	for (unsigned q = 0; q < QUEUES; q++)
		ring_init(&s.ring[q], v, q, s.ram, q * RING_SPAN, RING_MAX, 3);
	if (!ring_start_device(v, v->offered & ~(BIT64(VIRTIO_F_EVENT_IDX) |
				BIT64(VIRTIO_F_RING_PACKED)), s.ring, QUEUES))
		die("the disk did not start");
}

static void reset_disk(void)
{
	struct virtio *v = to_virtio(s.blk);
	u8 status;

	virtio_lock(v);
	virtio_set_status(v, 0);
	virtio_unlock(v);
	do {
		sched_yield();
		virtio_lock(v);
		status = virtio_get_status(v);
		virtio_unlock(v);
	} while (status);
	for (unsigned q = 0; q < QUEUES; q++)
		reap(q);
	forget_requests();
	start_disk();
	s.resets++;
}

static void set(struct device *d, const char *name, const char *value)
{
	struct err e = { 0 };

	if (device_set_prop(d, name, value, &e) < 0)
		die(e.msg);
}

/* Now and then it is "full" for a while: the VM stops and tries again. */
static void plug_disk(void)
{
	struct err e = { 0 };
	char spec[256];

	snprintf(spec, sizeof(spec), "fault,node-name=n,op=write,errno=28,"
		 "after=%d,count=%d,file.driver=file,file.filename=%s",
		 FULL_AFTER, FULL_COUNT, s.path);
	if (blk_add(disk_blks(s.disks), spec, &e) < 0)
		die(e.msg);
	s.blk = device_create(device_class_find("virtio-blk-device"), "d",
			      &fake.env);
	set(s.blk, "drive", "n");
	set(s.blk, "iothread", "io");
	set(s.blk, "num-queues", "2");
	set(s.blk, "base", "0xd0000000");
	set(s.blk, "gsi", "5");
	if (device_realize(s.blk, &e) < 0)
		die(e.msg);
	start_disk();
}

static void unplug_disk(void)
{
	struct err e = { 0 };

	device_destroy(s.blk);
	for (unsigned q = 0; q < QUEUES; q++)
		reap(q);
	forget_requests();
	if (blk_del(disk_blks(s.disks), "n", &e) < 0)
		die(e.msg);
}

/* --- the network ----------------------------------------------------------- */

static void give_buffers(void)
{
	int head;

	while ((head = ring_get(&s.rx)) >= 0) {
		s.rx.desc[head] = (struct ring_desc){
			NET_DATA + head * FRAME, FRAME, 2, 0 };
		ring_publish(&s.rx, head);
	}
	virtio_kick_later(s.rx.v, 0);
}

static void start_net(void)
{
	struct virtio *v = to_virtio(s.net);
	struct ring r[2];

	ring_init(&s.rx, v, 0, s.ram, NET_RINGS, NET_DEPTH, 1);
	ring_init(&s.tx, v, 1, s.ram, NET_RINGS + RING_SPAN, NET_DEPTH, 1);
	r[0] = s.rx;
	r[1] = s.tx;
	if (!ring_start_device(v, BIT64(VIRTIO_NET_F_STATUS), r, 2))
		die("the card did not start");
	give_buffers();
}

static void reset_net(void)
{
	struct virtio *v = to_virtio(s.net);

	virtio_lock(v);
	virtio_set_status(v, 0);
	if (virtio_get_status(v))
		die("the card keeps a frame beyond its reset");
	virtio_unlock(v);
	start_net();
}

static void plug_net(void)
{
	struct err e = { 0 };

	s.net = device_create(device_class_find("virtio-net-device"), "c",
			      &fake.env);
	set(s.net, "netdev", "n0");
	set(s.net, "base", "0xd0001000");
	set(s.net, "gsi", "10");
	if (device_realize(s.net, &e) < 0)
		die(e.msg);
	start_net();
}

/* A frame: broadcast, with a number that grows. */
static void fill_frame(u8 *p, u64 number)
{
	memset(p, 0xff, 12);
	memcpy(p + 14, &number, 8);
}

static void frame_came(const u8 *p, u64 *last, u64 newest)
{
	u64 n;

	memcpy(&n, p + 14, 8);
	if (n <= *last || n > newest)
		die("a frame out of order");
	*last = n;
	s.frames++;
	s.done++;
}

static void net_round(void)
{
	u8 frame[FRAME] = { 0 };
	const u16 old = s.tx.next_avail;
	u32 len;
	int head;

	while ((head = ring_take(&s.tx, &len)) >= 0)
		ring_put(&s.tx, head);
	while ((head = ring_get(&s.tx)) >= 0) {
		u8 *p = s.ram + NET_DATA + (RING_MAX + head) * FRAME;

		memset(p, 0, VNET_HDR);
		fill_frame(p + VNET_HDR, ++s.sent);
		s.tx.desc[head] = (struct ring_desc){
			NET_DATA + (RING_MAX + head) * FRAME, VNET_HDR + 60, 0,
			0 };
		ring_publish(&s.tx, head);
	}
	ring_kick(&s.tx, false, old);
	while (recv(s.peer, frame, sizeof(frame), 0) > 0)
		frame_came(frame, &s.heard, s.sent);
	for (unsigned i = 0; i < NET_DEPTH / 2; i++) {
		fill_frame(frame, ++s.peer_sent);
		if (send(s.peer, frame, 60, 0) < 0)
			break;
	}
	while ((head = ring_take(&s.rx, &len)) >= 0) {
		frame_came(s.ram + NET_DATA + head * FRAME + VNET_HDR,
			   &s.guest_heard, s.peer_sent);
		ring_put(&s.rx, head);
	}
	give_buffers();
}

/* --- what happens to them --------------------------------------------------- */

/* Both devices' state, as a migration would take and give it. */
static void reload(struct device *d)
{
	struct strbuf b = STRBUF_INIT;
	struct err e = { 0 };

	if (device_save(d, &b, &e) < 0)
		die(e.msg);
	device_reset(d);
	if (device_load(d, d->class->state->version, b.buf, b.len, &e) < 0)
		die(e.msg);
	strbuf_fini(&b);
	s.loads++;
}

static void pause_both(void)
{
	device_quiesce(s.blk);
	device_quiesce(s.net);
	if (!rnd(4)) {
		reload(s.blk);
		reload(s.net);
	}
	device_resume(s.blk);
	device_resume(s.net);
	s.pauses++;
}

static void go_on_if_stopped(void)
{
	if (s.stops == s.stops_seen)
		return;
	s.stops_seen = s.stops;
	s.full++;
	pause_both();
}

/* Every request comes back, also those that waited for `cont`. */
static void finish_all(void)
{
	unsigned out, rounds = 0;

	do {
		out = 0;
		for (unsigned q = 0; q < QUEUES; q++) {
			reap(q);
			out += ring_out(&s.ring[q]);
		}
		go_on_if_stopped();
		usleep(100);
	} while (out && rounds++ < 100000);
	if (out)
		die("a request never came back");
}

static void something_happens(void)
{
	const u64 dice = rnd(100);

	if (dice < 35) {
		reset_disk();
	} else if (dice < 40) {
		if (rnd(2))
			finish_all();
		unplug_disk();
		plug_disk();
		s.unplugs++;
	} else if (dice < 43) {
		device_destroy(s.net);
		plug_net();
		s.unplugs++;
	} else if (dice < 50) {
		reset_net();
		s.resets++;
	} else if (dice < 75) {
		s.link = !s.link;
		netdev_set_link(s.nets, "n0", s.link, NULL);
		s.flaps++;
	} else {
		pause_both();
	}
}

/* The disk is full: the VM stops; `cont` comes at once. */
static void request(void *opaque, unsigned what, int code)
{
	(void)opaque;
	(void)code;
	if (what == VM_REQ_IO_ERROR)
		s.stops++;
}

static void run(void)
{
	u64 next_event = EVENT, next_turn = 0;

	while (s.done < s.target) {
		for (unsigned q = 0; q < QUEUES; q++) {
			const u16 old = s.ring[q].next_avail;

			reap(q);
			for (unsigned i = 0; i < BATCH && submit(q); i++)
				;
			if (s.ring[q].next_avail != old)
				ring_kick(&s.ring[q], false, old);
		}
		sched_yield();
		go_on_if_stopped();
		if (s.done >= next_turn) {
			net_round();
			fake_turn();
			next_turn = s.done + TURN;
		}
		if (s.done >= next_event) {
			something_happens();
			next_event = s.done + rnd(2 * EVENT);
		}
	}
}

/* --- beginning and end ------------------------------------------------------ */

static void *backend(void *o, enum prop_type t, const char *id)
{
	(void)o;
	return t == PROP_DRIVE    ? (void *)disk_find(s.disks, id)
	     : t == PROP_NETDEV   ? (void *)netdev_find(s.nets, id)
	     : t == PROP_IOTHREAD ? (void *)s.io : NULL;
}

static void up(void)
{
	struct opts o = OPTS_INIT;
	struct err e = { 0 };
	char spec[80];
	int fds[2], fd;

	fake_machine_up(0);
	fake.env.request = request;
	fake.env.find_backend = backend;
	gmem_add(fake.env.gmem, "ram", 0, RAM, -1, 0, GMEM_RAM, &e);
	s.ram = gmem_ptr(fake.env.gmem, 0, RAM);
	memset(s.ram, 0, RAM);
	s.disks = disk_set_create(fake.env.loop);
	s.nets = netdev_set_create(fake.env.loop);
	list_init(&s.iothreads);
	opts_set(&o, "id", "io");
	if (iothread_add(&s.iothreads, &o, &e) < 0)
		die(e.msg);
	opts_fini(&o);
	s.io = iothread_find(&s.iothreads, "io");
	snprintf(s.path, sizeof(s.path), "%s/mote-soak-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	fd = mkstemp(s.path);
	if (fd < 0 || ftruncate(fd, (off_t)BLOCKS * BLOCK) < 0 ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       fds) < 0)
		die(strerror(errno));
	close(fd);
	s.peer = fds[1];
	snprintf(spec, sizeof(spec), "dgram,id=n0,local.type=fd,local.str=%d",
		 fds[0]);
	if (netdev_add(s.nets, spec, &e) < 0)
		die(e.msg);
	s.link = true;
	memset(s.out, 0xff, sizeof(s.out));
	plug_disk();
	plug_net();
}

static void check_file(void)
{
	u8 p[BLOCK];
	int fd = open(s.path, O_RDONLY);

	for (u32 i = 0; i < BLOCKS; i++) {
		if (pread(fd, p, BLOCK, (off_t)i * BLOCK) != BLOCK)
			die("the file is short");
		check_block(&s.block[i], block_generation(p, i));
	}
	close(fd);
}

static void down(void)
{
	unplug_disk();
	device_destroy(s.net);
	netdev_set_destroy(s.nets);
	close(s.peer);
	disk_set_destroy(s.disks);
	iothreads_destroy(&s.iothreads);
	fake.dev = NULL;
	fake_machine_down();
}

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Without a disk: how much of a new one's memory was used yet is chance. */
static long resident_kib(void)
{
	long pages = 0;
	FILE *f;

	unplug_disk();
	f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		die("statm");
	fclose(f);
	plug_disk();
	return pages * 4;
}

static void tap(unsigned n, bool good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", n, what);
}

int main(int argc, char **argv)
{
	const unsigned fds = descriptors();
	const u64 n = argc > 1 ? strtoull(argv[1], NULL, 0) : 200000;
	unsigned fds_warm;
	long warm, end;

	setlinebuf(stdout);
	mallopt(M_MMAP_THRESHOLD, 128 * KiB);  /* what is freed is gone    */
	s.rng = argc > 2 ? strtoull(argv[2], NULL, 0) : 88172645463325252ull;
	printf("1..4\n");
	up();
	s.target = n / 10;
	run();
	warm = resident_kib();
	fds_warm = descriptors();
	s.target = n;
	run();
	finish_all();
	end = resident_kib();
	printf("# %llu requests, %llu of them frames; %llu resets, %llu "
	       "unplugs, %llu pauses, %llu state loads, %llu link flaps, %llu "
	       "times full\n", (unsigned long long)s.done,
	       (unsigned long long)s.frames, (unsigned long long)s.resets,
	       (unsigned long long)s.unplugs, (unsigned long long)s.pauses,
	       (unsigned long long)s.loads, (unsigned long long)s.flaps,
	       (unsigned long long)s.full);
	printf("# resident %ld KiB after a tenth, %ld KiB at the end\n", warm,
	       end);
	tap(1, true, "every block and frame is what it should be");
	tap(2, end - warm < 1024, "memory does not grow");
	tap(3, descriptors() == fds_warm, "descriptors do not grow");
	down();
	check_file();
	unlink(s.path);
	tap(4, descriptors() == fds, "in the end the file is right and every "
	    "descriptor closed");
	return end - warm < 1024 && descriptors() == fds ? 0 : 1;
}
