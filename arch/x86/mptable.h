/* SPDX-License-Identifier: MIT */
/*
 * The MP table (MultiProcessor Specification 1.4): what a kernel knows of
 * CPUs and interrupts when there is no ACPI.
 *
 * Talks to: the machine's facts, as the ACPI tables do; writes one image.
 */
#ifndef MOTE_X86_MPTABLE_H
#define MOTE_X86_MPTABLE_H

#include "arch/x86/acpi.h"

/* The floating pointer and the table behind it, as they go to `base`. */
void mptable_build(const struct acpi_facts *f, gpa_t base, struct strbuf *out);

#endif
