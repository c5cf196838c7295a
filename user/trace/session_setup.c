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
#include "sym/goinfo.h"
#include "trace/hits.h"
#include "trace/kprobe.h"
#include "trace/plugins.h"
#include "trace/session_impl.h"

_Static_assert(PB_HIST_BUCKETS == HIST_BUCKETS, "BPF and user space share histogram buckets");

#define RING_MIN (2u << 20)
#define RING_MAX (16u << 20)
/* A dlopen() is held up so long at most until what it loaded is probed. */
#define WAIT_NS 100000000

#define HOT_MIN 16
#define HOT_MAX 256

/*
 * Statistics are a few KiB an entry and CPU: allocated on demand, except where they are few,
 * because the kernel's allocator may fail for a moment when several system calls are seen for the
 * first time at once.
 */
#define HOT_SYSCALLS          512
#define HOT_SYSCALLS_CPUS_MAX 8

/* What the kernel's own types tell of it. */
struct kernel_facts {
	bool switch_has_state; /* Linux 5.18 added prev_state to sched_switch */
	bool page_fault_user;  /* there is such a tracepoint */
	bool rcu_preempt;      /* built with PREEMPT_RCU */
};

static struct kernel_facts read_facts(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct kernel_facts facts = {};
	const struct btf_type *t;
	int id;

	if (libbpf_get_error(btf))
		return facts;
	id = btf__find_by_name_kind(btf, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* a pointer … */
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* … to a function */
	if (t && btf_is_func_proto(t))
		facts.switch_has_state = btf_vlen(t) >= 5;
	facts.page_fault_user =
	    btf__find_by_name_kind(btf, "btf_trace_page_fault_user", BTF_KIND_TYPEDEF) > 0;
	facts.rcu_preempt = btf__find_by_name_kind(btf, "__rcu_read_lock", BTF_KIND_FUNC) > 0;
	btf__free(btf);
	return facts;
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
	if (s->opt.syscalls && libbpf_num_possible_cpus() <= HOT_SYSCALLS_CPUS_MAX) {
		skel->rodata->hot_syscalls = HOT_SYSCALLS;
		bpf_map__set_max_entries(skel->maps.syscall_stats_hot, HOT_SYSCALLS);
	}
	s->hot_paths = s->plan ? hot_paths() : 1;
	skel->rodata->hot_paths = s->hot_paths;
	bpf_map__set_max_entries(skel->maps.path_stats_hot, s->hot_paths);
	if (s->plan) {
		bpf_map__set_max_entries(skel->maps.nodes, PLAN_NODES_MAX);
		hits_size(skel);
		if (s->opt.plugins)
			bpf_map__set_max_entries(skel->maps.plugin_stats, PB_PLUGINS);
		return;
	}
	bpf_map__set_max_entries(skel->maps.path_errors, 1);
}

struct uprobe_programs session_programs(const struct pathbpf *skel)
{
	return (struct uprobe_programs){ .enter = skel->progs.pb_span_enter,
					 .leave = skel->progs.pb_span_leave,
					 .session = skel->progs.pb_span_session,
					 .go_enter = skel->progs.pb_go_enter,
					 .go_leave = skel->progs.pb_go_leave,
					 .point = skel->progs.pb_usdt,
					 .plugin_enter = skel->progs.pb_plugin_enter,
					 .plugin_leave = skel->progs.pb_plugin_leave,
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

/* Is a target written in Go, whose functions may be chosen later, or come with plugins? */
static bool has_go_target(struct session *s)
{
	struct object_files *objects = &s->collect->objects;
	struct go_info go;
	bool any = false;

	vec_foreach (proc, &s->collect->processes.all) {
		vec_foreach (m, &(*proc)->maps) {
			if (m->object == OBJECT_NONE || !(*proc)->exe ||
			    strcmp(m->path, (*proc)->exe) != 0 ||
			    goinfo_of_file(objects->files.v[m->object]->fd, &go))
				continue;
			any = true;
			if (!s->plan->goid_offset)
				s->plan->goid_offset = go.goid_offset;
		}
	}
	return any;
}

/*
 * Verifying programs is what takes time at the start. What may be wanted later is loaded, too: a
 * library that throws can come at any time; Go and Python come with a program.
 */
static void choose_programs(struct session *s, const struct uprobe_programs *progs)
{
	const struct plan *p = s->plan;
	bool open = p && (s->opt.scope != SCOPE_PIDS || s->opt.comm_glob);
	/* What probes entries of plugins is prepared already; older kernels have nothing for it. */
	bool entries = s->opt.plugins && uprobe_is_multi(s->skel->progs.pb_loader);
	bool functions = p && (p->specs.n || s->opt.automatic), raises = functions || entries;
	bool go = p && ((functions && (open || p->has_go)) ||
			((s->opt.automatic || entries) && has_go_target(s)));

	bpf_program__set_autoload(progs->enter, functions);
	bpf_program__set_autoload(progs->leave, functions);
	bpf_program__set_autoload(progs->session,
				  functions && uprobe_prepare_session(progs->session));
	bpf_program__set_autoload(progs->plugin_enter, entries);
	bpf_program__set_autoload(progs->plugin_leave, entries);
	bpf_program__set_autoload(progs->go_enter, go);
	bpf_program__set_autoload(progs->go_leave, go);
	bpf_program__set_autoload(progs->point, p && plan_wants(p, SPEC_USDT));
	bpf_program__set_autoload(progs->hooks[HOOK_RAISE], raises);
	bpf_program__set_autoload(progs->hooks[HOOK_LAND], raises);
	bpf_program__set_autoload(progs->hooks[HOOK_CATCH], raises);
	bpf_program__set_autoload(progs->hooks[HOOK_GO_PANIC], go);
	bpf_program__set_autoload(progs->hooks[HOOK_GO_EXIT], go);
	bpf_program__set_autoload(progs->hooks[HOOK_PYTHON],
				  functions && (open || has_hook(p, HOOK_PYTHON)));
	bpf_program__set_autoload(progs->hooks[HOOK_PYTHON_IN],
				  functions && (open || has_hook(p, HOOK_PYTHON_IN)));
	bpf_program__set_autoload(s->skel->progs.pb_proc_signal, p);
	bpf_program__set_autoload(s->skel->progs.pb_proc_waking, p && s->opt.timelines);
}

/* Whether there are programs that may sleep is told by a younger mechanism: Linux 6.0, 6.6. */
static void configure_plugins(struct session *s, struct pb_config *config,
			      const struct kernel_facts *facts)
{
	struct bpf_program *progs[] = { s->skel->progs.pb_loader, s->skel->progs.pb_loader_leave,
					s->skel->progs.pb_plugin_alloc };

	bool multi = s->opt.plugins && uprobe_prepare(progs, sizeof(progs) / sizeof(*progs));

	for (size_t i = 0; i < sizeof(progs) / sizeof(*progs); i++)
		bpf_program__set_autoload(progs[i], s->opt.plugins);
	bpf_program__set_autoload(s->skel->progs.pb_plugin_alloc, multi);
	bpf_program__set_autoload(s->skel->progs.pb_plugin_fault, multi && facts->page_fault_user);
	if (multi)
		config->wait_ns = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? WAIT_NS : 0;
	else
		bpf_program__set_flags(progs[1],
				       bpf_program__flags(progs[1]) & ~(uint32_t)BPF_F_SLEEPABLE);
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

void session_configure(struct session *s)
{
	struct kernel_facts facts = read_facts();
	struct pb_config config = {
		.scope = (uint32_t)s->opt.scope,
		.self_tgid = (uint32_t)getpid(),
		.cgroup_id = s->opt.cgroup_id,
		.offcpu_min_ns = s->opt.offcpu_min_ns,
		.follow = s->opt.follow,
		.cpu = s->opt.cpu,
		.offcpu = s->opt.offcpu,
		.syscalls = s->opt.syscalls,
		/* Without any there is none to be found; some kernels stumble over what would be
		 * left out of the iterator ("verifier bug: No program to jit", 6.18). */
		.spans = true,
		.switch_has_state = facts.switch_has_state,
		.timelines = s->plan && s->opt.timelines,
		.syscall_spans = s->plan && plan_wants(s->plan, SPEC_SYSCALL),
		.kernel_spans = s->kprobes != NULL,
		.unwind = true,
		.plugins = s->plan && s->opt.plugins,
		.rcu_preempt = facts.rcu_preempt,
		.plugin_calls = s->opt.plugins && s->opt.plugins->calls,
		.plugin_timeout_ns = s->opt.plugins ? s->opt.plugins->timeout_ns : 0,
		.hide_hosts = !s->opt.native,
	};
	bool syscalls = s->opt.syscalls || config.syscall_spans;
	struct pathbpf *skel = s->skel;

	if (s->opt.comm_glob)
		snprintf(config.comm_glob, sizeof(config.comm_glob), "%s", s->opt.comm_glob);
	configure_plugins(s, &config, &facts);
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
