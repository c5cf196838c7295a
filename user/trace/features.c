/* SPDX-License-Identifier: GPL-2.0-only */
/* The list of features: what each is good for, how it is tried, what to do without it. */
#include "trace/features.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trace/features_probe.h"

#define AS_ROOT "run as root, or give the binary CAP_BPF and CAP_PERFMON"

struct row {
	const char *name;
	enum feature_need need;
	bool needs_bpf; /* pointless without FEATURE_BPF */
	int (*probe)(struct probe *p);
	const char *gives, *advice;
};

static const struct row rows[FEATURE_COUNT] = {
	[FEATURE_BTF] = { "BTF", FEATURE_REQUIRED, false, probe_btf,
			  "kernel types: one program for every kernel",
			  "use a kernel with CONFIG_DEBUG_INFO_BTF=y" },
	[FEATURE_BPF] = { "bpf()", FEATURE_REQUIRED, false, probe_bpf, "loading programs",
			  AS_ROOT },
	[FEATURE_RINGBUF] = { "ring buffer", FEATURE_REQUIRED, true, probe_ringbuf,
			      "records from the kernel, in order", "use Linux 5.8 or newer" },
	[FEATURE_TASK_STORAGE] = { "task storage", FEATURE_REQUIRED, true, probe_task_storage,
				   "state per thread, for spans and off-CPU time",
				   "use Linux 5.11 or newer" },
	[FEATURE_TP_BTF] = { "tp_btf", FEATURE_REQUIRED, true, probe_tp_btf,
			     "scheduler and process events",
			     "use Linux 5.5 or newer with CONFIG_DEBUG_INFO_BTF=y" },
	[FEATURE_CPU_CLOCK] = { "cpu-clock", FEATURE_USEFUL, false, probe_cpu_clock,
				"stack samples, on all CPUs and for all users",
				"run as root, or lower kernel.perf_event_paranoid" },
	[FEATURE_PERF_BPF] = { "BPF on perf event", FEATURE_USEFUL, true, probe_perf_bpf,
			       "stack samples taken by BPF",
			       "use a kernel with CONFIG_BPF_EVENTS=y" },
	[FEATURE_SYSCALLS] = { "syscall tracepoints", FEATURE_USEFUL, true, probe_syscalls,
			       "system calls", "use a kernel with CONFIG_FTRACE_SYSCALLS=y" },
	[FEATURE_UPROBE] = { "uprobe", FEATURE_USEFUL, false, probe_uprobe,
			     "function spans (-t), an event each", "run as root" },
	[FEATURE_UPROBE_MULTI] = { "uprobe_multi", FEATURE_USEFUL, true, probe_uprobe_multi,
				   "thousands of probes at once, quickly removed",
				   "use Linux 6.6 or newer; else removal is slow" },
	[FEATURE_UPROBE_SESSION] = { "uprobe session", FEATURE_USEFUL, true, probe_uprobe_session,
				     "entry and return by one probe",
				     "nothing: two probes do the same; Linux 6.13 has it" },
	[FEATURE_COOKIE] = { "BPF cookie", FEATURE_USEFUL, true, probe_cookie,
			     "which probe was hit", "use Linux 5.15 or newer" },
	[FEATURE_LOOP] = { "bpf_loop", FEATURE_REQUIRED, true, probe_loop, "matching names (-n)",
			   "use Linux 5.17 or newer" },
	[FEATURE_TASK_ITER] = { "task iterator", FEATURE_REQUIRED, true, probe_task_iter,
				"the state of threads when a trace begins",
				"use Linux 5.8 or newer" },
	[FEATURE_COPY_TASK] = { "sleepable iterator", FEATURE_REQUIRED, true, probe_copy_task,
				"memory of other processes, paged out or not",
				"use Linux 5.18 or newer" },
	[FEATURE_RAW_TP] = { "raw tracepoint", FEATURE_USEFUL, true, probe_raw_tp,
			     "events without BTF", "nothing: tp_btf serves" },
	[FEATURE_FENTRY] = { "fentry", FEATURE_USEFUL, true, probe_fentry,
			     "kernel functions (-t k:), a program each, up to 64",
			     "nothing if kprobe_multi is ok; else use a kernel with "
			     "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y" },
	[FEATURE_KPROBE] = { "kprobe", FEATURE_USEFUL, false, probe_kprobe,
			     "kernel functions (-t k:), an event each, up to 64",
			     "nothing if kprobe_multi or fentry is ok; else use a kernel with "
			     "CONFIG_KPROBE_EVENTS=y" },
	[FEATURE_KPROBE_MULTI] = { "kprobe_multi", FEATURE_USEFUL, true, probe_kprobe_multi,
				   "kernel functions (-t k:), thousands at once",
				   "use Linux 5.18 or newer with CONFIG_FPROBE=y; fentry and "
				   "kprobe serve for up to 64 functions" },
	[FEATURE_CYCLES] = { "cycle counter", FEATURE_USEFUL, false, probe_cycles,
			     "samples where interrupts are off",
			     "nothing: the cpu-clock serves; or give the guest a PMU" },
	[FEATURE_KALLSYMS] = { "kernel symbols", FEATURE_USEFUL, false, probe_kallsyms,
			       "names of kernel frames",
			       "run as root; if it is root already: sysctl "
			       "kernel.kptr_restrict=1" },
	[FEATURE_SCHEDSTAT] = { "schedstat", FEATURE_USEFUL, false, probe_schedstat,
				"CPU and run-queue time of threads",
				"use a kernel with CONFIG_SCHED_INFO=y" },
	[FEATURE_PTRACE] = { "others' processes", FEATURE_USEFUL, false, probe_ptrace,
			     "mappings of other users' processes",
			     "run as root, or trace your own processes only" },
	[FEATURE_MAP_FILES] = { "map_files", FEATURE_USEFUL, false, probe_map_files,
				"files that were deleted or are in other namespaces",
				"run as root" },
	[FEATURE_CGROUP2] = { "cgroup v2", FEATURE_USEFUL, false, probe_cgroup2,
			      "-g: a cgroup or a container",
			      "mount -t cgroup2 none /sys/fs/cgroup/unified" },
	[FEATURE_INITIAL_PIDNS] = { "initial PID namespace", FEATURE_INFO, false,
				    probe_initial_pidns, "PIDs as the kernel counts them",
				    "run on the host, or with --pid=host" },
	[FEATURE_NO_CONTAINER] = { "outside a container", FEATURE_INFO, false, probe_no_container,
				   "all of the host in sight",
				   "run on the host, or privileged with --pid=host" },
	[FEATURE_NO_LOCKDOWN] = { "no lockdown", FEATURE_INFO, false, probe_no_lockdown,
				  "BPF may read memory",
				  "only if programs fail to load: boot with lockdown=integrity" },
	[FEATURE_SYS_RESOURCE] = { "CAP_SYS_RESOURCE", FEATURE_INFO, false, probe_sys_resource,
				   "higher limits; locked memory before 5.11",
				   "nothing, unless a limit is hit: raise it with ulimit" },
};

