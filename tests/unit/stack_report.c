/* SPDX-License-Identifier: GPL-2.0-only */
/* Reports made of stacks that are written as text. */
#include "stack_report.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 256
#define IN_MS(ns)  ((uint64_t)((ns) / MS))

struct report *stack_report(void)
{
	struct report *r = report_new();

	if (!r)
		abort();
	r->has_cpu = r->has_offcpu = r->paths_auto = true;
	r->cpu.frequency_hz = 1000;
	r->duration_ns = 10000 * MS;
	stack_target(r, "app", "/bin/app");
	return r;
}

uint32_t stack_target(struct report *r, const char *comm, const char *exe)
{
	struct target t = { .pid = 100 + (uint32_t)r->targets.n,
			    .comm = report_str(r, comm),
			    .exe = report_str(r, exe) };

	if (vec_push(&r->targets, t))
		abort();
	return (uint32_t)r->targets.n - 1;
}

static void set_interpreted(struct report *r, struct frame *f, char *text, enum language language)
{
	char *file = strchr(text, '@');

	*file++ = '\0';
	f->kind = FRAME_INTERPRETED;
	f->object = REPORT_NONE;
	f->language = language;
	f->name = text;
	f->file = report_str(r, file);
}

static void set_object(struct report *r, struct frame *f, char *text)
{
	char path[64], *name = strchr(text, '/');

	*name++ = '\0';
	snprintf(path, sizeof(path), "/lib/%s", text);
	f->object = report_add_object(r, path, NULL);
	f->name = name;
}

static uint32_t add_frame(struct report *r, char *text)
{
	struct frame f = { .kind = FRAME_USER, .object = report_add_object(r, "/bin/app", NULL) };

	f.name = text;
	if (!strcmp(text, "!")) {
		f = (struct frame){ .kind = FRAME_TRUNCATED, .object = REPORT_NONE };
	} else if (!strncmp(text, "libc:", 5)) {
		f.object = report_add_object(r, "/lib/libc.so.6", NULL);
		f.name = text + 5;
	} else if (!strncmp(text, "k:", 2)) {
		f.kind = FRAME_KERNEL;
		f.object = report_add_object(r, "[kernel]", NULL);
		f.name = text + 2;
	} else if (!strncmp(text, "i:", 2)) {
		f.kind = FRAME_INLINED;
		f.name = text + 2;
	} else if (!strncmp(text, "py:", 3)) {
		set_interpreted(r, &f, text + 3, LANGUAGE_PYTHON);
	} else if (!strncmp(text, "js:", 3)) {
		set_interpreted(r, &f, text + 3, LANGUAGE_JAVASCRIPT);
	} else if (!strncmp(text, "erl:", 4)) {
		set_interpreted(r, &f, text + 4, LANGUAGE_ERLANG);
	} else if (text[0] == '?') {
		f.name = NULL;
		f.offset = strtoull(text + 1, NULL, 16);
		f.start = f.offset & ~0xffull; /* functions begin at whole 256 bytes */
	} else if (strchr(text, '/')) {
		set_object(r, &f, text);
	}
	return report_add_frame(r, &f);
}

static uint32_t add_stack(struct report *r, const char *stack)
{
	char *copy = strdup(stack), *save = NULL;
	uint32_t frames[FRAMES_MAX], n = 0, i;

	for (char *s = strtok_r(copy, ";", &save); s && n < FRAMES_MAX;
	     s = strtok_r(NULL, ";", &save))
		frames[n++] = add_frame(r, s);
	i = report_add_stack(r, frames, n);
	free(copy);
	if (i == REPORT_NONE)
		abort();
	return i;
}

void stack_cpu(struct report *r, uint32_t target, const char *stack, uint64_t samples)
{
	struct cpu_sample s = { target, add_stack(r, stack), samples };

	if (vec_push(&r->cpu_samples, s))
		abort();
	r->cpu.samples += samples;
	r->targets.v[target].cpu_ns += samples * MS;
}

