/* SPDX-License-Identifier: MIT */
/*
 * Inside the chardev room: what a chardev is made of and what a kind gives.
 *
 * chardev.c holds the set, the front-end doors and spec strings; chardev_io.c
 * moves bytes between descriptors and front end; one chardev_KIND.c each.
 *
 * Two loops: `home` is where files are opened, clients accepted and
 * reconnections tried (the main loop); `loop` is where bytes move and the
 * front end is called.  They are the same unless chardev_set_loop said so.
 *
 * Invariants:
 *  1. `lock` guards the fields under it and is a leaf: nothing is called
 *     with it held but a kind's send; a mux's comes before its base's.
 *  2. in_fd/out_fd are opened on home, watched on loop, closed on loop.
 *  3. Every call posted to a loop holds a reference.
 */
#ifndef MOTE_CORE_CHARDEV_PRIV_H
#define MOTE_CORE_CHARDEV_PRIV_H

#include <stdatomic.h>

#include "vmm/base/list.h"
#include "vmm/base/lock.h"
#include "vmm/base/opts.h"
#include "vmm/core/chardev.h"

enum { CHARDEV_QUEUE_MAX = 256 * 1024 };

struct chardev {
	struct list node;              /* in the set, creation order       */
	struct chardev_set *set;
	char *id;
	const struct chardev_kind *kind;
	void *impl;                    /* kind->size bytes                 */
	struct loop *home, *_Atomic loop;
	_Atomic unsigned refs;
	_Atomic bool removed;          /* posted calls do nothing any more */
	int log_fd;                    /* logfile=, or -1                  */

	/* [loop] only */
	bool announced;                /* front end has seen OPENED        */
	bool in_eof;                   /* stop reading until reconnected   */
	int watched_in, watched_out;   /* on `loop`; -1 when not           */
	_Atomic bool paused;           /* front end takes nothing now      */

	struct lock lock;              /* guards the rest                  */
	struct chardev_fe *fe;         /* not used by a mux                */
	struct strbuf out;             /* what the peer did not take yet   */
	size_t out_pos;                /* sent part of `out`               */
	bool starved;                  /* a write was cut: owe WRITABLE    */
	bool open;                     /* a peer is there                  */
	int in_fd, out_fd;             /* -1 when there is none            */
	bool out_blocks;               /* out_fd is not O_NONBLOCK         */
	int passed_fd;                 /* last SCM_RIGHTS descriptor       */
};

struct chardev_kind {
	const char *name, *summary;
	size_t size;                   /* of impl                          */
	bool mux;

	/* Acquire outside things into a fresh `c`: no watches, no timers,
	 * and no pointer to `c` kept.  On failure undo.  [home]           */
	int  (*open)(struct chardev *c, struct opts *o, struct err *e);
	/* Begin to work: `c` will not move any more. [home] NULL ok       */
	void (*start)(struct chardev *c);
	/* End; descriptors of chardev_io are closed already. [home] NULL ok */
	void (*close)(struct chardev *c);
	/* >= 0 bytes taken, or -errno; -EAGAIN queues. [any, lock held]   */
	ssize_t (*send)(struct chardev *c, const void *p, size_t n);
	/* >= 0 bytes (0: end), or -errno. [loop] NULL: never reads        */
	ssize_t (*recv)(struct chardev *c, void *p, size_t n);
	/* The peer went: 0 bytes or an error was read. [loop] NULL ok     */
	void (*hangup)(struct chardev *c);
	/* As chardev_window. [any, lock held] NULL: never one             */
	bool (*window)(struct chardev *c, u16 *cols, u16 *rows);
	/* The filename= text.  NULL: the kind's name. [home]              */
	void (*describe)(struct chardev *c, struct strbuf *out);
};

extern const struct chardev_kind chardev_kind_stdio, chardev_kind_socket,
	chardev_kind_pty, chardev_kind_file, chardev_kind_pipe,
	chardev_kind_ringbuf, chardev_kind_memory, chardev_kind_null,
	chardev_kind_mux;

struct chardev_set {
	struct loop *loop;             /* home of every chardev   */
	struct lock lock;              /* guards the list; before a
					  chardev's own */
	struct list chardevs;          /* struct chardev.node; home reads
					  it without the lock */
	void (*on_quit)(void *opaque);
	void *quit_opaque;
	bool stdio_taken;
};

/* --- chardev.c --- */
void chardev_take(struct chardev *c);          /* a reference [any] */
void chardev_drop(struct chardev *c);
/* Run fn(c) on a loop a little later, with a reference held, unless `c` is
 * removed by then. [any] */
void chardev_post(struct chardev *c, struct loop *l,
		  void (*fn)(struct chardev *c));
/* Run it there and wait; at once when that loop does not run. [home] */
void chardev_call(struct chardev *c, struct loop *l,
		  void (*fn)(struct chardev *c));
void chardev_quit(struct chardev *c);          /* Ctrl-a x [any] */
/* Front end doors, mux or not. [loop] */
size_t chardev_fe_room(struct chardev *c);
void chardev_fe_read(struct chardev *c, const u8 *p, size_t n);
void chardev_fe_event(struct chardev *c, enum chardev_event ev);

/* --- chardev_spec.c --- */
/* Turn the short or long form into options with "backend" set; `mon` says
 * a "mon:" stood in front.  -EINVAL, -ENOTSUP with a sentence. */
int  chardev_spec_parse(const char *spec, struct opts *o, bool *mon,
			struct err *e);
const struct chardev_kind *chardev_kind_find(const char *name);

/* --- chardev_io.c --- */
/* A peer is there: from now on bytes move between these and the front end.
 * Owns them; they may be the same, -1 for a missing direction. [home] */
void chardev_io_open(struct chardev *c, int in_fd, int out_fd);
void chardev_io_resume(struct chardev *c);     /* announce, watch [loop]   */
void chardev_io_unwatch(struct chardev *c);    /* [loop]                   */
void chardev_io_shut(struct chardev *c);       /* close, CLOSED [loop]     */
void chardev_io_flush_wait(struct chardev *c); /* up to a second [home]    */
size_t chardev_io_write(struct chardev *c, const void *p, size_t n); /* any */
ssize_t chardev_fd_send(struct chardev *c, const void *p, size_t n);
ssize_t chardev_fd_recv(struct chardev *c, void *p, size_t n);

/* --- chardev_mux.c: front ends of a mux --- */
struct chardev *chardev_mux_base(struct chardev *mux);
/* Own `base` (in the set) and become its front end. */
void chardev_mux_join(struct chardev *mux, struct chardev *base);
int  chardev_mux_attach(struct chardev *mux, struct chardev_fe *fe);
void chardev_mux_detach(struct chardev *mux, struct chardev_fe *fe);
size_t chardev_mux_write(struct chardev *mux, struct chardev_fe *fe,
			 const void *p, size_t n);
void chardev_mux_kick(struct chardev *mux);
void chardev_mux_focus(struct chardev *mux, struct chardev_fe *fe);
void chardev_mux_event_all(struct chardev *mux, enum chardev_event ev);
bool chardev_mux_busy(const struct chardev *mux);

#endif
