/* SPDX-License-Identifier: MIT */
/*
 * The table of device classes, made of the rows of devices.def.
 *
 * Talks to: every device file, by the name of its class only.
 * Never:    holds anything but this table.
 */
#include "vmm/core/device.h"

#define DEVICE(n) extern const struct device_class n##_class;
#include "vmm/devices.def"
#undef DEVICE

#define DEVICE(n) &n##_class,
const struct device_class *const device_classes[] = {
#include "vmm/devices.def"
	NULL
};
