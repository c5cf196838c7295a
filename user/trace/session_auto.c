/* SPDX-License-Identifier: GPL-2.0-only */
/* -t auto: functions are chosen while the trace runs, by what the stacks say so far. */
#include <errno.h>
#include <linux/types.h>

#include <bpf/libbpf.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "trace/autochoice.h"
#include "trace/governor.h"
#include "trace/plan_auto.h"
#include "trace/session_impl.h"

#define SHARE_MIN   0.01 /* of all time: less is not worth a span */
#define FUNCTIONS   48   /* at a time */
#define NODES_MAX   128  /* chosen in all */
#define SAMPLES_MIN 50
#define FIRST_NS    700000000ULL
#define STRETCH     2 /* each time it takes so many times longer to the next look */
#define LONGEST_NS  30000000000ULL

static uint32_t automatic_nodes(const struct plan *p)
{
	uint32_t n = 0;

	vec_foreach (node, &p->nodes)
		n += node->automatic;
	return n;
}

static int choose(struct session *s)
{
	struct auto_input in = { .collect = s->collect,
				 .skel = s->opt.offcpu ? s->skel : NULL,
				 .sample_ns = 1000000000 / s->opt.frequency_hz };
	uint32_t room = NODES_MAX - automatic_nodes(s->plan);
	auto_function_vec found = {};
	int n;

	n = auto_choose(&in, SHARE_MIN, room < FUNCTIONS ? room : FUNCTIONS, &found);
	/* What stands against probes in what came since. */
	n = n ? n : plan_update(s->plan, &s->collect->objects, &s->collect->processes);
	n = n < 0 ? n : plan_auto(s->plan, &s->collect->objects, &found);
	vec_done(&found);
	if (n <= 0)
		return n;
	log_info("%d function%s chosen for spans", n, n == 1 ? "" : "s");
	n = session_set_nodes(s);
	n = n ? n : session_attach_functions(s);
	governor_trial(s->governor);
	return n;
}

int session_auto_tick(struct session *s)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (!s->opt.automatic || !s->uprobes || !s->opt.cpu || s->paused_at_ns)
		return 0;
	if (!s->auto_next_ns) {
		s->auto_wait_ns = FIRST_NS;
		s->auto_next_ns = s->begin_ns + FIRST_NS;
	}
	if (now_ns < s->auto_next_ns || s->collect->samples < SAMPLES_MIN ||
	    automatic_nodes(s->plan) >= NODES_MAX)
		return 0;
	s->auto_wait_ns =
	    s->auto_wait_ns * STRETCH < LONGEST_NS ? s->auto_wait_ns * STRETCH : LONGEST_NS;
	s->auto_next_ns = now_ns + s->auto_wait_ns;
	return choose(s);
}
