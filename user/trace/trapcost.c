/* SPDX-License-Identifier: GPL-2.0-only */
/* What the traps of function probes and system call tracepoints cost. */
#include "trace/trapcost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/clock.h"
#include "target/maps.h"
#include "trace/plan.h"
#include "trace/uprobe_link.h"

#define OWN_BINARY "/proc/self/exe"
#define CALLS      64 /* a batch; of several, the fastest was disturbed least */
#define BATCHES    32
#define WAIT_MS    1000

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

enum { EMULATED, STEPPED, RETURN, FUNCTIONS, SYSCALL = FUNCTIONS, FIGURES };

static void call_kernel(void)
{
	syscall(SYS_getppid);
}

static void (*const functions[FIGURES])(void) = {
	[EMULATED] = trapcost_emulated,
	[STEPPED] = trapcost_stepped,
	[RETURN] = trapcost_return,
	[SYSCALL] = call_kernel,
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

/* The child's life: measures what is not probed, says so, waits for a byte, measures again. */
static int child_run(int go, int said)
{
	uint64_t ns[FIGURES];
	char byte;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < FIGURES; i++)
			ns[i] = call_ns(functions[i]);
		if (write(said, ns, sizeof(ns)) != sizeof(ns) || read(go, &byte, 1) != 1)
			return 1;
	}
	return 0;
}

struct trap_trial {
	pid_t child;
	int go, said; /* pipes to the child and from it */
	uint64_t plain_ns[FIGURES];
	struct uprobe_links links;
};

/* What the child says next; one that says nothing for a second is given up. */
static int hear(const struct trap_trial *t, uint64_t *ns)
{
	struct pollfd fd = { .fd = t->said, .events = POLLIN };

	if (poll(&fd, 1, WAIT_MS) != 1)
		return -ETIMEDOUT;
	return read(t->said, ns, FIGURES * sizeof(*ns)) == FIGURES * (ssize_t)sizeof(*ns) ? 0
											  : -EIO;
}

static int start_child(struct trap_trial *t)
{
	int go[2], said[2];

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(said, O_CLOEXEC)) {
		int err = -errno;

		close(go[0]), close(go[1]);
		return err;
	}
	t->child = fork();
	if (!t->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		_exit(child_run(go[0], said[1]));
	}
	close(go[0]);
	close(said[1]);
	t->go = go[1];
	t->said = said[0];
	return t->child < 0 ? -errno : 0;
}

int trap_trial_begin(struct trap_trial **ret)
{
	_cleanup_(trap_trial_freep) struct trap_trial *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->go = t->said = -1;
	err = start_child(t);
	err = err ? err : hear(t, t->plain_ns);
	if (!err)
		*ret = TAKE_PTR(t);
	return err;
}

static void child_end(struct trap_trial *t)
{
	if (t->child > 0) {
		kill(t->child, SIGKILL);
		while (waitpid(t->child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	t->child = -1;
}

void trap_trial_free(struct trap_trial *t)
{
	if (!t)
		return;
	child_end(t);
	cleanup_close(&t->go);
	cleanup_close(&t->said);
	uprobe_links_close(&t->links);
	free(t);
}

/* By uprobe_multi in the child alone; by perf events in whatever runs this file. */
static int attach(struct trap_trial *t, struct bpf_program *enter, struct bpf_program *leave)
{
	unsigned long offsets[FUNCTIONS]; /* NOLINT: the places hold a plain pointer */
	uint64_t cookies[FUNCTIONS] = { PB_NODES_MAX - 1, PB_NODES_MAX - 1, PB_NODES_MAX - 1 };
	struct uprobe_places entries = {
		.path = OWN_BINARY, .offsets = offsets, .cookies = cookies, .n = FUNCTIONS
	};
	struct uprobe_places returns = {
		.path = OWN_BINARY, .offsets = offsets + RETURN, .cookies = cookies, .n = 1
	};
	int err = find_offsets(offsets);

	if (err)
		return err;
	if (!uprobe_is_multi(enter)) {
		err = uprobe_links_add_perf(&t->links, leave, OWN_BINARY, offsets[RETURN],
					    cookies[0], true);
		return err ? err : uprobe_links_add(&t->links, enter, &entries);
	}
	for (int i = 0; i < 2 && !err; i++) {
		int fd = uprobe_link_multi(i ? enter : leave, i ? &entries : &returns, !i,
					   (uint32_t)t->child);

		err = fd < 0 ? fd : vec_push(&t->links.fds, fd);
	}
	return err;
}

static uint64_t excess(uint64_t with, uint64_t without)
{
	return with > without ? with - without : 0;
}

int trap_trial_finish(struct trap_trial *t, struct bpf_program *enter, struct bpf_program *leave,
		      struct trap_costs *ret)
{
	uint64_t ns[FIGURES];
	struct trap_costs c = {};
	int err = enter ? attach(t, enter, leave) : 0;

	if (!err && write(t->go, "", 1) != 1)
		err = -EIO;
	err = err ? err : hear(t, ns);
	child_end(t);
	if (err)
		return err;
	c.syscall_ns = excess(ns[SYSCALL], t->plain_ns[SYSCALL]);
	if (enter) {
		c.emulated_ns = excess(ns[EMULATED], t->plain_ns[EMULATED]);
		c.stepped_ns = excess(ns[STEPPED], t->plain_ns[STEPPED]);
		c.return_ns = excess(excess(ns[RETURN], t->plain_ns[RETURN]), c.emulated_ns);
		if (!c.emulated_ns || !c.stepped_ns)
			return -EIO; /* no trap is free: these probes were not hit */
	}
	*ret = c;
	return 0;
}

int trap_costs_measure(struct bpf_program *enter, struct bpf_program *leave, struct trap_costs *ret)
{
	_cleanup_(trap_trial_freep) struct trap_trial *t = NULL;
	int err = trap_trial_begin(&t);

	return err ? err : trap_trial_finish(t, enter, leave, ret);
}

uint32_t trap_class(const struct plan *plan, const struct plan_node *node)
{
	uint32_t class = node->entry.class == SITE_STEPPED ? PB_COST_STEPPED : 0;
	uint32_t stepped = 0;

	if (node->how == PLAN_POINT)
		return class;
	if (node->how == PLAN_RETURN_PROBE)
		return class | PB_COST_RETURN_PROBE;
	for (uint32_t i = 0; i < node->sites; i++)
		stepped += plan->sites.v[node->first_site + i].has_value;
	if (!node->sites)
		return class;
	return class | (2 * stepped >= node->sites ? PB_COST_SITE_STEPPED : PB_COST_SITE_EMULATED);
}

uint64_t trap_costs_of_class(const struct trap_costs *c, uint32_t class)
{
	uint64_t entry_ns = class & PB_COST_STEPPED ? c->stepped_ns : c->emulated_ns;

	switch (class & ~(uint32_t)PB_COST_STEPPED) {
	case PB_COST_RETURN_PROBE:
		return entry_ns + c->return_ns;
	case PB_COST_SITE_STEPPED:
		return entry_ns + c->stepped_ns;
	case PB_COST_SITE_EMULATED:
		return entry_ns + c->emulated_ns;
	default:
		return entry_ns;
	}
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
