/* SPDX-License-Identifier: GPL-2.0-only */
/* A trace in the kernel: load, attach, drain, stop. */
#include "trace/session_impl.h"

#include <errno.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "trace/allocs.h"
#include "trace/iterate.h"
#include "trace/kprobe.h"
#include "trace/loaders.h"
#include "trace/plugins.h"
#include "trace/runtimes.h"
#include "trace/sampler.h"
#include "trace/costs.h"
#include "trace/governor.h"
#include "trace/hits.h"
#include "trace/trapcost.h"
#include "trace/selfcost.h"
#include "trace/textcheck.h"
#include "trace/textwatch.h"
#include "trace/unwinder.h"
#include "trace/unwindrows.h"
#include "trace/windows.h"

#define CLOSING_US        1000
#define KERNEL_UNWIND_MAX 64
#define DRAIN_LONG_NS     300000000ULL /* what a turn may take of the ring */

/* libbpf's messages, the verifier's log among them, are for us, not for users. */
static int libbpf_message(enum libbpf_print_level level, const char *fmt, va_list args)
{
	_cleanup_free_ char *text = NULL;
	char *rest;

	if (log_level() < LOG_DEBUG || level > LIBBPF_INFO || vasprintf(&text, fmt, args) < 0)
		return 0;
	rest = text;
	for (const char *line; (line = strsep(&rest, "\n"));)
		log_debug("%s", line);
	return 0;
}

void session_add_missing(struct session *s, const char *what, const char *fmt, ...)
{
	struct session_missing m = { .what = what };
	va_list args;

	va_start(args, fmt);
	vsnprintf(m.why, sizeof(m.why), fmt, args);
	va_end(args);
	vec_push(&s->missing, m);
}

size_t session_missing(const struct session *s, const struct session_missing **ret)
{
	*ret = s->missing.v;
	return s->missing.n;
}

/* In a storm there is always another record; but others want their turn. */
static int on_record(void *ctx, void *data, size_t size)
{
	const struct session *s = ctx;

	collect_record(s->collect, data, size);
	return clock_monotonic_ns() < s->drain_until_ns ? 0 : -EAGAIN;
}

static const char *load_advice(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "needs root (or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE): try sudo";
	case ESRCH:
	case ENOENT:
		return "this kernel has no BTF, or is older than Linux 5.18: see 'pathbpf doctor'";
	case ENOMEM:
	case E2BIG:
		return "not enough memory for the BPF maps";
	default:
		return "this kernel cannot run it: see 'pathbpf doctor'";
	}
}

/* What the verifier had to look at: loading takes about 0.3 us an instruction. */
static void tell_sizes(const struct session *s)
{
	struct bpf_program *prog;

	bpf_object__for_each_program (prog, s->skel->obj) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
			log_debug("%s: %u instructions verified", bpf_program__name(prog),
				  info.verified_insns);
	}
}

static int load(struct session *s)
{
	/* What the map of chunks shall hold: the kernel needs one to see. */
	_cleanup_close_ int chunk = unwindrows_chunk_map();
	int err = chunk < 0 ? chunk : bpf_map__set_inner_map_fd(s->skel->maps.unwind_chunks, chunk);

	return err ? err : pathbpf__load(s->skel);
}

static int make_unwinder(struct session *s)
{
	const struct pathbpf *skel = s->skel;
	struct unwinder_maps maps = { .images = bpf_map__fd(skel->maps.unwind_images),
				      .ranges = bpf_map__fd(skel->maps.unwind_ranges),
				      .chunks = bpf_map__fd(skel->maps.unwind_chunks),
				      .rules = bpf_map__fd(skel->maps.unwind_rules) };

	return unwinder_new(&maps, &skel->bss->unwind_generation, &s->unwinder);
}

