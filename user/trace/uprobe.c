/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry and return probes on the functions of a plan. */
#include "trace/uprobe.h"

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

#include "bpf/wire.h"
#include "lib/clock.h"
#include "trace/redzone.h"
#include "trace/uprobe_group.h"
#include "trace/uprobe_places.h"

#define ENOTSUPP 524 /* the kernel's own, for instructions it cannot single-step */

/* Functions are removed one by one while they are few, and by such a share of them otherwise. */
#define GROUPS_AIM      32
#define GROUP_NODES_MAX 512

/* How long a node's probes were attached, before its group was opened, and since when it is known.
 */
struct sight {
	struct gate_time first, seen;
};

struct uprobes {
	struct uprobe_programs progs;
	struct bpf_program *parts[PARTS];
	bool multi, sessions;
	uint32_t perf_probes; /* without uprobe_multi: so many, of UPROBES_PERF_MAX */
	enum { REDZONE_UNKNOWN, REDZONE_SAFE, REDZONE_HIT } redzone;
	struct uprobe_links hooks;
	pthread_mutex_t lock; /* of what follows: uprobes_cut() is called by another thread */
	VEC(struct uprobe_group *) groups;  /* owned */
	VEC(struct sight) sights;           /* by node */
	struct gate_time (*now)(void *arg); /* NULL: not told yet */
	void *now_arg;
	uint32_t closing; /* threads at it */
	pthread_cond_t closed;
};

static void set_parts(struct uprobes *u)
{
	const struct uprobe_programs *p = &u->progs;

	u->parts[PART_RETURN] = u->parts[PART_SITES] = p->leave;
	u->parts[PART_SESSION] = p->session;
	u->parts[PART_GO_SITES] = p->go_leave;
	u->parts[PART_PLUGIN_SITES] = p->plugin_leave;
	u->parts[PART_ENTRY] = p->enter;
	u->parts[PART_GO_ENTRY] = p->go_enter;
	u->parts[PART_PLUGIN_ENTRY] = p->plugin_enter;
	u->parts[PART_POINT] = p->point;
}

void uprobes_prepare(const struct uprobe_programs *progs)
{
	struct bpf_program *const functions[] = { progs->enter,       progs->leave,
						  progs->go_enter,    progs->go_leave,
						  progs->point,       progs->plugin_enter,
						  progs->plugin_leave };

	uprobe_prepare(functions, sizeof(functions) / sizeof(*functions));
	uprobe_prepare(progs->hooks, HOOKS);
}

int uprobes_open(const struct uprobe_programs *progs, struct uprobes **ret)
{
	struct uprobes *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->progs = *progs;
	u->multi = uprobe_is_multi(progs->enter);
	u->sessions = uprobe_is_session(progs->session);
	set_parts(u);
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->closed, NULL);
	*ret = u;
	return 0;
}

static void skip(struct plan *plan, uint64_t node, const char *why)
{
	plan->nodes.v[node].refused = true;
	plan_add_skip(plan, plan->nodes.v[node].object, plan->nodes.v[node].name, why);
}

static struct gate_time now_of(const struct uprobes *u)
{
	return u->now ? u->now(u->now_arg) : (struct gate_time){ clock_monotonic_ns(), 0 };
}

void uprobes_set_clock(struct uprobes *u, struct gate_time (*now)(void *arg), void *arg)
{
	u->now_arg = arg;
	u->now = now;
}

static int keep_group(struct uprobes *u, struct uprobe_group *g)
{
	struct gate_time now = now_of(u);
	int err;

	pthread_mutex_lock(&u->lock);
	err = vec_push(&u->groups, g);
	for (uint32_t i = 0; i < g->nodes_n && !err; i++) {
		while (u->sights.n <= g->nodes[i] && !err)
			err = vec_push(&u->sights, (struct sight){});
		if (!err && !u->sights.v[g->nodes[i]].first.wall_ns)
			u->sights.v[g->nodes[i]].first = now;
	}
	if (err && u->groups.n && u->groups.v[u->groups.n - 1] == g)
		u->groups.n--;
	pthread_mutex_unlock(&u->lock);
	return err;
}

/* A node that needs nothing but two probes at one place. */
static const char *perf_objection(const struct uprobes *u, const struct plan_node *node)
{
	if (u->perf_probes >= UPROBES_PERF_MAX)
		return "more than 64 probes: this kernel (before 6.6) takes 0.1 s to remove each";
	if (node->how != PLAN_RETURN_PROBE)
		return "probes on return instructions and static probes need Linux 6.6";
	return NULL;
}

static bool is_fatal(int err)
{
	return err == -EPERM || err == -ENOMEM || err == -EMFILE || err == -EINTR;
}

