/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the host zoo and the plugins that it loads. */
#pragma once

#include <csetjmp>
#include <cstddef>

#define NOIPA     __attribute__((noipa))
#define BARRIER() __asm__ volatile("" ::: "memory")

/* What a plugin without exports hands over when it is loaded. */
struct zoo_table {
	int (*first)(int), (*second)(int);
};

struct zoo_shape {
	virtual ~zoo_shape() = default;
	virtual int area(int) = 0;
	virtual int edges() = 0;
};

extern "C" {
/* Exported by the host. */
void zoo_register(const struct zoo_table *table);
int zoo_host(int n);

/* Of plain.so; each returns what it is given, unless it says so. */
int plain_work(int n);
int plain_fail(int n);               /* -n */
void *plain_null(int n);             /* NULL, if n */
int plain_alloc(int n, size_t size); /* n × malloc(), all freed by the next call */
int plain_map(size_t bytes);         /* mmap(), touched; kept */
int plain_spin(int ms);              /* on the CPU */
int plain_sleep(int ms);
int plain_back(int n);       /* zoo_host(n) */
int plain_throw(int n);      /* int, if n */
int plain_caught(int n);     /* throws and catches */
int plain_jump(jmp_buf *to); /* longjmp() */
int plain_abort(int n);
int plain_crash(int n);
int plain_exit(int n);
int plain_threads(int n); /* runs n threads of its own to their end */
int plain_signal(int n);  /* n signals to itself, with a handler of its own */
int plain_fork(int n);    /* a child that works and ends */
int plain_variadic(int n, ...);
double plain_double(double n);
}
