/* SPDX-License-Identifier: GPL-2.0-only */
/* What our BPF programs cost, measured. */
#include "trace/selfcost.h"

#include <linux/types.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/clock.h"
#include "pathbpf.skel.h"

#define TICKS_OFF 9 /* between two measurements */

#define PROGRAMS_MAX 48

/* What the kernel has counted for one program. */
struct usage {
	uint64_t run_ns, runs;
};

struct selfcost {
	struct pathbpf *skel;
	int stats_fd; /* open: the kernel measures */
	unsigned int ticks;
	uint64_t started_ns, stopped_ns, window_ns, measured_ns;
	struct usage opened[PROGRAMS_MAX];   /* when the window was opened */
	struct usage measured[PROGRAMS_MAX]; /* in closed windows */
	struct usage last[PROGRAMS_MAX];     /* in the one that was closed last */
	bool ended;                          /* at the last tick */
};

static struct usage usage_of(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_program__fd(prog) < 0 ||
	    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
		return (struct usage){};
	return (struct usage){ info.run_time_ns, info.run_cnt };
}

static void open_window(struct selfcost *c)
{
	struct bpf_program *prog;
	uint32_t i = 0;

	c->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	bpf_object__for_each_program (prog, c->skel->obj) {
		if (i < PROGRAMS_MAX)
			c->opened[i++] = usage_of(prog);
	}
	c->window_ns = clock_monotonic_ns();
}

static void close_window(struct selfcost *c)
{
	struct bpf_program *prog;
	uint32_t i = 0;

	if (c->stats_fd < 0)
		return;
	bpf_object__for_each_program (prog, c->skel->obj) {
		struct usage now = usage_of(prog);

		if (i == PROGRAMS_MAX)
			break;
		c->last[i].run_ns = now.run_ns - c->opened[i].run_ns;
		c->last[i].runs = now.runs - c->opened[i].runs;
		c->measured[i].run_ns += c->last[i].run_ns;
		c->measured[i].runs += c->last[i].runs;
		i++;
	}
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
	c->ended = c->stats_fd >= 0;
	if (c->ended)
		close_window(c);
	else if (++c->ticks % TICKS_OFF == 0)
		open_window(c);
}

bool selfcost_measured(const struct selfcost *c, const char *prefix, uint64_t *run_ns,
		       uint64_t *runs)
{
	struct bpf_program *prog;
	uint32_t i = 0;

	if (!c || !c->ended)
		return false;
	bpf_object__for_each_program (prog, c->skel->obj) {
		if (i == PROGRAMS_MAX)
			break;
		if (!strncmp(bpf_program__name(prog), prefix, strlen(prefix))) {
			*run_ns += c->last[i].run_ns;
			*runs += c->last[i].runs;
		}
		i++;
	}
	return true;
}

void selfcost_stop(struct selfcost *c)
{
	if (!c || c->stopped_ns)
		return;
	close_window(c);
	c->stopped_ns = clock_monotonic_ns();
}

void selfcost_each(const struct selfcost *c,
		   void (*fn)(const char *program, double run_ns, double runs, void *arg),
		   void *arg)
{
	struct bpf_program *prog;
	double scale;
	uint32_t i = 0;

	if (!c || !c->measured_ns)
		return;
	scale = (double)((c->stopped_ns ? c->stopped_ns : clock_monotonic_ns()) - c->started_ns) /
		(double)c->measured_ns;
	bpf_object__for_each_program (prog, c->skel->obj) {
		if (i == PROGRAMS_MAX)
			break;
		fn(bpf_program__name(prog), (double)c->measured[i].run_ns * scale,
		   (double)c->measured[i].runs * scale, arg);
		i++;
	}
}

void selfcost_free(struct selfcost *c)
{
	if (!c)
		return;
	close_window(c);
	free(c);
}