int session_open(const struct session_options *opt, struct plan *plan, struct collect *collect,
		 struct session **ret, char *msg, size_t msg_size)
{
	_cleanup_(session_freep) struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	s->plan = plan;
	s->collect = collect;
	s->drain_until_ns = UINT64_MAX;
	libbpf_set_print(libbpf_message);
	err = plan && plan_wants(plan, SPEC_KERNEL) ? kprobes_new(&s->kprobes) : 0;
	if (err)
		return err;
	s->skel = pathbpf__open();
	if (!s->skel) {
		snprintf(msg, msg_size, "cannot open the BPF programs");
		return -errno;
	}
	session_configure_kernel(s);
	err = runtimes_new(&collect->runtimes);
	if (err)
		return err;
	err = opt->plugins ? plugins_new(opt->plugins, &collect->plugins) : 0;
	if (err)
		return err;
	session_configure(s);
	err = load(s);
	if (err) {
		snprintf(msg, msg_size, "cannot load the BPF programs: %s", load_advice(err));
		return err;
	}
	if (opt->bpf_memory_max && session_bpf_memory(s) > opt->bpf_memory_max) {
		snprintf(msg, msg_size, "BPF maps need %.1f MiB, --max-bpf-memory allows %.1f MiB",
			 (double)session_bpf_memory(s) / (1 << 20),
			 (double)opt->bpf_memory_max / (1 << 20));
		return -E2BIG;
	}
	tell_sizes(s);
	err = plan && opt->window_ns ? windows_new(opt->window_ns, opt->windows_keep, &s->windows)
				     : 0;
	if (err)
		return err;
	runtimes_begin(collect->runtimes, bpf_map__fd(s->skel->maps.runtime_images));
	err = make_unwinder(s);
	if (err)
		session_add_missing(s, "unwind tables",
				    "stacks follow frame pointers, which few programs keep: %s",
				    strerror(-err));
	s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.records), on_record, s, NULL);
	if (!s->ring) {
		snprintf(msg, msg_size, "cannot map the ring buffer");
		return -errno;
	}
	*ret = TAKE_PTR(s);
	return 0;
}

static int attach(struct bpf_program *prog, struct bpf_link **link)
{
	struct bpf_link *l = bpf_program__attach(prog);

	if (!l)
		return -errno;
	*link = l;
	return 0;
}

static void start_sampler(struct session *s)
{
	int err;

	if (!s->opt.cpu)
		return;
	err = sampler_start(s->skel->progs.pb_cpu_tick, s->opt.frequency_hz, &s->sampler);
	if (err)
		session_add_missing(s, "cpu", "no CPU clock for sampling: %s", strerror(-err));
}

static int attach_process_events(struct session *s)
{
	struct pathbpf *skel = s->skel;
	int err = attach(skel->progs.pb_proc_fork, &skel->links.pb_proc_fork);

	err = err ? err : attach(skel->progs.pb_proc_exec, &skel->links.pb_proc_exec);
	err = err ? err : attach(skel->progs.pb_proc_exit, &skel->links.pb_proc_exit);
	err = err ? err : attach(skel->progs.pb_sched_switch, &skel->links.pb_sched_switch);
	if (!err && s->opt.scope == SCOPE_CGROUP)
		err = attach(skel->progs.pb_proc_cgroup, &skel->links.pb_proc_cgroup);
	if (!err && s->plan)
		err = attach(skel->progs.pb_proc_signal, &skel->links.pb_proc_signal);
	if (!err && bpf_program__fd(skel->progs.pb_plugin_fault) >= 0)
		err = attach(skel->progs.pb_plugin_fault, &skel->links.pb_plugin_fault);
	if (!err && s->plan && s->opt.timelines)
		err = attach(skel->progs.pb_proc_waking, &skel->links.pb_proc_waking);
	return err;
}

static void attach_syscalls(struct session *s)
{
	int err;

	if (!s->opt.syscalls && !(s->plan && plan_wants(s->plan, SPEC_SYSCALL)))
		return;
	err = session_set_syscalls(s, true);
	if (err)
		session_add_missing(s, "syscalls", "tracepoints sys_enter, sys_exit: %s",
				    strerror(-err));
}

/* Attaches what can be attached and is not yet. */
int session_attach_functions(struct session *s)
{
	const struct collect *c = s->collect;
	int err = textcheck_plan(s->plan, &c->objects, &c->processes);

	session_govern_nodes(s);
	err = err ? err : uprobes_attach(s->uprobes, s->plan, &s->collect->objects);
	session_govern_refused(s);
	err = err || !s->kprobes ? err : kprobes_attach(s->kprobes, s->plan);
	return err ? err : textwatch_attached(s->watch);
}

/*
 * Unwinding calls functions of the kernel by the hundred. Where many of those are traced, each call
 * of ours costs a probe's run: stacks are taken by frame pointers then.
 */
