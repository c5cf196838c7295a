/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry and return probes on kernel functions. */
#include "trace/kprobe.h"

#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "trace/features_insn.h"
#include "trace/features_probe.h"

/* A function that the kernel has for such tests and seldom calls: templates are loaded for it. */
#define FENTRY_TEST "bpf_fentry_test1"

/* A program that is loaded once a function, as libbpf was about to load it the first time. */
struct fentry_template {
	struct bpf_program *prog;
	enum bpf_attach_type attach;
	uint32_t btf_id; /* of the function to load it for */
	int btf_fd, handler;
	void *func_info; /* owned */
	uint32_t func_info_cnt, func_info_size;
};

struct fentry_probe {
	int enter, leave; /* programs */
	int enter_link, leave_link;
};

struct kprobes {
	struct kprobe_programs progs;
	struct fentry_template enter, leave;
	uint32_t fentry_max; /* functions to attach so; 0: not to be had */
	bool multi, single;  /* how the others are: kprobe_multi, or perf events; or not at all */
	VEC(struct fentry_probe) fentries;
	VEC(struct bpf_link *) links;
	uint64_t misses; /* of probes that were replaced */
};

/* libbpf is about to load a template. */
static int prepare_template(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	size_t bytes = (size_t)opts->func_info_cnt * opts->func_info_rec_size;
	struct fentry_template *t;

	(void)prog;
	memcpy(&t, &cookie, sizeof(t));
	free(t->func_info);
	t->func_info = malloc(bytes + 1);
	if (!t->func_info)
		return -ENOMEM;
	if (bytes)
		memcpy(t->func_info, opts->func_info, bytes);
	t->func_info_cnt = opts->func_info_cnt;
	t->func_info_size = opts->func_info_rec_size;
	t->btf_fd = (int)opts->prog_btf_fd;
	opts->expected_attach_type = t->attach;
	opts->attach_btf_id = t->btf_id;
	return 0;
}

static int register_template(struct fentry_template *t, const char *section,
			     enum bpf_attach_type attach)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = (long)t,
		    .prog_prepare_load_fn = prepare_template);

	t->attach = attach;
	t->handler = libbpf_register_prog_handler(section, BPF_PROG_TYPE_TRACING, attach, &opts);
	return t->handler < 0 ? t->handler : 0;
}

int kprobes_new(struct kprobes **ret)
{
	_cleanup_(kprobes_freep) struct kprobes *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	k->enter.handler = k->leave.handler = -1;
	err = register_template(&k->enter, "pb.fentry", BPF_TRACE_FENTRY);
	err = err ? err : register_template(&k->leave, "pb.fexit", BPF_TRACE_FEXIT);
	if (err)
		return err;
	*ret = TAKE_PTR(k);
	return 0;
}

/* Can programs with cookies be attached to a function's trampoline (5.19)? */
static bool try_fentry(uint32_t btf_id)
{
	static const struct bpf_insn insns[] = {
		INSN_CALL(BPF_FUNC_get_attach_cookie),
		INSN_MOV_IMM(BPF_REG_0, 0),
		INSN_EXIT,
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY,
		    .attach_btf_id = btf_id);
	LIBBPF_OPTS(bpf_link_create_opts, link_opts, .tracing.cookie = 1);
	_cleanup_close_ int prog = -1, link = -1;

	prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "pb_try", "GPL", insns,
			     sizeof(insns) / sizeof(*insns), &opts);
	if (prog >= 0)
		link = bpf_link_create(prog, 0, BPF_TRACE_FENTRY, &link_opts);
	return link >= 0;
}

/* The kernel's type of the function that templates are loaded for, or 0. */
static uint32_t test_function(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id;

	if (libbpf_get_error(btf))
		return 0;
	id = btf__find_by_name_kind(btf, FENTRY_TEST, BTF_KIND_FUNC);
	btf__free(btf);
	return id > 0 ? (uint32_t)id : 0;
}

/* A trampoline's context is the list of arguments itself. */
static void place_args(struct plan *plan)
{
	vec_foreach (node, &plan->nodes) {
		struct plan_args *args = &plan->args.v[node->args - 1];

		for (uint32_t i = 0; node->how == PLAN_KERNEL && node->args && i < args->n; i++)
			args->v[i].from.reg = (uint8_t)(args->v[i].label[3] - '1');
	}
}

static void choose_programs(const struct kprobes *k)
{
	const struct kprobe_programs *p = &k->progs;
	bool general = k->multi || k->single;

	bpf_program__set_autoload(p->enter, general);
	bpf_program__set_autoload(p->leave, general);
	bpf_program__set_autoload(p->fentry, k->fentry_max > 0);
	bpf_program__set_autoload(p->fexit, k->fentry_max > 0);
	if (!k->multi)
		return;
	bpf_program__set_expected_attach_type(p->enter, BPF_TRACE_KPROBE_MULTI);
	bpf_program__set_expected_attach_type(p->leave, BPF_TRACE_KPROBE_MULTI);
}

