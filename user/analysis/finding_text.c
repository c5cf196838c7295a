/* SPDX-License-Identifier: GPL-2.0-only */
/* What a finding says: for somebody who was just woken up. */
#include "analysis/finding_text.h"

#include "data/units.h"

static bool is_plugin(const struct subject *s)
{
	return s->plugin != REPORT_NONE;
}

/* "execution", "executions", "call", "calls" */
static const char *noun(const struct subject *s, uint64_t n)
{
	if (is_plugin(s))
		return n == 1 ? "execution" : "executions";
	return n == 1 ? "call" : "calls";
}

/* ", most with EAGAIN (31)": the commonest error. */
static void add_commonest(struct buf *b, const struct subject *s)
{
	const struct error_count *most = NULL;

	if (!s->stats)
		return;
	vec_foreach (e, &s->stats->error_types) {
		if (!most || e->count > most->count)
			most = e;
	}
	if (!most)
		return;
	buf_add_str(b, ", most with ");
	text_clean(b, most->type);
	buf_printf(b, " (%s)", text_count(most->count).s);
}

static void add_where_to_look(struct buf *b, const struct subject *s)
{
	if (s->stats && s->stats->error_types.n)
		buf_add_str(b, ": begin with that error; ");
	else
		buf_add_str(b, ": ");
	buf_add_str(b, is_plugin(s) ? "the plugin's events say when and on which thread"
				    : "failed calls that were kept whole stand under Timelines");
}

static void add_error_rate(struct buf *b, const struct subject *s, const struct limits *l)
{
	buf_printf(b, "%s of %s %s failed, %s (limit %s)", text_count(s->errors).s,
		   text_count(s->calls).s, noun(s, s->calls),
		   text_pct((double)s->errors, (double)s->calls).s, text_pct(l->error_pct, 100).s);
	add_commonest(b, s);
	add_where_to_look(b, s);
}

/* Where its time goes decides which stacks tell why. */
static void add_where(struct buf *b, const struct subject *s)
{
	uint64_t known = s->cpu_ns > UINT64_MAX - s->offcpu_ns ? 0 : s->cpu_ns + s->offcpu_ns;

	if (!known) {
		buf_add_str(b, ": see the stacks under it, on the CPU and off it");
	} else if (s->offcpu_ns > s->cpu_ns) {
		buf_printf(
		    b, ": it waits for %s of its time, the off-CPU stacks under it say for what",
		    text_pct((double)s->offcpu_ns, (double)known).s);
	} else {
		buf_printf(b, ": it computes for %s of its time, the CPU stacks under it say what",
			   text_pct((double)s->cpu_ns, (double)known).s);
	}
}

static void add_slow(struct buf *b, const struct subject *s, const struct limits *l)
{
	if (s->running_ns) {
		buf_printf(b,
			   "an execution has been running for %s and had not ended (limit %s): see "
			   "what its thread waits for in the off-CPU stacks",
			   text_ns(s->running_ns).s, text_ns(l->slow_ns).s);
		return;
	}
	buf_printf(b, "the longest of %s %s took %s (limit %s)", text_count(s->calls).s,
		   noun(s, s->calls), text_ns(s->longest_ns).s, text_ns(l->slow_ns).s);
	if (s->stats && s->stats->hist)
		buf_printf(
		    b, ", half of them %s at most",
		    text_ns(hist_quantile(s->stats->hist, 0.5, s->stats->min_ns, s->stats->max_ns))
			.s);
	add_where(b, s);
}

static void add_memory(struct buf *b, const struct report *r, const struct subject *s,
		       const struct limits *l)
{
	const struct plugin *p = &r->plugins.v[s->plugin];

	if (p->has_allocs)
		buf_printf(b, "asked for %s in %s %s, ", text_bytes(p->alloc_bytes).s,
			   text_count(p->allocs).s, p->allocs == 1 ? "allocation" : "allocations");
	buf_printf(b, "mapped %s (limit %s)", text_bytes(p->mapped_bytes).s,
		   text_bytes(l->memory_bytes).s);
	buf_add_str(b, ": what it gave back is not taken off; see whether the process grows");
}

static void add_cpu(struct buf *b, const struct subject *s, const struct limits *l)
{
	if (s->cpu_by_samples)
		buf_printf(b, "%s of the CPU samples are in it (limit %s)",
			   text_pct(s->cpu_pct, 100).s, text_pct(l->cpu_pct, 100).s);
	else
		buf_printf(b, "used %s of CPU, %s of all that the targets used (limit %s)",
			   text_ns(s->cpu_ns).s, text_pct(s->cpu_pct, 100).s,
			   text_pct(l->cpu_pct, 100).s);
	buf_add_str(b, ": its flame graph says in which functions");
}

static void add_unreliable(struct buf *b, const struct subject *s, const struct limits *l)
{
	buf_printf(b, "failed %s times (limit %s): %s of %s %s", text_count(s->failures).s,
		   text_count(l->failures).s, text_count(s->errors).s, text_count(s->calls).s,
		   noun(s, s->calls));
	if (s->load_errors)
		buf_printf(b, ", and %s %s", text_count(s->load_errors).s,
			   s->load_errors == 1 ? "load" : "loads");
	add_commonest(b, s);
	add_where_to_look(b, s);
}

void finding_format(struct buf *b, const struct report *r, const struct subject *s,
		    const struct finding *f)
{
	const struct limits *l = &r->limits;

	subject_format(b, r, s->plugin, s->path);
	buf_add_str(b, ": ");
	switch (f->rule) {
	case HIGH_ERROR_RATE:
		add_error_rate(b, s, l);
		break;
	case SLOW_EXECUTION:
		add_slow(b, s, l);
		break;
	case HIGH_MEMORY:
		add_memory(b, r, s, l);
		break;
	case HIGH_CPU:
		add_cpu(b, s, l);
		break;
	case UNRELIABLE:
		add_unreliable(b, s, l);
		break;
	case FINDING_RULES:
		break;
	}
	buf_add_char(b, '.');
}
