/* SPDX-License-Identifier: GPL-2.0-only */
/* A trace in the kernel: load, attach, drain, stop. */
#include "trace/session.h"

#include <errno.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "data/hist.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "pathbpf.skel.h"
#include "trace/sampler.h"
#include "trace/selfcost.h"
#include "trace/uprobe.h"

_Static_assert(PB_HIST_BUCKETS == HIST_BUCKETS, "BPF and user space share histogram buckets");

#define CLOSING_US 1000

/*
 * Statistics are a few KiB an entry and CPU: allocated on demand, except where they are few,
 * because the kernel's allocator may fail for a moment when several system calls are seen for the
 * first time at once.
 */
#define SYSCALLS_PREALLOC 512
#define PREALLOC_CPUS_MAX 8

struct session {
	struct session_options opt;
	struct plan *plan;
	struct collect *collect;
	struct pathbpf *skel;
	struct ring_buffer *ring;
	struct sampler *sampler;
	struct selfcost *selfcost;
	struct uprobes *uprobes;
	uint64_t begin_ns, end_ns;
	uint64_t gap_ns; /* without function probes, while they were attached anew */
	VEC(struct session_missing) missing;
	bool stopped;
};

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

static void add_missing(struct session *s, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void add_missing(struct session *s, const char *what, const char *fmt, ...)
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

/* Linux 5.18 added prev_state to sched_switch: the tracepoint's prototype tells. */
static bool switch_has_state(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *t;
	bool has = false;
	int id;

	if (libbpf_get_error(btf))
		return false;
	id = btf__find_by_name_kind(btf, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* a pointer … */
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* … to a function */
	if (t && btf_is_func_proto(t))
		has = btf_vlen(t) >= 5;
	btf__free(btf);
	return has;
}

static void size_maps(struct session *s)
{
	struct pathbpf *skel = s->skel;

	if (s->plan) {
		bpf_map__set_max_entries(skel->maps.nodes, PLAN_NODES_MAX);
		return;
	}
	bpf_map__set_max_entries(skel->maps.path_errors, 1);
	if (libbpf_num_possible_cpus() <= PREALLOC_CPUS_MAX) {
		bpf_map__set_map_flags(skel->maps.syscall_stats, 0);
		bpf_map__set_max_entries(skel->maps.syscall_stats, SYSCALLS_PREALLOC);
	}
}

static void configure(struct session *s)
{
	struct pb_config config = {
		.scope = (uint32_t)s->opt.scope,
		.self_tgid = (uint32_t)getpid(),
		.cgroup_id = s->opt.cgroup_id,
		.offcpu_min_ns = s->opt.offcpu_min_ns,
		.follow = s->opt.follow,
		.cpu = s->opt.cpu,
		.offcpu = s->opt.offcpu,
		.syscalls = s->opt.syscalls,
		.spans = s->plan != NULL,
		.switch_has_state = switch_has_state(),
	};
	struct pathbpf *skel = s->skel;

	if (s->opt.comm_glob)
		snprintf(config.comm_glob, sizeof(config.comm_glob), "%s", s->opt.comm_glob);
	memcpy((void *)&skel->rodata->config, &config, sizeof(config));

	bpf_program__set_autoload(skel->progs.pb_cpu_tick, s->opt.cpu);
	bpf_program__set_autoload(skel->progs.pb_sched_switch, true);
	bpf_program__set_autoload(skel->progs.pb_sys_enter, s->opt.syscalls);
	bpf_program__set_autoload(skel->progs.pb_sys_exit, s->opt.syscalls);
	bpf_program__set_autoload(skel->progs.pb_proc_fork, true);
	bpf_program__set_autoload(skel->progs.pb_proc_exec, true);
	bpf_program__set_autoload(skel->progs.pb_proc_exit, true);
	bpf_program__set_autoload(skel->progs.pb_proc_cgroup, s->opt.scope == SCOPE_CGROUP);
	bpf_program__set_autoload(skel->progs.pb_iter_begin, true);
	bpf_program__set_autoload(skel->progs.pb_iter_end, true);
	bpf_program__set_autoload(skel->progs.pb_span_enter, s->plan != NULL);
	bpf_program__set_autoload(skel->progs.pb_span_leave, s->plan != NULL);
	size_maps(s);
	if (s->plan)
		uprobes_prepare(skel->progs.pb_span_enter, skel->progs.pb_span_leave);
}

static int on_record(void *ctx, void *data, size_t size)
{
	collect_record(ctx, data, size);
	return 0;
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
	libbpf_set_print(libbpf_message);
	s->skel = pathbpf__open();
	if (!s->skel) {
		snprintf(msg, msg_size, "cannot open the BPF programs");
		return -errno;
	}
	configure(s);
	err = pathbpf__load(s->skel);
	if (err) {
		snprintf(msg, msg_size, "cannot load the BPF programs: %s", load_advice(err));
		return err;
	}
	s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.records), on_record, collect, NULL);
	if (!s->ring) {
		snprintf(msg, msg_size, "cannot map the ring buffer");
		return -errno;
	}
	*ret = TAKE_PTR(s);
	return 0;
}

static int set_targets(struct session *s)
{
	int fd = bpf_map__fd(s->skel->maps.targets);
	uint32_t flags = PB_TARGET_TRACED;

	vec_foreach (pid, &s->opt.pids) {
		if (bpf_map_update_elem(fd, pid, &flags, BPF_ANY))
			return -errno;
	}
	flags = PB_TARGET_AT_EXEC;
	if (s->opt.exec_pid && bpf_map_update_elem(fd, &s->opt.exec_pid, &flags, BPF_ANY))
		return -errno;
	return 0;
}