static void tell_refused(struct plan *plan, uint32_t node, int err)
{
	char why[128];

	if (err == -ENOEXEC)
		snprintf(why, sizeof(why), "it is in Go, which came after the trace began");
	else
		snprintf(why, sizeof(why), "the kernel refuses a probe there: %s",
			 -err == ENOTSUPP ? "instruction not supported" : strerror(-err));
	skip(plan, node, why);
}

static int open_group(struct uprobes *u, struct uprobe_group *g)
{
	int err = uprobe_group_open(g, u->parts);

	if (!err)
		g->opened = now_of(u);
	return err;
}

/*
 * Attaches some functions of one object as one group, but those that are windowed, which are
 * opened from time to time. When the kernel refuses, halves them until what it refuses is alone.
 */
static int attach_group(struct uprobes *u, struct plan *plan, const char *path,
			const uint32_t *nodes, uint32_t n)
{
	const char *objection = u->multi ? NULL : perf_objection(u, &plan->nodes.v[nodes[0]]);
	_cleanup_(uprobe_group_freep) struct uprobe_group *g = NULL;
	int err;

	if (objection) {
		skip(plan, nodes[0], objection);
		return 0;
	}
	err = uprobe_group_make(plan, path, nodes, n, u->sessions, &g);
	if (err)
		return err;
	err = g->windowed ? 0 : open_group(u, g);
	if (err && (is_fatal(err) || n == 1)) {
		if (is_fatal(err))
			return err;
		tell_refused(plan, nodes[0], err);
		return 0;
	}
	if (err) {
		err = attach_group(u, plan, path, nodes, n / 2);
		return err ? err : attach_group(u, plan, path, nodes + n / 2, n - n / 2);
	}
	err = keep_group(u, g);
	if (err)
		return err;
	TAKE_PTR(g);
	u->perf_probes += u->multi ? 0 : 1;
	for (uint32_t i = 0; i < n; i++)
		plan->nodes.v[nodes[i]].attached = true;
	return 0;
}

static uint32_t group_size(const struct uprobes *u, uint32_t n)
{
	uint32_t size = (n + GROUPS_AIM - 1) / GROUPS_AIM;

	return !u->multi ? 1 : size > GROUP_NODES_MAX ? GROUP_NODES_MAX : size ? size : 1;
}

/* Nodes of one kind of one object. */
static int attach_nodes(struct uprobes *u, struct plan *plan, const char *path,
			const uint32_t *nodes, uint32_t n)
{
	/* What is windowed comes and goes together. */
	bool windowed = plan->nodes.v[nodes[0]].windowed && u->multi;
	uint32_t size = windowed ? GROUP_NODES_MAX : group_size(u, n);
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i += size)
		err = attach_group(u, plan, path, nodes + i, n - i < size ? n - i : size);
	return err;
}

/*
 * A runtime's functions of one kind in one object. Those that cannot be probed are done without,
 * and told.
 */
static int attach_hooks(struct uprobes *u, struct plan *plan, uint32_t object, enum hook_kind kind,
			const char *path)
{
	struct uprobe_places p = { .path = path };
	int err = uprobe_places_alloc(&p, plan->hooks.n), failed = 0;

	vec_foreach (h, &plan->hooks) {
		if (err || h->object != object || h->kind != kind || h->attached)
			continue;
		uprobe_places_add(&p, h->offset, 0, 0);
		h->attached = true;
	}
	if (p.n)
		failed = uprobe_links_add(&u->hooks, u->progs.hooks[kind], &p);
	vec_foreach (h, &plan->hooks) {
		if (h->object == object && h->kind == kind)
			h->refused |= failed != 0;
	}
	uprobe_places_done(&p);
	return err;
}

/* Static probes on nops of five bytes stand in the midst of functions, which may use the red zone.
 */
static void refuse_unsafe_nops(struct uprobes *u, struct plan *plan)
{
	for (uint32_t i = 0; i < plan->nodes.n; i++) {
		const struct plan_node *node = &plan->nodes.v[i];

		if (node->how != PLAN_POINT || node->entry.class != SITE_NOP5 || node->attached ||
		    node->refused)
			continue;
		if (u->redzone == REDZONE_UNKNOWN)
			u->redzone = redzone_survives(u->progs.point) ? REDZONE_SAFE : REDZONE_HIT;
		if (u->redzone == REDZONE_HIT)
			skip(
			    plan, i,
			    "a nop of five bytes: a probe on it would damage the function's memory "
			    "below the stack pointer on this kernel (6.18 to 7.1)");
	}
}

/* Which of an object's nodes: a plugin's entries, windowed ones. */
struct selection {
	bool plugin, windowed;
};

/* What is to be attached of an object. How many. */
static uint32_t list_nodes(const struct plan *plan, uint32_t object, struct selection of,
			   uint32_t *nodes)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan->nodes.n; i++) {
		const struct plan_node *node = &plan->nodes.v[i];

		if (node->object == object && (node->plugin != 0) == of.plugin &&
		    node->windowed == of.windowed && !node->attached && !node->refused &&
		    !node->detached && !node->costly && !node->removed)
			nodes[n++] = i;
	}
	return n;
}

