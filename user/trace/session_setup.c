/* SPDX-License-Identifier: GPL-2.0-only */
/* A session before load: which programs, how large the maps, what is known at the start. */
#include <linux/types.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "data/hist.h"
#include "trace/kprobe.h"
#include "trace/session_impl.h"
#include "trace/runtimes.h"

_Static_assert(PB_HIST_BUCKETS == HIST_BUCKETS, "BPF and user space share histogram buckets");

#define RING_MIN (2u << 20)
#define RING_MAX (16u << 20)
#define HOT_MIN  16
#define HOT_MAX  256

/*
 * Statistics are a few KiB an entry and CPU: allocated on demand, except where they are few,
 * because the kernel's allocator may fail for a moment when several system calls are seen for the
 * first time at once.
 */
#define SYSCALLS_PREALLOC 512
#define PREALLOC_CPUS_MAX 8

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

/* An entry is 2.7 KiB a CPU. */
static uint32_t hot_paths(void)
{
	int cpus = libbpf_num_possible_cpus();
	uint32_t n = 1024 / (uint32_t)(cpus > 0 ? cpus : 1);

	return n < HOT_MIN ? HOT_MIN : n > HOT_MAX ? HOT_MAX : n;
}

static void size_maps(struct session *s)
{
	struct pathbpf *skel = s->skel;

	bpf_map__set_max_entries(skel->maps.records, ring_size());

	s->hot_paths = s->plan ? hot_paths() : 1;
	skel->rodata->hot_paths = s->hot_paths;
	bpf_map__set_max_entries(skel->maps.path_stats_hot, s->hot_paths);
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

struct uprobe_programs session_programs(const struct pathbpf *skel)
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

static void configure_plugins(struct session *s)
{
	struct bpf_program *prog = s->skel->progs.pb_loader;

	bpf_program__set_autoload(prog, s->opt.plugins);
	if (s->opt.plugins)
		uprobe_prepare(&prog, 1);
	else
		bpf_map__set_max_entries(s->skel->maps.loader_scratch, 1);
}

static void configure_spans(struct session *s)
{
	struct uprobe_programs progs = session_programs(s->skel);

	choose_programs(s, &progs);
	if (!s->plan)
		return;
	if (s->plan->goid_offset)
		s->skel->rodata->go_goid_offset = s->plan->goid_offset;
	uprobes_prepare(&progs);
}

/* Kernel functions: without them the rest of the trace is still worth having. */
void session_configure_kernel(struct session *s)
{
	struct kprobe_programs progs = { .enter = s->skel->progs.pb_kernel_enter,
					 .leave = s->skel->progs.pb_kernel_leave,
					 .fentry = s->skel->progs.pb_fentry,
					 .fexit = s->skel->progs.pb_fexit };
	char why[160];

	if (!s->kprobes || !kprobes_prepare(s->kprobes, &progs, s->plan, why, sizeof(why)))
		return;
	session_add_missing(s, "kernel functions", "%s", why);
	vec_foreach (node, &s->plan->nodes)
		node->refused |= node->how == PLAN_KERNEL;
	kprobes_free(s->kprobes);
	s->kprobes = NULL;
}

/* Whose runtimes' frames are looked for: of those that are there, where nobody can join later. */
static uint8_t runtime_kinds(const struct session *s)
{
	bool open = s->opt.scope != SCOPE_PIDS || s->opt.comm_glob || s->opt.exec_pid;

	return open ? UINT8_MAX : (uint8_t)runtimes_in(s->collect->runtimes, &s->collect->objects);
}

void session_configure(struct session *s)
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
		.unwind = true,
		.runtimes = runtime_kinds(s),
		.hide_hosts = !s->opt.native,
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
	configure_plugins(s);
	size_maps(s);
}