static bool may_unwind(struct session *s)
{
	uint32_t kernel = 0;

	for (size_t i = 0; s->plan && i < s->plan->nodes.n; i++)
		kernel += s->plan->nodes.v[i].how == PLAN_KERNEL;
	if (kernel <= KERNEL_UNWIND_MAX)
		return true;
	session_add_missing(s, "unwinding",
			    "more than %d kernel functions are traced, of which it calls some: "
			    "stacks are walked by frame pointers",
			    KERNEL_UNWIND_MAX);
	return false;
}

void session_update_unwinder(struct session *s)
{
	if (s->unwinds)
		unwinder_update(s->unwinder, &s->collect->processes, &s->collect->objects,
				s->collect->runtimes);
}

int session_attach_events(struct session *s)
{
	int err = attach_process_events(s);

	if (err)
		return err;
	attach_syscalls(s);
	start_sampler(s);
	return 0;
}

int session_start(struct session *s, char *msg, size_t msg_size)
{
	int err = session_set_targets(s);

	err = err ? err : session_set_nodes(s);
	err = err ? err : session_set_timelines(s);
	err = err ? err : session_govern_prepare(s);
	session_make_paths(s);
	s->unwinds = may_unwind(s);
	session_update_unwinder(s);
	err = err ? err : session_attach_events(s);
	if (err) {
		snprintf(msg, msg_size, "cannot attach to the scheduler's tracepoints");
		return err;
	}
	if (s->plan) {
		struct uprobe_programs progs = session_programs(s->skel);

		err = uprobes_open(&progs, &s->uprobes);
		err = err ? err
			  : textwatch_new(s->plan, &s->collect->objects, &s->collect->processes,
					  &s->watch);
	}
	err = err ? err : session_govern_begin(s);
	s->began = governor_now(s->governor);
	if (s->plan) {
		err = err ? err : session_attach_functions(s);
		if (err) {
			snprintf(msg, msg_size, "cannot attach the function probes");
			return err;
		}
	}
	err = session_plugins_open(s);
	if (err) {
		snprintf(msg, msg_size, "cannot follow the dynamic loader");
		return err;
	}
	s->begin_ns = clock_monotonic_ns();
	err = iterate(s->skel->progs.pb_iter_begin, NULL);
	if (err) {
		snprintf(msg, msg_size, "cannot list the threads with a BPF iterator");
		return err;
	}
	err = session_plugins_begin(s);
	if (err) {
		snprintf(msg, msg_size, "cannot follow the plugins");
		return err;
	}
	session_govern_measure(s);
	return 0;
}

int session_fd(const struct session *s)
{
	return ring_buffer__epoll_fd(s->ring);
}

const struct windows *session_windows(const struct session *s)
{
	return s->windows;
}

bool session_native(const struct session *s)
{
	return s->opt.native;
}

int session_drain(struct session *s)
{
	int n, err;

	s->drain_until_ns = clock_monotonic_ns() + DRAIN_LONG_NS;
	n = ring_buffer__consume(s->ring);
	s->drain_until_ns = UINT64_MAX;
	err = session_plugins_update(s);

	err = err ? err : session_govern_tick(s);
	err = err ? err : session_auto_tick(s);
	session_update_unwinder(s);
	textwatch_tick(s->watch);
	session_make_paths(s);
	if (s->windows)
		windows_tick(s->windows, s->skel, clock_monotonic_ns() - s->begin_ns);
	return n < 0 && n != -EAGAIN ? n : err;
}

void session_detach_objects(struct session *s)
{
	uprobes_detach(s->uprobes);
	vec_foreach (node, &s->plan->nodes)
		node->attached = node->attached && node->object == OBJECT_NONE;
	vec_foreach (hook, &s->plan->hooks)
		hook->attached = false;
}

int session_attach_new(struct session *s)
{
	uint64_t gap_begin_ns = 0;
	int err = session_set_nodes(s);

	if (s->paused_at_ns)
		return err; /* whoever ends the pause attaches */
	if (s->plan->renewed) {
		gap_begin_ns = clock_monotonic_ns();
		session_detach_objects(s);
		s->plan->renewed = false;
	}
	err = err ? err : session_attach_functions(s);
	if (gap_begin_ns)
		s->gap_ns += clock_monotonic_ns() - gap_begin_ns;
	return err;
}

