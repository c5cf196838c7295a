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
#include "trace/kprobe.h"
#include "trace/sampler.h"
#include "trace/selfcost.h"
#include "trace/trapcost.h"
#include "trace/textcheck.h"
#include "trace/textwatch.h"
#include "trace/uprobe.h"

_Static_assert(PB_HIST_BUCKETS == HIST_BUCKETS, "BPF and user space share histogram buckets");

#define CLOSING_US 1000
#define RING_MIN   (2u << 20)
#define RING_MAX   (16u << 20)

/*
 * Entries of statistics that are made before their paths come up: the kernel's allocator, asked by
 * a BPF program, may fail for a moment when many are wanted at once.
 */
#define PATHS_AHEAD 256

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
	struct kprobes *kprobes; /* NULL: no kernel functions are asked for, or can be had */
	struct textwatch *watch;
	uint64_t begin_ns, end_ns;
	uint32_t paths_made; /* entries of path_stats: for paths 1 … paths_made */
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

/* A ring of 1 MiB a CPU, in a power of two. */
static uint32_t ring_size(void)
{
	uint32_t size = RING_MIN;
	int cpus = libbpf_num_possible_cpus();

	while (size < RING_MAX && size < (uint32_t)(cpus > 0 ? cpus : 1) << 20)
		size <<= 1;
	return size;
}

static void size_maps(struct session *s)
{
	struct pathbpf *skel = s->skel;

	bpf_map__set_max_entries(skel->maps.records, ring_size());

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

static struct uprobe_programs programs_of(const struct pathbpf *skel)
{
	return (struct uprobe_programs){ .enter = skel->progs.pb_span_enter,
					 .leave = skel->progs.pb_span_leave,
					 .go_enter = skel->progs.pb_go_enter,
					 .go_leave = skel->progs.pb_go_leave,
					 .point = skel->progs.pb_usdt,
					 .hooks = {
						 [HOOK_RAISE] = skel->progs.pb_raise,
						 [HOOK_LAND] = skel->progs.pb_land,
						 [HOOK_CATCH] = skel->progs.pb_catch,
						 [HOOK_GO_PANIC] = skel->progs.pb_go_panic,
						 [HOOK_GO_EXIT] = skel->progs.pb_go_exit,
						 [HOOK_PYTHON] = skel->progs.pb_python_raise,
						 [HOOK_PYTHON_IN] = skel->progs.pb_python_raise_in,
					 } };
}

static bool has_hook(const struct plan *p, enum hook_kind kind)
{
	vec_foreach (h, &p->hooks) {
		if (h->kind == kind)
			return true;
	}
	return false;
}

/*
 * Verifying programs is what takes time at the start. What may be wanted later is loaded, too: a
 * library that throws can come at any time; Go and Python come with a program.
 */
static void choose_programs(struct session *s, const struct uprobe_programs *progs)
{
	const struct plan *p = s->plan;
	bool open = p && (s->opt.scope != SCOPE_PIDS || s->opt.comm_glob);
	bool go = p && (open || p->has_go);

	bpf_program__set_autoload(progs->enter, p);
	bpf_program__set_autoload(progs->leave, p);
	bpf_program__set_autoload(progs->go_enter, go);
	bpf_program__set_autoload(progs->go_leave, go);
	bpf_program__set_autoload(progs->point, p && plan_wants(p, SPEC_USDT));
	bpf_program__set_autoload(progs->hooks[HOOK_RAISE], p);
	bpf_program__set_autoload(progs->hooks[HOOK_LAND], p);
	bpf_program__set_autoload(progs->hooks[HOOK_CATCH], p);
	bpf_program__set_autoload(progs->hooks[HOOK_GO_PANIC], go);
	bpf_program__set_autoload(progs->hooks[HOOK_GO_EXIT], go);
	bpf_program__set_autoload(progs->hooks[HOOK_PYTHON],
				  p && (open || has_hook(p, HOOK_PYTHON)));
	bpf_program__set_autoload(progs->hooks[HOOK_PYTHON_IN],
				  p && (open || has_hook(p, HOOK_PYTHON_IN)));
	bpf_program__set_autoload(s->skel->progs.pb_proc_signal, p);
	bpf_program__set_autoload(s->skel->progs.pb_proc_waking, p && s->opt.timelines);
}

static void configure_spans(struct session *s)
{
	struct uprobe_programs progs = programs_of(s->skel);

	choose_programs(s, &progs);
	if (!s->plan)
		return;
	if (s->plan->goid_offset)
		s->skel->rodata->go_goid_offset = s->plan->goid_offset;
	uprobes_prepare(&progs);
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
		.timelines = s->plan && s->opt.timelines,
		.syscall_spans = s->plan && plan_wants(s->plan, SPEC_SYSCALL),
		.kernel_spans = s->kprobes != NULL,
	};
	bool syscalls = s->opt.syscalls || config.syscall_spans;
	struct pathbpf *skel = s->skel;

	if (s->opt.comm_glob)
		snprintf(config.comm_glob, sizeof(config.comm_glob), "%s", s->opt.comm_glob);
	memcpy((void *)&skel->rodata->config, &config, sizeof(config));

	bpf_program__set_autoload(skel->progs.pb_cpu_tick, s->opt.cpu);
	bpf_program__set_autoload(skel->progs.pb_sched_switch, true);
	bpf_program__set_autoload(skel->progs.pb_sys_enter, syscalls);
	bpf_program__set_autoload(skel->progs.pb_sys_exit, syscalls);
	bpf_program__set_autoload(skel->progs.pb_proc_fork, true);
	bpf_program__set_autoload(skel->progs.pb_proc_exec, true);
	bpf_program__set_autoload(skel->progs.pb_proc_exit, true);
	bpf_program__set_autoload(skel->progs.pb_proc_cgroup, s->opt.scope == SCOPE_CGROUP);
	bpf_program__set_autoload(skel->progs.pb_iter_begin, true);
	bpf_program__set_autoload(skel->progs.pb_iter_end, true);
	configure_spans(s);
	size_maps(s);
}

