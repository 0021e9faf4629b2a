/* SPDX-License-Identifier: MIT */
/*
 * The world around a device under fuzzing: the machine, its back ends, and
 * what the host's side of each device may do.  One row of targets[] a device.
 */
#ifndef MOTE_FUZZ_DEVICE_RIG_H
#define MOTE_FUZZ_DEVICE_RIG_H

#include "tests/unit/device_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/fuzz/input.h"
#include "virtio/virtio.h"
#include "virtio/virtio_balloon.h"
#include "vmm/block/disk.h"
#include "vmm/core/chardev.h"
#include "vmm/net/netdev.h"
#include "vmm/pci/pci.h"

enum { RAM_LEN = 0x40000, RAM_CUT = 0x20000, ROM_AT = 0x80000,
       ROM_LEN = 0x1000, ROM_BYTE = 0xa5, PEERS = 4 };

struct target {
	const char *name;              /* of the program: fuzz_NAME        */
	const char *pci, *mmio;        /* its classes; NULL: not there     */
	void (*props)(struct device *d, u8 choice);    /* NULL ok          */
	void (*outside)(struct input *in);     /* the host's side; NULL ok */
	void (*down)(void);                    /* after it is gone         */
};

static struct {
	bool up;
	u8 *ram, *rom;
	struct device *host;           /* of PCI                           */
	struct disk_set *disks;
	struct netdev_set *nets;
	struct chardev_set *chardevs;
	char tmp[64];
	int peer;                      /* of the network                   */
	int service;                   /* of vsock: listens; 0: not yet    */
	int peers[PEERS];              /* of the console, of vsock         */
} rig;

static inline void set_prop(struct device *d, const char *name,
			    const char *value)
{
	struct err e = { 0 };

	if (device_set_prop(d, name, value, &e) < 0) {
		fprintf(stderr, "%s=%s: %s\n", name, value, e.msg);
		abort();
	}
}

/* --- disks ----------------------------------------------------------------- */

static const char *const disk_nodes[] = {
	"null-co,node-name=n,size=1M,read-zeroes=on",
	"file,node-name=n,filename=%s/disk,discard=unmap,detect-zeroes=on",
	"file,node-name=n,filename=%s/disk,aio=threads",
	"fault,node-name=n,file.driver=null-co,file.size=1M,op=write,"
		"errno=28,after=1,count=2",
	"fault,node-name=n,file.driver=file,file.filename=%s/disk,op=any,"
		"after=2,count=3",
	"throttle,node-name=n,file.driver=null-co,throttle-group=g,"
		"limits.iops-total=100000",
	"file,node-name=n,filename=%s/disk,read-only=on",
	"overlay,node-name=n,file.driver=file,file.filename=%s/disk,"
		"file.read-only=on",
};

static inline void disk_props(struct device *d, u8 choice)
{
	static const char *const errors[] = { "auto", "stop", "report",
					      "ignore" };
	struct err e = { 0 };
	char spec[256];

	snprintf(spec, sizeof(spec),
		 disk_nodes[choice % ARRAY_LEN(disk_nodes)], rig.tmp);
	if (blk_add(disk_blks(rig.disks), spec, &e) < 0) {
		fprintf(stderr, "%s: %s\n", spec, e.msg);
		abort();
	}
	set_prop(d, "drive", "n");
	set_prop(d, "num-queues", choice & 8 ? "3" : "1");
	set_prop(d, "werror", errors[choice >> 4 & 3]);
	set_prop(d, "rerror", errors[choice >> 5 & 3]);
}

static inline void disk_outside(struct input *in)
{
	struct disk *d = disk_find(rig.disks, "n");

	disk_resize(d, (u64)(take(in, 1) + 1) * 8192, NULL);
}

static inline void disk_down(void)
{
	blk_del(disk_blks(rig.disks), "n", NULL);
}

/* --- networks -------------------------------------------------------------- */

static inline void net_props(struct device *d, u8 choice)
{
	char spec[80];
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       fds) < 0)
		abort();
	snprintf(spec, sizeof(spec), "dgram,id=n0,local.type=fd,local.str=%d",
		 fds[0]);
	if (netdev_add(rig.nets, spec, NULL) < 0)
		abort();
	rig.peer = fds[1];
	set_prop(d, "netdev", "n0");
	set_prop(d, "host_mtu", choice & 1 ? "1500" : "0");
}

