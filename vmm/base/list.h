/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked list with a sentinel head.
 *
 * Invariants: an initialised node or head points at itself when alone.
 * Thread: none of its own; the owner's lock covers it.
 */
#ifndef MOTE_BASE_LIST_H
#define MOTE_BASE_LIST_H

#include "vmm/base/types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert(struct list *at, struct list *n)
{
	n->prev = at;
	n->next = at->next;
	at->next->prev = n;
	at->next = n;
}

static inline void list_append(struct list *head, struct list *n)
{
	list_insert(head->prev, n);
}

static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_entry(p, type, member) container_of(p, type, member)
#define list_for_each(p, head) \
	for ((p) = (head)->next; (p) != (head); (p) = (p)->next)
#define list_for_each_safe(p, tmp, head) \
	for ((p) = (head)->next, (tmp) = (p)->next; (p) != (head); \
	     (p) = (tmp), (tmp) = (p)->next)

#endif
