/* SPDX-License-Identifier: GPL-2.0-only */
/* A plugin or a path, as rules and lists see them. */
#include "analysis/subject.h"

#include "analysis/percent.h"
#include "analysis/plugin_metrics.h"

/* With fewer, a share of samples says nothing about a share of time. */
#define SAMPLES_MIN 30

void subject_of_plugin(const struct report *r, uint32_t plugin, struct subject *ret)
{
	const struct plugin *p = &r->plugins.v[plugin];
	struct plugin_metrics m;

	plugin_metrics(r, p, &m);
	*ret = (struct subject){ .plugin = plugin,
				 .path = REPORT_NONE,
				 .calls = m.executions,
				 .errors = m.failed,
				 .load_errors = p->load_errors,
				 .failures = m.failures,
				 .longest_ns = m.longest_ns,
				 .running_ns = m.longest_ns > m.max_ns ? m.longest_ns : 0,
				 .average_ns = m.average_ns,
				 .memory_bytes = m.memory_bytes,
				 .cpu_ns = p->has_cpu ? p->cpu_ns : 0,
				 .offcpu_ns = p->has_cpu ? p->offcpu_ns : 0,
				 .error_pct = m.error_pct,
				 .cpu_pct = m.cpu_pct,
				 .stats = p->stats };
	if (!p->has_cpu && r->cpu.samples >= SAMPLES_MIN) {
		ret->cpu_pct = m.sample_pct;
		ret->cpu_by_samples = true;
	}
}

void subject_of_path(const struct report *r, uint32_t path, struct subject *ret)
{
	const struct path *p = &r->paths.v[path];
	const struct call_stats *s = &p->stats;
	uint64_t timed = s->calls > p->untimed ? s->calls - p->untimed : 0;

	*ret = (struct subject){ .plugin = REPORT_NONE,
				 .path = path,
				 .calls = s->calls,
				 .errors = s->errors,
				 .failures = s->errors,
				 .longest_ns = s->max_ns,
				 .average_ns = timed ? s->total_ns / timed : 0,
				 .cpu_ns = p->has_cpu ? p->cpu_ns : 0,
				 .offcpu_ns = p->has_cpu ? p->offcpu_ns : 0,
				 .error_pct = percent((double)s->errors, (double)s->calls),
				 .cpu_pct = NAN,
				 .stats = s };
	if (p->has_cpu)
		ret->cpu_pct = percent_within((double)p->cpu_ns, targets_cpu_ns(r));
}

void subject_format(struct buf *b, const struct report *r, uint32_t plugin, uint32_t path)
{
	if (plugin < r->plugins.n)
		text_clean(b, r->plugins.v[plugin].id);
	else
		path_format(b, r, path, " > ");
}
