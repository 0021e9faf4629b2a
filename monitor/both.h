/* SPDX-License-Identifier: MIT */
/*
 * What the human monitor and QMP both do: the commands' inside, which prints
 * nothing.  0 or -errno with a sentence.
 *
 * Thread: the main loop unless tagged.
 */
#ifndef MOTE_MONITOR_BOTH_H
#define MOTE_MONITOR_BOTH_H

#include "monitor/mon.h"

/* --- cmd_run.c --- */
void mon_do_stop(struct vm *vm);
int  mon_do_cont(struct vm *vm, struct err *e);
int  mon_do_nmi(struct vm *vm, struct err *e);         /* every CPU */
int  mon_do_boot_set(struct vm *vm, const char *order, struct err *e);
int  mon_do_exit_preconfig(struct vm *vm, struct err *e);

/* --- cmd_mem.c; [monitor thread] files are opened by the main loop --- */
int  mon_save_memory(struct mon *m, bool phys, u64 at, u64 size,
		     const char *path, struct err *e);

/* --- cmd_dump.c; [monitor thread] `to` is "file:PATH" or "fd:NAME" --- */
struct dump_wish;
int  mon_do_dump(struct mon *m, const struct dump_wish *w, const char *to,
		 struct err *e);

/* --- cmd_device.c --- */
int  mon_do_device_add(struct vm *vm, const char *spec, struct err *e);
int  mon_do_device_del(struct vm *vm, const char *id, struct err *e);

/* --- cmd_net.c --- */
int  mon_do_netdev_add(struct vm *vm, const char *spec, struct err *e);
int  mon_do_netdev_del(struct vm *vm, const char *id, struct err *e);
void mon_do_announce(struct vm *vm, const char *names);  /* NULL: all */
int  mon_do_set_link(struct vm *vm, const char *id, bool up, struct err *e);

/* --- info_device.c --- */
struct pci_bus;
void mon_each_pci_bus(struct vm *vm, void (*fn)(struct pci_bus *b,
		      void *opaque), void *opaque);
/* The text of vmgenid's GUID; -ENODEV without such a device. [loop] */
int  mon_generation_id(struct vm *vm, struct strbuf *out);

/* --- virtio.c --- */
struct balloon_stats;
struct virtio;
/* By its path or id; NULL with a sentence. [loop] */
struct virtio *mon_find_virtio(struct mon *m, const char *path, struct err *e);
/* Names of feature and status bits; NULL: none. */
const char *mon_virtio_feature(const struct virtio *v, unsigned bit);
const char *mon_virtio_status(unsigned bit);
/* Does vhost work any queue; and if not this one, why. */
bool mon_virtio_vhost(const struct virtio *v);
const char *mon_virtio_no_vhost(const struct virtio *v);
void mon_each_virtio(struct mon *m, void (*fn)(const char *path,
		     const char *name, void *opaque), void *opaque);
int  mon_do_balloon(struct vm *vm, u64 target, struct err *e);
int  mon_do_balloon_hint(struct vm *vm, struct err *e);
struct blk;

/* Of the topmost node of a disk that has one; NULL. */
const char *mon_node_name(const struct blk *b);
/* As QEMU writes it: of a virtio device, ending in "/virtio-backend". */
void mon_backend_path(struct vm *vm, const struct device *d,
		      struct strbuf *out);
int  mon_do_query_balloon(struct vm *vm, u64 *actual, struct balloon_stats *s,
			  struct err *e);

/* --- disk.c: by a disk's or a node's name --- */
struct throttle_config;
int  mon_do_block_resize(struct vm *vm, const char *name, u64 size,
			 struct err *e);
int  mon_do_block_throttle(struct vm *vm, const char *name,
			   struct throttle_config *t, const char *group,
			   struct err *e);

/* --- cmd_char.c --- */
/* A listening socket gets wait=off. */
int  mon_chardev_add(struct vm *vm, const char *spec, struct chardev **c,
		     struct err *e);
int  mon_chardev_change(struct vm *vm, const char *id, const char *spec,
			struct err *e);
/* The descriptor that came with this client's last bytes: the caller's, or
 * kept under a name. [monitor thread] */
int  mon_fd_came(struct mon *m, struct err *e);
int  mon_fd_keep(struct mon *m, const char *name, struct err *e);
int  mon_fd_close(struct mon *m, const char *name, struct err *e); /* [any] */

/* --- base64.c [any] --- */
void mon_base64_encode(const void *p, size_t n, struct strbuf *out);
int  mon_base64_decode(const char *p, size_t n, struct strbuf *out,
		       struct err *e);

#endif