static void add_offcpu(struct report *r, uint32_t target, const char *stack, enum offcpu_why why,
		       uint64_t ms)
{
	struct offcpu_sample s = { .target = target,
				   .stack = add_stack(r, stack),
				   .why = why,
				   .count = 1,
				   .total_ns = ms * MS,
				   .max_ns = ms * MS };

	if (vec_push(&r->offcpu_samples, s))
		abort();
	r->offcpu.total_ns += s.total_ns;
}

void stack_blocked(struct report *r, uint32_t target, const char *stack, uint64_t ms)
{
	add_offcpu(r, target, stack, OFFCPU_BLOCKED, ms);
}

void stack_preempted(struct report *r, uint32_t target, const char *stack, uint64_t ms)
{
	add_offcpu(r, target, stack, OFFCPU_PREEMPTED, ms);
}

static uint32_t find_node(struct report *r, const char *name, uint32_t object)
{
	struct node n = { .name = report_str(r, name), .object = object };

	for (uint32_t i = 0; i < r->nodes.n; i++) {
		if (r->nodes.v[i].name == n.name && r->nodes.v[i].object == object)
			return i;
	}
	if (vec_push(&r->nodes, n))
		abort();
	return (uint32_t)r->nodes.n - 1;
}

uint32_t stack_counted(struct report *r, uint32_t parent, const char *name, uint64_t calls,
		       uint64_t total_ms)
{
	struct path p = { .parent = parent, .depth_max = 1 };

	p.node = find_node(r, name, report_add_object(r, "/bin/app", NULL));
	p.stats.calls = calls;
	p.stats.total_ns = p.stats.self_ns = total_ms * MS;
	r->nodes.v[p.node].calls += calls;
	if (parent != REPORT_NONE)
		r->paths.v[parent].stats.self_ns -= p.stats.total_ns;
	if (vec_push(&r->paths, p))
		abort();
	return (uint32_t)r->paths.n - 1;
}

const struct path *stack_path(const struct report *r, const char *path)
{
	for (uint32_t i = 0; i < r->paths.n; i++) {
		struct buf b = {};
		bool found;

		path_format(&b, r, i, " > ");
		found = !strcmp(buf_str(&b), path);
		buf_done(&b);
		if (found)
			return &r->paths.v[i];
	}
	return NULL;
}

char *stack_paths(const struct report *r)
{
	struct buf b = {};

	for (uint32_t i = 0; i < r->paths.n; i++) {
		const struct path *p = &r->paths.v[i];

		path_format(&b, r, i, " > ");
		buf_printf(&b,
			   "%s%s: %" PRIu64 " cpu %" PRIu64 " off %" PRIu64 " self %" PRIu64 "\n",
			   p->sampled ? "" : " (counted)", p->estimate.loop ? " (loop)" : "",
			   IN_MS(p->stats.total_ns), IN_MS(p->cpu_ns), IN_MS(p->offcpu_ns),
			   IN_MS(p->stats.self_ns));
	}
	vec_foreach (i, &r->idle)
		buf_printf(&b, "idle in %s: %" PRIu64 "\n", i->where, IN_MS(i->total_ns));
	buf_printf(&b, "cpu %" PRIu64 " named %" PRIu64 ", off %" PRIu64 " named %" PRIu64 "\n",
		   IN_MS(r->attributed.cpu.all_ns), IN_MS(r->attributed.cpu.named_ns),
		   IN_MS(r->attributed.offcpu.all_ns), IN_MS(r->attributed.offcpu.named_ns));
	return b.data;
}

const struct path *stack_get(const struct report *r, const char *path)
{
	const struct path *p = stack_path(r, path);

	cr_assert_not_null(p, "no path '%s' among:\n%s", path, stack_paths(r));
	return p;
}

