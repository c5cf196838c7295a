/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: what is not in it: functions that nobody called, or that could not be probed. */
#include "view/text.h"

#include <inttypes.h>
#include <string.h>

#include "lib/cleanup.h"

#define NAMES_MAX   12
#define REASONS_MAX 10

/* One name of a list, shortened so that several share a line. */
static void add_name(struct text_list *list, size_t before, const char *name)
{
	_cleanup_(buf_done) struct buf item = {};

	text_shorten(&item, name, 36);
	text_list_add(list, before ? ", " : "", buf_str(&item));
	if (item.err)
		list->b->err = item.err;
}

static void add_more(struct buf *b, size_t more)
{
	if (more)
		buf_printf(b, "\n    and %zu more", more);
	buf_add_char(b, '\n');
}

static void add_coverage(struct buf *b, const struct report *r)
{
	uint64_t probed = r->coverage.probed, emulated = r->coverage.emulated;

	if (!r->coverage.matched)
		return;
	text_heading(b, "Coverage", "%" PRIu64 " of %" PRIu64 " matching functions were probed",
		     probed, r->coverage.matched);
	if (!probed)
		return;
	text_para(b, 2, 4, "%s of them at an instruction that the kernel emulates%s",
		  text_pct((double)emulated, (double)probed).s,
		  emulated < probed ? "; a call of the others costs more." : ".");
	if (r->coverage.sites)
		text_para(b, 2, 4,
			  "Returns of %s are seen without a return probe, which leaves the stack "
			  "as it is.",
			  text_count(r->coverage.sites).s);
}

static void add_unused(struct buf *b, const struct report *r)
{
	struct text_list list = { .b = b, .column = 2, .hang = 2 };

	if (!r->unused.n)
		return;
	if (r->coverage.probed >= r->unused.n)
		text_heading(b, "Unused",
			     "%zu of %" PRIu64
			     " probed functions %s not called while probed; copies "
			     "that were inlined into others are not seen",
			     r->unused.n, r->coverage.probed, r->unused.n == 1 ? "was" : "were");
	else
		text_heading(b, "Unused", "%zu traced function%s never called", r->unused.n,
			     r->unused.n == 1 ? " was" : "s were");
	buf_add_str(b, "  ");
	for (size_t i = 0; i < r->unused.n && i < NAMES_MAX; i++)
		add_name(&list, i, r->unused.v[i].name);
	add_more(b, r->unused.n > NAMES_MAX ? r->unused.n - NAMES_MAX : 0);
}

/* Is this the first function that was skipped for its reason? */
static bool is_first(const struct report *r, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (!strcmp(r->skipped.v[j].why, r->skipped.v[i].why))
			return false;
	}
	return true;
}

static void add_reason(struct buf *b, const struct report *r, const char *why)
{
	struct text_list list = { .b = b, .column = 4, .hang = 4 };
	size_t n = 0, shown = 0;

	vec_foreach (s, &r->skipped)
		n += !strcmp(s->why, why);
	text_para(b, 2, 4, "%zu: %s", n, why);
	buf_add_str(b, "    ");
	vec_foreach (s, &r->skipped) {
		if (shown < NAMES_MAX && !strcmp(s->why, why))
			add_name(&list, shown++, s->what);
	}
	add_more(b, n - shown);
}

static void add_skipped(struct buf *b, const struct report *r)
{
	size_t reasons = 0;

	if (!r->skipped.n)
		return;
	text_heading(b, "Skipped functions", "%zu matched but could not be probed", r->skipped.n);
	for (size_t i = 0; i < r->skipped.n; i++) {
		if (is_first(r, i) && reasons++ < REASONS_MAX)
			add_reason(b, r, r->skipped.v[i].why);
	}
	if (reasons > REASONS_MAX)
		buf_printf(b, "  and %zu more reasons\n", reasons - REASONS_MAX);
}

int text_gaps(struct buf *b, const struct report *r)
{
	add_coverage(b, r);
	add_unused(b, r);
	add_skipped(b, r);
	if (r->missing.n)
		text_heading(b, "Missing", "%s", "what this kernel or this user cannot give");
	vec_foreach (m, &r->missing)
		text_para(b, 2, 4, "%s: %s", m->what, m->why);
	return 0;
}
