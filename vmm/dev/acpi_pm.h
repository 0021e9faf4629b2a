/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware ("acpi-pm"): PM1a event block at base+0, PM1a control
 * at base+4, PM timer at base+8, GPE0 at gpe-base (16 bytes), SMI command
 * port, optional reset port.
 */
#ifndef MOTE_DEV_ACPI_PM_H
#define MOTE_DEV_ACPI_PM_H

#include "vmm/core/device.h"

enum {
	ACPI_PM_BASE = 0x600, ACPI_PM_LEN = 12,
	ACPI_GPE0_BASE = 0x620, ACPI_GPE0_LEN = 16,
	ACPI_SCI = 9, ACPI_SMI_CMD = 0xb2, ACPI_ENABLE = 2, ACPI_DISABLE = 3,
	ACPI_S5_TYPE = 0,              /* SLP_TYP that means power off */
	ACPI_S3_TYPE = 1,              /* suspend to RAM               */
	ACPI_GPE_PCI_HOTPLUG = 1, ACPI_GPE_VMGENID = 5,
};

/* PWRBTN_STS, and the SCI when the guest listens. [any] */
void acpi_pm_power_button(struct device *d);
/* Out of S3: WAK_STS and who did it, the button or the RTC's alarm. [loop] */
void acpi_pm_wake(struct device *d, bool by_rtc);
/* RTC_EN: may an alarm wake the machine? [any] */
bool acpi_pm_rtc_wakes(struct device *d);
/* Raise bits of GPE0 status (hot-plug). [any] */
void acpi_pm_gpe(struct device *d, unsigned bit);

#endif
