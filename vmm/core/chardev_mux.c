/* SPDX-License-Identifier: MIT */
/*
 * The mux: several front ends share one chardev; Ctrl-a is the key to it.
 *
 * Ctrl-a c next front end, x quit, b break, t time stamps, h help,
 * Ctrl-a Ctrl-a a plain Ctrl-a.
 *
 * Talks to: its base chardev as that one's only front end.
 * Never:    lets a front end that takes no input disable the keys: up to
 *           INPUT_MAX bytes wait for each.
 *
 * Invariants:
 *  1. Input goes to whoever had the focus when it came, even if it is taken
 *     later; output of all goes to the base, interleaved by whole calls.
 *  2. Slots, focus and time-stamp state are under the mux's lock; input
 *     buffers and the escape state belong to the loop.
 */
#include "vmm/core/chardev_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SLOTS = 8, INPUT_MAX = 4096, CTRL_A = 1 };

struct slot {
	struct chardev_fe *fe;
	bool told;                     /* has seen OPENED [loop] */
	bool out;                      /* was told MUX_OUT last [loop] */
	unsigned head, tail;           /* of `in`, running counts [loop] */
	u8 in[INPUT_MAX];
};

struct mux {
	struct chardev *base;
	struct chardev_fe base_fe;
	bool base_open;                /* [loop]                    */
	bool escape;                   /* Ctrl-a was seen [loop]    */
	struct slot slots[SLOTS];
	int focus;                     /* slot, -1 when none        */
	bool stamps, line_start;
	s64 stamp_base;
};

static struct mux *mux_of(struct chardev *c)
{
	return c->impl;
}

static struct chardev_fe *slot_fe(struct chardev *c, int i)
{
	struct chardev_fe *fe;

	lock_take(&c->lock);
	fe = i >= 0 ? mux_of(c)->slots[i].fe : NULL;
	lock_drop(&c->lock);
	return fe;
}

static int focus_of(struct chardev *c)
{
	int i;

	lock_take(&c->lock);
	i = mux_of(c)->focus;
	lock_drop(&c->lock);
	return i;
}

static void tell(struct chardev *c, int i, enum chardev_event ev)
{
	struct chardev_fe *fe = slot_fe(c, i);

	if (fe && fe->ops->event)
		fe->ops->event(fe->opaque, ev);
}

void chardev_mux_event_all(struct chardev *c, enum chardev_event ev)
{
	if (ev == CHARDEV_BREAK) {
		tell(c, focus_of(c), ev);
		return;
	}
	for (int i = 0; i < SLOTS; i++)
		tell(c, i, ev);
}

/* --- input --- */

static unsigned waiting(const struct slot *s)
{
	return s->tail - s->head;
}

/* Hand over what a slot's front end takes now. */
static void drain(struct chardev *c, int i)
{
	struct slot *s = &mux_of(c)->slots[i];
	struct chardev_fe *fe;

	while (waiting(s) && (fe = slot_fe(c, i)) != NULL) {
		unsigned at = s->head % INPUT_MAX;
		size_t room = fe->ops->can_read(fe->opaque);
		size_t n = MIN(waiting(s), INPUT_MAX - at);

		if (!room) {
			/* As in chardev_io.c: set first, look again. */
			c->paused = true;
			room = fe->ops->can_read(fe->opaque);
			if (!room)
				return;
			c->paused = false;
		}
		n = MIN(n, room);
		s->head += n;
		fe->ops->read(fe->opaque, s->in + at, n);
	}
}

static void drain_all(struct chardev *c)
{
	for (int i = 0; i < SLOTS; i++)
		drain(c, i);
}

/* A front end takes itself to be in focus until it hears otherwise. */
static void tell_focus(struct chardev *c, int i, int now)
{
	struct slot *s = &mux_of(c)->slots[i];
	bool out = i != now;

	if (s->out == out)
		return;
	s->out = out;
	tell(c, i, out ? CHARDEV_MUX_OUT : CHARDEV_MUX_IN);
}

