/* SPDX-License-Identifier: GPL-2.0-only */
/* What our BPF programs cost, measured. */
#include "trace/selfcost.h"

#include <linux/types.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/clock.h"
#include "pathbpf.skel.h"

#define TICKS_OFF 9 /* between two measurements */

struct selfcost {
	struct pathbpf *skel;
	int stats_fd; /* open: the kernel measures */
	unsigned int ticks;
	uint64_t started_ns, stopped_ns, window_ns;
	uint64_t window_run_ns;                /* run time when the window was opened */
	uint64_t measured_ns, measured_run_ns; /* of closed windows */
};

static uint64_t run_time(struct pathbpf *skel)
{
	struct bpf_program *prog;
	uint64_t sum = 0;

	bpf_object__for_each_program (prog, skel->obj) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
			sum += info.run_time_ns;
	}
	return sum;
}

static void open_window(struct selfcost *c)
{
	c->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	c->window_run_ns = run_time(c->skel);
	c->window_ns = clock_monotonic_ns();
}

static void close_window(struct selfcost *c)
{
	if (c->stats_fd < 0)
		return;
	c->measured_run_ns += run_time(c->skel) - c->window_run_ns;
	c->measured_ns += clock_monotonic_ns() - c->window_ns;
	close(c->stats_fd);
	c->stats_fd = -1;
}

struct selfcost *selfcost_start(struct pathbpf *skel)
{
	struct selfcost *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->skel = skel;
	c->started_ns = clock_monotonic_ns();
	open_window(c);
	if (c->stats_fd < 0) {
		free(c);
		return NULL;
	}
	return c;
}

void selfcost_tick(struct selfcost *c)
{
	if (!c || c->stopped_ns)
		return;
	if (c->stats_fd >= 0)
		close_window(c);
	else if (++c->ticks % TICKS_OFF == 0)
		open_window(c);
}

void selfcost_stop(struct selfcost *c)
{
	if (!c || c->stopped_ns)
		return;
	close_window(c);
	c->stopped_ns = clock_monotonic_ns();
}

uint64_t selfcost_ns(const struct selfcost *c)
{
	if (!c || !c->measured_ns)
		return 0;
	return (uint64_t)((double)c->measured_run_ns / (double)c->measured_ns *
			  (double)((c->stopped_ns ? c->stopped_ns : clock_monotonic_ns()) -
				   c->started_ns));
}

void selfcost_free(struct selfcost *c)
{
	if (!c)
		return;
	close_window(c);
	free(c);
}
