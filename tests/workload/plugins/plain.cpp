/* SPDX-License-Identifier: GPL-2.0-only */
/* A plugin with an entry for each thing that may happen inside one. */
#include "zoo.h"

#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <ctime>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{
std::vector<void *> kept;
volatile sig_atomic_t signals;

void on_signal(int)
{
	signals = signals + 1;
}

void *thread_body(void *arg)
{
	plain_work(*static_cast<int *>(arg));
	return nullptr;
}
} // namespace

extern "C" {
NOIPA int plain_work(int n)
{
	BARRIER();
	return n;
}

NOIPA int plain_fail(int n)
{
	BARRIER();
	return -n;
}

NOIPA void *plain_null(int n)
{
	static int there;

	BARRIER();
	return n ? nullptr : &there;
}

NOIPA int plain_alloc(int n, size_t size)
{
	for (void *p : kept)
		free(p);
	kept.clear();
	kept.reserve(static_cast<size_t>(n));
	for (int i = 0; i < n; i++)
		kept.push_back(malloc(size));
	return n;
}

NOIPA int plain_map(size_t bytes)
{
	char *p = static_cast<char *>(
	    mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	for (size_t i = 0; i < bytes; i += 4096)
		p[i] = 1;
	return p != MAP_FAILED;
}

NOIPA int plain_spin(int ms)
{
	timespec t;
	long end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	end = t.tv_sec * 1000 + t.tv_nsec / 1000000 + ms;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < end);
	return ms;
}

NOIPA int plain_sleep(int ms)
{
	usleep(static_cast<useconds_t>(ms) * 1000);
	BARRIER();
	return ms;
}

NOIPA int plain_back(int n)
{
	int ret = zoo_host(n);

	BARRIER();
	return ret;
}

NOIPA int plain_throw(int n)
{
	if (n)
		throw n;
	BARRIER();
	return n;
}

NOIPA int plain_caught(int n)
{
	try {
		plain_throw(n);
	} catch (int) {
		BARRIER();
	}
	return n;
}

NOIPA int plain_jump(jmp_buf *to)
{
	longjmp(*to, 1);
}

NOIPA int plain_abort(int n)
{
	if (n)
		abort();
	return n;
}

NOIPA int plain_crash(int n)
{
	*reinterpret_cast<volatile int *>(static_cast<size_t>(n)) = 1;
	BARRIER();
	return n;
}

NOIPA int plain_exit(int n)
{
	exit(n);
}

NOIPA int plain_threads(int n)
{
	for (int i = 0; i < n; i++) {
		pthread_t old_fashioned;
		std::thread modern(plain_work, i);

		pthread_create(&old_fashioned, nullptr, thread_body, &i);
		pthread_join(old_fashioned, nullptr);
		modern.join();
	}
	return n;
}

NOIPA int plain_signal(int n)
{
	signals = 0;
	signal(SIGUSR1, on_signal);
	for (int i = 0; i < n; i++)
		raise(SIGUSR1);
	return signals;
}

NOIPA int plain_fork(int n)
{
	pid_t pid = fork();

	if (!pid) {
		plain_work(n);
		_exit(0);
	}
	waitpid(pid, nullptr, 0);
	return n;
}

NOIPA int plain_variadic(int n, ...)
{
	va_list args;
	int sum = 0;

	va_start(args, n);
	for (int i = 0; i < n; i++)
		sum += va_arg(args, int);
	va_end(args);
	return sum;
}

NOIPA double plain_double(double n)
{
	BARRIER();
	return n;
}
}