/* Open those not yet told; then say who lost and who gained the focus. */
static void settle(struct chardev *c)
{
	struct mux *m = mux_of(c);
	int now = focus_of(c);

	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &m->slots[i];

		if (!slot_fe(c, i) || !m->base_open)
			continue;
		if (i != now)
			tell_focus(c, i, now);
		if (!s->told) {
			s->told = true;
			tell(c, i, CHARDEV_OPENED);
		}
	}
	if (now >= 0)
		tell_focus(c, now, now);
	drain_all(c);
	chardev_kick(&m->base_fe);
}

void chardev_mux_kick(struct chardev *c)
{
	settle(c);
}

void chardev_mux_focus(struct chardev *c, struct chardev_fe *fe)
{
	lock_take(&c->lock);
	mux_of(c)->focus = fe->tag;
	lock_drop(&c->lock);
	chardev_post(c, c->loop, settle);
}

static void focus_next(struct chardev *c)
{
	struct mux *m = mux_of(c);

	lock_take(&c->lock);
	for (int i = 1; m->focus >= 0 && i <= SLOTS; i++) {
		int next = (m->focus + i) % SLOTS;

		if (m->slots[next].fe) {
			m->focus = next;
			break;
		}
	}
	lock_drop(&c->lock);
	settle(c);
}

static void say(struct chardev *c, const char *text)
{
	chardev_io_write(mux_of(c)->base, text, strlen(text));
}

static void toggle_stamps(struct chardev *c)
{
	struct mux *m = mux_of(c);

	lock_take(&c->lock);
	m->stamps = !m->stamps;
	m->line_start = true;
	m->stamp_base = clock_host_ns();
	lock_drop(&c->lock);
}

static void put_byte(struct chardev *c, u8 b)
{
	int i = focus_of(c);
	struct slot *s = i >= 0 ? &mux_of(c)->slots[i] : NULL;

	if (s && waiting(s) < INPUT_MAX)
		s->in[s->tail++ % INPUT_MAX] = b;
}

static void command(struct chardev *c, u8 b)
{
	switch (b) {
	case 'c': focus_next(c);                             break;
	case 'b': tell(c, focus_of(c), CHARDEV_BREAK);       break;
	case 't': toggle_stamps(c);                          break;
	case CTRL_A: put_byte(c, CTRL_A);                    break;
	case 'x':
		say(c, "\n\rmote: terminated\n\r");
		chardev_quit(c);
		break;
	case '?':
	case 'h':
		say(c, "\n\r"
		    "C-a h    this list\n\r"
		    "C-a x    quit the emulator\n\r"
		    "C-a t    time stamps on console lines, on or off\n\r"
		    "C-a b    send a break (magic sysrq)\n\r"
		    "C-a c    next of console and monitor\n\r"
		    "C-a C-a  send C-a itself\n\r");
		break;
	}
}

static size_t mux_can_read(void *opaque)
{
	struct chardev *c = opaque;
	int i = focus_of(c);

	return i < 0 ? INPUT_MAX : INPUT_MAX - waiting(&mux_of(c)->slots[i]);
}

static void mux_read(void *opaque, const u8 *buf, size_t n)
{
	struct chardev *c = opaque;
	struct mux *m = mux_of(c);

	for (size_t at = 0; at < n; at++) {
		bool escaped = m->escape;

		m->escape = !escaped && buf[at] == CTRL_A;
		if (escaped)
			command(c, buf[at]);
		else if (!m->escape)
			put_byte(c, buf[at]);
	}
	drain_all(c);
}

static void mux_event(void *opaque, enum chardev_event ev)
{
	struct chardev *c = opaque;
	struct mux *m = mux_of(c);

	switch (ev) {
	case CHARDEV_OPENED:
		m->base_open = true;
		settle(c);
		break;
	case CHARDEV_CLOSED:
		m->base_open = false;
		for (int i = 0; i < SLOTS; i++) {
			if (m->slots[i].told)
				tell(c, i, ev);
			m->slots[i].told = false;
		}
		break;
	default:
		chardev_mux_event_all(c, ev);
		break;
	}
}

static const struct chardev_fe_ops mux_fe_ops = {
	.can_read = mux_can_read,
	.read     = mux_read,
	.event    = mux_event,
};

/* --- output --- */

