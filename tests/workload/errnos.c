/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls with known results: -t THREADS do -n ROUNDS of the table below, each call once a
 * round. The truth lists what must have been counted, by system call; `calls` only where
 * nothing else in the process makes that call.
 */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS      16
#define UNKNOWN_SYSCALL  999
#define UNKNOWN_SYSCALL2 1357

/* What one thread works with. */
struct bench {
	pthread_t thread;
	uint64_t rounds;
	int null_fd;    /* /dev/null, read-only */
	int empty_fd;   /* a socket without data, non-blocking */
	int broken_fd;  /* a socket whose peer has gone */
	int pipe_fd[2]; /* for the read that is restarted */
	timer_t timer;  /* SIGALRM to this thread */
	timer_t filler; /* SIGUSR1 to this thread, whose handler fills the pipe */
};

/* One thread at a time waits for SIGUSR1: the handler writes here. */
static _Thread_local int filler_fd = -1;

static void on_alarm(int sig)
{
	(void)sig;
}

static void on_fill(int sig)
{
	(void)sig;
	if (write(filler_fd, "x", 1) != 1)
		_exit(99);
}

static void expect(long ret, int want, const char *what)
{
	int got = ret < 0 ? errno : 0;

	if (got != want) {
		fprintf(stderr, "errnos: %s: errno %d instead of %d\n", what, got, want);
		_exit(1);
	}
}

static void timer_arm(timer_t timer, long ns)
{
	struct itimerspec when = { .it_value = { .tv_nsec = ns } };

	timer_settime(timer, 0, &when, NULL);
}

/* SIGALRM is blocked except inside of ppoll(): every call is interrupted, none can miss it. */
static void interrupted_round(struct bench *b)
{
	sigset_t open_mask;

	sigemptyset(&open_mask);
	timer_arm(b->timer, 200000);
	expect(ppoll(NULL, 0, NULL, &open_mask), EINTR, "ppoll");
}

/*
 * SIGUSR1 interrupts a readv() on an empty pipe; the handler fills the pipe, and the kernel
 * restarts the call, which then succeeds. The signal may also come first: then nothing was
 * interrupted, so the timer leaves ample time and the truth does not rely on it.
 */
static void restarted_round(struct bench *b)
{
	char c;
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };

	timer_arm(b->filler, 300000);
	expect(readv(b->pipe_fd[0], &iov, 1), 0, "readv");
}

static void refused_round(void)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = htons(1) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	expect(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)), ECONNREFUSED, "connect");
	close(fd);
}

static void round_run(struct bench *b)
{
	struct timespec soon = { .tv_nsec = 100000 };
	atomic_uint word = 0;
	char data[8];

	expect(open("/nonexistent/pathbpf", O_RDONLY), ENOENT, "openat");
	expect(dup3(-1, 100, 0), EBADF, "dup3");
	expect(recv(b->empty_fd, data, sizeof(data), 0), EAGAIN, "recvfrom");
	expect(lseek(b->null_fd, 0, 99), EINVAL, "lseek");
	expect(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, b->null_fd, 0) == MAP_FAILED ? -1 : 0,
	       EACCES, "mmap");
	expect(ioctl(b->null_fd, TCGETS, data), ENOTTY, "ioctl");
	refused_round();
	expect(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &soon, NULL, 0), ETIMEDOUT,
	       "futex");
	expect(send(b->broken_fd, "x", 1, MSG_NOSIGNAL), EPIPE, "sendto");
	expect(syscall(UNKNOWN_SYSCALL), ENOSYS, "unknown");
	expect(syscall(UNKNOWN_SYSCALL2), ENOSYS, "unknown");
	expect(syscall(SYS_getppid), 0, "getppid");
	expect(pread(b->null_fd, data, sizeof(data), 0), 0, "pread64");
	expect(pread(b->null_fd, data, sizeof(data), -1), EINVAL, "pread64");
	interrupted_round(b);
	restarted_round(b);
}

static timer_t timer_new(int sig)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = sig };
	timer_t timer;

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		workload_die("timer_create");
	return timer;
}

static void bench_init(struct bench *b)
{
	int pair[2];

	b->null_fd = open("/etc/hostname", O_RDONLY);
	if (b->null_fd < 0)
		b->null_fd = open("/proc/self/exe", O_RDONLY);
	if (b->null_fd < 0 || pipe(b->pipe_fd))
		workload_die("open");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		workload_die("socketpair");
	b->empty_fd = pair[0];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		workload_die("socketpair");
	b->broken_fd = pair[0];
	close(pair[1]);
	filler_fd = b->pipe_fd[1];
	b->timer = timer_new(SIGALRM);
	b->filler = timer_new(SIGUSR1);
}

static pthread_barrier_t prepared, started;

static void *bench_run(void *arg)
{
	struct bench *b = arg;

	bench_init(b);
	pthread_barrier_wait(&prepared);
	pthread_barrier_wait(&started);
	for (uint64_t i = 0; i < b->rounds; i++)
		round_run(b);
	return NULL;
}

static void signals_init(void)
{
	struct sigaction alarm_action = { .sa_handler = on_alarm };
	struct sigaction fill_action = { .sa_handler = on_fill, .sa_flags = SA_RESTART };
	sigset_t mask;

	sigaction(SIGALRM, &alarm_action, NULL);
	sigaction(SIGUSR1, &fill_action, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

static void truth_print(uint64_t n)
{
	/* name, exact number of calls (0: others make it, too), errno and its count */
	workload_truth("{\"rounds\":%lu,\"syscalls\":{"
		       "\"openat\":[0,{\"ENOENT\":%lu}],\"dup3\":[%lu,{\"EBADF\":%lu}],"
		       "\"recvfrom\":[%lu,{\"EAGAIN\":%lu}],\"lseek\":[%lu,{\"EINVAL\":%lu}],"
		       "\"mmap\":[0,{\"EACCES\":%lu}],\"ioctl\":[%lu,{\"ENOTTY\":%lu}],"
		       "\"connect\":[%lu,{\"ECONNREFUSED\":%lu}],\"futex\":[0,{\"ETIMEDOUT\":%lu}],"
		       "\"sendto\":[%lu,{\"EPIPE\":%lu}],\"getppid\":[%lu,{}],\"socket\":[%lu,{}],"
		       "\"pread64\":[%lu,{\"EINVAL\":%lu}],\"ppoll\":[%lu,{\"EINTR\":%lu}]},"
		       "\"enosys\":%lu,\"restarted\":%lu}",
		       n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, 2 * n, n, n, n, 2 * n,
		       n);
}

int main(int argc, char **argv)
{
	uint64_t threads = workload_option(argc, argv, "-t", 3);
	uint64_t rounds = workload_option(argc, argv, "-n", 50);
	static struct bench benches[MAX_THREADS];

	if (threads > MAX_THREADS)
		workload_die("too many threads");
	signals_init();
	pthread_barrier_init(&prepared, NULL, (unsigned int)threads + 1);
	pthread_barrier_init(&started, NULL, (unsigned int)threads + 1);
	for (uint64_t i = 0; i < threads; i++) {
		benches[i].rounds = rounds;
		if (pthread_create(&benches[i].thread, NULL, bench_run, &benches[i]))
			workload_die("pthread_create");
	}
	pthread_barrier_wait(&prepared);
	workload_ready();
	pthread_barrier_wait(&started);
	for (uint64_t i = 0; i < threads; i++)
		pthread_join(benches[i].thread, NULL);
	truth_print(threads * rounds);
	workload_end();
	return 0;
}
