/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of a function as the unit of work: where its probes go is planned as -t plans it. */
#include "trace/work_impl.h"

#include <errno.h>
#include <stdio.h>

#include "trace/collect.h"
#include "trace/nearmiss.h"
#include "trace/plan.h"
#include "trace/textcheck.h"

/* What is known of the target while the probes are planned. */
struct search {
	struct collect collect;
	struct plan plan;
};

static void search_done(struct search *s)
{
	plan_done(&s->plan);
	collect_done(&s->collect);
}

/* In one object: all nodes of it. */
static int probe_object(const struct search *s, uint32_t object, struct bpf_program *prog,
			struct uprobe_links *links)
{
	struct uprobe_places places = { .path = s->collect.objects.files.v[object]->via };
	VEC(unsigned long) offsets = {};
	int err = 0;

	vec_foreach (n, &s->plan.nodes) {
		if (n->object == object && !n->refused && !err)
			err = vec_push(&offsets, n->offset + n->entry.skip);
	}
	places.offsets = offsets.v;
	places.n = (uint32_t)offsets.n;
	err = err ? err : uprobe_links_add(links, prog, &places);
	vec_done(&offsets);
	return err;
}

static int look(struct search *s, const char *spec, const pid_vec *pids, char *msg, size_t size)
{
	int err = plan_add_spec(&s->plan, spec, msg, size);

	if (err)
		return err;
	if (s->plan.specs.v[0].kind != SPEC_FUNCTION) {
		snprintf(msg, size, "'%s' is no function of a program", spec);
		return -EINVAL;
	}
	vec_foreach (pid, pids)
		process_of(&s->collect.processes, &s->collect.objects, *pid);
	err = plan_update(&s->plan, &s->collect.objects, &s->collect.processes);
	err = err < 0 ? err : textcheck_plan(&s->plan, &s->collect.objects, &s->collect.processes);
	if (err)
		snprintf(msg, size, "cannot look for '%s'", spec);
	return err;
}

/* Why there is nothing to probe. */
static void tell_nothing(struct search *s, const char *spec, char *msg, size_t size)
{
	char near[256] = "";

	if (s->plan.skipped.n) {
		snprintf(msg, size, "'%s' cannot be probed: %s", s->plan.skipped.v[0].name,
			 s->plan.skipped.v[0].why);
		return;
	}
	near_misses(&s->plan, &s->collect.objects, spec, near, sizeof(near));
	snprintf(msg, size, "no function matches '%s'%s%s", spec, near[0] ? "; there are: " : "",
		 near);
}

int work_probe_function(const char *spec, const pid_vec *pids, struct bpf_program *prog,
			struct uprobe_links *links, char *msg, size_t size)
{
	_cleanup_(search_done) struct search s = {};
	size_t probed = 0;
	int err = look(&s, spec, pids, msg, size);

	if (err)
		return err;
	vec_foreach (n, &s.plan.nodes)
		probed += !n->refused;
	if (!probed) {
		tell_nothing(&s, spec, msg, size);
		return -ENOENT;
	}
	for (uint32_t i = 0; i < s.collect.objects.files.n && !err; i++) {
		bool has = false;

		vec_foreach (n, &s.plan.nodes)
			has |= n->object == i && !n->refused;
		err = has ? probe_object(&s, i, prog, links) : 0;
	}
	if (err)
		snprintf(msg, size, "cannot probe '%s'", spec);
	return err;
}
