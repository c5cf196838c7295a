/* SPDX-License-Identifier: GPL-2.0-only */
/* The processes of a trace as they are known in user space. */
#include "trace/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/cleanup.h"
#include "target/proc.h"

#define RETRY_FIRST_NS 50000000ULL
#define RETRY_MAX_NS   5000000000ULL

static void process_free(struct process *proc)
{
	if (!proc)
		return;
	maps_done(&proc->maps);
	jitcode_free(proc->jit);
	free(proc->exe);
	free(proc);
}

void processes_done(struct processes *p)
{
	vec_foreach (proc, &p->all)
		process_free(*proc);
	vec_done(&p->all);
	table_done(&p->index);
}

static struct process *enter(struct processes *p, uint32_t pid)
{
	struct process *proc = calloc(1, sizeof(*proc));

	if (!proc)
		return NULL;
	proc->pid = pid;
	proc->target = UINT32_MAX;
	if (vec_push(&p->all, proc)) {
		process_free(proc);
		return NULL;
	}
	if (table_add(&p->index, &pid, sizeof(pid), (uint32_t)p->all.n - 1)) {
		p->all.n--;
		process_free(proc);
		return NULL;
	}
	return proc;
}

static uint64_t cpu_ns(uint32_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid((pid_t)pid, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void read_identity(struct process *proc)
{
	struct proc_info info;

	if (proc_read(proc->pid, &info)) {
		proc->gone = true;
		return;
	}
	proc->ppid = info.ppid;
	proc->start_time = info.start_time;
	memcpy(proc->comm, info.comm, sizeof(proc->comm));
	proc->kernel_thread = info.kernel_thread;
	free(proc->exe);
	proc->exe = info.exe[0] ? strdup(info.exe) : NULL;
}

static bool same_maps(const mapping_vec *a, const mapping_vec *b)
{
	for (size_t i = 0; a->n == b->n && i < a->n; i++) {
		const struct mapping *x = &a->v[i], *y = &b->v[i];

		if (x->start != y->start || x->end != y->end || x->offset != y->offset ||
		    x->object != y->object)
			return false;
	}
	return a->n == b->n;
}

void process_read_maps(struct processes *p, struct object_files *o, struct process *proc,
		       bool image)
{
	mapping_vec fresh = {};

	if (image)
		read_identity(proc);
	if (maps_read_pid(proc->pid, &fresh) || !fresh.n) {
		maps_done(&fresh);
		if (image) { /* what was mapped before the exec means nothing now */
			maps_done(&proc->maps);
			proc->maps_version++;
		}
		proc->gone = true;
		return;
	}
	vec_foreach (m, &fresh)
		m->object = object_files_add(o, proc->pid, m);
	if (image || !same_maps(&proc->maps, &fresh))
		proc->maps_version++;
	maps_done(&proc->maps);
	proc->maps = fresh;
	p->maps_changes++;
}

struct process *process_of(struct processes *p, struct object_files *o, uint32_t pid)
{
	uint32_t i = table_find(&p->index, &pid, sizeof(pid));
	struct process *proc;

	if (i != TABLE_NONE)
		return p->all.v[i];
	proc = enter(p, pid);
	if (!proc)
		return NULL;
	proc->base_cpu_ns = cpu_ns(pid);
	process_read_maps(p, o, proc, true);
	return proc;
}

struct process *process_expect(struct processes *p, uint32_t pid)
{
	return enter(p, pid);
}

static int copy_maps(mapping_vec *to, const mapping_vec *from)
{
	vec_foreach (m, from) {
		struct mapping copy = *m;

		copy.path = strdup(m->path);
		if (!copy.path || vec_push(to, copy)) {
			free(copy.path);
			return -ENOMEM;
		}
	}
	return 0;
}

struct process *process_fork(struct processes *p, struct object_files *o, uint32_t parent,
			     uint32_t child)
{
	struct process *from = process_of(p, o, parent), *proc;
	uint32_t i = table_find(&p->index, &child, sizeof(child));

	/* A PID that was used before in this trace: the newcomer takes its place. */
	proc = i != TABLE_NONE ? p->all.v[i] : enter(p, child);
	if (!from || !proc || from == proc)
		return proc;
	proc->ppid = parent;
	proc->ended = proc->gone = proc->kernel_thread = false;
	proc->maps_read_ns = proc->maps_retry_ns = 0;
	jitcode_free(proc->jit);
	proc->jit = NULL;
	memcpy(proc->comm, from->comm, sizeof(proc->comm));
	free(proc->exe);
	proc->exe = from->exe ? strdup(from->exe) : NULL;
	maps_done(&proc->maps);
	copy_maps(&proc->maps, &from->maps);
	proc->stacks_wanted = from->stacks_wanted;
	proc->maps_version++;
	return proc;
}

const struct mapping *process_find(struct processes *p, struct object_files *o,
				   struct process *proc, uint64_t addr, uint64_t now_ns)
{
	const struct mapping *m = maps_find(&proc->maps, addr);

	if (m || proc->gone || proc->kernel_thread)
		return m;
	if (proc->maps_retry_ns && now_ns - proc->maps_read_ns < proc->maps_retry_ns)
		return NULL;
	process_read_maps(p, o, proc, false);
	proc->maps_read_ns = now_ns;
	m = maps_find(&proc->maps, addr);
	if (m)
		proc->maps_retry_ns = 0;
	else
		proc->maps_retry_ns =
		    proc->maps_retry_ns ? 2 * proc->maps_retry_ns : RETRY_FIRST_NS;
	if (proc->maps_retry_ns > RETRY_MAX_NS)
		proc->maps_retry_ns = RETRY_MAX_NS;
	return m;
}

static struct jitcode *jit_of(struct process *proc)
{
	if (!proc->jit && jitcode_new(proc->pid, &proc->jit))
		return NULL;
	return proc->jit;
}

bool process_jit_find(struct process *proc, uint64_t addr, uint64_t time_ns, struct code_place *ret)
{
	struct jitcode *j = jit_of(proc);

	return j && jitcode_find(j, &proc->maps, addr, time_ns, ret);
}

const char *process_jit_name(struct process *proc, uint64_t addr)
{
	struct jitcode *j = jit_of(proc);
	struct code_place place;

	return j && jitcode_find_last(j, &proc->maps, addr, &place) ? place.name : NULL;
}