static int attach_selection(struct uprobes *u, struct plan *plan, uint32_t object, const char *path,
			    struct selection of, uint32_t *nodes)
{
	uint32_t n = list_nodes(plan, object, of, nodes);

	return n ? attach_nodes(u, plan, path, nodes, n) : 0;
}

/* What is probed all the time, and what for moments. */
static int attach_kind(struct uprobes *u, struct plan *plan, uint32_t object, const char *path,
		       bool plugin, uint32_t *nodes)
{
	struct selection of = { .plugin = plugin };
	int err = attach_selection(u, plan, object, path, of, nodes);

	of.windowed = true;
	return err ? err : attach_selection(u, plan, object, path, of, nodes);
}

int uprobes_attach_plugin(struct uprobes *u, struct plan *plan, const struct object_files *objects,
			  uint32_t object)
{
	_cleanup_free_ uint32_t *nodes = calloc(plan->nodes.n + 1, sizeof(*nodes));

	return nodes ? attach_kind(u, plan, object, objects->files.v[object]->via, true, nodes)
		     : -ENOMEM;
}

int uprobes_attach(struct uprobes *u, struct plan *plan, struct object_files *objects)
{
	_cleanup_free_ uint32_t *nodes = calloc(plan->nodes.n + 1, sizeof(*nodes));
	int err = nodes ? 0 : -ENOMEM;

	refuse_unsafe_nops(u, plan);
	for (uint32_t object = 0; object < objects->files.n && !err; object++) {
		const char *path = objects->files.v[object]->via;

		for (enum hook_kind kind = 0; kind < HOOKS && !err && plan->nodes.n; kind++)
			err = attach_hooks(u, plan, object, kind, path);
		err = err ? err : attach_kind(u, plan, object, path, false, nodes);
		err = err ? err : attach_kind(u, plan, object, path, true, nodes);
	}
	return err;
}

/* Its probes go now; what they were there for is summed up. Under the lock. */
static struct uprobe_links begin_close(struct uprobes *u, struct uprobe_group *g)
{
	struct gate_time now = now_of(u);
	struct uprobe_links links = g->links;

	for (uint32_t i = 0; i < g->nodes_n; i++)
		gate_time_add(&u->sights.v[g->nodes[i]].seen, g->opened, now);
	g->links = (struct uprobe_links){};
	g->state = GROUP_CLOSING;
	return links;
}

struct closing {
	struct uprobes *u;
	struct uprobe_group *group;
	struct uprobe_links links;
};

static void *close_group(void *arg)
{
	struct closing *c = arg;
	struct uprobes *u = c->u;

	uprobe_links_close(&c->links);
	pthread_mutex_lock(&u->lock);
	c->group->state = GROUP_CLOSED;
	u->closing--;
	pthread_cond_broadcast(&u->closed);
	pthread_mutex_unlock(&u->lock);
	free(c);
	return NULL;
}

/*
 * Removes a group's probes without waiting for the kernel, which takes 0.1 s to be sure that nobody
 * is in them. Under the lock.
 */
static void close_soon(struct uprobes *u, struct uprobe_group *g)
{
	struct closing *c = calloc(1, sizeof(*c));
	struct uprobe_links links = begin_close(u, g);
	pthread_t thread;

	if (c) {
		*c = (struct closing){ .u = u, .group = g, .links = links };
		u->closing++;
		if (!pthread_create(&thread, NULL, close_group, c)) {
			pthread_detach(thread);
			return;
		}
		u->closing--;
		free(c);
	}
	uprobe_links_close(&links);
	g->state = GROUP_CLOSED;
}

bool uprobes_cut(struct uprobes *u, uint32_t node)
{
	bool cut = false;

	pthread_mutex_lock(&u->lock);
	vec_foreach (g, &u->groups) {
		if ((*g)->state != GROUP_OPEN || !uprobe_group_has(*g, node))
			continue;
		(*g)->cut = true;
		close_soon(u, *g);
		cut = true;
	}
	pthread_mutex_unlock(&u->lock);
	return cut;
}

void uprobes_cut_all(struct uprobes *u)
{
	pthread_mutex_lock(&u->lock);
	vec_foreach (g, &u->groups) {
		(*g)->cut = true;
		if ((*g)->state == GROUP_OPEN)
			close_soon(u, *g);
	}
	pthread_mutex_unlock(&u->lock);
}

