/* SPDX-License-Identifier: MIT */
/*
 * Generic event device and sleep registers of hardware-reduced ACPI
 * ("acpi-ged"; ACPI 6.4, 5.6.9 and 4.8.3.7): four bytes of events at base+0
 * that a read clears, sleep control at +4, status at +5, reset at +6.
 */
#ifndef MOTE_DEV_ACPI_GED_H
#define MOTE_DEV_ACPI_GED_H

#include "vmm/core/device.h"

enum {
	ACPI_GED_BASE = 0x600, ACPI_GED_LEN = 8, ACPI_GED_GSI = 9,
	ACPI_GED_SLEEP = 4, ACPI_GED_STATUS = 5, ACPI_GED_RESET = 6,
	ACPI_GED_RESET_VALUE = 0x42, ACPI_GED_S5_TYPE = 5,
	ACPI_GED_POWER = 0,            /* event bits */
	ACPI_GED_EVENTS = 1,           /* BIT(this + enum acpi_event) */
};

/* Set an event bit and raise the interrupt. [any] */
void acpi_ged_event(struct device *d, unsigned bit);

#endif
