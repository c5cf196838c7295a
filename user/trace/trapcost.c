/* SPDX-License-Identifier: GPL-2.0-only */
/* What the traps of function probes cost. */
#include "trace/trapcost.h"

#include <errno.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "data/report.h"
#include "lib/clock.h"
#include "target/maps.h"
#include "trace/plan.h"
#include "trace/uprobe.h"

#define OWN_BINARY "/proc/self/exe"
#define CALLS      64 /* a batch; of several, the fastest was disturbed least */
#define BATCHES    32

/*
 * The functions to be probed. In assembly, because their first instruction matters: a compiler
 * would choose another, or begin them with endbr64.
 */
#define FUNCTION(name, body)                                                                       \
	__attribute__((visibility("hidden"))) void name(void);                                     \
	__asm__(".pushsection .text\n"                                                             \
		".p2align 4\n"                                                                     \
		".type " #name ", @function\n" #name ":\n\t" body "\n\t"                           \
		"ret\n"                                                                            \
		".size " #name ", . - " #name "\n"                                                 \
		".popsection\n")

FUNCTION(trapcost_emulated, "push %rbp\n\tpop %rbp");
FUNCTION(trapcost_stepped, "mov %edi, %eax");
FUNCTION(trapcost_return, "push %rbp\n\tpop %rbp");

enum { EMULATED, STEPPED, RETURN, FUNCTIONS };

static void (*const functions[FUNCTIONS])(void) = {
	[EMULATED] = trapcost_emulated,
	[STEPPED] = trapcost_stepped,
	[RETURN] = trapcost_return,
};

/* Where they lie in our executable. */
static int find_offsets(unsigned long *ret)
{
	mapping_vec maps = {};
	int err = maps_read_pid((uint32_t)getpid(), &maps);

	for (int i = 0; i < FUNCTIONS && !err; i++) {
		uint64_t addr = (uint64_t)(uintptr_t)functions[i];
		const struct mapping *m = maps_find(&maps, addr);

		if (m)
			ret[i] = addr - m->start + m->offset;
		else
			err = -ENOENT;
	}
	maps_done(&maps);
	return err;
}

/* Probes in this process: two uprobe_multi links, or perf events. */
struct trial {
	int fds[2];
	struct bpf_link *links[FUNCTIONS + 1];
};

static void trial_end(struct trial *t)
{
	for (size_t i = 0; i < sizeof(t->fds) / sizeof(*t->fds); i++) {
		if (t->fds[i] >= 0)
			close(t->fds[i]);
	}
	for (size_t i = 0; i < sizeof(t->links) / sizeof(*t->links); i++)
		bpf_link__destroy(t->links[i]);
}

static int attach_multi(struct trial *t, struct bpf_program *enter, struct bpf_program *leave,
			unsigned long *offsets) /* NOLINT: the places hold a plain pointer */
{
	struct uprobe_places entries = { .path = OWN_BINARY, .offsets = offsets, .n = FUNCTIONS };
	struct uprobe_places returns = { .path = OWN_BINARY, .offsets = offsets + RETURN, .n = 1 };
	uint32_t pid = (uint32_t)getpid();

	t->fds[0] = uprobe_link_multi(leave, &returns, true, pid);
	if (t->fds[0] < 0)
		return t->fds[0];
	t->fds[1] = uprobe_link_multi(enter, &entries, false, pid);
	return t->fds[1] < 0 ? t->fds[1] : 0;
}

static int attach_perf(struct trial *t, struct bpf_program *enter, struct bpf_program *leave,
		       const unsigned long *offsets)
{
	for (int i = 0; i <= FUNCTIONS; i++) {
		bool at_return = i == FUNCTIONS;
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at_return);

		t->links[i] =
		    bpf_program__attach_uprobe_opts(at_return ? leave : enter, getpid(), OWN_BINARY,
						    offsets[at_return ? RETURN : i], &opts);
		if (!t->links[i])
			return -errno;
	}
	return 0;
}

