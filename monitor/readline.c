/* SPDX-License-Identifier: MIT */
/*
 * The line editor.  See readline.h.
 *
 * Talks to: its three callbacks.
 * Never:    knows what a command is; grows with its input.
 */
#include "monitor/readline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CTRL_A = 1, CTRL_D = 4, CTRL_E = 5, CTRL_H = 8, TAB = 9, LF = 10,
       CTRL_L = 12, CR = 13, CTRL_W = 23, ESC = 27, DEL = 127, CSI = 0x9b };
enum { COLUMNS = 80, COLUMN_MIN = 10 };

static void put(struct readline *r, const char *p, size_t n)
{
	r->ops->put(r->opaque, p, n);
}

static void put_str(struct readline *r, const char *z)
{
	put(r, z, strlen(z));
}

static void put_times(struct readline *r, const char *z, unsigned times)
{
	const size_t len = strlen(z);
	char many[192];
	size_t n = 0;

	while (times--) {
		memcpy(many + n, z, len);
		n += len;
		if (n + len > sizeof(many) || !times) {
			put(r, many, n);
			n = 0;
		}
	}
}

static void forget_shown(struct readline *r)
{
	r->shown_len = r->shown_cursor = 0;
	r->changed = true;
}

static void put_text(struct readline *r)
{
	if (r->password)
		put_times(r, "*", r->len);
	else
		put(r, r->line, r->len);
}

/* Bring the terminal from what it shows to what the line is. */
static void update(struct readline *r)
{
	if (r->changed &&
	    (r->len != r->shown_len || memcmp(r->line, r->shown, r->len))) {
		put_times(r, "\033[D", r->shown_cursor);
		put_text(r);
		put_str(r, "\033[K");
		memcpy(r->shown, r->line, r->len);
		r->shown_len = r->shown_cursor = r->len;
	}
	r->changed = false;
	if (r->cursor > r->shown_cursor)
		put_times(r, "\033[C", r->cursor - r->shown_cursor);
	else
		put_times(r, "\033[D", r->shown_cursor - r->cursor);
	r->shown_cursor = r->cursor;
}

static void insert(struct readline *r, char c)
{
	if (r->len >= READLINE_LINE_MAX)
		return;
	memmove(r->line + r->cursor + 1, r->line + r->cursor,
		r->len - r->cursor);
	r->line[r->cursor++] = c;
	r->len++;
	r->changed = true;
}

static void delete_range(struct readline *r, unsigned from, unsigned to)
{
	memmove(r->line + from, r->line + to, r->len - to);
	r->len -= to - from;
	r->cursor = from;
	r->changed = true;
}

static void delete_right(struct readline *r)
{
	if (r->cursor < r->len)
		delete_range(r, r->cursor, r->cursor + 1);
}

static void delete_left(struct readline *r)
{
	if (r->cursor)
		delete_range(r, r->cursor - 1, r->cursor);
}

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void delete_word(struct readline *r)
{
	unsigned from = r->cursor;

	while (from && blank(r->line[from - 1]))
		from--;
	while (from && !blank(r->line[from - 1]))
		from--;
	delete_range(r, from, r->cursor);
}

static void clear_screen(struct readline *r)
{
	put_str(r, "\033[2J\033[1;1H");
	readline_show_prompt(r);
}

/* --- history --- */

static void set_line(struct readline *r, const char *text)
{
	r->len = r->cursor = strlen(text);
	memcpy(r->line, text, r->len);
	r->changed = true;
}

static void recall_older(struct readline *r)
{
	if (r->recall == 0)
		return;
	r->recall = r->recall < 0 ? (int)r->nhistory - 1 : r->recall - 1;
	if (r->recall >= 0)
		set_line(r, r->history[r->recall]);
}

static void recall_newer(struct readline *r)
{
	if (r->recall < 0)
		return;
	if (++r->recall < (int)r->nhistory) {
		set_line(r, r->history[r->recall]);
		return;
	}
	r->recall = -1;
	set_line(r, "");
}

static char *history_take_out(struct readline *r, unsigned i)
{
	char *entry = r->history[i];

	memmove(r->history + i, r->history + i + 1,
		(r->nhistory - i - 1) * sizeof(r->history[0]));
	r->nhistory--;
	return entry;
}

/* A line already there moves to the end; the oldest makes room. */
static void history_add(struct readline *r, const char *text)
{
	char *entry = NULL;

	if (!*text)
		return;
	for (unsigned i = 0; i < r->nhistory && !entry; i++)
		if (!strcmp(r->history[i], text))
			entry = history_take_out(r, i);
	if (!entry)
		entry = strdup(text);
	if (r->nhistory == READLINE_HISTORY_MAX)
		free(history_take_out(r, 0));
	if (entry)
		r->history[r->nhistory++] = entry;
	r->recall = -1;
}

/* --- completion --- */

void readline_typed(struct readline *r, unsigned typed)
{
	r->word_start = typed;
}

