/* SPDX-License-Identifier: GPL-2.0-only */
/* The timer behind CPU samples. */
#include "trace/sampler.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "lib/cleanup.h"
#include "lib/vec.h"

#define NS_PER_SEC       1000000000ULL
#define TICKS_PER_CHANGE 10
#define JITTER_PERCENT   10

struct tick {
	int fd;
	struct bpf_link *link;
};

struct sampler {
	VEC(struct tick) ticks;
	uint64_t period_ns;
	uint32_t slow; /* times the period */
	size_t tick;
	unsigned int seed;
};

static int open_tick(uint64_t period_ns, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = period_ns,
	};
	long fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

static int add_cpu(struct sampler *s, struct bpf_program *prog, int cpu)
{
	_cleanup_close_ int fd = open_tick(s->period_ns, cpu);
	struct bpf_link *link;
	int err;

	if (fd == -ENODEV || fd == -ENXIO) /* the CPU is offline */
		return 0;
	if (fd < 0)
		return fd;
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link)
		return -errno;
	/* The link now closes the event. */
	err = vec_push(&s->ticks, (struct tick){ .fd = TAKE_FD(fd), .link = link });
	if (err)
		bpf_link__destroy(link);
	return err;
}

int sampler_start(struct bpf_program *prog, uint32_t frequency_hz, struct sampler **ret)
{
	_cleanup_(sampler_freep) struct sampler *s = calloc(1, sizeof(*s));
	int cpus = libbpf_num_possible_cpus(), err;

	if (!s)
		return -ENOMEM;
	s->period_ns = NS_PER_SEC / frequency_hz;
	s->seed = (unsigned int)getpid();
	s->slow = 1;
	for (int cpu = 0; cpu < cpus; cpu++) {
		err = add_cpu(s, prog, cpu);
		if (err)
			return err;
	}
	if (!s->ticks.n)
		return -ENODEV;
	*ret = TAKE_PTR(s);
	return 0;
}

/*
 * A change restarts the timer and so loses half a period on average: once a second is often
 * enough to break a lock, and rare enough to lose half a per cent. Spread over the ticks, because
 * each change interrupts its CPU.
 */
void sampler_jitter(struct sampler *s)
{
	if (!s)
		return;
	for (size_t i = s->tick++ % TICKS_PER_CHANGE; i < s->ticks.n; i += TICKS_PER_CHANGE) {
		int percent = rand_r(&s->seed) % (2 * JITTER_PERCENT + 1) - JITTER_PERCENT;
		uint64_t period = s->slow * s->period_ns / 100 * (uint64_t)(100 + percent);

		ioctl(s->ticks.v[i].fd, PERF_EVENT_IOC_PERIOD, &period);
	}
}

void sampler_enable(struct sampler *s, bool on)
{
	if (!s)
		return;
	vec_foreach (t, &s->ticks)
		ioctl(t->fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
}

void sampler_slow(struct sampler *s, uint32_t factor)
{
	if (s)
		s->slow = factor;
}

void sampler_stop(struct sampler *s)
{
	if (!s)
		return;
	vec_foreach (t, &s->ticks)
		bpf_link__destroy(t->link);
	s->ticks.n = 0;
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	sampler_stop(s);
	vec_done(&s->ticks);
	free(s);
}