static inline void net_outside(struct input *in)
{
	static u8 frame[70000];
	const u8 what = take(in, 1);

	if (what < 16) {
		netdev_set_link(rig.nets, "n0", what & 1, NULL);
	} else if (what < 20) {
		netdev_announce(rig.nets, NULL);
	} else if (what < 30) {
		while (recv(rig.peer, frame, sizeof(frame), 0) > 0)
			;
	} else if (what == 30) {
		netdev_del(rig.nets, "n0", NULL);
	} else {
		for (unsigned i = 0; i < 24; i++)
			frame[i] = take(in, 1);
		send(rig.peer, frame, take(in, 2) % (what < 64 ? 70000 : 1600),
		     0);
	}
}

static inline void net_down(void)
{
	netdev_del(rig.nets, "n0", NULL);
	close(rig.peer);
}

/* --- sockets of the console and of vsock ----------------------------------- */

static inline void connect_peer(int *fd, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", rig.tmp, name);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connect(*fd, (void *)&a, sizeof(a)) < 0) {
		close(*fd);
		*fd = -1;
	}
}

static inline void hang_up(void)
{
	for (unsigned i = 0; i < PEERS; i++) {
		if (rig.peers[i] >= 0)
			close(rig.peers[i]);
		rig.peers[i] = -1;
	}
}

/* A peer comes, says something, hears what there is, or goes. */
static inline void peers_outside(struct input *in, const char *const *names)
{
	const u8 what = take(in, 1);
	int *fd = &rig.peers[what % PEERS];
	char buf[4096] = "CONNECT 1000\n";
	u32 n;

	switch (what >> 2 & 7) {
	case 0:
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		break;
	case 1:
		if (*fd < 0)
			connect_peer(fd, names[what % PEERS]);
		break;
	case 2:
		if (recv(*fd, buf, sizeof(buf), 0) < 0)
			break;
		break;
	case 3:
		send(*fd, buf, strlen(buf), MSG_NOSIGNAL);
		break;
	case 4:
		shutdown(*fd, what & 64 ? SHUT_WR : SHUT_RD);
		break;
	default:
		n = take(in, 1);
		for (u32 i = 0; i < MIN(n, 16u); i++)
			buf[i] = take(in, 1);
		send(*fd, buf, n * 16, MSG_NOSIGNAL);
	}
}

static inline void serial_props(struct device *d, u8 choice)
{
	set_prop(d, "chardev", "c0");
	if (choice & 1)
		set_prop(d, "chardev1", "c1");
	set_prop(d, "name1", "org.fuzz.port");
}

static inline void serial_outside(struct input *in)
{
	static const char *const names[] = { "c0", "c1", "c0", "c1" };

	peers_outside(in, names);
}

/* A service of the host's: the guest may connect to port 6. */
static inline void vsock_service(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (rig.service > 0)
		return;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/v_6", rig.tmp);
	rig.service = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			     0);
	if (bind(rig.service, (void *)&a, sizeof(a)) < 0 ||
	    listen(rig.service, 16) < 0)
		abort();
}

static inline void vsock_props(struct device *d, u8 choice)
{
	char path[80];

	vsock_service();

	snprintf(path, sizeof(path), "%s/v", rig.tmp);
	set_prop(d, "guest-cid", "7");
	set_prop(d, "uds_path", path);
}

static inline void vsock_outside(struct input *in)
{
	static const char *const names[] = { "v", "v", "v", "v" };
	const int fd = accept(rig.service, NULL, NULL);

	if (fd >= 0 && rig.peers[0] < 0) {
		rig.peers[0] = fd;
		fcntl(fd, F_SETFL, O_NONBLOCK);
	} else if (fd >= 0) {
		close(fd);
	}
	peers_outside(in, names);
}

/* Whoever is still in the queue of the service goes too. */
static inline void vsock_down(void)
{
	int fd;

	while ((fd = accept(rig.service, NULL, NULL)) >= 0)
		close(fd);
	hang_up();
}

/* --- the rest -------------------------------------------------------------- */

static inline void rng_props(struct device *d, u8 choice)
{
	if (choice & 1) {
		set_prop(d, "max-bytes", "100");
		set_prop(d, "period", "10");
	}
}