void readline_offer(struct readline *r, const char *word)
{
	if (r->nwords == READLINE_WORDS_MAX || !r->words)
		return;
	for (unsigned i = 0; i < r->nwords; i++)
		if (!strcmp(r->words[i], word))
			return;
	r->words[r->nwords] = strdup(word);
	r->nwords += r->words[r->nwords] != NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static unsigned common_prefix(struct readline *r)
{
	unsigned n = strlen(r->words[0]);

	for (unsigned i = 1; i < r->nwords; i++) {
		unsigned k = 0;

		while (k < n && r->words[i][k] == r->words[0][k])
			k++;
		n = k;
	}
	return n;
}

static void put_columns(struct readline *r)
{
	unsigned width = 0, per_row, col = 0;
	char cell[COLUMNS * 2];

	for (unsigned i = 0; i < r->nwords; i++)
		width = MAX(width, (unsigned)strlen(r->words[i]));
	width = MIN(MAX(width + 2, (unsigned)COLUMN_MIN), (unsigned)COLUMNS);
	per_row = COLUMNS / width;
	for (unsigned i = 0; i < r->nwords; i++) {
		put_str(r, r->words[i]);
		snprintf(cell, sizeof(cell), "%*s", (int)width, "");
		if (strlen(r->words[i]) < width)
			put_str(r, cell + strlen(r->words[i]));
		if (++col == per_row || i + 1 == r->nwords) {
			put_str(r, "\n");
			col = 0;
		}
	}
}

static void insert_from(struct readline *r, const char *word, unsigned upto)
{
	for (unsigned i = r->word_start; i < upto; i++)
		insert(r, word[i]);
}

static void complete_with_words(struct readline *r)
{
	const char *first = r->words[0];
	unsigned n = strlen(first);

	if (r->nwords == 1) {
		insert_from(r, first, n);
		if (n && first[n - 1] != '/')
			insert(r, ' ');
		return;
	}
	qsort(r->words, r->nwords, sizeof(r->words[0]), by_name);
	put_str(r, "\n");
	put_columns(r);
	readline_show_prompt(r);
	insert_from(r, r->words[0], common_prefix(r));
}

static void complete(struct readline *r)
{
	char text[READLINE_LINE_MAX + 1];

	if (r->password || !r->ops->complete)
		return;
	memcpy(text, r->line, r->cursor);
	text[r->cursor] = '\0';
	r->words = calloc(READLINE_WORDS_MAX, sizeof(r->words[0]));
	r->nwords = r->word_start = 0;
	r->ops->complete(r->opaque, text);
	if (r->nwords)
		complete_with_words(r);
	while (r->nwords)
		free(r->words[--r->nwords]);
	free(r->words);
	r->words = NULL;
}

/* --- bytes --- */

static void enter(struct readline *r)
{
	char text[READLINE_LINE_MAX + 1];

	memcpy(text, r->line, r->len);
	text[r->len] = '\0';
	if (!r->password)
		history_add(r, text);
	put_str(r, "\n");
	r->len = r->cursor = 0;
	forget_shown(r);
	r->ops->line(r->opaque, text);
	explicit_bzero(text, sizeof(text));
}

static void normal_byte(struct readline *r, u8 c)
{
	switch (c) {
	case CTRL_A:	r->cursor = 0; break;
	case CTRL_D:	delete_right(r); break;
	case CTRL_E:	r->cursor = r->len; break;
	case TAB:	complete(r); break;
	case LF:
	case CR:	enter(r); break;
	case CTRL_W:	delete_word(r); break;
	case ESC:	r->state = RL_ESC; break;
	case CTRL_L:	clear_screen(r); break;
	case DEL:
	case CTRL_H:	delete_left(r); break;
	case CSI:	r->state = RL_CSI; r->param = 0; break;
	default:
		if (c >= ' ')
			insert(r, c);
	}
}

static void tilde(struct readline *r)
{
	switch (r->param) {
	case 1:	r->cursor = 0; break;
	case 3:	delete_right(r); break;
	case 4:	r->cursor = r->len; break;
	}
}

static void csi_byte(struct readline *r, u8 c)
{
	if (c >= '0' && c <= '9') {
		r->param = MIN(r->param * 10 + (c - '0'), 999u);
		return;
	}
	r->state = RL_NORMAL;
	switch (c) {
	case 'A':
	case 'F':	recall_older(r); break;
	case 'B':
	case 'E':	recall_newer(r); break;
	case 'C':	r->cursor += r->cursor < r->len; break;
	case 'D':	r->cursor -= r->cursor > 0; break;
	case '~':	tilde(r); break;
	}
}

void readline_byte(struct readline *r, u8 c)
{
	switch (r->state) {
	case RL_NORMAL:
		normal_byte(r, c);
		break;
	case RL_ESC:
		r->state = c == '[' ? RL_CSI : c == 'O' ? RL_SS3 : RL_NORMAL;
		r->param = 0;
		break;
	case RL_CSI:
		csi_byte(r, c);
		break;
	case RL_SS3:
		r->state = RL_NORMAL;
		if (c == 'F')
			r->cursor = r->len;
		else if (c == 'H')
			r->cursor = 0;
		break;
	}
	update(r);
}

/* --- life --- */

void readline_init(struct readline *r, const struct readline_ops *ops,
		   void *opaque, const char *prompt)
{
	memset(r, 0, sizeof(*r));
	r->ops = ops;
	r->opaque = opaque;
	r->recall = -1;
	snprintf(r->prompt, sizeof(r->prompt), "%s", prompt);
}

void readline_fini(struct readline *r)
{
	while (r->nhistory)
		free(r->history[--r->nhistory]);
}

void readline_restart(struct readline *r)
{
	r->len = r->cursor = 0;
	r->changed = true;
	r->state = RL_NORMAL;
}

void readline_show_prompt(struct readline *r)
{
	put_str(r, r->password ? "Password: " : r->prompt);
	forget_shown(r);
}
