/* SPDX-License-Identifier: MIT */
/*
 * The frames of gdb's remote serial protocol: $payload#sum, acknowledgements
 * and the interrupt byte, and the hexadecimal its payloads are made of.
 *
 * Room:     bytes and text only; knows no VM and no chardev.
 * Never:    trusts a byte: the peer may be anybody.
 *
 * Invariants: a reader never holds more than GDB_PACKET_MAX bytes; a payload
 * handed out is NUL-terminated behind its last byte.
 */
#ifndef MOTE_GDB_PACKET_H
#define MOTE_GDB_PACKET_H

#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

enum { GDB_PACKET_MAX = 64 * 1024 };   /* what PacketSize promises */

/* What one more byte completed. */
enum gdb_input {
	GDB_MORE,                      /* nothing yet                     */
	GDB_PACKET,                    /* payload and len                 */
	GDB_TOO_LONG,                  /* a good packet, but cut          */
	GDB_BAD_SUM,                   /* ask for it again                */
	GDB_BREAK,                     /* Ctrl-C                          */
	GDB_ACK, GDB_NAK,
};

struct gdb_reader {
	enum { GDB_IDLE, GDB_BODY, GDB_ESCAPED, GDB_SUM1, GDB_SUM2 } state;
	char  *payload;                /* GDB_PACKET_MAX + 1 bytes        */
	size_t len;
	u8     sum, sent_sum;
	bool   cut, bad_hex;
	bool   ignore_sum;             /* no-ack mode: it is not looked at */
};

void gdb_reader_init(struct gdb_reader *r);
void gdb_reader_fini(struct gdb_reader *r);
void gdb_reader_reset(struct gdb_reader *r);   /* a new peer */
enum gdb_input gdb_reader_byte(struct gdb_reader *r, u8 c);

/* Append a frame around the payload, escaping what has to be. */
void gdb_frame(struct strbuf *out, const void *payload, size_t n);

/* --- hexadecimal --- */
void gdb_hex(struct strbuf *out, const void *p, size_t n);
/* Exactly 2 * n digits at `hex`; false: not hexadecimal. */
bool gdb_unhex(const char *hex, void *out, size_t n);
/* A number at *p, which moves past it; false: no digit, or over 64 bits. */
bool gdb_number(const char **p, u64 *v);
/* Move past `c`, if it is there. */
bool gdb_skip(const char **p, char c);
/* Move past `word`, if the text begins with it. */
bool gdb_skip_word(const char **p, const char *word);

/* A thread: "p1.2", "p1.-1", "2", "-1" (all), "0" (any). */
enum { GDB_THREAD_ALL = -1, GDB_THREAD_ANY = 0 };
bool gdb_thread(const char **p, s64 *id);

#endif
