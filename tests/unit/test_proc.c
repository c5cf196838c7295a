/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc says of processes that the tests start. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/proc.h"

/* A child with a name of its own that waits to be killed; it is ready when this returns. */
static pid_t start_child(const char *comm)
{
	int ready[2];
	char byte;
	pid_t child;

	cr_assert_eq(pipe(ready), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, comm);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static bool contains(const pid_vec *v, uint32_t pid)
{
	vec_foreach (p, v)
		if (*p == pid)
			return true;
	return false;
}

Test(proc, reads_this_process)
{
	struct proc_info info = {};
	char exe[PATH_MAX] = "";
	struct stat st;

	cr_assert_eq(proc_read((uint32_t)getpid(), &info), 0);
	cr_assert_eq(info.pid, (uint32_t)getpid());
	cr_assert_eq(info.ppid, (uint32_t)getppid());
	cr_assert_eq(info.state, 'R');
	cr_assert_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	cr_assert_str_eq(info.exe, exe);
	cr_assert_not(info.kernel_thread);
	cr_assert_eq(info.is_32bit, sizeof(void *) == 4);
	cr_assert_gt(info.start_time, 0);
	cr_assert_eq(stat("/proc/self/ns/mnt", &st), 0);
	cr_assert_eq(info.mntns, st.st_ino);
	cr_assert_eq(stat("/proc/self/ns/pid", &st), 0);
	cr_assert_eq(info.pidns, st.st_ino);
}

Test(proc, names_may_look_like_the_rest_of_the_line)
{
	struct proc_info info = {};
	pid_t child = start_child(") R 1 (\n x");

	cr_assert_eq(proc_read((uint32_t)child, &info), 0);
	cr_assert_str_eq(info.comm, ") R 1 (\n x");
	cr_assert_eq(info.ppid, (uint32_t)getpid());
	end_child(child);
}

Test(proc, a_zombie_is_no_kernel_thread)
{
	struct proc_info info = {};
	siginfo_t si;
	pid_t child = fork();

	if (!child)
		_exit(0);
	cr_assert_eq(waitid(P_PID, (id_t)child, &si, WEXITED | WNOWAIT), 0);
	cr_assert_eq(proc_read((uint32_t)child, &info), 0);
	cr_assert_eq(info.state, 'Z');
	cr_assert_not(info.kernel_thread);
	cr_assert_str_eq(info.exe, "");
	waitpid(child, NULL, 0);
	info.pid = 77;
	cr_assert_eq(proc_read((uint32_t)child, &info), -ESRCH);
	cr_assert_eq(info.pid, 77, "the result was touched");
}

/* Copies /bin/sleep to a path of its own and starts it there. */
static pid_t start_copy(const char *path)
{
	char command[320], exe[PATH_MAX], link[64];
	pid_t child;

	snprintf(command, sizeof(command), "cp /bin/sleep '%s' && chmod 700 '%s'", path, path);
	cr_assert_eq(system(command), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, "sleep", "60", NULL);
		_exit(1);
	}
	snprintf(link, sizeof(link), "/proc/%d/exe", child);
	for (int i = 0; i < 1000; i++) {
		ssize_t n = readlink(link, exe, sizeof(exe) - 1);

		exe[n > 0 ? n : 0] = '\0';
		if (!strcmp(exe, path))
			return child;
		usleep(5000);
	}
	cr_assert_fail("the child did not start");
	return -1;
}

Test(proc, a_deleted_executable_keeps_its_name)
{
	char path[] = "/tmp/pathbpf-proc-XXXXXX";
	struct proc_info info = {};
	pid_t child;

	close(mkstemp(path));
	child = start_copy(path);
	unlink(path);
	cr_assert_eq(proc_read((uint32_t)child, &info), 0);
	cr_assert_str_eq(info.exe, path);
	end_child(child);
}

