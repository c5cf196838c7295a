/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: how far it can be trusted, and what it cost. */
#include "view/text.h"

#include <inttypes.h>

#include "lib/cleanup.h"

#define DETACHED_MAX 10
#define CUTS_MAX     5

/* What all cuts for the same reason in the same object amount to. */
static void add_cut(struct buf *b, const struct report *r, const struct stack_cut *first)
{
	_cleanup_(buf_done) struct buf frame = {};
	uint64_t samples = 0, ns = 0;

	vec_foreach (c, &r->cuts) {
		if (c->why == first->why && c->object == first->object) {
			samples += c->samples;
			ns += c->offcpu_ns;
		}
	}
	frame_format(&frame, r, first->frame);
	text_para(b, 4, 6, "%s on the CPU, %s off it: %s (%s, above %s)",
		  text_pct((double)samples, (double)r->cpu.samples).s,
		  text_pct((double)ns, (double)r->offcpu.total_ns).s, first->why,
		  first->object != REPORT_NONE ? r->objects.v[first->object].name : "no file",
		  buf_str(&frame));
}

/* Why the others are not: the first of each kind stands for all. */
static void add_cuts(struct buf *b, const struct report *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->cuts.n && n < CUTS_MAX; i++) {
		const struct stack_cut *c = &r->cuts.v[i];
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen = seen ||
			       (r->cuts.v[k].why == c->why && r->cuts.v[k].object == c->object);
		if (seen)
			continue;
		add_cut(b, r, c);
		n++;
	}
}

static void add_complete(struct buf *b, const struct report *r)
{
	uint64_t n = r->cpu.samples, ns = r->offcpu.total_ns;

	if (n)
		text_para(b, 2, 4, "%s of the CPU samples have complete stacks.",
			  text_pct((double)(n - r->cpu.truncated), (double)n).s);
	if (ns)
		text_para(b, 2, 4, "%s of the off-CPU time has complete stacks.",
			  text_pct((double)(ns - r->offcpu.truncated_ns), (double)ns).s);
	add_cuts(b, r);
	if (r->offcpu.stacks_taken < r->offcpu.switches)
		text_para(
		    b, 2, 4,
		    "Off-CPU stacks were taken at %s of %s switches, and their counts scaled; "
		    "totals are exact.",
		    text_count(r->offcpu.stacks_taken).s, text_count(r->offcpu.switches).s);
	if (r->offcpu.min_ns)
		text_para(b, 2, 4, "Off-CPU times below %s were left out: %s in all.",
			  text_ns(r->offcpu.min_ns).s, text_ns(r->offcpu.left_out_ns).s);
}

static void add_lost(struct buf *b, const struct report *r)
{
	const struct {
		uint64_t n;
		const char *what;
	} kinds[] = {
		{ r->lost.samples, "CPU samples" }, { r->lost.spans, "spans" },
		{ r->lost.events, "events" },       { r->lost.paths, "paths" },
		{ r->lost.stacks, "stacks" },
	};
	_cleanup_(buf_done) struct buf list = {};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].n)
			buf_printf(&list, "%s%s %s", list.len ? ", " : "", kinds[i].what,
				   text_count(kinds[i].n).s);
	}
	if (list.len)
		text_para(b, 2, 4, "Lost: %s.", buf_str(&list));
	else
		text_para(b, 2, 4, "Nothing was lost.");
}

static void add_cost(struct buf *b, const struct report *r)
{
	double seconds = (double)r->duration_ns / 1e9;
	double rate = seconds > 0 ? (double)r->overhead.self_cpu_ns / seconds : 0;
	_cleanup_(buf_done) struct buf traps = {};
	size_t n = 0;

	if (r->overhead.traps_ns)
		buf_printf(&traps, ", %s in traps of function probes",
			   text_ns(r->overhead.traps_ns).s);
	text_title(b, "Cost");
	text_para(b, 2, 4, "Targets: %s of their CPU time (budget %s); %s in BPF programs%s.",
		  text_pct(r->overhead.target_pct, 100).s, text_pct(r->overhead.budget_pct, 100).s,
		  text_ns(r->overhead.bpf_ns).s, traps.len ? buf_str(&traps) : "");
	text_para(b, 2, 4, "pathbpf: %s CPU a second, %s resident, %s of BPF maps.",
		  text_ns((uint64_t)rate).s, text_bytes(r->overhead.self_rss).s,
		  text_bytes(r->overhead.bpf_memory).s);
	text_para(b, 2, 4, "The probes were live after %s.", text_ns(r->overhead.attach_ns).s);
	vec_foreach (d, &r->overhead.detached) {
		if (n++ < DETACHED_MAX)
			text_para(b, 2, 4, "Sampled or left out: %s: %s", d->what, d->why);
	}
	vec_foreach (c, &r->overhead.breaker)
		text_para(b, 2, 4, "After %s the breaker was %s: %s", text_ns(c->time_ns).s,
			  c->state, c->why);
	if (n > DETACHED_MAX)
		text_para(b, 2, 4, "and %zu more", n - DETACHED_MAX);
}

int text_quality(struct buf *b, const struct report *r)
{
	text_title(b, "Quality");
	add_complete(b, r);
	add_lost(b, r);
	vec_foreach (n, &r->notes)
		text_para(b, 2, 4, "%s", *n);
	add_cost(b, r);
	return 0;
}
