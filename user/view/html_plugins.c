/* SPDX-License-Identifier: GPL-2.0-only */
/* The HTML report's data: plugins, and which rules are broken. */
#include "view/html_writer.h"

#include <inttypes.h>
#include <math.h>

#include "analysis/findings.h"
#include "analysis/plugin_metrics.h"

/* A share in per cent, -1 when it is not known. */
static void add_pct(struct html_writer *w, double pct)
{
	buf_printf(w->out, "%.3f,", isfinite(pct) ? pct : -1.0);
}

/*
 * id, object's name, path, state, why not traced, loads, failed loads, unloads, CPU %, memory in
 * bytes or -1, executions that had not ended, CPU samples, and what html_stats() writes
 */
static void add_plugin(struct html_writer *w, const struct plugin *p)
{
	static const struct call_stats none;
	struct plugin_metrics m;

	plugin_metrics(w->r, p, &m);
	html_str(w, p->id);
	html_comma(w);
	html_str(w, html_object_name(w->r, p->object));
	html_comma(w);
	html_str(w, p->path);
	html_comma(w);
	html_str(w, plugin_state_name(p->state));
	html_comma(w);
	html_str(w, p->traced || p->state == PLUGIN_FAILED ? NULL : p->untraced_why);
	buf_printf(w->out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", p->loads, p->load_errors,
		   p->unloads);
	add_pct(w, m.cpu_pct);
	if (p->has_memory || p->has_allocs)
		html_u64(w, m.memory_bytes);
	else
		buf_add_str(w->out, "-1");
	buf_printf(w->out, ",%" PRIu64 ",%" PRIu64 ",", p->in_flight, p->samples);
	html_stats(w, p->stats ? p->stats : &none);
}

/* rule, sentence, whether it is only inherited */
static int add_findings(struct html_writer *w)
{
	finding_vec findings = {};
	int err = findings_make(w->r, &findings);

	buf_add_str(w->out, "\"findings\":[");
	vec_foreach (f, &findings) {
		buf_add_str(w->out, f > findings.v ? ",\n[" : "[");
		html_str(w, finding_rule_name(f->rule));
		html_comma(w);
		html_str(w, f->text);
		buf_printf(w->out, ",%d]", f->inherited);
	}
	buf_add_str(w->out, "],\n");
	findings_done(&findings);
	return err;
}

int html_plugins(struct html_writer *w)
{
	if (w->r->has_plugins) {
		buf_add_str(w->out, "\"plugins\":[");
		vec_foreach (p, &w->r->plugins) {
			buf_add_str(w->out, p > w->r->plugins.v ? ",\n[" : "[");
			add_plugin(w, p);
			buf_add_char(w->out, ']');
		}
		buf_add_str(w->out, "],\n");
	}
	return add_findings(w);
}
