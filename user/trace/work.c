/* SPDX-License-Identifier: GPL-2.0-only */
/* CPU time and work of the target of `pathbpf overhead`. */
#include "trace/work.h"

#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "trace/work_impl.h"
#include "work.skel.h"

_Static_assert(WORK_CALL_NUMBERS == PB_WORK_CALLS, "one number of system calls");

#define MEMBERS_MAX 65536

struct work_meter {
	struct work *skel;
	struct uprobe_links links;
	struct pb_work *cpus; /* one for each possible CPU */
	uint32_t n_cpus;
	uint64_t on_ns; /* time on CPU when it was last read */
};

void work_close(struct work_meter *m)
{
	if (!m)
		return;
	uprobe_links_close(&m->links);
	work__destroy(m->skel);
	free(m->cpus);
	free(m);
}

static void configure(struct work_meter *m, const struct work_options *opt)
{
	struct pb_config config = { .follow = opt->follow, .self_tgid = (uint32_t)getpid() };
	struct bpf_program *hit = m->skel->progs.pb_work_hit;

	if (opt->comm_glob)
		snprintf(config.comm_glob, sizeof(config.comm_glob), "%s", opt->comm_glob);
	memcpy((void *)&m->skel->rodata->config, &config, sizeof(config));
	bpf_program__set_autoload(m->skel->progs.pb_work_exec, opt->comm_glob);
	bpf_program__set_autoload(hit, opt->function);
	if (opt->function)
		uprobe_prepare(&hit, 1);
}

/* Runs the iterator; the PIDs that it writes are appended. */
static int iterate(struct work_meter *m, pid_vec *pids)
{
	struct bpf_link *link = bpf_program__attach_iter(m->skel->progs.pb_work_iter, NULL);
	_cleanup_close_ int fd = -1;
	uint32_t part[1024];
	ssize_t n = 0;
	int err = 0;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		err = -errno;
	while (!err) {
		n = read(fd, part, sizeof(part));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		for (size_t i = 0; i < (size_t)n / sizeof(*part) && !err; i++)
			err = pids && pids->n < MEMBERS_MAX ? vec_push(pids, part[i]) : 0;
	}
	err = !err && n < 0 ? -errno : err;
	bpf_link__destroy(link);
	return err;
}

/* A second look finds threads that others made during the first. */
static int take_in(struct work_meter *m, const pid_vec *pids)
{
	int fd = bpf_map__fd(m->skel->maps.work_targets), err;
	uint32_t none = 0;

	vec_foreach (pid, pids) {
		if (bpf_map_update_elem(fd, pid, &none, BPF_ANY))
			return -errno;
	}
	m->skel->bss->joining = 1;
	err = iterate(m, NULL);
	err = err ? err : iterate(m, NULL);
	m->skel->bss->joining = 0;
	return err;
}

static int load(struct work_meter *m, const struct work_options *opt)
{
	int cpus = libbpf_num_possible_cpus(), err;

	m->skel = work__open();
	if (!m->skel)
		return -errno;
	m->n_cpus = cpus > 0 ? (uint32_t)cpus : 1;
	m->cpus = calloc(m->n_cpus, sizeof(*m->cpus));
	if (!m->cpus)
		return -ENOMEM;
	configure(m, opt);
	err = work__load(m->skel);
	if (err)
		return err;
	/* The iterator and the probe are attached by hand. */
	bpf_program__set_autoattach(m->skel->progs.pb_work_iter, false);
	bpf_program__set_autoattach(m->skel->progs.pb_work_hit, false);
	return work__attach(m->skel);
}

int work_open(const struct work_options *opt, struct work_meter **ret, char *msg, size_t size)
{
	_cleanup_(work_closep) struct work_meter *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	if (log_level() < LOG_DEBUG)
		libbpf_set_print(NULL);
	err = load(m, opt);
	err = err ? err : take_in(m, opt->pids);
	if (err) {
		snprintf(msg, size, "cannot count the target's work by BPF (see 'pathbpf doctor')");
		return err;
	}
	if (opt->function)
		err = work_probe_function(opt->function, opt->pids, m->skel->progs.pb_work_hit,
					  &m->links, msg, size);
	if (err)
		return err;
	*ret = TAKE_PTR(m);
	return 0;
}

/* Sums over the CPUs; on_ns as it is. */
static int read_sums(struct work_meter *m, struct work_sample *ret)
{
	uint32_t key = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(m->skel->maps.work), &key, m->cpus))
		return -errno;
	*ret = (struct work_sample){ .time_ns = clock_monotonic_ns() };
	for (uint32_t i = 0; i < m->n_cpus; i++) {
		const struct pb_work *w = &m->cpus[i];

		ret->cpu_ns += w->cpu_ns;
		ret->on_ns += w->on_ns;
		ret->switches += w->switches;
		ret->hits += w->hits;
		for (uint32_t nr = 0; nr < WORK_CALL_NUMBERS; nr++)
			ret->calls[nr] += w->calls[nr];
	}
	return 0;
}

uint64_t work_on_ns(uint64_t sum, uint64_t time_ns, uint64_t before_ns)
{
	uint64_t each = time_ns + PB_WORK_ON, missing = before_ns - sum;

	/* So many threads are on CPU that it is not less than before, and no more. */
	if (missing && missing <= INT64_MAX)
		sum += (missing + each - 1) / each * each;
	return sum;
}

int work_read(struct work_meter *m, struct work_sample *ret, pid_vec *members)
{
	int err;

	if (members)
		members->n = 0;
	err = iterate(m, members);
	err = err ? err : read_sums(m, ret);
	if (err)
		return err;
	ret->on_ns = work_on_ns(ret->on_ns, ret->time_ns, m->on_ns);
	m->on_ns = ret->on_ns;
	return 0;
}

bool work_misses_interrupts(const struct work_meter *m)
{
	return m->skel->bss->interrupts_left_out;
}

uint64_t work_lost(const struct work_meter *m)
{
	uint64_t lost = 0;

	for (uint32_t i = 0; i < m->n_cpus; i++)
		lost += m->cpus[i].lost;
	return lost;
}
