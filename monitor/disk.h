/* SPDX-License-Identifier: MIT */
/*
 * Commands about disks, balloons and virtio devices: their rows stand in
 * cmd_*.c and info_*.c, what they do in disk.c and virtio.c.
 *
 * Each is a mon_cmd.run (mon.h): `a` is as the row's args say and borrowed; what
 * goes wrong is a sentence to the client.
 * Thread: main loop.
 */
#ifndef MOTE_MONITOR_DISK_H
#define MOTE_MONITOR_DISK_H

#include "monitor/mon.h"

/* disk.c: block_resize, drive_add, drive_del, block_set_io_throttle, qemu-io,
 * info block, info blockstats. */
void mon_block_resize(struct mon *m, const struct mon_arg *a);
void mon_drive_add(struct mon *m, const struct mon_arg *a);
void mon_drive_del(struct mon *m, const struct mon_arg *a);
void mon_block_throttle(struct mon *m, const struct mon_arg *a);
void mon_qemu_io(struct mon *m, const struct mon_arg *a);
void mon_info_block(struct mon *m, const struct mon_arg *a);
void mon_info_blockstats(struct mon *m, const struct mon_arg *a);

/* virtio.c: balloon, balloon_hint, info balloon, info virtio and its kin. */
void mon_balloon(struct mon *m, const struct mon_arg *a);
void mon_balloon_hint(struct mon *m, const struct mon_arg *a);
void mon_info_balloon(struct mon *m, const struct mon_arg *a);
void mon_info_virtio(struct mon *m, const struct mon_arg *a);
void mon_info_virtio_status(struct mon *m, const struct mon_arg *a);
void mon_info_virtio_queue(struct mon *m, const struct mon_arg *a);
void mon_info_virtio_vhost(struct mon *m, const struct mon_arg *a);
void mon_info_virtio_element(struct mon *m, const struct mon_arg *a);

#endif