uint64_t session_gap_ns(const struct session *s)
{
	return s->gap_ns;
}

struct plan *session_plan(const struct session *s)
{
	return s->plan;
}

volatile uint32_t *session_inert(struct session *s)
{
	return &s->skel->bss->inert;
}

/* Of what has no table, stacks are incomplete. */
void session_tell_left_out(struct session *s)
{
	uint32_t n = unwinder_stats(s->unwinder).left_out;

	if (n)
		session_add_missing(s, "unwind tables",
				    "no room for those of %u objects or processes", n);
}

int session_stop(struct session *s)
{
	int err;

	if (s->stopped)
		return 0;
	s->stopped = true;
	s->ended = governor_now(s->governor);
	governor_stop(s->governor);
	selfcost_stop(s->costs ? costs_selfcost(s->costs) : NULL);
	session_tell_left_out(s);
	if (!s->skel->bss->inert) /* after an emergency stop there are none to be missed */
		textwatch_last(s->watch);
	/* An open span must not close while it is counted as open: lets running programs end. */
	s->skel->bss->closing = 1;
	usleep(s->plan ? CLOSING_US : 0);
	err = iterate(s->skel->progs.pb_iter_end, NULL);
	s->end_ns = clock_monotonic_ns();
	uprobes_detach(s->uprobes);
	loaders_detach(s->loaders);
	allocs_detach_all(s->allocs);
	kprobes_detach(s->kprobes);
	sampler_stop(s->sampler);
	pathbpf__detach(s->skel);
	if (ring_buffer__consume(s->ring) < 0 && !err)
		err = -EIO;
	plugins_end(s->collect->plugins, s->end_ns);
	return err;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	governor_free(s->governor);
	costs_free(s->costs);
	hits_free(s->hits);
	trap_trial_free(s->trial);
	vec_done(&s->governed);
	uprobes_free(s->uprobes);
	kprobes_free(s->kprobes);
	loaders_free(s->loaders);
	allocs_free(s->allocs);
	textwatch_free(s->watch);
	unwinder_free(s->unwinder);
	windows_free(s->windows);
	sampler_free(s->sampler);
	ring_buffer__free(s->ring);
	pathbpf__destroy(s->skel);
	vec_done(&s->missing);
	free(s);
}

uint64_t session_counter(const struct session *s, uint32_t counter)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ uint64_t *values = calloc((size_t)(cpus > 0 ? cpus : 1), sizeof(*values));
	uint64_t sum = 0;

	if (!values || bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.counters), &counter, values))
		return 0;
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

uint64_t session_misses(const struct session *s, const char *program_prefix)
{
	struct bpf_program *prog;
	uint64_t misses = 0;

	bpf_object__for_each_program (prog, s->skel->obj) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (bpf_program__fd(prog) < 0 ||
		    strncmp(bpf_program__name(prog), program_prefix, strlen(program_prefix)) != 0)
			continue;
		if (!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
			misses += info.recursion_misses;
	}
	return strcmp(program_prefix, "pb_kernel_enter") ? misses
							 : misses + kprobes_misses(s->kprobes);
}

uint64_t session_begin_ns(const struct session *s)
{
	return s->begin_ns;
}

uint64_t session_end_ns(const struct session *s)
{
	return s->end_ns;
}

/* The kernel reports a map's memory in its fdinfo. */
static uint64_t map_memory(int fd)
{
	char path[64], line[128];
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long bytes = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "memlock:", 8))
			bytes = strtoull(line + 8, NULL, 10);
	}
	return bytes;
}

uint64_t session_bpf_memory(const struct session *s)
{
	uint64_t bytes = unwinder_stats(s->unwinder).memory;
	struct bpf_map *map;

	bpf_object__for_each_map (map, s->skel->obj) {
		if (bpf_map__fd(map) >= 0)
			bytes += map_memory(bpf_map__fd(map));
	}
	return bytes;
}

const struct loaders *session_loaders(const struct session *s)
{
	return s->loaders;
}

const struct allocs *session_allocs(const struct session *s)
{
	return s->allocs;
}

struct pathbpf *session_skeleton(const struct session *s)
{
	return s->skel;
}
