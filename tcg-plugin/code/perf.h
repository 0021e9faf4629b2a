/* SPDX-License-Identifier: MIT */
/*
 * What Linux perf wants to know about translated code.
 *
 *   perf map   /tmp/perf-PID.map: one line of text for each piece of code.
 *   jitdump    /tmp/jit-PID.dump: the same with the code and the time it
 *              appeared, in the format of the kernel tree's
 *              tools/perf/Documentation/jitdump-specification.txt.
 *
 * The process has one of each, as its PID is in their names.
 */
#ifndef TCG_CODE_PERF_H
#define TCG_CODE_PERF_H

#include "vmm/base/types.h"

enum perf_file { PERF_MAP, PERF_JITDUMP, PERF_FILES };

/* Start writing; 0 or -errno.  Open already: 0.  jitdump's marker needs an
 * executable mapping, so it comes before the sandbox does. [loop] */
int  perf_open(enum perf_file which);
/* Is anything being written? [any] */
bool perf_on(void);
/* n bytes of code: executable at rx, readable at rw; name is printable. [any] */
void perf_code(const u8 *rx, const u8 *rw, u32 n, const char *name);

#endif