static int set_nodes(struct session *s)
{
	int fd = bpf_map__fd(s->skel->maps.nodes);

	for (uint32_t i = 0; s->plan && i < s->plan->nodes.n; i++) {
		const struct spec_pred *pred = &s->plan->nodes.v[i].pred;
		struct pb_node node = { .value = pred->value,
					.pred = (uint8_t)pred->op,
					.width = pred->width == SPEC_INT ? 4 : 8 };

		if (bpf_map_update_elem(fd, &i, &node, BPF_ANY))
			return -errno;
	}
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

/* Runs a thread iterator to its end. */
static int iterate(struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	_cleanup_close_ int fd = -1;
	char none[64];
	ssize_t n;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		int err = -errno;

		bpf_link__destroy(link);
		return err;
	}
	do {
		n = read(fd, none, sizeof(none));
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	bpf_link__destroy(link);
	return n < 0 ? -errno : 0;
}

static void start_sampler(struct session *s)
{
	int err;

	if (!s->opt.cpu)
		return;
	err = sampler_start(s->skel->progs.pb_cpu_tick, s->opt.frequency_hz, &s->sampler);
	if (err)
		add_missing(s, "cpu", "no CPU clock for sampling: %s", strerror(-err));
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
	return err;
}

static void attach_syscalls(struct session *s)
{
	struct pathbpf *skel = s->skel;
	int err;

	if (!s->opt.syscalls)
		return;
	/* The exit first: an entry without its exit would be a call that never ends. */
	err = attach(skel->progs.pb_sys_exit, &skel->links.pb_sys_exit);
	err = err ? err : attach(skel->progs.pb_sys_enter, &skel->links.pb_sys_enter);
	if (err)
		add_missing(s, "syscalls", "tracepoints sys_enter, sys_exit: %s", strerror(-err));
}

int session_start(struct session *s, char *msg, size_t msg_size)
{
	int err = set_targets(s);

	err = err ? err : set_nodes(s);
	err = err ? err : attach_process_events(s);
	if (err) {
		snprintf(msg, msg_size, "cannot attach to the scheduler's tracepoints");
		return err;
	}
	attach_syscalls(s);
	start_sampler(s);
	if (s->plan) {
		err = uprobes_open(s->skel->progs.pb_span_enter, s->skel->progs.pb_span_leave,
				   &s->uprobes);
		err = err ? err : uprobes_attach(s->uprobes, s->plan, &s->collect->objects);
		if (err) {
			snprintf(msg, msg_size, "cannot attach the function probes");
			return err;
		}
	}
	s->begin_ns = clock_monotonic_ns();
	err = iterate(s->skel->progs.pb_iter_begin);
	if (err) {
		snprintf(msg, msg_size, "cannot list the threads with a BPF iterator");
		return err;
	}
	s->selfcost = selfcost_start(s->skel);
	return 0;
}

int session_fd(const struct session *s)
{
	return ring_buffer__epoll_fd(s->ring);
}

int session_drain(struct session *s)
{
	int n = ring_buffer__consume(s->ring);

	sampler_jitter(s->sampler);
	selfcost_tick(s->selfcost);
	return n < 0 ? n : 0;
}

int session_attach_new(struct session *s)
{
	uint64_t gap_begin_ns = 0;
	int err = set_nodes(s);

	if (s->plan->renewed) {
		gap_begin_ns = clock_monotonic_ns();
		uprobes_detach(s->uprobes);
		vec_foreach (node, &s->plan->nodes)
			node->attached = false;
		s->plan->renewed = false;
	}
	err = err ? err : uprobes_attach(s->uprobes, s->plan, &s->collect->objects);
	if (gap_begin_ns)
		s->gap_ns += clock_monotonic_ns() - gap_begin_ns;
	return err;
}

uint64_t session_gap_ns(const struct session *s)
{
	return s->gap_ns;
}

int session_stop(struct session *s)
{
	int err;

	if (s->stopped)
		return 0;
	s->stopped = true;
	selfcost_stop(s->selfcost);
	/* An open span must not close while it is counted as open: lets running programs end. */
	s->skel->bss->closing = 1;
	usleep(s->plan ? CLOSING_US : 0);
	err = iterate(s->skel->progs.pb_iter_end);
	s->end_ns = clock_monotonic_ns();
	uprobes_detach(s->uprobes);
	sampler_stop(s->sampler);
	pathbpf__detach(s->skel);
	if (ring_buffer__consume(s->ring) < 0 && !err)
		err = -EIO;
	return err;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	selfcost_free(s->selfcost);
	uprobes_free(s->uprobes);
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
	return misses;
}

uint64_t session_begin_ns(const struct session *s)
{
	return s->begin_ns;
}

uint64_t session_end_ns(const struct session *s)
{
	return s->end_ns;
}

const struct selfcost *session_selfcost(const struct session *s)
{
	return s->selfcost;
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
	uint64_t bytes = 0;
	struct bpf_map *map;

	bpf_object__for_each_map (map, s->skel->obj) {
		if (bpf_map__fd(map) >= 0)
			bytes += map_memory(bpf_map__fd(map));
	}
	return bytes;
}

struct pathbpf *session_skeleton(const struct session *s)
{
	return s->skel;
}
