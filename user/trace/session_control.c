/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be done to a session while it runs, on request. */
#include "trace/session_control.h"

#include <errno.h>
#include <linux/types.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "trace/costs.h"
#include "trace/governor.h"
#include "trace/iterate.h"
#include "trace/kprobe.h"
#include "trace/livesums.h"
#include "trace/loaders.h"
#include "trace/mapread.h"
#include "trace/plugins.h"
#include "trace/sampler.h"
#include "trace/selfcost.h"
#include "trace/session_impl.h"
#include "trace/textwatch.h"

#define CLOSING_US   1000 /* for running programs to end */
#define INERT_PAUSED 2    /* bss->inert; 1 is the emergency stop's */

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
	s->end_ns = clock_monotonic_ns();
	s->ended = governor_now(s->governor);
	selfcost_stop(costs_selfcost(s->costs));
	session_tell_left_out(s);
	textwatch_last(s->watch);
	plugins_end(s->collect->plugins, s->end_ns);
}

static bool is_loaded(const struct bpf_program *prog)
{
	return bpf_program__fd(prog) >= 0;
}

bool session_can_add(const struct session *s, enum spec_kind kind, const char **why)
{
	const struct pathbpf *skel = s->skel;

	*why = NULL;
	if (!s->plan || !s->uprobes || !is_loaded(skel->progs.pb_span_enter))
		*why =
		    "this trace began without functions (-t), so that nothing is loaded that could "
		    "follow them: start another one";
	else if (kind == SPEC_USDT && !is_loaded(skel->progs.pb_usdt))
		*why = "this trace began without static probes: start another one with -t usdt:…";
	else if (kind == SPEC_KERNEL && !s->kprobes)
		*why = "this trace began without kernel functions: start another one with -t k:…";
	else if (kind == SPEC_SYSCALL && !skel->rodata->config.syscall_spans)
		*why = "this trace began without system calls as spans: start another one with -t "
		       "sys:…";
	return !*why;
}

static void detach_kernel(struct session *s)
{
	kprobes_reset(s->kprobes);
	vec_foreach (node, &s->plan->nodes)
		node->attached = node->attached && node->how != PLAN_KERNEL;
}

static bool is_removed(const struct plan_node *node, const void *arg)
{
	(void)arg;
	return node->removed && node->attached;
}

/* Are there nodes that were only detached because they share a link with others? */
static bool have_bystanders(const struct plan *p, const bool *before)
{
	for (size_t i = 0; i < p->nodes.n; i++) {
		if (before[i] && !p->nodes.v[i].attached && !p->nodes.v[i].removed)
			return true;
	}
	return false;
}

int session_detach_removed(struct session *s)
{
	_cleanup_free_ bool *before = calloc(s->plan->nodes.n + 1, sizeof(*before));
	uint64_t begin_ns = clock_monotonic_ns();
	bool kernel = false, gap;
	int err = before ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < s->plan->nodes.n; i++) {
		const struct plan_node *node = &s->plan->nodes.v[i];

		before[i] = node->attached;
		kernel |= node->how == PLAN_KERNEL && is_removed(node, NULL);
	}
	err = err ? err : session_set_nodes(s);
	if (err)
		return err;
	if (s->uprobes && !s->paused_at_ns)
		uprobes_release(s->uprobes, s->plan, is_removed, NULL);
	if (kernel && !s->paused_at_ns)
		detach_kernel(s);
	vec_foreach (node, &s->plan->nodes)
		node->attached = node->attached && !node->removed;
	if (s->paused_at_ns)
		return 0;
	gap = have_bystanders(s->plan, before);
	err = session_attach_functions(s);
	if (gap)
		s->gap_ns += clock_monotonic_ns() - begin_ns;
	return err;
}

/* Loads in a pause are not seen: whoever asks for plugins would miss them. */
const char *session_no_pause(const struct session *s)
{
	const struct plugins_options *p = s->opt.plugins;

	return p && (p->globs_n || p->on_event)
		   ? "a trace that was asked for plugins (--plugin, --events) cannot be paused: it "
		     "would miss what is loaded meanwhile"
		   : NULL;
}

