/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry and return probes on the functions of a plan. */
#include "trace/uprobe.h"

#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"

/* include/uapi/linux/bpf.h of Linux 6.6; libbpf 1.1 does not know them. */
#define CMD_LINK_CREATE     28
#define TRACE_UPROBE_MULTI  48
#define UPROBE_MULTI_RETURN 1
#define ENOTSUPP            524 /* the kernel's own, for instructions it cannot single-step */

/* struct bpf_attr as BPF_LINK_CREATE reads it for this attach type. */
struct multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

struct uprobes {
	struct bpf_program *enter, *leave;
	bool multi;
	VEC(int) fds;                 /* uprobe_multi links */
	VEC(struct bpf_link *) links; /* perf events */
};

static void places_done(struct uprobe_places *p)
{
	free(p->offsets);
	free(p->cookies);
}

static bool is_multi(const struct bpf_program *prog)
{
	return (int)bpf_program__expected_attach_type(prog) == TRACE_UPROBE_MULTI;
}

int uprobe_link_multi(struct bpf_program *prog, const struct uprobe_places *p, bool at_return,
		      uint32_t pid)
{
	struct multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(prog),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uint64_t)(uintptr_t)p->path,
		.offsets = (uint64_t)(uintptr_t)p->offsets,
		.cookies = (uint64_t)(uintptr_t)p->cookies,
		.cnt = p->n,
		.multi_flags = at_return ? UPROBE_MULTI_RETURN : 0,
		.pid = pid,
	};
	long fd;

	if (!is_multi(prog))
		return -ENOTSUP;
	fd = syscall(SYS_bpf, CMD_LINK_CREATE, &attr, sizeof(attr) - sizeof(attr.pad));
	return fd < 0 ? -errno : (int)fd;
}

/*
 * A kernel without uprobe_multi refuses the attach type of a program at load; asking with a bad
 * descriptor tells the two errors apart without loading anything.
 */
static bool kernel_has_multi(void)
{
	/* `return 0;` as a program of that type. */
	struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				    { .code = BPF_JMP | BPF_EXIT } };
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)TRACE_UPROBE_MULTI);
	struct multi_attr attr = {
		.attach_type = TRACE_UPROBE_MULTI,
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

void uprobes_prepare(struct bpf_program *enter, struct bpf_program *leave)
{
	if (!kernel_has_multi())
		return;
	bpf_program__set_expected_attach_type(enter, (enum bpf_attach_type)TRACE_UPROBE_MULTI);
	bpf_program__set_expected_attach_type(leave, (enum bpf_attach_type)TRACE_UPROBE_MULTI);
}

int uprobes_open(struct bpf_program *enter, struct bpf_program *leave, struct uprobes **ret)
{
	struct uprobes *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->enter = enter;
	u->leave = leave;
	u->multi = is_multi(enter);
	*ret = u;
	return 0;
}

static void skip(struct plan *plan, uint64_t node, const char *why)
{
	struct plan_skip s = { .name = strdup(plan->nodes.v[node].name), .why = strdup(why) };

	plan->nodes.v[node].refused = true;
	if (!s.name || !s.why || vec_push(&plan->skipped, s)) {
		free(s.name);
		free(s.why);
	}
}

/* The three kinds of places that a function is probed at. */
enum part { PART_RETURN, PART_SITES, PART_ENTRY, PARTS };

/* The places of one kind in nodes[first … first + n), all of one object. */
static int make_places(const struct plan *plan, const uint32_t *nodes, uint32_t n, enum part part,
		       struct uprobe_places *p)
{
	size_t room = 1;

	for (uint32_t i = 0; i < n; i++)
		room += part == PART_SITES ? plan->nodes.v[nodes[i]].sites : 1;
	p->offsets = calloc(room, sizeof(*p->offsets));
	p->cookies = calloc(room, sizeof(*p->cookies));
	if (!p->offsets || !p->cookies)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct plan_node *node = &plan->nodes.v[nodes[i]];

		if (part == PART_ENTRY || (part == PART_RETURN && !node->sites)) {
			p->offsets[p->n] = node->offset;
			p->cookies[p->n++] = nodes[i];
		}
		for (uint32_t k = 0; part == PART_SITES && k < node->sites; k++) {
			const struct exit_site *site = &plan->sites.v[node->first_site + k];

			p->offsets[p->n] = site->offset;
			p->cookies[p->n++] =
			    nodes[i] | PB_COOKIE_SITE | (site->has_value ? 0 : PB_COOKIE_NO_VALUE);
		}
	}
	return 0;
}