int kprobes_prepare(struct kprobes *k, const struct kprobe_programs *progs, struct plan *plan,
		    char *why, size_t why_size)
{
	struct probe trial = {};
	bool fentry;

	k->progs = *progs;
	k->enter.prog = progs->fentry;
	k->leave.prog = progs->fexit;
	k->enter.btf_id = k->leave.btf_id = test_function();
	k->multi = !probe_kprobe_multi(&trial);
	fentry = !k->multi && k->enter.btf_id && try_fentry(k->enter.btf_id);
	k->single = !k->multi && !probe_kprobe(&trial);
	k->fentry_max = fentry ? KPROBES_EACH_MAX : 0;
	choose_programs(k);
	if (fentry && !k->multi && !k->single)
		place_args(plan);
	if (fentry || k->multi || k->single)
		return 0;
	snprintf(why, why_size,
		 "this kernel has neither kprobes nor kprobe_multi, or does not permit them, and "
		 "fentry does not work: see 'pathbpf doctor'");
	return -ENOTSUP;
}

/* Another instance of a template, for a function of the kernel. */
static int load_for(const struct fentry_template *t, uint32_t btf_id)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = t->attach,
		    .attach_btf_id = btf_id, .prog_btf_fd = (uint32_t)t->btf_fd,
		    .func_info = t->func_info, .func_info_cnt = t->func_info_cnt,
		    .func_info_rec_size = t->func_info_size);

	return bpf_prog_load(BPF_PROG_TYPE_TRACING, bpf_program__name(t->prog), "Dual BSD/GPL",
			     bpf_program__insns(t->prog), bpf_program__insn_cnt(t->prog), &opts);
}

static int link_fentry(const struct fentry_template *t, int prog, uint64_t cookie)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .tracing.cookie = cookie);

	return bpf_link_create(prog, 0, t->attach, &opts);
}

static void close_probe(struct fentry_probe *p)
{
	int fds[] = { p->enter_link, p->leave_link, p->enter, p->leave };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

/* The return first, so that no entry is seen whose return is not. */
static int attach_fentry(struct kprobes *k, const struct plan_node *node, uint32_t id)
{
	struct fentry_probe p = { -1, -1, -1, -1 };
	int err = 0;

	p.leave = load_for(&k->leave, node->btf_id);
	p.enter = p.leave < 0 ? -1 : load_for(&k->enter, node->btf_id);
	p.leave_link = p.enter < 0 ? -1 : link_fentry(&k->leave, p.leave, id);
	p.enter_link = p.leave_link < 0 ? -1 : link_fentry(&k->enter, p.enter, id);
	err = p.enter_link < 0 ? -ENOTSUP : vec_push(&k->fentries, p);
	if (err)
		close_probe(&p);
	return err;
}

/* Functions for one link. */
struct multi_places {
	const uint32_t *nodes;
	size_t n;
	const char **names;
	unsigned long *addrs;
	__u64 *cookies;
};

static struct bpf_link *link_multi(struct bpf_program *prog, const struct multi_places *p,
				   bool at_return)
{
	bool hidden = !p->addrs[0]; /* kernel.kptr_restrict: names will do */
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .cookies = p->cookies, .cnt = p->n,
		    .retprobe = at_return);

	if (hidden)
		opts.syms = p->names;
	else
		opts.addrs = p->addrs;
	return bpf_program__attach_kprobe_multi_opts(prog, NULL, &opts);
}

static int push_pair(struct kprobes *k, struct bpf_link *leave, struct bpf_link *enter)
{
	if (!leave || !enter || vec_reserve(&k->links, 2)) {
		bpf_link__destroy(enter);
		bpf_link__destroy(leave);
		return leave && enter ? -ENOMEM : -ENOTSUP;
	}
	k->links.v[k->links.n++] = leave;
	k->links.v[k->links.n++] = enter;
	return 0;
}

static void refuse(struct plan *plan, uint32_t id, const char *why)
{
	plan->nodes.v[id].refused = true;
	plan_add_skip(plan, OBJECT_NONE, plan->nodes.v[id].name, why);
}

/* Attaches some functions; when the kernel refuses, halves them until what it refuses is alone. */
static int attach_multi(struct kprobes *k, struct plan *plan, const struct multi_places *p)
{
	struct multi_places half = *p, rest = *p;
	struct bpf_link *leave, *enter;
	int err;

	leave = link_multi(k->progs.leave, p, true);
	enter = leave ? link_multi(k->progs.enter, p, false) : NULL;
	err = push_pair(k, leave, enter);
	if (!err) {
		for (size_t i = 0; i < p->n; i++)
			plan->nodes.v[p->nodes[i]].attached = true;
		return 0;
	}
	if (err == -ENOMEM)
		return err;
	if (p->n == 1)
		return refuse(plan, p->nodes[0], "the kernel refuses a probe there"), 0;
	half.n = p->n / 2;
	rest.n = p->n - half.n;
	rest.nodes += half.n;
	rest.names += half.n;
	rest.addrs += half.n;
	rest.cookies += half.n;
	err = attach_multi(k, plan, &half);
	return err ? err : attach_multi(k, plan, &rest);
}

