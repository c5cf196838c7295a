/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions under seccomp, -n rounds each: in a child in strict mode, in a child whose filter kills
 * it at any system call but a few, and in a thread of this process with such a filter.
 */
#include "tally.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW(nr)                                                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1),                                           \
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static uint64_t rounds;

NOIPA uint64_t jailed_leaf(uint64_t n)
{
	tally_call("jailed_leaf");
	return n & 1;
}

NOIPA uint64_t jailed_top(uint64_t n)
{
	uint64_t ret;

	tally_call("jailed_top");
	ret = jailed_leaf(n) + jailed_leaf(n + 1);
	BARRIER();
	return ret;
}

/* A call that is entered outside of the jail and left inside of it. */
NOIPA int enters_jail(int strict)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write),
		ALLOW(SYS_exit),
		ALLOW(SYS_rt_sigreturn),
		ALLOW(SYS_rt_sigprocmask), /* the C library, at a thread's end */
		ALLOW(SYS_madvise),
		ALLOW(SYS_futex),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = { .len = sizeof(code) / sizeof(*code), .filter = code };
	int err;

	tally_call("enters_jail");
	if (strict)
		err = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	else
		err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	BARRIER();
	return err;
}

static uint64_t jailed_run(void)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < rounds; i++)
		sum += jailed_top(i);
	return sum;
}

static int child_run(int strict)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (enters_jail(strict))
			_exit(2);
		syscall(SYS_exit, jailed_run() == rounds ? 5 : 3);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		workload_die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void *thread_run(void *arg)
{
	if (enters_jail(0))
		return NULL;
	return jailed_run() == rounds ? arg : NULL;
}

int main(int argc, char **argv)
{
	int ended[2];
	pthread_t thread;
	void *ret;
	int token;

	rounds = workload_option(argc, argv, "-n", 500);
	tally_init();
	workload_ready();
	ended[0] = child_run(1);
	ended[1] = child_run(0);
	if (pthread_create(&thread, NULL, thread_run, &token) || pthread_join(thread, &ret))
		workload_die("pthread_create");
	tally_print(",\"ended\":[%d,%d],\"thread\":%s", ended[0], ended[1], ret ? "true" : "false");
	workload_end();
	return 0;
}
