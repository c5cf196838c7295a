/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes places of one file with the empty programs of floor.bpf.c, through uprobe_multi links as
 * pathbpf's. After "ready" it answers each line of standard input with "ok" or what went wrong,
 * until the input ends:
 *
 *   attach enter|leave|pair OFFSET…    a link at the entries, at the returns, or both
 *   detach                             removes them
 *
 * usage: floor BPF-OBJECT FILE
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* include/uapi/linux/bpf.h of Linux 6.6; this libbpf may be older. */
#define CMD_LINK_CREATE     28
#define TRACE_UPROBE_MULTI  48
#define UPROBE_MULTI_RETURN 1

#define PLACES_MAX 64

struct link_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid;
} __attribute__((packed));

struct probes {
	const char *path;
	struct bpf_object *object;
	int enter, leave; /* links, or -1 */
};

static int link_create(const struct probes *p, const char *program, unsigned long *offsets,
		       uint32_t n, uint32_t flags)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(p->object, program);
	uint64_t cookies[PLACES_MAX] = {};
	struct link_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(prog),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uint64_t)(uintptr_t)p->path,
		.offsets = (uint64_t)(uintptr_t)offsets,
		.cookies = (uint64_t)(uintptr_t)cookies,
		.cnt = n,
		.multi_flags = flags,
	};

	return (int)syscall(SYS_bpf, CMD_LINK_CREATE, &attr, sizeof(attr));
}

static void detach(struct probes *p)
{
	if (p->enter >= 0)
		close(p->enter);
	if (p->leave >= 0)
		close(p->leave);
	p->enter = p->leave = -1;
}

static const char *attach(struct probes *p, char *words)
{
	const char *what = strtok(words, " ");
	unsigned long offsets[PLACES_MAX];
	uint32_t n = 0;

	for (char *word = strtok(NULL, " "); word && n < PLACES_MAX; word = strtok(NULL, " "))
		offsets[n++] = strtoul(word, NULL, 0);
	if (!what || !n)
		return "attach what, and where?";
	if (strcmp(what, "enter"))
		p->leave = link_create(p, "floor_leave", offsets, n, UPROBE_MULTI_RETURN);
	if (strcmp(what, "leave"))
		p->enter = link_create(p, "floor_enter", offsets, n, 0);
	if ((strcmp(what, "enter") && p->leave < 0) || (strcmp(what, "leave") && p->enter < 0)) {
		detach(p);
		return strerror(errno);
	}
	return "ok";
}

static const char *answer(struct probes *p, char *line)
{
	line[strcspn(line, "\n")] = 0;
	if (!strncmp(line, "attach ", 7))
		return attach(p, line + 7);
	if (strcmp(line, "detach"))
		return "not understood";
	detach(p);
	return "ok";
}

static int load(const char *file, struct bpf_object **ret)
{
	struct bpf_object *object = bpf_object__open(file);
	struct bpf_program *prog;
	int err;

	if (!object)
		return -errno;
	bpf_object__for_each_program (prog, object)
		bpf_program__set_expected_attach_type(prog,
						      (enum bpf_attach_type)TRACE_UPROBE_MULTI);
	err = bpf_object__load(object);
	if (err)
		bpf_object__close(object);
	else
		*ret = object;
	return err;
}

int main(int argc, char **argv)
{
	struct probes p = { .enter = -1, .leave = -1 };
	char line[2048];
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: floor BPF-OBJECT FILE\n");
		return 2;
	}
	p.path = argv[2];
	err = load(argv[1], &p.object);
	if (err) {
		fprintf(stderr, "floor: cannot load '%s': %s\n", argv[1], strerror(-err));
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		puts(answer(&p, line));
	detach(&p);
	bpf_object__close(p.object);
	return 0;
}
