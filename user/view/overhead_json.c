/* SPDX-License-Identifier: GPL-2.0-only */
/* What tracing costs, for programs. */
#include <errno.h>
#include <math.h>

#include "view/json_out.h"
#include "view/overhead.h"

static const char *name_of(const struct overhead_view *v, enum work_unit unit)
{
	const char *name = work_unit_name(unit);

	return name ? name : v->unit_arg ? v->unit_arg : "";
}

static json_t *interval_json(const struct abtest_interval *i)
{
	return json_pack("{s:o, s:o, s:o}", "change_pct", json_known(abtest_pct(i->value)),
			 "low_pct", json_known(abtest_pct(i->low)), "high_pct",
			 json_known(abtest_pct(i->high)));
}

/* The estimate to be told, and both that it was chosen from. */
static json_t *test_json(const struct abtest *t)
{
	const struct abtest_interval *best = abtest_best(t);
	json_t *o = interval_json(best);

	if (o && (json_object_set_new(o, "pairs", json_integer((json_int_t)t->n)) ||
		  json_object_set_new(o, "method",
				      json_string(best == &t->mean ? "mean" : "signed_ranks")) ||
		  json_object_set_new(o, "mean", interval_json(&t->mean)) ||
		  json_object_set_new(o, "signed_ranks", interval_json(&t->median)))) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *cost_json(const struct overhead_view *v, enum work_unit unit)
{
	const struct work_cost *c = &v->costs->by[unit];
	json_t *o = json_pack(
	    "{s:o, s:b, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "name", json_text(name_of(v, unit)),
	    "disagrees", v->costs->disagree[unit], "pairs", json_u64(c->pairs), "left_out",
	    json_u64(c->left_out), "spread_pct", json_known(100 * c->spread), "untraced_cpu_ns",
	    json_known(c->off_ns), "traced_cpu_ns", json_known(c->on_ns), "untraced_per_s",
	    json_known(c->off_rate), "traced_per_s", json_known(c->on_rate));

	if (o && (json_object_set_new(o, "cpu", test_json(&c->cpu)) ||
		  json_object_set_new(o, "throughput", test_json(&c->rate)))) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *block_json(const struct work_block *b, size_t pair, bool traced)
{
	json_t *units = json_object(), *o;

	for (int i = 0; units && i < WORK_UNITS; i++) {
		const char *name = work_unit_name((enum work_unit)i);

		if (i != WORK_TIME && json_object_set_new(units, name ? name : "named",
							  json_integer(json_u64(b->units[i])))) {
			json_decref(units);
			return NULL;
		}
	}
	o = units
		? json_pack("{s:I, s:b, s:I, s:I, s:I, s:o}", "pair", (json_int_t)pair, "traced",
			    traced, "wall_ns", json_u64(b->wall_ns), "cpu_ns", json_u64(b->cpu_ns),
			    "pathbpf_cpu_ns", json_u64(b->tracer_cpu_ns), "units", units)
		: NULL;
	return o;
}

/* In the order in which they ran. */
static void put_blocks(struct json_out *j, const struct overhead_view *v)
{
	json_open(j, "blocks", '[');
	for (size_t i = 0; i < v->pairs->n; i++) {
		const struct work_pair *p = &v->pairs->v[i];

		json_put(j, NULL, block_json(p->on_first ? &p->on : &p->off, i, p->on_first));
		json_put(j, NULL, block_json(p->on_first ? &p->off : &p->on, i, !p->on_first));
	}
	json_close(j, ']');
}

static json_t *change_json(const struct overhead_view *v, bool begins)
{
	struct work_change_cost c = work_change_cost(v->changes, begins, v->costs);

	return json_pack("{s:I, s:o, s:o, s:o}", "n", json_u64(c.n), "wall_ns",
			 json_known(c.wall_ns), "pathbpf_cpu_ns", json_known(c.tracer_cpu_ns),
			 "target_cpu_ns", json_known(c.target_cpu_ns));
}

static void put_verdict(struct json_out *j, const struct overhead_view *v)
{
	static const char *const verdicts[] = {
		[ABTEST_UNTOLD] = "untold", [ABTEST_MORE] = "costs", [ABTEST_LESS] = "less"
	};
	static const char *const budgets[] = {
		[ABTEST_WITHIN] = "kept", [ABTEST_UNSURE] = "unsure", [ABTEST_OVER] = "exceeded"
	};
	const struct abtest_interval *i = abtest_best(&v->costs->by[v->costs->unit].cpu);

	json_put(j, "verdict", json_string(verdicts[abtest_verdict(i)]));
	json_put(j, "budget_pct", json_known(v->budget_pct));
	json_put(j, "budget",
		 isnan(v->budget_pct) ? json_null()
				      : json_string(budgets[abtest_budget(i, v->budget_pct)]));
}

int overhead_json(const struct overhead_view *v, FILE *out)
{
	struct json_out j = { .out = out };

	fputc('{', out);
	json_put(&j, "schema", json_integer(1));
	json_put(&j, "pathbpf", json_text(v->version));
	json_put(&j, "target", json_text(v->target));
	json_put(&j, "record", json_text(v->record));
	put_verdict(&j, v);
	json_put(&j, "unit", cost_json(v, v->costs->unit));
	json_put(&j, "unit_chosen", json_boolean(v->costs->chosen));
	json_open(&j, "units", '[');
	for (int i = 0; i < WORK_UNITS; i++)
		if (v->costs->by[i].usable && i != WORK_TIME)
			json_put(&j, NULL, cost_json(v, (enum work_unit)i));
	json_close(&j, ']');
	json_put(&j, "clock", json_string(v->on_cpu ? "on-cpu" : "scheduler"));
	json_put(&j, "pathbpf_cpu_pct", json_known(work_tracer_pct(v->pairs->v, v->pairs->n)));
	json_put(&j, "attach", change_json(v, true));
	json_put(&j, "detach", change_json(v, false));
	json_put(&j, "duration_ns", json_integer(json_u64(v->duration_ns)));
	json_put(&j, "block_ns", json_integer(json_u64(v->block_ns)));
	json_put(&j, "seed", json_integer(json_u64(v->seed)));
	json_put(&j, "ended_by",
		 json_string(v->interrupted   ? "user"
			     : v->target_gone ? "target"
					      : "duration"));
	json_put(&j, "lost_threads", json_integer(json_u64(v->lost)));
	put_blocks(&j, v);
	fputs("\n}\n", out);
	return j.err;
}
