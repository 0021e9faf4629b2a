/* SPDX-License-Identifier: MIT */
/*
 * Commands about disks, balloons and virtio devices whose rows stand in other
 * files: disk.c, virtio.c.  All run on the main loop.
 */
#ifndef MOTE_MONITOR_DISK_H
#define MOTE_MONITOR_DISK_H

#include "monitor/mon.h"

void mon_block_resize(struct mon *m, const struct mon_arg *a);
void mon_drive_add(struct mon *m, const struct mon_arg *a);
void mon_drive_del(struct mon *m, const struct mon_arg *a);
void mon_block_throttle(struct mon *m, const struct mon_arg *a);
void mon_qemu_io(struct mon *m, const struct mon_arg *a);
void mon_info_block(struct mon *m, const struct mon_arg *a);
void mon_info_blockstats(struct mon *m, const struct mon_arg *a);

void mon_balloon(struct mon *m, const struct mon_arg *a);
void mon_balloon_hint(struct mon *m, const struct mon_arg *a);
void mon_info_balloon(struct mon *m, const struct mon_arg *a);
void mon_info_virtio(struct mon *m, const struct mon_arg *a);
void mon_info_virtio_status(struct mon *m, const struct mon_arg *a);
void mon_info_virtio_queue(struct mon *m, const struct mon_arg *a);
void mon_info_virtio_vhost(struct mon *m, const struct mon_arg *a);
void mon_info_virtio_element(struct mon *m, const struct mon_arg *a);

#endif
