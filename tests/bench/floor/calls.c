/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The target whose calls are measured: calls the functions of sites.S as often as asked, and says
 * how much CPU time a call took. After "ready" it answers each line of standard input with one of
 * JSON, until the input ends or "end":
 *
 *   where                              {"NAME": file offset, …}
 *   run NAME THREADS CALLS BATCHES     [ns a call, …], a figure for each thread's each batch
 */
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 64
#define BATCHES_MAX 1000
#define WARM_UP     200 /* calls before the first that counts */

#define SITES(X)                                                                                   \
	X(leaf)                                                                                    \
	X(leaf_ret)                                                                                \
	X(site_endbr)                                                                              \
	X(site_nop1)                                                                               \
	X(site_nop4)                                                                               \
	X(site_nop5)                                                                               \
	X(site_jmp)                                                                                \
	X(site_mov)                                                                                \
	X(site_sub)                                                                                \
	X(nest_1)                                                                                  \
	X(nest_2)                                                                                  \
	X(nest_3)                                                                                  \
	X(nest_4)

#define DECLARE(name) void name(void);
SITES(DECLARE)

#define ROW(name) { #name, name },
static const struct site {
	const char *name;
	void (*call)(void);
} sites[] = { SITES(ROW) };

#define SITES_N (sizeof(sites) / sizeof(*sites))

struct worker {
	pthread_t thread;
	pthread_barrier_t *start;
	void (*call)(void);
	uint64_t calls, batches;
	double ns[BATCHES_MAX];
};

/* Of the thread, so that whatever else this machine does is left out. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 0; i < WARM_UP; i++)
		w->call();
	pthread_barrier_wait(w->start);
	for (uint64_t b = 0; b < w->batches; b++) {
		uint64_t start = cpu_ns();

		for (uint64_t i = 0; i < w->calls; i++)
			w->call();
		w->ns[b] = (double)(cpu_ns() - start) / (double)w->calls;
	}
	return NULL;
}

static void run(const struct site *site, uint64_t threads, uint64_t calls, uint64_t batches)
{
	static struct worker workers[THREADS_MAX];
	const char *separator = "[";
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, (unsigned int)threads);
	for (uint64_t i = 0; i < threads; i++) {
		struct worker *w = &workers[i];

		w->start = &start;
		w->call = site->call;
		w->calls = calls;
		w->batches = batches;
		if (pthread_create(&w->thread, NULL, worker_run, w))
			abort();
	}
	for (uint64_t i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		for (uint64_t b = 0; b < batches; b++, separator = ",")
			printf("%s%.2f", separator, workers[i].ns[b]);
	}
	puts("]");
	pthread_barrier_destroy(&start);
}

static int print_offsets(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *separator = "{";

	(void)size;
	(void)arg;
	for (size_t i = 0; i < SITES_N; i++)
		for (int k = 0; k < info->dlpi_phnum; k++) {
			const ElfW(Phdr) *p = &info->dlpi_phdr[k];
			uintptr_t addr = (uintptr_t)sites[i].call - info->dlpi_addr;

			if (p->p_type != PT_LOAD || addr - p->p_vaddr >= p->p_filesz)
				continue;
			printf("%s\"%s\":%lu", separator, sites[i].name,
			       (unsigned long)(addr - p->p_vaddr + p->p_offset));
			separator = ",";
		}
	puts("}");
	return 1; /* the program comes first; the libraries do not matter */
}

static const struct site *site_find(const char *name)
{
	for (size_t i = 0; i < SITES_N; i++)
		if (!strcmp(sites[i].name, name))
			return &sites[i];
	return NULL;
}

static int answer(const char *line)
{
	uint64_t threads, calls, batches;
	const struct site *site;
	char name[32];

	if (!strcmp(line, "where\n")) {
		dl_iterate_phdr(print_offsets, NULL);
		return 0;
	}
	if (sscanf(line, "run %31s %lu %lu %lu", name, &threads, &calls, &batches) != 4)
		return -1;
	site = site_find(name);
	if (!site || !threads || threads > THREADS_MAX || !calls || batches > BATCHES_MAX)
		return -1;
	run(site, threads, calls, batches);
	return 0;
}

int main(void)
{
	char line[128];

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "end\n"))
		if (answer(line)) {
			fprintf(stderr, "not understood: %s", line);
			return 2;
		}
	return 0;
}
