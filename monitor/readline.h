/* SPDX-License-Identifier: MIT */
/*
 * Line editing on a dumb byte stream: history, TAB, cursor keys, passwords.
 *
 * Bytes come in through readline_byte and what the terminal should show
 * leaves through ops->put; a finished line goes to ops->line.  The exchanges
 * are QEMU's, byte for byte.
 *
 * Thread: owned by one thread at a time.
 */
#ifndef MOTE_MONITOR_READLINE_H
#define MOTE_MONITOR_READLINE_H

#include "vmm/base/types.h"

enum {
	READLINE_LINE_MAX    = 4095,   /* further characters are dropped */
	READLINE_HISTORY_MAX = 64,
	READLINE_WORDS_MAX   = 256,    /* completions kept               */
	READLINE_PROMPT_MAX  = 256,
};

struct readline;

struct readline_ops {
	void (*put)(void *opaque, const char *p, size_t n); /* LF as is    */
	void (*line)(void *opaque, const char *line);  /* Enter was pressed */
	/* The text left of the cursor: offer words with readline_offer. */
	void (*complete)(void *opaque, const char *text);
};

struct readline {
	const struct readline_ops *ops;
	void *opaque;
	char prompt[READLINE_PROMPT_MAX];
	bool password;                 /* echo stars, keep out of history  */

	char line[READLINE_LINE_MAX + 1];
	unsigned len, cursor;
	char shown[READLINE_LINE_MAX + 1];     /* what the terminal has    */
	unsigned shown_len, shown_cursor;
	bool changed;                  /* line since it was shown          */
	enum { RL_NORMAL, RL_ESC, RL_CSI, RL_SS3 } state;
	unsigned param;                /* number inside ESC [ N ~          */

	char *history[READLINE_HISTORY_MAX];
	unsigned nhistory;
	int recall;                    /* entry shown, -1: none            */

	char **words;                  /* completions, while completing    */
	unsigned nwords, word_start;
};

/* `prompt` is copied and cut at READLINE_PROMPT_MAX; nothing is shown yet. */
void readline_init(struct readline *r, const struct readline_ops *ops,
		   void *opaque, const char *prompt);
void readline_fini(struct readline *r);        /* frees the history */
/* One byte typed; any of the ops may be called meanwhile. */
void readline_byte(struct readline *r, u8 c);
/* Forget the line being typed; history stays. */
void readline_restart(struct readline *r);
/* The prompt, or "Password: ", on a line nothing is known of. */
void readline_show_prompt(struct readline *r);

/* Inside ops->complete: how many characters of the word are typed, and a
 * candidate, copied; doubles and those beyond READLINE_WORDS_MAX are dropped. */
void readline_typed(struct readline *r, unsigned typed);
void readline_offer(struct readline *r, const char *word);

#endif