/* [mux lock held] "[HH:MM:SS.mmm] " since stamps were turned on. */
static size_t stamp(struct mux *m, char *out, size_t size)
{
	s64 ms = (clock_host_ns() - m->stamp_base) / 1000000;

	return snprintf(out, size, "[%02d:%02d:%02d.%03d] ",
			(int)(ms / 3600000), (int)(ms / 60000 % 60),
			(int)(ms / 1000 % 60), (int)(ms % 1000));
}

size_t chardev_mux_write(struct chardev *c, struct chardev_fe *fe,
			 const void *p, size_t n)
{
	struct mux *m = mux_of(c);
	const char *text = p;
	size_t done = 0;

	SCOPED_LOCK(&c->lock);
	if (!m->base)
		return n;
	if (!m->stamps)
		return chardev_io_write(m->base, p, n);
	while (done < n) {
		const char *nl = memchr(text + done, '\n', n - done);
		size_t line = nl ? (size_t)(nl + 1 - text) - done : n - done;
		char head[32];
		size_t took;

		if (m->line_start)
			chardev_io_write(m->base, head,
					 stamp(m, head, sizeof(head)));
		took = chardev_io_write(m->base, text + done, line);
		done += took;
		if (took)
			m->line_start = text[done - 1] == '\n';
		if (took < line)
			break;
	}
	return done;
}

/* --- life --- */

static void mux_start(struct chardev *c)
{
	mux_of(c)->focus = -1;
}

struct chardev *chardev_mux_base(struct chardev *c)
{
	return mux_of(c)->base;
}

void chardev_mux_join(struct chardev *c, struct chardev *base)
{
	struct mux *m = mux_of(c);
	int rc;

	m->base = base;
	rc = chardev_attach(base, &m->base_fe, &mux_fe_ops, c, NULL);
	assert(rc == 0);               /* nobody else knew `base` */
}

bool chardev_mux_busy(const struct chardev *c)
{
	const struct mux *m = c->impl;

	for (int i = 0; i < SLOTS; i++)
		if (m->slots[i].fe)
			return true;
	return false;
}

int chardev_mux_attach(struct chardev *c, struct chardev_fe *fe)
{
	struct mux *m = mux_of(c);
	int i = 0;

	lock_take(&c->lock);
	while (i < SLOTS && m->slots[i].fe)
		i++;
	if (i < SLOTS) {
		fe->tag = i;
		m->slots[i].fe = fe;
		if (m->focus < 0)
			m->focus = i;
	}
	lock_drop(&c->lock);
	if (i == SLOTS)
		return -EBUSY;
	chardev_post(c, c->loop, settle);
	return 0;
}

/* A slot whose front end left: forget its input, once on the loop. [loop] */
static void tidy(struct chardev *c)
{
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &mux_of(c)->slots[i];

		if (slot_fe(c, i))
			continue;
		s->told = s->out = false;
		s->head = s->tail = 0;
	}
}

void chardev_mux_detach(struct chardev *c, struct chardev_fe *fe)
{
	struct mux *m = mux_of(c);

	lock_take(&c->lock);
	m->slots[fe->tag].fe = NULL;
	if (m->focus == fe->tag) {
		m->focus = -1;
		for (int i = 0; i < SLOTS && m->focus < 0; i++)
			if (m->slots[i].fe)
				m->focus = i;
	}
	lock_drop(&c->lock);
	chardev_call(c, c->loop, tidy);
	chardev_post(c, c->loop, settle);
}

static void mux_close(struct chardev *c)
{
	struct mux *m = mux_of(c);

	chardev_detach(&m->base_fe);
	lock_take(&c->lock);
	for (int i = 0; i < SLOTS; i++) {
		if (m->slots[i].fe)
			m->slots[i].fe->chr = NULL;
		m->slots[i].fe = NULL;
	}
	m->base = NULL;
	lock_drop(&c->lock);
}

static int mux_open(struct chardev *c, struct opts *o, struct err *e)
{
	return err_set(e, -EINVAL, "a mux is made with mux=on on another back "
		       "end");
}

const struct chardev_kind chardev_kind_mux = {
	.name    = "mux",
	.summary = "several front ends on one back end: add mux=on to that",
	.size    = sizeof(struct mux),
	.mux     = true,
	.open    = mux_open,
	.start   = mux_start,
	.close   = mux_close,
};