/* Kernel functions: without them the rest of the trace is still worth having. */
static void configure_kernel(struct session *s)
{
	struct kprobe_programs progs = { .enter = s->skel->progs.pb_kernel_enter,
					 .leave = s->skel->progs.pb_kernel_leave,
					 .fentry = s->skel->progs.pb_fentry,
					 .fexit = s->skel->progs.pb_fexit };
	char why[160];

	if (!s->kprobes || !kprobes_prepare(s->kprobes, &progs, s->plan, why, sizeof(why)))
		return;
	add_missing(s, "kernel functions", "%s", why);
	vec_foreach (node, &s->plan->nodes)
		node->refused |= node->how == PLAN_KERNEL;
	kprobes_free(s->kprobes);
	s->kprobes = NULL;
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
	err = plan && plan_wants(plan, SPEC_KERNEL) ? kprobes_new(&s->kprobes) : 0;
	if (err)
		return err;
	s->skel = pathbpf__open();
	if (!s->skel) {
		snprintf(msg, msg_size, "cannot open the BPF programs");
		return -errno;
	}
	configure_kernel(s);
	configure(s);
	err = pathbpf__load(s->skel);
	if (err) {
		snprintf(msg, msg_size, "cannot load the BPF programs: %s", load_advice(err));
		return err;
	}
	tell_sizes(s);
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

static uint8_t error_kind(const struct plan_node *node)
{
	if (node->how == PLAN_KERNEL)
		return PB_ERROR_ERRNO;
	return node->go_error ? PB_ERROR_GO : PB_ERROR_RETURN;
}

static int set_node(struct session *s, uint32_t id)
{
	const struct plan_node *from = &s->plan->nodes.v[id];
	bool never = from->pred.op == SPEC_PRED_NEVER;
	struct pb_node node = { .value = from->pred.value,
				.pred = never ? PB_PRED_NONE : (uint8_t)from->pred.op,
				.width = from->pred.width == SPEC_INT ? 4 : 8,
				.reg = from->go_result,
				.kind = error_kind(from),
				.args = from->args };
	uint32_t value = id + 1;

	if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.nodes), &id, &node, BPF_ANY))
		return -errno;
	if (from->how == PLAN_SYSCALL &&
	    bpf_map_update_elem(bpf_map__fd(s->skel->maps.syscall_nodes), &from->nr, &value,
				BPF_ANY))
		return -errno;
	return 0;
}

static uint8_t string_kind(const struct plan_args *args, const struct plan_arg *a)
{
	if (a->type != SPEC_ARG_STR)
		return PB_STRING_NONE;
	return args->kernel ? PB_STRING_ANY : PB_STRING_USER;
}

static int set_args(struct session *s, uint32_t id)
{
	const struct plan_args *from = &s->plan->args.v[id - 1];
	struct pb_args args = { .n = from->n };

	for (uint32_t i = 0; i < from->n; i++) {
		const struct plan_arg *a = &from->v[i];

		args.arg[i] = (struct pb_arg){ .value = a->from.value,
					       .place = a->from.place,
					       .reg = a->from.reg,
					       .index = a->from.index,
					       .shift = a->from.shift,
					       .size = a->from.size,
					       .is_string = string_kind(from, a) };
	}
	return bpf_map_update_elem(bpf_map__fd(s->skel->maps.node_args), &id, &args, BPF_ANY)
		   ? -errno
		   : 0;
}

