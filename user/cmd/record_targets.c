/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom `record` traces. */
#include "cmd/record_targets.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/path.h"
#include "target/cgroup.h"
#include "target/proc.h"
#include "trace/collect.h"
#include "trace/plan.h"
#include "trace/session.h"
#include "trace/session_control.h"

int record_targets_check(uint32_t pid)
{
	struct proc_info info;
	int err = proc_read(pid, &info);

	if (err == -ESRCH || err == -ENOENT)
		return log_err(0, "there is no process %u", pid), STATUS_FAILED;
	if (err)
		return log_err(err, "cannot read /proc/%u", pid), STATUS_FAILED;
	if (pid == (uint32_t)getpid())
		return log_err(0, "process %u is pathbpf itself", pid), STATUS_FAILED;
	if (info.state == 'Z' || info.state == 'X')
		return log_err(
			   0, "process %u (%s) has ended: it is a zombie that waits for its parent",
			   pid, info.comm),
		       STATUS_FAILED;
	if (info.kernel_thread)
		return log_err(0, "process %u (%s) is a kernel thread: trace it with -a", pid,
			       info.comm),
		       STATUS_FAILED;
	if (info.is_32bit)
		return log_err(
			   0, "process %u (%s) is a 32-bit program: only 64-bit ones can be traced",
			   pid, info.comm),
		       STATUS_LACKING;
	return -1;
}

/* A process that runs from the start on. */
static int enter(struct collect *c, struct session_options *so, uint32_t pid)
{
	struct process *proc = process_of(&c->processes, &c->objects, pid);

	if (!proc)
		return -ENOMEM;
	collect_began(c, proc);
	return so ? vec_push(&so->pids, pid) : 0;
}

static int choose_pids(const struct record_options *o, struct collect *c,
		       struct session_options *so)
{
	vec_foreach (pid, &o->pids) {
		int status = record_targets_check(*pid);

		if (status >= 0)
			return status;
		if (enter(c, so, *pid))
			return log_err(-ENOMEM, "cannot start"), STATUS_FAILED;
	}
	return -1;
}

static int enter_all(struct collect *c, struct session_options *so, const pid_vec *pids)
{
	vec_foreach (pid, pids) {
		if (*pid != (uint32_t)getpid() && enter(c, so, *pid))
			return log_err(-ENOMEM, "cannot start"), STATUS_FAILED;
	}
	return -1;
}

static int choose_name(const struct record_options *o, struct collect *c,
		       struct session_options *so)
{
	pid_vec pids = {};
	int err = proc_match(o->name_glob, &pids), status;

	if (err)
		return log_err(err, "cannot read /proc"), STATUS_FAILED;
	if (strlen(o->name_glob) > 15 || strpbrk(o->name_glob, "[]\\"))
		log_warn(0,
			 "'%s' is matched against running processes only: later ones are found by "
			 "a glob of '*' and '?' of at most 15 bytes",
			 o->name_glob);
	else
		so->comm_glob = o->name_glob;
	if (!pids.n)
		log_info("no process matches '%s' yet: waiting for one", o->name_glob);
	status = enter_all(c, so, &pids);
	vec_done(&pids);
	return status;
}

static int choose_cgroup(const struct record_options *o, struct collect *c,
			 struct session_options *so)
{
	char path[4096];
	pid_vec pids = {};
	int err = cgroup_find(o->cgroup, &so->cgroup_id, path, sizeof(path)), status;

	if (err == -ENODEV)
		return log_err(0, "no cgroup v2 is mounted here"), STATUS_LACKING;
	if (err == -ENOTUNIQ)
		return log_err(0, "several containers begin with '%s': give more digits",
			       o->cgroup),
		       STATUS_FAILED;
	if (err)
		return log_err(0, "there is no cgroup '%s'", o->cgroup), STATUS_FAILED;
	so->scope = SCOPE_CGROUP;
	cgroup_pids(path, &pids);
	status = enter_all(c, NULL, &pids);
	vec_done(&pids);
	return status;
}

static int choose_all(struct collect *c, struct session_options *so)
{
	pid_vec pids = {};
	int err = proc_list(&pids), status;

	if (err)
		return log_err(err, "cannot read /proc"), STATUS_FAILED;
	so->scope = SCOPE_ALL;
	status = enter_all(c, NULL, &pids);
	vec_done(&pids);
	return status;
}

int record_targets_choose(const struct record_options *o, const struct child *child,
			  struct collect *c, struct session_options *so)
{
	struct process *proc;

	if (geteuid() != 0)
		return log_err(0, "tracing needs root: run it with sudo, or see 'pathbpf doctor'"),
		       STATUS_LACKING;
	if (o->pids.n)
		return choose_pids(o, c, so);
	if (o->name_glob)
		return choose_name(o, c, so);
	if (o->cgroup)
		return choose_cgroup(o, c, so);
	if (o->all)
		return choose_all(c, so);
	so->exec_pid = (uint32_t)child->pid;
	proc = process_expect(&c->processes, so->exec_pid);
	if (proc)
		collect_began(c, proc);
	return -1;
}

