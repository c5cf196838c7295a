/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be done to a session while it runs, on request. */
#include "trace/session_control.h"

#include <errno.h>
#include <linux/types.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "trace/emergency.h"
#include "trace/iterate.h"
#include "trace/livesums.h"
#include "trace/plugins.h"
#include "trace/costs.h"
#include "trace/governor.h"
#include "trace/selfcost.h"
#include "trace/session_impl.h"
#include "trace/textwatch.h"

/* The iterator for one purpose: nobody else runs it. */
static int iterate_for(struct session *s, enum pb_iter kind, struct buf *out)
{
	int err;

	s->skel->bss->iter_kind = kind;
	err = iterate(s->skel->progs.pb_iter_end, out);
	s->skel->bss->iter_kind = PB_ITER_END;
	return err;
}

int session_live(struct session *s, struct live_sums *ret)
{
	_cleanup_(buf_done) struct buf out = {};
	int err = live_sums_read(ret, s->skel);

	err = err ? err : iterate_for(s, PB_ITER_LIVE, &out);
	return err ? err : live_sums_add(ret, out.data, out.len);
}

pid_t session_fork(struct session *s)
{
	pid_t child;

	governor_hold(s->governor);
	uprobes_hold(s->uprobes);
	child = fork();
	uprobes_let_go(s->uprobes);
	governor_let_go(s->governor);
	return child;
}

void session_pretend_end(struct session *s)
{
	emergency_drop_probes();
	s->end_ns = clock_monotonic_ns();
	selfcost_stop(costs_selfcost(s->costs));
	session_tell_left_out(s);
	textwatch_last(s->watch);
	plugins_end(s->collect->plugins, s->end_ns);
}
