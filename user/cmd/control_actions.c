/* SPDX-License-Identifier: GPL-2.0-only */
/* What `pathbpf ctl` changes of a running trace. */
#include "cmd/control_actions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/control.h"
#include "cmd/record_targets.h"
#include "data/report.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "trace/collect.h"
#include "trace/nearmiss.h"
#include "trace/plan.h"
#include "trace/plan_change.h"
#include "trace/session.h"
#include "trace/session_control.h"

#define ACTIONS_MAX 200 /* that the report tells of */

void actions_done(action_vec *a)
{
	vec_foreach (action, a)
		free(action->text);
	vec_done(a);
}

static void note_action(action_vec *a, const struct control_subject *on, enum action_kind kind,
			const char *text, uint32_t nodes)
{
	struct action action = { .kind = kind,
				 .text = strdup(text),
				 .time_ns = clock_monotonic_ns() - session_begin_ns(on->session),
				 .nodes = nodes };

	if (a->n >= ACTIONS_MAX || !action.text || vec_push(a, action))
		free(action.text);
}

void actions_tell(const action_vec *a, struct report *r)
{
	vec_foreach (action, a) {
		char text[200];

		double seconds = (double)action->time_ns / 1e9;

		if (action->kind == ACTION_ADD) {
			snprintf(text, sizeof(text),
				 "added on request after %.2f s, by '%.100s': %u function%s, whose "
				 "counts begin there",
				 seconds, action->text, action->nodes,
				 action->nodes == 1 ? "" : "s");
			vec_push(&r->notes, report_str(r, text));
			continue;
		}
		snprintf(text, sizeof(text),
			 "removed on request after %.2f s: %u function%s, whose counts end there",
			 seconds, action->nodes, action->nodes == 1 ? "" : "s");
		vec_push(&r->overhead.detached,
			 (struct named_why){ report_str(r, action->text), report_str(r, text) });
	}
}

/* Which functions there would be. */
static void add_near_misses(const struct control_subject *on, const char *spec, char *why,
			    size_t why_size)
{
	size_t n = strlen(why);
	char near[256];

	near_misses(on->plan, &on->collect->objects, spec, near, sizeof(near));
	if (near[0])
		snprintf(why + n, why_size - n, "; there are: %s", near);
}

static json_t *tell_added(const struct control_subject *on, const struct plan_change *change)
{
	const struct plan_skip *first =
	    change->skipped ? &on->plan->skipped.v[on->plan->skipped.n - change->skipped] : NULL;
	uint32_t attached = 0;
	json_t *o;

	vec_foreach (node, &on->plan->nodes)
		attached += node->attached;
	o = json_pack("{s:i, s:i, s:i, s:b}", "nodes", (int)change->nodes, "probed", (int)attached,
		      "skipped", (int)change->skipped, "waits", (int)change->waits);
	if (o && first) {
		json_object_set_new(o, "skipped_first", json_string(first->name));
		json_object_set_new(o, "skipped_why", json_string(first->why));
	}
	return o;
}

int control_add(action_vec *a, const struct control_subject *on, const char *spec, json_t **ret,
		char *why, size_t why_size)
{
	struct plan_change change;
	const char *objection;
	struct spec parsed;
	int err = spec_parse(spec, &parsed, why, why_size);

	if (err)
		return err;
	if (!session_can_add(on->session, parsed.kind, &objection))
		err = -ENOTSUP;
	spec_done(&parsed);
	if (err) {
		snprintf(why, why_size, "%s", objection);
		return err;
	}
	err = plan_change_add(on->plan, &on->collect->objects, &on->collect->processes, spec,
			      &change, why, why_size);
	if (err == -ENOENT && !change.known)
		add_near_misses(on, spec, why, why_size);
	if (err)
		return err;
	err = session_attach_new(on->session);
	if (err) {
		snprintf(why, why_size, "cannot attach them all: %s", strerror(-err));
		return err;
	}
	log_info("added on request: '%s', functions: %u", spec, change.nodes);
	note_action(a, on, ACTION_ADD, spec, change.nodes);
	*ret = tell_added(on, &change);
	return 0;
}

int control_remove(action_vec *a, const struct control_subject *on, const char *spec, json_t **ret,
		   char *why, size_t why_size)
{
	struct plan_change change;
	int err = plan_change_remove(on->plan, &on->collect->objects, &on->collect->processes, spec,
				     &change, why, why_size);

	if (err)
		return err;
	err = session_detach_removed(on->session);
	if (err) {
		snprintf(why, why_size, "not all could be attached anew: %s", strerror(-err));
		return err;
	}
	log_info("removed on request: '%s', functions: %u", spec, change.nodes);
	note_action(a, on, ACTION_REMOVE, spec, change.nodes);
	*ret = json_pack("{s:i}", "nodes", (int)change.nodes);
	return 0;
}

int control_pause(const struct control_subject *on, json_t **ret, char *why, size_t why_size)
{
	const char *objection = session_no_pause(on->session);
	int err;

	if (session_is_paused(on->session))
		objection = "it is paused already";
	if (objection) {
		snprintf(why, why_size, "%s", objection);
		return -ENOTSUP;
	}
	on->collect->paused_at = clock_boot_ticks();
	err = session_pause(on->session);
	if (err)
		snprintf(why, why_size, "it is paused, but not all was closed cleanly: %s",
			 strerror(-err));
	*ret = NULL;
	return err;
}

int control_resume(const struct control_subject *on, json_t **ret, char *why, size_t why_size)
{
	uint64_t before_ns = session_paused_ns(on->session);
	int err;

	if (!session_is_paused(on->session)) {
		snprintf(why, why_size, "it is not paused");
		return -EINVAL;
	}
	err = record_targets_again(on->opt, on->collect, on->session);
	err = err ? err : session_resume(on->session);
	if (err) {
		snprintf(why, why_size, "cannot attach again: %s", strerror(-err));
		return err;
	}
	*ret = json_pack("{s:I}", "paused_ns", (json_int_t)before_ns);
	return 0;
}
