/* SPDX-License-Identifier: MIT */
/*
 * QEMU's firmware configuration device: numbered items and a directory of
 * files, read through ports 0x510-0x51b.
 *
 * Items are added by the machine before the guest runs; data is copied
 * unless said otherwise.  `d` is a realized "fw_cfg_io" device.
 */
#ifndef MOTE_DEV_FW_CFG_H
#define MOTE_DEV_FW_CFG_H

#include "vmm/core/device.h"

#define FW_CFG_PORT 0x510
#define FW_CFG_LEN  12

enum fw_cfg_key {                      /* QEMU's docs/specs/fw_cfg */
	FW_CFG_SIGNATURE = 0x00, FW_CFG_ID = 0x01, FW_CFG_UUID = 0x02,
	FW_CFG_RAM_SIZE = 0x03, FW_CFG_NOGRAPHIC = 0x04, FW_CFG_NB_CPUS = 0x05,
	FW_CFG_MACHINE_ID = 0x06, FW_CFG_KERNEL_ADDR = 0x07,
	FW_CFG_KERNEL_SIZE = 0x08, FW_CFG_KERNEL_CMDLINE = 0x09,
	FW_CFG_INITRD_ADDR = 0x0a, FW_CFG_INITRD_SIZE = 0x0b,
	FW_CFG_BOOT_MENU = 0x0e, FW_CFG_MAX_CPUS = 0x0f,
	FW_CFG_KERNEL_ENTRY = 0x10, FW_CFG_KERNEL_DATA = 0x11,
	FW_CFG_INITRD_DATA = 0x12, FW_CFG_CMDLINE_ADDR = 0x13,
	FW_CFG_CMDLINE_SIZE = 0x14, FW_CFG_CMDLINE_DATA = 0x15,
	FW_CFG_SETUP_ADDR = 0x16, FW_CFG_SETUP_SIZE = 0x17,
	FW_CFG_SETUP_DATA = 0x18, FW_CFG_FILE_DIR = 0x19,
};

/* The data is copied; a key already there is replaced. [loop] */
void fw_cfg_add_bytes(struct device *d, u16 key, const void *data, size_t n);
void fw_cfg_add_string(struct device *d, u16 key, const char *z);
void fw_cfg_add_u16(struct device *d, u16 key, u16 v);
void fw_cfg_add_u32(struct device *d, u16 key, u32 v);
void fw_cfg_add_u64(struct device *d, u16 key, u64 v);
/* A file in the directory ("etc/e820", "opt/..."); replaced when there.
 * -EINVAL: name empty or over 55 bytes; -ENOSPC: directory full. [loop] */
int  fw_cfg_add_file(struct device *d, const char *name, const void *data,
		     size_t n, struct err *e);
/* -fw_cfg's argument; d NULL: a sentence says there is no such device. [build] */
int  fw_cfg_add_option(struct device *d, const char *text, struct err *e);

#endif