/* The file that execvp() will find. */
static int find_program(const char *name, char *buf, size_t size)
{
	const char *path = getenv("PATH");
	_cleanup_free_ char *copy = strdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
	char *rest = copy;

	if (strchr(name, '/')) {
		snprintf(buf, size, "%s", name);
		return access(buf, X_OK) ? -errno : 0;
	}
	for (char *dir; copy && (dir = strsep(&rest, ":"));) {
		snprintf(buf, size, "%s/%s", *dir ? dir : ".", name);
		if (!access(buf, X_OK))
			return 0;
	}
	return -ENOENT;
}

int record_targets_plan(const struct record_options *o, struct plan *plan, struct collect *c)
{
	char file[4096], real[4096];
	uint32_t object;
	int err;

	if (!o->command)
		return plan_update(plan, &c->objects, &c->processes);
	err = find_program(o->command[0], file, sizeof(file));
	if (err)
		return 0; /* exec will say it better */
	if (!realpath(file, real))
		return -errno;
	err = object_files_add_path(&c->objects, real, &object);
	return err ? err : plan_update_program(plan, &c->objects, object, path_last(file));
}

int record_targets_confirm(const struct record_options *o, struct collect *c)
{
	size_t alive = 0;

	if (!o->pids.n)
		return -1;
	vec_foreach (pid, &o->pids) {
		if (!kill((pid_t)*pid, 0) || errno == EPERM)
			alive++;
	}
	(void)c;
	if (alive)
		return -1;
	return log_err(0, "process %u ended while pathbpf was attaching", o->pids.v[0]),
	       STATUS_FAILED;
}

/* Is it the process that it was? Its PID may be another's by now. */
static bool is_same(const struct process *proc)
{
	struct proc_info info;

	return !proc_read(proc->pid, &info) && info.start_time == proc->start_time &&
	       info.state != 'Z' && info.state != 'X';
}

static int enter_again(struct collect *c, struct session *s, uint32_t pid, bool selected)
{
	uint32_t i = table_find(&c->processes.index, &pid, sizeof(pid));
	struct process *proc = process_of(&c->processes, &c->objects, pid);

	if (!proc)
		return -ENOMEM;
	if (i != TABLE_NONE && !proc->live) { /* the PID of one that has ended */
		proc->ended = proc->gone = false;
		process_read_maps(&c->processes, &c->objects, proc, true);
	}
	if (proc->gone)
		return 0;
	collect_began(c, proc);
	return selected ? session_add_target(s, pid) : 0;
}

/* Children of targets, made in the pause, and theirs; how many are new, or a negative errno. */
static int enter_children(struct collect *c, struct session *s, const pid_vec *pids)
{
	int n = 0;

	vec_foreach (pid, pids) {
		uint32_t child = table_find(&c->processes.index, pid, sizeof(*pid)), parent;
		struct proc_info info;

		if (child != TABLE_NONE && c->processes.all.v[child]->live)
			continue;
		if (proc_read(*pid, &info) || info.state == 'Z' || info.start_time < c->paused_at)
			continue;
		parent = table_find(&c->processes.index, &info.ppid, sizeof(info.ppid));
		if (parent == TABLE_NONE || !c->processes.all.v[parent]->live)
			continue;
		if (enter_again(c, s, *pid, true))
			return -ENOMEM;
		n++;
	}
	return n;
}

/* Whom the command line names. */
static int list_named(const struct record_options *o, pid_vec *ret)
{
	char path[4096];
	uint64_t id;
	int err;

	if (o->name_glob)
		return proc_match(o->name_glob, ret);
	if (o->all)
		return proc_list(ret);
	if (!o->cgroup)
		return 0;
	err = cgroup_find(o->cgroup, &id, path, sizeof(path));
	return err ? err : cgroup_pids(path, ret);
}

int record_targets_again(const struct record_options *o, struct collect *c, struct session *s)
{
	bool by_pid = !o->all && !o->cgroup;
	pid_vec named = {}, all = {};
	int err, n = 1;

	vec_foreach (proc, &c->processes.all) {
		if (!(*proc)->live)
			continue;
		if (is_same(*proc)) {
			process_read_maps(&c->processes, &c->objects, *proc, true);
			continue;
		}
		collect_ended(c, *proc);
		(*proc)->gone = true;
		session_drop_target(s, (*proc)->pid);
	}
	err = list_named(o, &named);
	for (size_t i = 0; i < named.n && !err; i++) {
		if (named.v[i] != (uint32_t)getpid())
			err = enter_again(c, s, named.v[i], by_pid);
	}
	if (!err && by_pid && !o->no_follow)
		err = proc_list(&all);
	while (!err && all.n && n) {
		n = enter_children(c, s, &all);
		err = n < 0 ? n : 0;
	}
	vec_done(&named);
	vec_done(&all);
	return err;
}