uint32_t uprobes_window(struct uprobes *u, bool open)
{
	uint32_t n = 0;

	pthread_mutex_lock(&u->lock);
	vec_foreach (it, &u->groups) {
		struct uprobe_group *g = *it;

		if (!g->windowed || g->cut || g->drop)
			continue;
		if (open && g->state == GROUP_CLOSED && !open_group(u, g))
			n++;
		if (!open && g->state == GROUP_OPEN) {
			close_soon(u, g);
			n++;
		}
	}
	pthread_mutex_unlock(&u->lock);
	return n;
}

/* Waits until nothing is being removed. Under the lock. */
static void wait_closed(struct uprobes *u)
{
	while (u->closing)
		pthread_cond_wait(&u->closed, &u->lock);
}

static void forget_attached(struct plan *plan, const struct uprobe_group *g)
{
	for (uint32_t i = 0; i < g->nodes_n; i++) {
		plan->nodes.v[g->nodes[i]].attached = false;
		plan->nodes.v[g->nodes[i]].gone = false; /* its probe was missed for that reason */
	}
}

/* Lets go what is not wanted any more and is no longer attached. Under the lock. */
static void collect_garbage(struct uprobes *u)
{
	size_t kept = 0;

	for (size_t i = 0; i < u->groups.n; i++) {
		struct uprobe_group *g = u->groups.v[i];

		if (g->drop && g->state == GROUP_CLOSED)
			uprobe_group_free(g);
		else
			u->groups.v[kept++] = g;
	}
	u->groups.n = kept;
}

void uprobes_release(struct uprobes *u, struct plan *plan,
		     bool (*which)(const struct plan_node *node, const void *arg), const void *arg)
{
	pthread_mutex_lock(&u->lock);
	vec_foreach (it, &u->groups) {
		struct uprobe_group *g = *it;
		bool any = g->cut;

		if (g->drop)
			continue;
		for (uint32_t i = 0; i < g->nodes_n && !any; i++)
			any = which && which(&plan->nodes.v[g->nodes[i]], arg);
		if (!any)
			continue;
		g->drop = true;
		forget_attached(plan, g);
		if (g->state == GROUP_OPEN)
			close_soon(u, g);
	}
	wait_closed(u);
	collect_garbage(u);
	pthread_mutex_unlock(&u->lock);
}

bool uprobes_have_cut(struct uprobes *u)
{
	bool any = false;

	pthread_mutex_lock(&u->lock);
	vec_foreach (g, &u->groups)
		any |= (*g)->cut && !(*g)->drop;
	pthread_mutex_unlock(&u->lock);
	return any;
}

double uprobes_share(struct uprobes *u, uint32_t node, const struct gate_time *since,
		     struct gate_time end)
{
	struct sight sight = {};

	if (!u)
		return 1;
	pthread_mutex_lock(&u->lock);
	if (node < u->sights.n)
		sight = u->sights.v[node];
	vec_foreach (g, &u->groups) {
		if ((*g)->state == GROUP_OPEN && uprobe_group_has(*g, node))
			gate_time_add(&sight.seen, (*g)->opened, end);
	}
	pthread_mutex_unlock(&u->lock);
	return sight.first.wall_ns ? gate_time_share(sight.seen, since ? *since : sight.first, end)
				   : 1;
}

void uprobes_detach_plugin(struct uprobes *u, struct plan *plan, uint32_t object)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	vec_foreach (it, &u->groups) {
		struct uprobe_group *g = *it;

		if (!g->plugin || g->object != object || g->drop)
			continue;
		for (uint32_t i = 0; i < g->nodes_n; i++) {
			struct plan_node *node = &plan->nodes.v[g->nodes[i]];

			node->attached = false;
			node->detached = true;
			node->later = !node->later;
		}
		g->drop = true;
		if (g->state == GROUP_OPEN)
			close_soon(u, g);
	}
	collect_garbage(u);
	pthread_mutex_unlock(&u->lock);
}

/* All at the same time, because each takes 0.1 s. */
void uprobes_detach(struct uprobes *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	vec_foreach (g, &u->groups) {
		(*g)->drop = true;
		if ((*g)->state == GROUP_OPEN)
			close_soon(u, *g);
	}
	pthread_mutex_unlock(&u->lock);
	uprobe_links_close(&u->hooks);
	pthread_mutex_lock(&u->lock);
	wait_closed(u);
	collect_garbage(u);
	u->perf_probes = 0;
	pthread_mutex_unlock(&u->lock);
}

void uprobes_hold(struct uprobes *u)
{
	if (u)
		pthread_mutex_lock(&u->lock);
}

void uprobes_let_go(struct uprobes *u)
{
	if (u)
		pthread_mutex_unlock(&u->lock);
}

void uprobes_free(struct uprobes *u)
{
	if (!u)
		return;
	uprobes_detach(u);
	pthread_mutex_destroy(&u->lock);
	pthread_cond_destroy(&u->closed);
	vec_done(&u->groups);
	vec_done(&u->sights);
	free(u);
}