static inline void balloon_props(struct device *d, u8 choice)
{
	set_prop(d, "free-page-reporting", choice & 1 ? "on" : "off");
	set_prop(d, "free-page-hint", choice & 2 ? "on" : "off");
	set_prop(d, "deflate-on-oom", choice & 4 ? "on" : "off");
	set_prop(d, "guest-stats-polling-interval", choice & 8 ? "1" : "0");
}

static inline void balloon_outside(struct input *in)
{
	const u8 what = take(in, 1);
	struct balloon_stats s;
	u64 pages;

	if (what & 1)
		balloon_set(fake.dev, take(in, 2));
	else
		balloon_get(fake.dev, &pages, &s);
	if (what & 2)
		balloon_hint(fake.dev, NULL);
}

static const struct target targets[] = {
	{ "virtio-blk", "virtio-blk-pci", "virtio-blk-device",
	  disk_props, disk_outside, disk_down },
	{ "virtio-net", "virtio-net-pci", "virtio-net-device",
	  net_props, net_outside, net_down },
	{ "virtio-serial", "virtio-serial-pci", "virtio-serial-device",
	  serial_props, serial_outside, hang_up },
	{ "virtio-vsock", "virtio-vsock-pci", "virtio-vsock-device",
	  vsock_props, vsock_outside, vsock_down },
	{ "virtio-balloon", "virtio-balloon-pci", "virtio-balloon-device",
	  balloon_props, balloon_outside, NULL },
	{ "virtio-rng", "virtio-rng-pci", "virtio-rng-device",
	  rng_props, NULL, NULL },
	{ "i6300esb", "i6300esb", NULL, NULL, NULL, NULL },
};

/* --- once ------------------------------------------------------------------ */

static inline void *rig_backend(void *o, enum prop_type t, const char *id)
{
	(void)o;
	return t == PROP_DRIVE  ? (void *)disk_find(rig.disks, id)
	     : t == PROP_NETDEV ? (void *)netdev_find(rig.nets, id) : NULL;
}

static inline struct chardev *rig_chardev(void *o, const char *id)
{
	(void)o;
	return chardev_find(rig.chardevs, id);
}

static inline void rig_clean(void)
{
	char path[96];
	static const char *const files[] = { "disk", "c0", "c1", "v",
					     "v_6" };

	for (unsigned i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", rig.tmp, files[i]);
		unlink(path);
	}
	rmdir(rig.tmp);
}

static inline void rig_files(void)
{
	static const char *const names[] = { "c0", "c1" };
	char path[160];
	FILE *f;

	snprintf(rig.tmp, sizeof(rig.tmp), "/tmp/mote-fuzz-XXXXXX");
	if (!mkdtemp(rig.tmp))
		abort();
	atexit(rig_clean);
	snprintf(path, sizeof(path), "%s/disk", rig.tmp);
	f = fopen(path, "w");
	if (!f || ftruncate(fileno(f), MiB) < 0)
		abort();
	fclose(f);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "socket,id=%s,path=%s/%s,"
			 "server=on,wait=off", names[i], rig.tmp, names[i]);
		if (!chardev_open(rig.chardevs, names[i], path, NULL))
			abort();
	}
}

static inline void rig_memory(void)
{
	struct gmem *m = fake.env.gmem;

	/* Two blocks side by side: a buffer may lie in both. */
	if (gmem_add(m, "low", 0, RAM_CUT, -1, 0, GMEM_RAM, NULL) < 0 ||
	    gmem_add(m, "high", RAM_CUT, RAM_LEN - RAM_CUT, -1, 0, GMEM_RAM,
		     NULL) < 0 ||
	    gmem_add(m, "rom", ROM_AT, ROM_LEN, -1, 0, GMEM_ROM, NULL) < 0)
		abort();
	rig.rom = gmem_ptr(m, ROM_AT, ROM_LEN);
	memset(rig.rom, ROM_BYTE, ROM_LEN);
}

static inline void rig_up(void)
{
	extern const struct device_class pci_host_class;

	fake_machine_up(0);
	rig_memory();
	rig.disks = disk_set_create(fake.env.loop);
	rig.nets = netdev_set_create(fake.env.loop);
	rig.chardevs = chardev_set_create(fake.env.loop);
	rig_files();
	fake.env.find_backend = rig_backend;
	fake.env.find_chardev = rig_chardev;
	rig.host = fake_device(&pci_host_class);
	fake.env.pci = pci_host_bus(rig.host);
	for (unsigned i = 0; i < PEERS; i++)
		rig.peers[i] = -1;
	rig.up = true;
}

#endif
