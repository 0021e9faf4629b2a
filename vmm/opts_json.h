/* SPDX-License-Identifier: MIT */
/*
 * JSON objects as option strings.  Thread: any.
 */
#ifndef VMM_OPTS_JSON_H
#define VMM_OPTS_JSON_H

#include <jansson.h>

#include "vmm/base/err.h"
#include "vmm/base/strbuf.h"

/*
 * "key=value,...", commas doubled, as the command line has it, added to `out`:
 * members of an object within are "outer.inner", elements of an array
 * "outer.0".  -EINVAL for null and for names that are no option's.
 */
int opts_from_json(json_t *object, struct strbuf *out, struct err *e);
/* The same of its text (RFC 8259); -EINVAL says where it is none. */
int opts_from_json_text(const char *text, struct strbuf *out, struct err *e);

#endif