int session_pause(struct session *s)
{
	int err;

	if (s->paused_at_ns)
		return 0;
	/* All at the same moment; then nothing changes any more while it is closed. */
	__sync_val_compare_and_swap(&s->skel->bss->inert, 0, INERT_PAUSED);
	s->paused_at_ns = clock_monotonic_ns();
	usleep(CLOSING_US);
	governor_pause(s->governor);
	err = iterate_for(s, PB_ITER_PAUSE, NULL);
	if (s->plan) {
		session_detach_objects(s);
		detach_kernel(s);
	}
	loaders_detach(s->loaders);
	loaders_free(s->loaders);
	s->loaders = NULL;
	sampler_free(s->sampler);
	s->sampler = NULL;
	pathbpf__detach(s->skel);
	if (ring_buffer__consume(s->ring) < 0 && !err)
		err = -EIO;
	return err;
}

static int delete_key(int fd, const void *key)
{
	return bpf_map_delete_elem(fd, key) && errno != ENOENT ? -errno : 0;
}

/* Their calls were counted as cut off. */
static int forget_goroutines(struct session *s)
{
	int fd = bpf_map__fd(s->skel->maps.goroutines), err = 0;
	unsigned char key[64];

	if (bpf_map__key_size(s->skel->maps.goroutines) > sizeof(key))
		return -EOVERFLOW;
	while (!err && !bpf_map_get_next_key(fd, NULL, key))
		err = delete_key(fd, key);
	return err;
}

/* All buffers for recorded traces are free again. */
static int free_timelines(struct session *s)
{
	int fd = bpf_map__fd(s->skel->maps.timelines_free);
	uint32_t id;

	while (!bpf_map_lookup_and_delete_elem(fd, NULL, &id))
		;
	return session_set_timelines(s);
}

int session_resume(struct session *s)
{
	int err;

	if (!s->paused_at_ns)
		return 0;
	err = forget_goroutines(s);
	err = err ? err : free_timelines(s);
	err = err ? err : session_set_nodes(s);
	session_make_paths(s);
	session_update_unwinder(s);
	err = err ? err : session_attach_events(s);
	err = err || !s->plan ? err : session_attach_functions(s);
	err = err ? err : session_plugins_open(s);
	governor_resume(s->governor, s->sampler);
	/* But not after an emergency stop, which says something else there. */
	__sync_val_compare_and_swap(&s->skel->bss->inert, INERT_PAUSED, 0);
	s->paused_ns += clock_monotonic_ns() - s->paused_at_ns;
	s->paused_at_ns = 0;
	s->pauses++;
	return err ? err : iterate(s->skel->progs.pb_iter_begin, NULL);
}

bool session_is_paused(const struct session *s)
{
	return s->paused_at_ns;
}

uint64_t session_paused_ns(const struct session *s)
{
	uint64_t end_ns = s->end_ns ? s->end_ns : clock_monotonic_ns();

	return s->paused_ns + (s->paused_at_ns ? end_ns - s->paused_at_ns : 0);
}

uint32_t session_pauses(const struct session *s)
{
	return s->pauses + (s->paused_at_ns != 0);
}

int session_add_target(struct session *s, uint32_t pid)
{
	uint32_t flags = PB_TARGET_TRACED;

	return bpf_map_update_elem(bpf_map__fd(s->skel->maps.targets), &pid, &flags, BPF_ANY)
		   ? -errno
		   : 0;
}

void session_drop_target(struct session *s, uint32_t pid)
{
	bpf_map_delete_elem(bpf_map__fd(s->skel->maps.targets), &pid);
}

void session_set_others_cost(struct session *s, double pct)
{
	governor_set_others(s->governor, pct);
}

void session_set_max_overhead(struct session *s, double pct)
{
	struct governor_limits limits;

	plugins_set_max_overhead(s->collect->plugins, pct);
	governor_limits(s->governor, &limits);
	limits.overhead_pct = pct;
	governor_set_limits(s->governor, &limits);
}
