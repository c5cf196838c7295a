/* SPDX-License-Identifier: GPL-2.0-only */
/* Marks on code in an unwind table. */
#include "sym/unwindmark.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 65535

/* The row that covers an address. */
static size_t row_of(const struct unwindtable *t, uint32_t addr)
{
	size_t low = 0, high = t->n;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (t->rows[mid].addr <= addr)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Makes a row begin at an address; there is room for it. Which one that is. */
static size_t split(struct unwindtable *t, uint32_t addr)
{
	size_t i = row_of(t, addr);

	if (t->rows[i].addr == addr)
		return i;
	memmove(t->rows + i + 2, t->rows + i + 1, (t->n - i - 1) * sizeof(*t->rows));
	t->rows[i + 1] = (struct unwind_row){ addr, t->rows[i].rule };
	t->n++;
	return i + 1;
}

/* The rule's twin with a mark; the rule itself when there is no room for more. */
static uint32_t marked(struct unwindtable *t, uint32_t rule, uint8_t mark)
{
	struct cfi_rule twin = t->rules[rule];

	if (twin.mark)
		return rule;
	twin.mark = mark;
	for (size_t i = 0; i < t->rules_n; i++) {
		if (!memcmp(&t->rules[i], &twin, sizeof(twin)))
			return (uint32_t)i;
	}
	if (t->rules_n >= RULES_MAX)
		return rule;
	t->rules[t->rules_n] = twin;
	return (uint32_t)t->rules_n++;
}

/* Room for two more rows, and for a twin of each rule. */
static int make_room(struct unwindtable *t)
{
	struct unwind_row *rows = realloc(t->rows, (t->n + 2) * sizeof(*rows));
	struct cfi_rule *rules;

	if (!rows)
		return -ENOMEM;
	t->rows = rows;
	rules = realloc(t->rules, 2 * t->rules_n * sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	t->rules = rules;
	return 0;
}

int unwindtable_mark(struct unwindtable *t, const struct unwind_mark *mark)
{
	_cleanup_free_ uint32_t *twins = NULL; /* by rule; 0: not looked for yet */
	uint64_t start = mark->start < t->base ? 0 : mark->start - t->base;
	uint64_t end = mark->end < t->base ? 0 : mark->end - t->base;
	size_t first, last;
	int err;

	if (start >= end || start > UINT32_MAX || !t->n)
		return 0;
	twins = calloc(t->rules_n, sizeof(*twins));
	err = twins ? make_room(t) : -ENOMEM;
	if (err)
		return err;
	first = split(t, (uint32_t)start);
	last = end > UINT32_MAX ? t->n : split(t, (uint32_t)end);
	for (size_t i = first; i < last; i++) {
		uint32_t *twin = &twins[t->rows[i].rule];

		/* The twin of number 0 has another number, and that of others is not 0. */
		if (!*twin)
			*twin = marked(t, t->rows[i].rule, mark->mark);
		t->rows[i].rule = *twin;
	}
	return 0;
}