static int attach_all(struct kprobes *k, struct plan *plan, const uint32_t *nodes, size_t n)
{
	_cleanup_free_ const char **names = calloc(n, sizeof(*names));
	_cleanup_free_ unsigned long *addrs = calloc(n, sizeof(*addrs));
	_cleanup_free_ __u64 *cookies = calloc(n, sizeof(*cookies));
	struct multi_places p = { nodes, n, names, addrs, cookies };

	if (!names || !addrs || !cookies)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		names[i] = plan->nodes.v[nodes[i]].name;
		addrs[i] = plan->nodes.v[nodes[i]].addr;
		cookies[i] = nodes[i];
	}
	return attach_multi(k, plan, &p);
}

static struct bpf_link *link_single(struct bpf_program *prog, const struct plan_node *node,
				    uint32_t id, bool at_return)
{
	LIBBPF_OPTS(bpf_kprobe_opts, opts, .bpf_cookie = id, .retprobe = at_return);

	return bpf_program__attach_kprobe_opts(prog, node->name, &opts);
}

static int attach_single(struct kprobes *k, struct plan *plan, uint32_t id)
{
	struct plan_node *node = &plan->nodes.v[id];
	struct bpf_link *leave, *enter;
	int err;

	if (node->ambiguous)
		return refuse(plan, id, "several kernel functions have this name"), 0;
	if (k->links.n >= 2UL * KPROBES_EACH_MAX)
		return refuse(plan, id, "more than 64 kernel functions: that needs kprobe_multi"),
		       0;
	leave = link_single(k->progs.leave, node, id, true);
	enter = leave ? link_single(k->progs.enter, node, id, false) : NULL;
	err = push_pair(k, leave, enter);
	if (err == -ENOTSUP)
		return refuse(plan, id, "the kernel refuses a probe there"), 0;
	node->attached = !err;
	return err;
}

/* Fit for a trampoline: known to the kernel's types, by a name that is its own. */
static bool fits_fentry(const struct kprobes *k, const struct plan_node *node)
{
	bool general = k->multi || k->single;

	return k->fentries.n < k->fentry_max && node->btf_id && !node->ambiguous &&
	       !(node->args && general); /* its arguments are in registers */
}

int kprobes_attach(struct kprobes *k, struct plan *plan)
{
	_cleanup_free_ uint32_t *others = calloc(plan->nodes.n + 1, sizeof(*others));
	size_t n = 0;
	int err = others ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < plan->nodes.n && !err; i++) {
		struct plan_node *node = &plan->nodes.v[i];

		if (node->how != PLAN_KERNEL || node->attached || node->refused || node->removed)
			continue;
		if (fits_fentry(k, node) && !attach_fentry(k, node, i))
			node->attached = true;
		else if (k->multi)
			others[n++] = i;
		else if (k->single)
			err = attach_single(k, plan, i);
		else
			refuse(plan, i, "the kernel refuses a probe there, or more than 64");
	}
	return err || !n ? err : attach_all(k, plan, others, n);
}

uint64_t kprobes_misses(const struct kprobes *k)
{
	uint64_t misses = k ? k->misses : 0;

	for (size_t i = 0; k && i < k->fentries.n; i++) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(k->fentries.v[i].enter, &info, &size))
			misses += info.recursion_misses;
	}
	return misses;
}

/* Entries before returns: calls that were seen to begin may still end. */
void kprobes_detach(struct kprobes *k)
{
	if (!k)
		return;
	while (k->links.n)
		bpf_link__destroy(k->links.v[--k->links.n]);
	for (size_t i = 0; i < k->fentries.n; i++) {
		struct fentry_probe *p = &k->fentries.v[i];

		close(p->enter_link);
		close(p->leave_link);
		p->enter_link = p->leave_link = -1;
	}
}

void kprobes_reset(struct kprobes *k)
{
	if (!k)
		return;
	k->misses = kprobes_misses(k);
	kprobes_detach(k);
	vec_foreach (p, &k->fentries)
		close_probe(p);
	k->fentries.n = 0;
}

static void template_done(struct fentry_template *t)
{
	if (t->handler >= 0)
		libbpf_unregister_prog_handler(t->handler);
	free(t->func_info);
}

void kprobes_free(struct kprobes *k)
{
	if (!k)
		return;
	kprobes_detach(k);
	vec_foreach (p, &k->fentries)
		close_probe(p);
	vec_done(&k->fentries);
	vec_done(&k->links);
	template_done(&k->enter);
	template_done(&k->leave);
	free(k);
}