/* One link, if there is anything to link; its descriptor is added to the others. */
static int attach_part(struct uprobes *u, const struct plan *plan, const char *path,
		       const uint32_t *nodes, uint32_t n, enum part part)
{
	struct uprobe_places p = { .path = path };
	int err = make_places(plan, nodes, n, part, &p);

	if (!err && p.n) {
		int fd = uprobe_link_multi(part == PART_ENTRY ? u->enter : u->leave, &p,
					   part == PART_RETURN, 0);

		err = fd < 0 ? fd : vec_push(&u->fds, fd);
		if (fd >= 0 && err)
			close(fd);
	}
	places_done(&p);
	return err;
}

static void close_from(struct uprobes *u, size_t first)
{
	while (u->fds.n > first)
		close(u->fds.v[--u->fds.n]);
}

/*
 * Attaches some functions of one object; when the kernel refuses, halves them until what it
 * refuses is alone. Returns go first, so that no entry is seen whose return is not.
 */
static int attach_multi(struct uprobes *u, struct plan *plan, const char *path,
			const uint32_t *nodes, uint32_t n)
{
	size_t before = u->fds.n;
	char why[128];
	int err = 0;

	for (enum part part = 0; part < PARTS && !err; part++)
		err = attach_part(u, plan, path, nodes, n, part);
	if (!err) {
		for (uint32_t i = 0; i < n; i++)
			plan->nodes.v[nodes[i]].attached = true;
		return 0;
	}
	close_from(u, before);
	if (err == -EPERM || err == -ENOMEM || err == -EMFILE || err == -EINTR)
		return err;
	if (n == 1) {
		snprintf(why, sizeof(why), "the kernel refuses a probe there: %s",
			 -err == ENOTSUPP ? "instruction not supported" : strerror(-err));
		skip(plan, nodes[0], why);
		return 0;
	}
	err = attach_multi(u, plan, path, nodes, n / 2);
	return err ? err : attach_multi(u, plan, path, nodes + n / 2, n - n / 2);
}

static struct bpf_link *perf_link(struct bpf_program *prog, const char *path, uint64_t offset,
				  uint64_t cookie, bool ret)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = cookie, .retprobe = ret);

	return bpf_program__attach_uprobe_opts(prog, -1, path, offset, &opts);
}

static int attach_perf(struct uprobes *u, struct plan *plan, const char *path,
		       const uint32_t *nodes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct plan_node *node = &plan->nodes.v[nodes[i]];
		struct bpf_link *leave, *enter;

		if (u->links.n >= 2UL * UPROBES_PERF_MAX || node->sites) {
			skip(plan, nodes[i],
			     node->sites ? "probes on return instructions need Linux 6.6"
					 : "more than 64 probes: this kernel (before 6.6) takes "
					   "0.1 s to remove each");
			continue;
		}
		leave = perf_link(u->leave, path, node->offset, nodes[i], true);
		enter = leave ? perf_link(u->enter, path, node->offset, nodes[i], false) : NULL;
		if (!enter) {
			skip(plan, nodes[i], "the kernel refuses a probe there");
			bpf_link__destroy(leave);
			continue;
		}
		if (vec_push(&u->links, leave) || vec_push(&u->links, enter))
			return -ENOMEM;
		plan->nodes.v[nodes[i]].attached = true;
	}
	return 0;
}

int uprobes_attach(struct uprobes *u, struct plan *plan, struct object_files *objects)
{
	_cleanup_free_ uint32_t *nodes = calloc(plan->nodes.n + 1, sizeof(*nodes));
	int err = nodes ? 0 : -ENOMEM;

	for (uint32_t object = 0; object < objects->files.n && !err; object++) {
		const char *path = objects->files.v[object]->via;
		uint32_t n = 0;

		for (uint32_t i = 0; i < plan->nodes.n; i++) {
			const struct plan_node *node = &plan->nodes.v[i];

			if (node->object == object && !node->attached && !node->refused)
				nodes[n++] = i;
		}
		if (n)
			err = u->multi ? attach_multi(u, plan, path, nodes, n)
				       : attach_perf(u, plan, path, nodes, n);
	}
	return err;
}

/* Entries before returns, and so in reverse: calls that were seen to begin may still end. */
void uprobes_detach(struct uprobes *u)
{
	if (!u)
		return;
	close_from(u, 0);
	while (u->links.n)
		bpf_link__destroy(u->links.v[--u->links.n]);
}

void uprobes_free(struct uprobes *u)
{
	if (!u)
		return;
	uprobes_detach(u);
	vec_done(&u->fds);
	vec_done(&u->links);
	free(u);
}
