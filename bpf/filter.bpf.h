/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which task is traced, and under which PID user space knows it. */
#pragma once

#include "maps.bpf.h"
#include <bpf/bpf_core_read.h>

#define CGROUP_LEVELS_MAX 32

/* The PID of a task's process in pathbpf's own PID namespace; 0: not visible there. */
static __always_inline __u32 task_pid(struct task_struct *task)
{
	struct task_struct *leader;
	struct pid *pid;
	int nr = 0;

	/* Not task->tgid: clang would merge the load with that of `nr`, which the verifier refuses.
	 */
	if (!pidns_level)
		return BPF_CORE_READ(task, tgid);
	leader = BPF_CORE_READ(task, group_leader);
	pid = BPF_CORE_READ(leader, thread_pid);
	if (BPF_CORE_READ(pid, level) < pidns_level ||
	    bpf_core_read(&nr, sizeof(nr), &pid->numbers[pidns_level].nr))
		return 0;
	return nr;
}

static __always_inline bool task_in_cgroup(struct task_struct *task, __u64 id)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	for (int i = 0; i < CGROUP_LEVELS_MAX && cgroup; i++) {
		if (BPF_CORE_READ(cgroup, kn, id) == id)
			return true;
		/* A cgroup begins with its own css. */
		cgroup = (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
	}
	return false;
}

/* The state of a traced thread, or NULL. */
static __always_inline struct thread *thread_known(struct task_struct *task)
{
	struct thread *t = bpf_task_storage_get(&threads, task, 0, 0);

	return t && t->traced ? t : NULL;
}

/* The same for programs that run in the kernel's course of things: nobody's, once they are inert.
 */
static __always_inline struct thread *thread_of(struct task_struct *task)
{
	return inert ? NULL : thread_known(task);
}
