/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes on places of files. */
#include "trace/uprobe_link.h"

#include <errno.h>
#include <linux/types.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* include/uapi/linux/bpf.h of Linux 6.6; libbpf 1.1 does not know them. */
#define CMD_LINK_CREATE     28
#define TRACE_UPROBE_MULTI  48
#define TRACE_SESSION       57 /* BPF_TRACE_UPROBE_SESSION, Linux 6.13 */
#define UPROBE_MULTI_RETURN 1
#define CLOSERS_MAX         32

/* struct bpf_attr as BPF_LINK_CREATE reads it for this attach type. */
struct multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

bool uprobe_is_multi(const struct bpf_program *prog)
{
	return (int)bpf_program__expected_attach_type(prog) == TRACE_UPROBE_MULTI ||
	       uprobe_is_session(prog);
}

bool uprobe_is_session(const struct bpf_program *prog)
{
	return (int)bpf_program__expected_attach_type(prog) == TRACE_SESSION;
}

int uprobe_link_multi(struct bpf_program *prog, const struct uprobe_places *p, bool at_return,
		      uint32_t pid)
{
	struct multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(prog),
		.attach_type = bpf_program__expected_attach_type(prog),
		.path = (uint64_t)(uintptr_t)p->path,
		.offsets = (uint64_t)(uintptr_t)p->offsets,
		.ref_ctr_offsets = (uint64_t)(uintptr_t)p->semaphores,
		.cookies = (uint64_t)(uintptr_t)p->cookies,
		.cnt = p->n,
		.multi_flags = at_return ? UPROBE_MULTI_RETURN : 0,
		.pid = pid,
	};
	long fd;

	if (!uprobe_is_multi(prog))
		return -ENOTSUP;
	fd = syscall(SYS_bpf, CMD_LINK_CREATE, &attr, sizeof(attr) - sizeof(attr.pad));
	return fd < 0 ? -errno : (int)fd;
}

/*
 * A kernel without uprobe_multi, or sessions, refuses the attach type of a program at load; asking
 * with a bad descriptor tells the two errors apart without loading anything.
 */
static bool kernel_has(uint32_t attach_type)
{
	/* `return 0;` as a program of that type. */
	struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				    { .code = BPF_JMP | BPF_EXIT } };
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)attach_type);
	struct multi_attr attr = {
		.attach_type = attach_type,
		.path = (uint64_t)(uintptr_t) "/",
		.offsets = (uint64_t)(uintptr_t)(unsigned long[]){ 0 },
		.cnt = 1,
	};
	int prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "pb_probe", "GPL", insns, 2, &opts);
	bool has;

	if (prog < 0)
		return false;
	attr.prog_fd = (uint32_t)prog;
	/* "/" is no regular file: a kernel that knows the type looks that far. */
	has = syscall(SYS_bpf, CMD_LINK_CREATE, &attr, sizeof(attr) - sizeof(attr.pad)) < 0 &&
	      errno == EBADF;
	close(prog);
	return has;
}

bool uprobe_prepare(struct bpf_program *const *progs, size_t n)
{
	if (!kernel_has(TRACE_UPROBE_MULTI))
		return false;
	for (size_t i = 0; i < n; i++)
		bpf_program__set_expected_attach_type(progs[i],
						      (enum bpf_attach_type)TRACE_UPROBE_MULTI);
	return true;
}

bool uprobe_prepare_session(struct bpf_program *prog)
{
	if (!kernel_has(TRACE_SESSION))
		return false;
	bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)TRACE_SESSION);
	return true;
}

static struct bpf_link *link_perf(struct bpf_program *prog, const char *path, uint64_t offset,
				  uint64_t cookie, bool ret)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = cookie, .retprobe = ret);

	return bpf_program__attach_uprobe_opts(prog, -1, path, offset, &opts);
}

int uprobe_links_add_multi(struct uprobe_links *l, struct bpf_program *prog,
			   const struct uprobe_places *p, bool at_return)
{
	int fd, err;

	if (bpf_program__fd(prog) < 0)
		return -ENOEXEC; /* not loaded: this kind of code was not expected */
	fd = uprobe_link_multi(prog, p, at_return, 0);
	if (fd < 0)
		return fd;
	err = vec_push(&l->fds, fd);
	if (err)
		close(fd);
	return err;
}

static void *close_link(void *arg)
{
	close(*(const int *)arg);
	return NULL;
}

/*
 * Closing a link waits until no CPU can be in its probes any more, for some 100 ms: all wait at the
 * same time.
 */
void uprobe_links_close_from(struct uprobe_links *l, size_t first)
{
	pthread_t threads[CLOSERS_MAX];
	size_t n = 0;

	for (size_t i = l->fds.n; i-- > first;) {
		if (n < CLOSERS_MAX && !pthread_create(&threads[n], NULL, close_link, &l->fds.v[i]))
			n++;
		else
			close(l->fds.v[i]);
	}
	while (n)
		pthread_join(threads[--n], NULL);
	l->fds.n = l->fds.n < first ? l->fds.n : first;
}

void uprobe_links_close(struct uprobe_links *l)
{
	uprobe_links_close_from(l, 0);
	while (l->links.n)
		bpf_link__destroy(l->links.v[--l->links.n]);
	vec_done(&l->fds);
	vec_done(&l->links);
}

int uprobe_links_add_perf(struct uprobe_links *l, struct bpf_program *prog, const char *path,
			  uint64_t offset, uint64_t cookie, bool at_return)
{
	struct bpf_link *link;

	if (l->links.n >= 2UL * UPROBES_PERF_MAX || bpf_program__fd(prog) < 0)
		return -ENOSPC;
	link = link_perf(prog, path, offset, cookie, at_return);
	if (!link)
		return -errno;
	if (!vec_push(&l->links, link))
		return 0;
	bpf_link__destroy(link);
	return -ENOMEM;
}

int uprobe_links_add(struct uprobe_links *l, struct bpf_program *prog,
		     const struct uprobe_places *p)
{
	int err = 0;

	if (uprobe_is_multi(prog))
		return p->n ? uprobe_links_add_multi(l, prog, p, false) : 0;
	for (uint32_t i = 0; i < p->n && !err; i++)
		err = uprobe_links_add_perf(l, prog, p->path, p->offsets[i],
					    p->cookies ? p->cookies[i] : 0, false);
	return err;
}
