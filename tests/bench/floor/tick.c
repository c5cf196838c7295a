/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the empty program floor_tick of floor.bpf.c on a clock of each CPU, as pathbpf's sampler
 * runs, and prints how often it ran and the nanoseconds that the kernel measured.
 *
 * usage: tick BPF-OBJECT HZ SECONDS
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int open_clock(int cpu, unsigned long hz)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.size = sizeof(attr),
		.freq = 1,
		.sample_freq = hz,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int attach(const struct bpf_program *prog, unsigned long hz)
{
	int cpus = libbpf_num_possible_cpus();

	for (int cpu = 0; cpu < cpus; cpu++) {
		int fd = open_clock(cpu, hz);

		if (fd < 0 && errno == ENODEV) /* not online */
			continue;
		if (fd < 0 || libbpf_get_error(bpf_program__attach_perf_event(prog, fd)))
			return -errno;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct bpf_prog_info info = {};
	struct bpf_object *object;
	const struct bpf_program *prog;
	uint32_t size = sizeof(info);

	if (argc != 4) {
		fprintf(stderr, "usage: tick BPF-OBJECT HZ SECONDS\n");
		return 2;
	}
	object = bpf_object__open(argv[1]);
	if (!object || bpf_object__load(object)) {
		fprintf(stderr, "tick: cannot load '%s': %s\n", argv[1], strerror(errno));
		return 1;
	}
	prog = bpf_object__find_program_by_name(object, "floor_tick");
	if (!prog || bpf_enable_stats(BPF_STATS_RUN_TIME) < 0 ||
	    attach(prog, strtoul(argv[2], NULL, 10))) {
		fprintf(stderr, "tick: cannot attach: %s\n", strerror(errno));
		return 1;
	}
	usleep((useconds_t)(1e6 * strtod(argv[3], NULL)));
	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size)) {
		fprintf(stderr, "tick: cannot read what it cost: %s\n", strerror(errno));
		return 1;
	}
	printf("%llu %llu\n", (unsigned long long)info.run_cnt, (unsigned long long)info.run_time_ns);
	return 0;
}