Test(proc, an_executable_may_be_called_deleted)
{
	static const char suffix[] = "/x (deleted)";
	char dir[64] = "/tmp/pathbpf-proc-XXXXXX", path[96];
	struct proc_info info = {};
	pid_t child;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s%s", dir, suffix);
	child = start_copy(path);
	cr_assert_eq(proc_read((uint32_t)child, &info), 0);
	cr_assert_str_eq(info.exe, path);
	end_child(child);
	unlink(path);
	rmdir(dir);
}

struct thread {
	pthread_barrier_t barrier;
	pid_t tid;
};

static void *run_thread(void *arg)
{
	struct thread *t = arg;

	t->tid = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&t->barrier);
	pthread_barrier_wait(&t->barrier);
	return NULL;
}

Test(proc, threads_are_listed_but_are_no_processes)
{
	struct thread t = {};
	struct proc_info info;
	pid_vec tids = {}, pids = {};
	pthread_t thread;

	pthread_barrier_init(&t.barrier, NULL, 2);
	cr_assert_eq(pthread_create(&thread, NULL, run_thread, &t), 0);
	pthread_barrier_wait(&t.barrier);
	cr_assert_eq(proc_threads((uint32_t)getpid(), &tids), 0);
	cr_assert(contains(&tids, (uint32_t)t.tid));
	cr_assert(contains(&tids, (uint32_t)getpid()));
	cr_assert_eq(proc_read((uint32_t)t.tid, &info), -ESRCH);
	cr_assert_eq(proc_list(&pids), 0);
	cr_assert(contains(&pids, (uint32_t)getpid()));
	cr_assert_not(contains(&pids, (uint32_t)t.tid));
	pthread_barrier_wait(&t.barrier);
	pthread_join(thread, NULL);
	vec_done(&tids);
	vec_done(&pids);
}

Test(proc, threads_of_nobody_are_an_error)
{
	pid_vec tids = {};

	cr_assert_eq(vec_push(&tids, 5), 0);
	cr_assert_eq(proc_threads(PARSE_PID_MAX + 1, &tids), -ESRCH);
	cr_assert_eq(tids.n, 1);
	vec_done(&tids);
}

Test(proc, processes_are_found_by_name)
{
	char name[32];
	pid_vec pids = {};
	pid_t child;

	snprintf(name, sizeof(name), "pb-%d", getpid());
	child = start_child(name);
	cr_assert_eq(vec_push(&pids, 5), 0);
	cr_assert_eq(proc_match(name, &pids), 0);
	cr_assert_eq(pids.n, 2);
	cr_assert_eq(pids.v[0], 5);
	cr_assert_eq(pids.v[1], (uint32_t)child);
	pids.n = 0;
	strcat(name, "?*");
	cr_assert_eq(proc_match(name, &pids), 0);
	cr_assert_eq(pids.n, 0);
	end_child(child);
	vec_done(&pids);
}

Test(proc, processes_are_found_by_executable_and_we_are_left_out)
{
	char exe[PATH_MAX] = "";
	pid_vec pids = {};
	pid_t child;

	cr_assert_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	child = start_child("other-name");
	cr_assert_eq(proc_match(strrchr(exe, '/') + 1, &pids), 0);
	cr_assert(contains(&pids, (uint32_t)child));
	cr_assert_not(contains(&pids, (uint32_t)getpid()));
	end_child(child);
	vec_done(&pids);
}

Test(proc, schedstat_counts_time_on_cpu)
{
	uint64_t before, after, runq;
	uint32_t pid = (uint32_t)getpid();
	volatile unsigned int spin = 0;

	if (access("/proc/self/schedstat", F_OK))
		cr_skip_test("this kernel has no schedstat");
	cr_assert_eq(proc_schedstat(pid, pid, &before, &runq), 0);
	while (spin < 50000000)
		spin++;
	cr_assert_eq(proc_schedstat(pid, pid, &after, &runq), 0);
	cr_assert_gt(after, before + 1000000);
	cr_assert_eq(proc_schedstat(pid, PARSE_PID_MAX + 1, &after, &runq), -ENOENT);
}