void stack_expect(const struct report *r, const char *path, uint64_t cpu_ms, uint64_t offcpu_ms,
		  uint64_t self_ms)
{
	const struct path *p = stack_get(r, path);

	cr_assert(p->cpu_ns / MS == cpu_ms && p->offcpu_ns / MS == offcpu_ms &&
		      p->stats.self_ns / MS == self_ms,
		  "'%s' should have cpu %" PRIu64 " off %" PRIu64 " self %" PRIu64 " among:\n%s",
		  path, cpu_ms, offcpu_ms, self_ms, stack_paths(r));
}

void stack_expect_none(const struct report *r, const char *path)
{
	cr_assert_null(stack_path(r, path), "'%s' among:\n%s", path, stack_paths(r));
}

void stack_expect_idle(const struct report *r, const char *where, uint64_t ms)
{
	uint64_t ns = 0;

	vec_foreach (i, &r->idle) {
		if (!strcmp(i->where, where))
			ns = i->total_ns;
	}
	cr_assert_eq(ns / MS, ms, "%" PRIu64 " idle in '%s' should be among:\n%s", ms, where,
		     stack_paths(r));
}

/* Everything that the report has of time. */
static uint64_t all_ns(const struct report *r)
{
	uint64_t ns = r->offcpu.total_ns;

	vec_foreach (t, &r->targets)
		ns += t->cpu_ns;
	return ns;
}

static void check_path(const struct report *r, uint32_t i, uint64_t *kids_ns)
{
	const struct path *p = &r->paths.v[i];

	if (!p->sampled)
		return;
	cr_assert_eq(p->stats.total_ns, p->cpu_ns + p->offcpu_ns);
	cr_assert_eq(p->stats.total_ns, p->stats.self_ns + kids_ns[i], "self of path %u", i);
	cr_assert_leq(p->estimate.cpu_low_ns, p->cpu_ns);
	cr_assert_geq(p->estimate.cpu_high_ns, p->cpu_ns);
	cr_assert(p->has_cpu);
	cr_assert_eq(p->stats.calls + p->stats.errors + p->stats.max_ns + p->open, 0);
	cr_assert_lt(p->node, r->nodes.n);
	if (p->parent == REPORT_NONE)
		return;
	cr_assert_lt(p->parent, i, "a parent stands before its children");
	cr_assert_neq(r->paths.v[p->parent].node, p->node, "recursion is one node: %s",
		      stack_paths(r));
}

void stack_check(const struct report *r)
{
	const struct time_share *cpu = &r->attributed.cpu, *offcpu = &r->attributed.offcpu;
	uint64_t *kids_ns = calloc(r->paths.n + 1, sizeof(*kids_ns));
	uint64_t roots_ns = 0, named_ns = 0, idle_ns = 0;
	bool counted = false;

	for (uint32_t i = 0; i < r->paths.n; i++) {
		const struct path *p = &r->paths.v[i];

		counted = counted || !p->sampled;
		if (p->sampled && p->parent != REPORT_NONE)
			kids_ns[p->parent] += p->stats.total_ns;
		if (p->sampled && p->parent == REPORT_NONE)
			roots_ns += p->stats.total_ns;
	}
	for (uint32_t i = 0; i < r->paths.n; i++)
		check_path(r, i, kids_ns);
	free(kids_ns);
	vec_foreach (i, &r->idle)
		idle_ns += i->total_ns;
	cr_assert_eq(idle_ns, r->attributed.idle_ns);
	cr_assert_eq(cpu->all_ns + offcpu->all_ns + idle_ns, all_ns(r), "all time is somewhere");
	named_ns = cpu->named_ns + cpu->unnamed_ns + offcpu->named_ns + offcpu->unnamed_ns;
	cr_assert_leq(cpu->named_ns + cpu->unnamed_ns, cpu->all_ns);
	cr_assert_leq(offcpu->named_ns + offcpu->unnamed_ns, offcpu->all_ns);
	if (counted)
		cr_assert_leq(roots_ns, named_ns);
	else
		cr_assert_eq(roots_ns, named_ns, "roots have what is attributed");
}
