/* SPDX-License-Identifier: MIT */
/*
 * A small emitter of ACPI Machine Language (ACPI 6.4, chapter 20).
 *
 * Objects with a package length are opened and closed; the length is put in
 * when they close.  Names are four-letter segments, shorter ones are padded
 * with '_'; "\\" and "\\_SB" are accepted where a path is.
 *
 * Invariant: aml_open/aml_close nest; depth is bounded by AML_DEPTH.
 */
#ifndef MOTE_X86_AML_H
#define MOTE_X86_AML_H

#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

enum { AML_DEPTH = 16 };

struct aml {
	struct strbuf b;
	size_t open[AML_DEPTH];        /* where the package length belongs */
	unsigned depth;
};

/* Opcodes used with aml_op. */
enum {
	AML_ZERO = 0x00, AML_ONE = 0x01, AML_ONES = 0xff,
	AML_LOCAL0 = 0x60, AML_ARG0 = 0x68,
	AML_STORE = 0x70, AML_SHIFT_LEFT = 0x79, AML_AND = 0x7b,
	AML_OR = 0x7d, AML_NOTIFY = 0x86,
	AML_LNOT = 0x92, AML_LEQUAL = 0x93, AML_RETURN = 0xa4,
	AML_CREATE_DWORD = 0x8a,
};

void aml_init(struct aml *a);
void aml_fini(struct aml *a);

void aml_scope(struct aml *a, const char *path);       /* opens */
void aml_device(struct aml *a, const char *name);      /* opens */
void aml_method(struct aml *a, const char *name, unsigned args,
		bool serialized);                      /* opens */
void aml_package(struct aml *a, unsigned count);       /* opens */
void aml_if(struct aml *a);                            /* opens; predicate next */
void aml_else(struct aml *a);                          /* opens */
void aml_close(struct aml *a);

/* Terms where the caller is (20.2.3, 20.2.5): an opcode, a name, a constant in its
 * shortest form, a string, _HID's packed id, bytes. */
void aml_op(struct aml *a, u8 op);
void aml_path(struct aml *a, const char *path);
void aml_int(struct aml *a, u64 v);
void aml_string(struct aml *a, const char *s);
void aml_eisaid(struct aml *a, const char *id);        /* "PNP0A08" */
void aml_buffer(struct aml *a, const void *p, size_t n);

void aml_name(struct aml *a, const char *name);        /* Name (name, ... */
void aml_name_int(struct aml *a, const char *name, u64 v);
void aml_name_string(struct aml *a, const char *name, const char *v);
void aml_name_eisaid(struct aml *a, const char *name, const char *id);

/* Registers: a region of system I/O, and the names of bits in it, each
 * aml_field_bits(), all accessed by 8, 16 or 32 bits; opens. */
void aml_io_region(struct aml *a, const char *name, u16 base, u16 len);
void aml_field(struct aml *a, const char *region, unsigned access);
void aml_field_bits(struct aml *a, const char *name, unsigned bits);

/* --- resource templates (6.4): into a strbuf, then aml_name_resources, which
 * adds the end tag and frees it.  Lengths in bytes, maxima inclusive. --- */
void res_io(struct strbuf *r, u16 base, u8 len);
void res_irq(struct strbuf *r, unsigned irq);
void res_fixed_memory(struct strbuf *r, u32 base, u32 len, bool writable);
void res_bus(struct strbuf *r, u16 min, u16 max);
void res_io_window(struct strbuf *r, u16 min, u16 max);
void res_memory_window(struct strbuf *r, u32 min, u32 max, bool cacheable);
void res_memory64_window(struct strbuf *r, u64 min, u64 max);
void aml_name_resources(struct aml *a, const char *name, struct strbuf *r);

#endif
