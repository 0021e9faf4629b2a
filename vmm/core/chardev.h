/* SPDX-License-Identifier: MIT */
/*
 * Character devices: a byte pipe to the outside with one front end (a UART, a
 * monitor, a gdbserver) or, through the mux, several.
 *
 * Spec strings are QEMU's: "stdio", "socket,id=x,path=/p,server=on,wait=off",
 * "tcp:host:port,server", "unix:/p,server=on", "pty", "file:/p", "pipe:/p",
 * "ringbuf,size=64K", "null", "mon:stdio".
 *
 * Thread: a chardev lives on one loop (main loop unless moved by
 * chardev_set_loop before a front end attaches); chardev_write may be called
 * from any thread and never blocks the caller: what the peer does not take is
 * queued up to a bound and then the rest is refused (short count).
 */
#ifndef MOTE_CORE_CHARDEV_H
#define MOTE_CORE_CHARDEV_H

#include "vmm/base/err.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"
#include "vmm/core/loop.h"

struct chardev;

enum chardev_event {
	CHARDEV_OPENED, CHARDEV_CLOSED, CHARDEV_BREAK,
	CHARDEV_MUX_IN, CHARDEV_MUX_OUT,       /* this front end gained/lost focus */
	CHARDEV_WRITABLE,                      /* room again after a short write   */
	CHARDEV_RESIZED,                       /* ask chardev_window again         */
};

/* What a front end gives; each called on the chardev's loop. */
struct chardev_fe_ops {
	size_t (*can_read)(void *fe);          /* bytes it takes now; 0 pauses */
	void (*read)(void *fe, const u8 *buf, size_t n);
	void (*event)(void *fe, enum chardev_event ev);   /* NULL ok */
};

/* One attachment. Embedded in the device or monitor. */
struct chardev_fe {
	struct chardev *chr;           /* NULL when detached */
	const struct chardev_fe_ops *ops;
	void *opaque;
	int tag;                       /* mux slot */
};

/* ops of a back-end kind; one row of chardev_kinds[] each. */
struct chardev_kind;
extern const struct chardev_kind *const chardev_kinds[];   /* NULL ends */
const char *chardev_kind_name(const struct chardev_kind *k);
const char *chardev_kind_summary(const struct chardev_kind *k);

struct chardev_set;                    /* the VM's chardevs, by id */
struct chardev_set *chardev_set_create(struct loop *l);
void chardev_set_destroy(struct chardev_set *s);

/*
 * `spec` is either -chardev syntax (KIND,id=ID,...) or the short -serial /
 * -monitor syntax; `id` names it when the spec does not.  Sockets with
 * wait=on block here until a client is there.  NULL with a sentence. [loop]
 */
struct chardev *chardev_open(struct chardev_set *s, const char *id,
			     const char *spec, struct err *e);
struct chardev *chardev_find(struct chardev_set *s, const char *id);
/* -EBUSY while a front end is attached. */
int  chardev_remove(struct chardev_set *s, const char *id, struct err *e);
/* Swap the back end of `id`, keeping its front end (chardev-change). */
int  chardev_change(struct chardev_set *s, const char *id, const char *spec,
		    struct err *e);
/* For info chardev: calls fn for each in creation order. [loop] */
void chardev_for_each(struct chardev_set *s,
		      void (*fn)(struct chardev *c, void *opaque), void *opaque);
const char *chardev_id(const struct chardev *c);
/* The names of those chardev_cut takes.  `fn` may call nothing here. [any] */
void chardev_for_each_socket(struct chardev_set *s,
			     void (*fn)(const char *id, void *opaque),
			     void *opaque);
/* Cut a socket's connection, whoever waits for its peer; it may connect again.
 * -ENOENT: `id` is no socket, which is all there is to know without `really`.
 * [any] */
int  chardev_cut(struct chardev_set *s, const char *id, bool really);
/* QEMU's `filename=` text: "stdio", "unix:/p,server=on", "pty:/dev/pts/3",
 * "disconnected:unix:...", "null", "ringbuf". */
void chardev_describe(struct chardev *c, struct strbuf *out);
bool chardev_frontend_open(const struct chardev *c);

/* -EBUSY when taken and not a mux.  OPENED comes later, from the loop, if a
 * peer is there.  On a mux the first to attach has the focus; the others get
 * MUX_OUT before their OPENED. [loop] */
int  chardev_attach(struct chardev *c, struct chardev_fe *fe,
		    const struct chardev_fe_ops *ops, void *opaque,
		    struct err *e);
void chardev_detach(struct chardev_fe *fe);
/* Move all its callbacks to another loop (monitor thread) until it is
 * detached; opening and accepting stay where they are. [loop] */
void chardev_set_loop(struct chardev *c, struct loop *l);

/* Queue or send; returns bytes taken (0..n). [any] */
size_t chardev_write(struct chardev_fe *fe, const void *buf, size_t n);
/* can_read grew: resume a paused reader. [any] */
void chardev_kick(struct chardev_fe *fe);
void chardev_send_break(struct chardev *c);    /* [any] */
void chardev_take_focus(struct chardev_fe *fe);        /* mux only [any] */
bool chardev_is_mux(const struct chardev *c);
/* The terminal's size in characters; false: it is none, or does not say. [any] */
bool chardev_window(struct chardev_fe *fe, u16 *cols, u16 *rows);
/* This process's terminal has a new size (SIGWINCH). [loop] */
void chardev_set_resized(struct chardev_set *s);
/* The last descriptor received by SCM_RIGHTS, or -1; caller owns. [its loop] */
int  chardev_take_fd(struct chardev_fe *fe);

/* ringbuf only: -EINVAL otherwise. */
int  chardev_ringbuf_write(struct chardev *c, const void *p, size_t n,
			   struct err *e);
int  chardev_ringbuf_read(struct chardev *c, size_t max, struct strbuf *out,
			  struct err *e);

/*
 * The mux: Ctrl-a c cycles front ends, Ctrl-a x asks to quit, Ctrl-a h helps,
 * Ctrl-a b break, Ctrl-a t timestamps, Ctrl-a Ctrl-a sends one.
 * on_quit is called on the loop.
 */
void chardev_set_on_quit(struct chardev_set *s, void (*fn)(void *opaque),
			 void *opaque);
/* Put the terminal back; safe at any time, also from a signal path. */
void chardev_restore_tty(void);

#endif
