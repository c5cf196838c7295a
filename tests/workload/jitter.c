/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A compiler: its code lies in memory without a file, first one function, then another at the same
 * address. It writes a perf map ("-m 1"), or a JIT dump into the working directory. The truth is
 * the CPU time of either.
 */
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define ROUNDS  100000
#define CODE_AT 0x100

typedef void (*compiled)(uint64_t rounds);

/* push %rbp; mov %rsp,%rbp; dec %rdi; jnz to there; pop %rbp; ret */
static const uint8_t code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0xff, 0xcf, 0x75, 0xfb, 0x5d, 0xc3 };

struct output {
	FILE *f;
	int is_map;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void put32(FILE *f, uint32_t v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void put64(FILE *f, uint64_t v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void open_output(struct output *o, int is_map)
{
	char path[64];

	o->is_map = is_map;
	snprintf(path, sizeof(path), is_map ? "/tmp/perf-%d.map" : "jit-%d.dump", getpid());
	o->f = fopen(path, "w+");
	if (!o->f)
		workload_die(path);
	if (is_map)
		return;
	put32(o->f, 0x4a695444);
	put32(o->f, 1);
	put32(o->f, 40);
	put32(o->f, EM_X86_64);
	put32(o->f, 0);
	put32(o->f, (uint32_t)getpid());
	put64(o->f, now_ns());
	put64(o->f, 0);
	fflush(o->f);
	/* How tracers find it. */
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(o->f), 0) == MAP_FAILED)
		workload_die("mmap");
}

static void write_lines(FILE *f, uint64_t addr, uint32_t line)
{
	static const char file[] = "script.x";

	put32(f, 2);
	put32(f, 16 + 16 + 16 + sizeof(file));
	put64(f, now_ns());
	put64(f, addr);
	put64(f, 1);
	put64(f, addr);
	put32(f, line);
	put32(f, 0);
	fwrite(file, sizeof(file), 1, f);
}

static void publish(struct output *o, uint64_t addr, const char *name, uint32_t line)
{
	size_t len = strlen(name) + 1;

	if (o->is_map) {
		fprintf(o->f, "%" PRIx64 " %zx %s\n", addr, sizeof(code), name);
		fflush(o->f);
		return;
	}
	write_lines(o->f, addr, line);
	put32(o->f, 0);
	put32(o->f, (uint32_t)(16 + 40 + len + sizeof(code)));
	put64(o->f, now_ns());
	put32(o->f, (uint32_t)getpid());
	put32(o->f, (uint32_t)getpid());
	put64(o->f, addr);
	put64(o->f, addr);
	put64(o->f, sizeof(code));
	put64(o->f, line);
	fwrite(name, len, 1, o->f);
	fwrite(code, sizeof(code), 1, o->f);
	fflush(o->f);
}

/* The CPU time used. */
static uint64_t NOIPA run(compiled f, uint64_t ns)
{
	uint64_t begin = workload_thread_cpu_ns(), used = 0;

	while (used < ns) {
		f(ROUNDS);
		used = workload_thread_cpu_ns() - begin;
	}
	return used;
}

int main(int argc, char **argv)
{
	uint64_t ns = 1000000 * workload_option(argc, argv, "-s", 1500), first, second;
	struct output o;
	uint8_t *memory =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	compiled f;
	uint64_t addr;

	if (memory == MAP_FAILED)
		workload_die("mmap");
	memcpy(memory + CODE_AT, code, sizeof(code));
	addr = (uint64_t)(uintptr_t)(memory + CODE_AT);
	f = (compiled)(uintptr_t)addr;
	open_output(&o, workload_option(argc, argv, "-m", 0) != 0);
	publish(&o, addr, "jit_first", 11);
	workload_ready();
	first = run(f, ns);
	publish(&o, addr, "jit_second", 22);
	second = run(f, ns);
	workload_truth("{\"first\": %" PRIu64 ", \"second\": %" PRIu64 "}", first, second);
	workload_end();
	return 0;
}