int probe_fail(struct probe *p, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(p->why, sizeof(p->why), fmt, args);
	va_end(args);
	return err;
}

static bool is_denied(int err)
{
	return err == -EPERM || err == -EACCES;
}

/* What an errno means for somebody who wanted a feature. */
static void explain(char *why, size_t size, int err)
{
	const char *text;

	switch (err) {
	case -EPERM:
	case -EACCES:
		text = "not permitted";
		break;
	case -EINVAL:
	case -ENOSYS:
	case -ENOENT:
	case -EOPNOTSUPP:
	case -524: /* the kernel's ENOTSUPP, which user space has no name for */
		text = "this kernel lacks it";
		break;
	default:
		text = strerror(-err);
	}
	snprintf(why, size, "%s", text);
}

static void try(struct features *f, enum feature_id id, struct probe *p)
{
	const struct row *row = &rows[id];
	struct feature *feature = &f->v[id];
	int err;

	*feature = (struct feature){
		.id = id,
		.need = row->need,
		.name = row->name,
		.gives = row->gives,
		.advice = row->advice,
	};
	*p->why = '\0';
	if (row->needs_bpf && !features_has(f, FEATURE_BPF))
		err = probe_fail(p, -ENODATA, "not tried: it needs bpf()");
	else
		err = row->probe(p);
	feature->state = !err ? FEATURE_YES : err == -ENODATA ? FEATURE_UNKNOWN : FEATURE_NO;
	if (err && !*p->why)
		explain(p->why, sizeof(p->why), err);
	/* Whoever is root already gains nothing by "run as root", or by another kernel. */
	if (is_denied(err) && f->root && row->need != FEATURE_INFO)
		feature->advice = "already root: look for a missing capability (capsh --print), a "
				  "sandbox or a security module";
	if (err)
		memcpy(feature->why, p->why, sizeof(feature->why));
}

int features_probe(struct features *f)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	struct probe p = {};
	int cpus;

	*f = (struct features){ .root = !geteuid() };
	/* In the enum's order: what others rest on comes first. */
	for (unsigned int id = 0; id < FEATURE_COUNT; id++)
		try(f, id, &p);
	cpus = libbpf_num_possible_cpus();
	f->cpus = cpus > 0 ? (uint32_t)cpus : 0;
	btf__free(p.btf);
	libbpf_set_print(print);
	return 0;
}

bool features_has(const struct features *f, enum feature_id id)
{
	return f->v[id].state == FEATURE_YES;
}

bool features_usable(const struct features *f)
{
	for (unsigned int id = 0; id < FEATURE_COUNT; id++)
		if (f->v[id].need == FEATURE_REQUIRED && f->v[id].state != FEATURE_YES)
			return false;
	return true;
}
