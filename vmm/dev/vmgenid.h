/* SPDX-License-Identifier: MIT */
/*
 * Virtual machine generation identifier ("vmgenid"; Microsoft's "Virtual
 * Machine Generation ID", ACPI part in arch/): 16 bytes in guest memory that
 * change when the machine was cloned or went back in time.
 */
#ifndef MOTE_DEV_VMGENID_H
#define MOTE_DEV_VMGENID_H

#include "vmm/core/device.h"

/* Where the machine has room for the 16 bytes; they are written there now and
 * at every reset. [loop] */
void vmgenid_place(struct device *d, gpa_t addr);

#endif
