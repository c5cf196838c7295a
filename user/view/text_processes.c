/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: which processes came and went. */
#include "view/text.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"

#define EVENTS_MAX 10

static bool is_failure(const struct event *e)
{
	return e->kind == EVENT_EXIT && (e->signal || e->value);
}

/* Failures first, whenever they were; the rest of the room goes to the earliest events. */
static bool *choose(const struct report *r)
{
	bool *shown = calloc(r->events.n, sizeof(*shown));
	size_t n = 0;

	for (int failures = 1; shown && failures >= 0; failures--) {
		for (size_t i = 0; i < r->events.n && n < EVENTS_MAX; i++) {
			const struct event *e = &r->events.v[i];

			if (e->kind == EVENT_MMAP || shown[i] || is_failure(e) != failures)
				continue;
			shown[i] = true;
			n++;
		}
	}
	return shown;
}

static void add_event(struct buf *b, const struct event *e)
{
	char name[16];

	buf_printf(b, "  %8s  %7u  ", text_ns(e->time_ns).s, e->pid);
	switch (e->kind) {
	case EVENT_FORK:
		buf_printf(b, "forked %u\n", e->value);
		break;
	case EVENT_EXEC:
		text_para(b, 0, 21, "started %s", e->text ? e->text : "?");
		break;
	case EVENT_EXIT:
		if (e->signal)
			buf_printf(b, "killed by %s\n", signal_name(e->signal, name));
		else
			buf_printf(b, "exited with %u\n", e->value);
		break;
	case EVENT_MMAP:
		break;
	}
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

int text_processes(struct buf *b, const struct report *r)
{
	size_t forks = 0, execs = 0, exits = 0, failures = 0, all;
	_cleanup_free_ bool *shown = NULL;

	vec_foreach (e, &r->events) {
		forks += e->kind == EVENT_FORK;
		execs += e->kind == EVENT_EXEC;
		exits += e->kind == EVENT_EXIT;
		failures += is_failure(e);
	}
	all = forks + execs + exits;
	if (!all)
		return 0;
	shown = choose(r);
	if (!shown)
		return -ENOMEM;
	text_heading(b, "Processes", "%zu fork%s, %zu exec%s, %zu exit%s, %zu of them failed",
		     forks, plural(forks), execs, plural(execs), exits, plural(exits), failures);
	buf_printf(b, "  %8s  %7s  %s\n", "AT", "PID", "EVENT");
	for (size_t i = 0; i < r->events.n; i++) {
		if (shown[i])
			add_event(b, &r->events.v[i]);
	}
	if (all > EVENTS_MAX)
		buf_printf(b, "%21s%zu more; -o FILE.json shows all\n", "", all - EVENTS_MAX);
	return 0;
}