/* The shortest CPU time of a call, in ns. */
static uint64_t call_ns(void (*const function)(void))
{
	uint64_t best_ns = UINT64_MAX;

	for (int batch = 0; batch < BATCHES; batch++) {
		uint64_t begin_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID), ns;

		for (int i = 0; i < CALLS; i++)
			function();
		ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
		if (ns < best_ns)
			best_ns = ns;
	}
	return best_ns / CALLS;
}

static uint64_t excess(uint64_t with, uint64_t without)
{
	return with > without ? with - without : 0;
}

int trap_costs_measure(struct bpf_program *enter, struct bpf_program *leave, struct trap_costs *ret)
{
	struct trial trial = { .fds = { -1, -1 } };
	uint64_t plain_ns[FUNCTIONS], probed_ns[FUNCTIONS];
	unsigned long offsets[FUNCTIONS];
	struct trap_costs c;
	int err = find_offsets(offsets);

	if (err)
		return err;
	for (int i = 0; i < FUNCTIONS; i++)
		plain_ns[i] = call_ns(functions[i]);
	err = attach_multi(&trial, enter, leave, offsets);
	if (err == -ENOTSUP)
		err = attach_perf(&trial, enter, leave, offsets);
	for (int i = 0; i < FUNCTIONS && !err; i++)
		probed_ns[i] = call_ns(functions[i]);
	trial_end(&trial);
	if (err)
		return err;
	c.emulated_ns = excess(probed_ns[EMULATED], plain_ns[EMULATED]);
	c.stepped_ns = excess(probed_ns[STEPPED], plain_ns[STEPPED]);
	c.return_ns = excess(excess(probed_ns[RETURN], plain_ns[RETURN]), c.emulated_ns);
	if (!c.emulated_ns || !c.stepped_ns)
		return -EIO; /* no trap is free: these probes were not hit */
	*ret = c;
	return 0;
}

static double exit_ns(const struct trap_costs *c, const struct plan *plan,
		      const struct plan_node *node)
{
	double sum_ns = 0;

	if (node->how == PLAN_RETURN_PROBE)
		return (double)c->return_ns;
	if (!node->sites)
		return 0; /* it never returns */
	for (uint32_t i = 0; i < node->sites; i++) {
		const struct exit_site *site = &plan->sites.v[node->first_site + i];

		/* With a value it is a `ret`, without one a direct jump. */
		sum_ns += (double)(site->has_value ? c->stepped_ns : c->emulated_ns);
	}
	return sum_ns / node->sites;
}

static double entry_ns(const struct trap_costs *c, const struct plan_node *node)
{
	return (double)(node->entry.class != SITE_STEPPED ? c->emulated_ns : c->stepped_ns);
}

uint64_t trap_costs_of(const struct trap_costs *c, const struct plan *plan,
		       const struct plan_node *node)
{
	double exit = node->how == PLAN_POINT ? 0 : exit_ns(c, plan, node);

	return (uint64_t)(entry_ns(c, node) + exit);
}

uint64_t trap_costs_sum(const struct trap_costs *c, const struct plan *plan, const struct report *r)
{
	double sum_ns = 0;

	vec_foreach (path, &r->paths) {
		uint64_t entries = path->stats.calls + path->open;
		const struct plan_node *node;

		if (path->node >= plan->nodes.n)
			continue;
		node = &plan->nodes.v[path->node];
		if (node->how == PLAN_SYSCALL || node->how == PLAN_KERNEL)
			continue;
		sum_ns +=
		    (double)entries *
		    (double)(node->entry.class != SITE_STEPPED ? c->emulated_ns : c->stepped_ns);
		/* What was unwound has met no probe at its end. */
		if (path->stats.calls > path->unwound)
			sum_ns +=
			    (double)(path->stats.calls - path->unwound) * exit_ns(c, plan, node);
	}
	return (uint64_t)sum_ns;
}