static int set_nodes(struct session *s)
{
	int err = 0;

	for (uint32_t i = 0; s->plan && i < s->plan->nodes.n && !err; i++)
		err = set_node(s, i);
	for (uint32_t i = 1; s->plan && i <= s->plan->args.n && !err; i++)
		err = set_args(s, i);
	return err;
}

/* Numbers of the buffers for recorded traces that nobody uses: all of them. */
static int set_timelines(struct session *s)
{
	for (uint32_t i = 0; s->plan && s->opt.timelines && i < PB_TIMELINES; i++) {
		if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.timelines_free), NULL, &i,
					BPF_ANY))
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
	if (!err && s->plan)
		err = attach(skel->progs.pb_proc_signal, &skel->links.pb_proc_signal);
	if (!err && s->plan && s->opt.timelines)
		err = attach(skel->progs.pb_proc_waking, &skel->links.pb_proc_waking);
	return err;
}

static void attach_syscalls(struct session *s)
{
	struct pathbpf *skel = s->skel;
	int err;

	if (!s->opt.syscalls && !(s->plan && plan_wants(s->plan, SPEC_SYSCALL)))
		return;
	/* The exit first: an entry without its exit would be a call that never ends. */
	err = attach(skel->progs.pb_sys_exit, &skel->links.pb_sys_exit);
	err = err ? err : attach(skel->progs.pb_sys_enter, &skel->links.pb_sys_enter);
	if (err)
		add_missing(s, "syscalls", "tracepoints sys_enter, sys_exit: %s", strerror(-err));
}

static void make_paths(struct session *s)
{
	int cpus = libbpf_num_possible_cpus(), fd = bpf_map__fd(s->skel->maps.path_stats);
	_cleanup_free_ struct pb_call_stats *none = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*none));
	uint32_t last = s->skel->bss->last_path + PATHS_AHEAD;

	for (int i = 0; none && i < cpus; i++)
		none[i].min_ns = UINT64_MAX;
	while (none && s->plan && s->paths_made < last) {
		uint32_t id = ++s->paths_made;

		if (bpf_map_update_elem(fd, &id, none, BPF_NOEXIST) && errno == E2BIG)
			s->paths_made = UINT32_MAX; /* full */
	}
}

/* Attaches what can be attached and is not yet. */
static int attach_functions(struct session *s)
{
	const struct collect *c = s->collect;
	int err = textcheck_plan(s->plan, &c->objects, &c->processes);

	err = err ? err : uprobes_attach(s->uprobes, s->plan, &s->collect->objects);
	err = err || !s->kprobes ? err : kprobes_attach(s->kprobes, s->plan);
	return err ? err : textwatch_attached(s->watch);
}

int session_start(struct session *s, char *msg, size_t msg_size)
{
	int err = set_targets(s);

	err = err ? err : set_nodes(s);
	err = err ? err : set_timelines(s);
	make_paths(s);
	err = err ? err : attach_process_events(s);
	if (err) {
		snprintf(msg, msg_size, "cannot attach to the scheduler's tracepoints");
		return err;
	}
	attach_syscalls(s);
	start_sampler(s);
	if (s->plan) {
		struct uprobe_programs progs = programs_of(s->skel);

		err = uprobes_open(&progs, &s->uprobes);
		err = err ? err
			  : textwatch_new(s->plan, &s->collect->objects, &s->collect->processes,
					  &s->watch);
		err = err ? err : attach_functions(s);
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
	textwatch_tick(s->watch);
	make_paths(s);
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
			node->attached = node->attached && node->object == OBJECT_NONE;
		vec_foreach (hook, &s->plan->hooks)
			hook->attached = false;
		s->plan->renewed = false;
	}
	err = err ? err : attach_functions(s);
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
	textwatch_last(s->watch);
	/* An open span must not close while it is counted as open: lets running programs end. */
	s->skel->bss->closing = 1;
	usleep(s->plan ? CLOSING_US : 0);
	err = iterate(s->skel->progs.pb_iter_end);
	s->end_ns = clock_monotonic_ns();
	uprobes_detach(s->uprobes);
	kprobes_detach(s->kprobes);
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
	kprobes_free(s->kprobes);
	textwatch_free(s->watch);
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

int session_trap_costs(struct session *s, struct trap_costs *ret)
{
	return trap_costs_measure(s->skel->progs.pb_span_enter, s->skel->progs.pb_span_leave, ret);
}
