/* SPDX-License-Identifier: GPL-2.0-only */
/* Trials of perf events and kprobes. */
#include "trace/features_probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "trace/features_insn.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

/* A function that the kernel has for such tests and seldom calls. */
#define KERNEL_FUNCTION "bpf_fentry_test1"

static int perf_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	int fd;

	attr->size = sizeof(*attr);
	fd = (int)syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int paranoid_fail(struct probe *p, int err)
{
	if (err == -EACCES || err == -EPERM)
		return probe_fail(p, err, "needs CAP_PERFMON (kernel.perf_event_paranoid=%ld)",
				  probe_read_long("/proc/sys/kernel/perf_event_paranoid"));
	return err;
}

/* All processes on the first CPU that is online, as the sampler opens it on each. */
static int open_cpu_clock(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = 99,
		.disabled = 1,
	};
	int fd = -ENODEV;

	for (int cpu = 0; cpu < 64 && fd == -ENODEV; cpu++)
		fd = perf_open(&attr, -1, cpu);
	return fd;
}

int probe_cpu_clock(struct probe *p)
{
	_cleanup_close_ int fd = open_cpu_clock();

	return fd < 0 ? paranoid_fail(p, fd) : 0;
}

int probe_cycles(struct probe *p)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.disabled = 1,
	};
	_cleanup_close_ int fd = perf_open(&attr, 0, -1);

	if (fd == -ENOENT || fd == -EOPNOTSUPP || fd == -ENODEV)
		return probe_fail(p, fd, "this machine, or its hypervisor, shows no cycle counter");
	return fd < 0 ? paranoid_fail(p, fd) : 0;
}

static int load(enum bpf_prog_type type, const struct bpf_insn *insns, size_t n, uint32_t attach)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);

	return bpf_prog_load(type, "pb_try", "GPL", insns, n, &opts);
}

static int load_empty(enum bpf_prog_type type, uint32_t attach)
{
	static const struct bpf_insn insns[] = { INSN_MOV_IMM(BPF_REG_0, 0), INSN_EXIT };

	return load(type, insns, ARRAY_LEN(insns), attach);
}

int probe_perf_bpf(struct probe *p)
{
	_cleanup_close_ int event = open_cpu_clock(), prog = -1;

	(void)p;
	if (event < 0)
		return event;
	prog = load_empty(BPF_PROG_TYPE_PERF_EVENT, 0);
	if (prog < 0)
		return prog;
	return ioctl(event, PERF_EVENT_IOC_SET_BPF, prog) ? -errno : 0;
}

int probe_cookie(struct probe *p)
{
	static const struct bpf_insn insns[] = {
		INSN_CALL(BPF_FUNC_get_attach_cookie),
		INSN_MOV_IMM(BPF_REG_0, 0),
		INSN_EXIT,
	};
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = 1);
	_cleanup_close_ int event = open_cpu_clock(), prog = -1, link = -1;

	(void)p;
	if (event < 0)
		return event;
	prog = load(BPF_PROG_TYPE_PERF_EVENT, insns, ARRAY_LEN(insns), 0);
	if (prog < 0)
		return prog;
	link = bpf_link_create(prog, event, BPF_PERF_EVENT, &opts);
	return link < 0 ? link : 0;
}

int probe_kprobe(struct probe *p)
{
	struct perf_event_attr attr = { .disabled = 1 };
	long type = probe_read_long("/sys/bus/event_source/devices/kprobe/type");
	_cleanup_close_ int fd = -1;

	if (type < 0)
		return probe_fail(p, -ENOENT, "this kernel was built without CONFIG_KPROBE_EVENTS");
	attr.type = (uint32_t)type;
	attr.config1 = (uint64_t)(uintptr_t)KERNEL_FUNCTION;
	fd = perf_open(&attr, -1, 0);
	return fd < 0 ? paranoid_fail(p, fd) : 0;
}

int probe_kprobe_multi(struct probe *p)
{
	const char *const name = KERNEL_FUNCTION;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .kprobe_multi.syms = (const char **)&name,
		    .kprobe_multi.cnt = 1);
	_cleanup_close_ int prog = load_empty(BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI),
			    link = -1;

	if (prog < 0)
		return prog;
	link = bpf_link_create(prog, 0, BPF_TRACE_KPROBE_MULTI, &opts);
	if (link == -EINVAL || link == -EOPNOTSUPP)
		return probe_fail(p, link,
				  "this kernel lacks it (5.18 has it, built with CONFIG_FPROBE)");
	return link < 0 ? link : 0;
}
