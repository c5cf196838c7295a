/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: where the CPU time goes, and where the targets wait. */
#include "view/text.h"

#include <inttypes.h>

#include "lib/cleanup.h"
#include "lib/path.h"
#include "view/fold.h"
#include "view/hot.h"
#include "view/hot_lines.h"

#define FUNCTIONS_MAX 12
#define LINES_MAX     5
#define STACKS_MAX    5
#define WAITS_MAX     8

/* Nothing was sampled: why, and what to do about it. */
static void add_no_samples(struct buf *b, const struct report *r)
{
	uint64_t cpu_ns = text_cpu_ns(r);

	text_heading(b, "Where the CPU time goes", "no CPU samples");
	if (r->lost.samples)
		text_para(b, 2, 2, "All %s samples were lost. Sample more slowly (-F).",
			  text_count(r->lost.samples).s);
	else if (cpu_ns)
		text_para(b, 2, 2,
			  "The targets used %s of CPU time in %s, too little for %" PRIu32
			  " samples a second. Trace for longer (-d) or sample faster (-F).",
			  text_ns(cpu_ns).s, text_ns(report_traced_ns(r)).s, r->cpu.frequency_hz);
	else
		text_para(b, 2, 2,
			  "The targets did not run on a CPU in %s. Put load on them, or look where "
			  "they wait.",
			  text_ns(report_traced_ns(r)).s);
}

static void add_legend(struct buf *b, const struct report *r)
{
	static const char *const marks[] = { [FRAME_KERNEL] = "[k] kernel",
					     [FRAME_INLINED] = "[i] inlined",
					     [FRAME_INTERPRETED] = "[p] interpreted" };
	bool seen[FRAME_TRUNCATED + 1] = {};
	const char *separator = "  ";

	vec_foreach (f, &r->frames)
		seen[f->kind] = true;
	for (int i = FRAME_KERNEL; i <= FRAME_INTERPRETED; i++) {
		if (!seen[i])
			continue;
		buf_printf(b, "%s%s", separator, marks[i]);
		separator = ", ";
	}
	if (separator[0] == ',')
		buf_add_char(b, '\n');
}

static int add_functions(struct buf *b, const struct report *r, const struct fold *cpu)
{
	double samples = (double)r->cpu.samples;
	hot_vec hot = {};
	int err = hot_functions(cpu, &hot);

	buf_printf(b, "  %7s %7s  %s\n", "SELF", "TOTAL", "FUNCTION");
	for (size_t i = 0; i < hot.n && i < FUNCTIONS_MAX && hot.v[i].self; i++) {
		buf_printf(b, "  %7s %7s  ", text_pct((double)hot.v[i].self, samples).s,
			   text_pct((double)hot.v[i].total, samples).s);
		text_frame(b, hot.v[i].name, TEXT_WIDTH - 19);
		buf_add_char(b, '\n');
	}
	vec_done(&hot);
	add_legend(b, r);
	return err;
}

/* Only those at which samples fell: callers' lines are in the stacks. */
static int add_source_lines(struct buf *b, const struct report *r)
{
	double samples = (double)r->cpu.samples;
	hot_line_vec hot = {};
	int err = hot_lines(r, &hot);

	if (hot.n && hot.v[0].self)
		buf_printf(b, "\n  %7s  %s\n", "SELF", "SOURCE LINE");
	for (size_t i = 0; i < hot.n && i < LINES_MAX && hot.v[i].self; i++) {
		_cleanup_(buf_done) struct buf place = {};

		text_clean(&place, path_last(hot.v[i].file));
		buf_printf(&place, ":%" PRIu32 "  ", hot.v[i].line);
		text_clean(&place, hot.v[i].name);
		buf_printf(b, "  %7s  ", text_pct((double)hot.v[i].self, samples).s);
		text_shorten(b, buf_str(&place), TEXT_WIDTH - 11);
		buf_add_char(b, '\n');
	}
	vec_done(&hot);
	return err;
}

static void add_stack(struct buf *b, const struct fold *f, const struct fold_line *line,
		      const char *share)
{
	buf_printf(b, "  %7s  ", share);
	text_shorten(b, fold_frame(f, line, 0), 20);
	buf_add_str(b, ": ");
	text_stack(b, f, line, 11, 3);
}

int text_cpu(struct buf *b, const struct report *r, const struct fold *cpu)
{
	double samples = (double)r->cpu.samples;
	int err;

	if (!r->has_cpu)
		return 0;
	if (!cpu->lines.n) {
		add_no_samples(b, r);
		return 0;
	}
	text_heading(b, "Where the CPU time goes",
		     "%s samples, %" PRIu32 " a second on each CPU; %s on CPU",
		     text_count(r->cpu.samples).s, r->cpu.frequency_hz, text_ns(text_cpu_ns(r)).s);
	err = add_functions(b, r, cpu);
	err = err ? err : add_source_lines(b, r);
	buf_add_str(b, "\n  Hottest stacks, leaf first:\n");
	for (size_t i = 0; i < cpu->lines.n && i < STACKS_MAX; i++)
		add_stack(b, cpu, &cpu->lines.v[i],
			  text_pct((double)cpu->lines.v[i].value, samples).s);
	if (cpu->lines.n > STACKS_MAX)
		buf_printf(b, "%11s%zu more stacks; -o FILE.html or FILE.folded shows all\n", "",
			   cpu->lines.n - STACKS_MAX);
	return err;
}

static void add_wait(struct buf *b, const struct report *r, const struct fold *f,
		     const struct fold_line *line)
{
	buf_printf(b, "  %7s %7s %7s %7s %7s  %-9s ", text_ns(line->value).s,
		   text_pct((double)line->value, (double)r->offcpu.total_ns).s,
		   text_count(line->count).s,
		   line->count ? text_ns(line->value / line->count).s : "-", text_ns(line->max).s,
		   line->tag == OFFCPU_PREEMPTED ? "preempted" : "blocked");
	text_shorten(b, fold_frame(f, line, 0), 26);
	buf_printf(b, "\n%11s", "");
	text_stack(b, f, line, 11, 2);
}

int text_offcpu(struct buf *b, const struct report *r, const struct fold *offcpu)
{
	if (!r->has_offcpu)
		return 0;
	if (!offcpu->lines.n) {
		text_heading(b, "Where it waits", "no thread left a CPU%s",
			     r->offcpu.left_out_ns ? " for long enough to be counted" : "");
		return 0;
	}
	text_heading(b, "Where it waits",
		     "%s off CPU over all threads: %s blocked, %s preempted (ready, but another "
		     "task had the CPU)",
		     text_ns(r->offcpu.total_ns).s, text_ns(r->offcpu.blocked_ns).s,
		     text_ns(r->offcpu.preempted_ns).s);
	buf_printf(b, "  %7s %7s %7s %7s %7s  %-9s %s\n", "TIME", "SHARE", "COUNT", "AVG", "MAX",
		   "WHY", "PROCESS, STACK (LEAF FIRST)");
	for (size_t i = 0; i < offcpu->lines.n && i < WAITS_MAX; i++)
		add_wait(b, r, offcpu, &offcpu->lines.v[i]);
	if (offcpu->lines.n > WAITS_MAX)
		buf_printf(b, "%11s%zu more stacks; -o FILE.html or FILE.folded shows all\n", "",
			   offcpu->lines.n - WAITS_MAX);
	return 0;
}
