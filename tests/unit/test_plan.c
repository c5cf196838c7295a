/* SPDX-License-Identifier: GPL-2.0-only */
/* The probe plan: which functions are probed, how their returns are seen, and why others are not.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compiled.h"
#include "records.h"
#include "trace/plan.h"

#define BUILD "gcc -g -O1 -shared -fPIC -fcf-protection=none -w -x c -"

static const char plain[] =
    "int one(int a) { return a + 1; }\n"
    "int alias(int) __attribute__((alias(\"one\")));\n"
    "void *two(void *p) { return p; }\n"
    "long three(long a, long b) { return a * b; }\n"
    "int compare_keys(const void *a, const void *b) { return a < b; }\n"
    "void nothing(void) {}\n"
    "static int chosen(int a) { return a; }\n"
    "static void *choose(void) { return chosen; }\n"
    "int indirect(int) __attribute__((ifunc(\"choose\")));\n"
    /* A loop around the first byte; a return that takes 16 bytes of arguments off the stack. */
    "__asm__(\".text\\n.type spin,@function\\n.globl spin\\nspin: .cfi_startproc\\n\"\n"
    "\" mov (%rdi), %eax\\n test %eax, %eax\\n jne spin\\n ret\\n .cfi_endproc\\n\"\n"
    "\".size spin, .-spin\\n.type popper,@function\\n.globl popper\\npopper: .cfi_startproc\\n\"\n"
    "\" nop\\n ret $16\\n .cfi_endproc\\n.size popper, .-popper\\n\");\n";

/* Exceptions may be caught; stacks may be switched. */
static const char catches[] = "void *__cxa_begin_catch(void *);\n"
			      "int quiet(int a) { return a + 1; }\n"
			      "void *loud(void *p) { return __cxa_begin_catch(p); }\n";
static const char fibers[] = "int swapcontext(void *, void *);\n"
			     "int quiet(int a) { return a + 1; }\n"
			     "int change(void *a, void *b) { return swapcontext(a, b); }\n";

struct world {
	struct compiled program;
	struct object_files objects;
	struct plan plan;
	uint32_t exe;
};

static void world_init(struct world *w, const char *source)
{
	*w = (struct world){};
	compiled_open(&w->program, BUILD, source);
	cr_assert_eq(object_files_add_path(&w->objects, w->program.path, &w->exe), 0);
}

static void world_done(struct world *w)
{
	plan_done(&w->plan);
	object_files_done(&w->objects);
	compiled_done(&w->program);
}

static void ask(struct world *w, const char *spec)
{
	char msg[300] = "";

	cr_assert_eq(plan_add_spec(&w->plan, spec, msg, sizeof(msg)), 0, "%s", msg);
}

static int update(struct world *w)
{
	return plan_update_program(&w->plan, &w->objects, w->exe, "program");
}

static const struct plan_node *node_of(const struct world *w, const char *name)
{
	vec_foreach (n, &w->plan.nodes) {
		if (!strcmp(n->name, name))
			return n;
	}
	cr_assert_fail("'%s' is not planned", name);
	return NULL;
}

static const char *why_not(const struct world *w, const char *name)
{
	vec_foreach (s, &w->plan.skipped) {
		if (!strcmp(s->name, name))
			return s->why;
	}
	cr_assert_fail("'%s' was not left out", name);
	return NULL;
}

Test(plan, plain_functions_get_return_probes)
{
	const struct plan_node *n;
	struct world w;

	world_init(&w, plain);
	ask(&w, "one,two,three");
	cr_assert_eq(update(&w), 3);
	n = node_of(&w, "three");
	cr_assert_eq(n->how, PLAN_RETURN_PROBE);
	cr_assert_eq(n->object, w.exe);
	cr_assert_eq(n->addr, compiled_addr(&w.program, "three"));
	cr_assert_eq(n->offset, symbols_offset_of(w.program.symbols, n->addr));
	cr_assert_gt(n->size, 0);
	cr_assert_eq(n->sites + n->args, 0);
	cr_assert_not(n->attached || n->refused || n->restarts);
	cr_assert_eq(w.plan.hazard.kind, HAZARD_NONE);
	cr_assert_eq(update(&w), 0, "an object is planned once");
	cr_assert_eq(w.plan.nodes.n, 3);
	world_done(&w);
}

Test(plan, two_names_of_a_function_are_one_node)
{
	struct world w;

	world_init(&w, plain);
	ask(&w, "one,alias");
	cr_assert_eq(update(&w), 1);
	cr_assert_eq(w.plan.skipped.n, 0);
	world_done(&w);
}

Test(plan, functions_that_restart_or_take_arguments_off_are_followed_by_their_ends)
{
	const struct plan_node *n;
	struct world w;

	world_init(&w, plain);
	ask(&w, "spin,popper");
	cr_assert_eq(update(&w), 2);
	n = node_of(&w, "spin");
	cr_assert_eq(n->how, PLAN_RETURN_SITES);
	cr_assert(n->restarts);
	cr_assert_eq(n->sites, 1);
	cr_assert_eq(w.plan.sites.v[n->first_site].offset, n->offset + n->size - 1);
	cr_assert(w.plan.sites.v[n->first_site].has_value);
	n = node_of(&w, "popper");
	cr_assert_eq(n->how, PLAN_RETURN_SITES);
	cr_assert_not(n->restarts);
	cr_assert_eq(n->sites, 1);
	cr_assert_eq(w.plan.sites.v[n->first_site].offset, n->offset + n->size - 3);
	world_done(&w);
}

Test(plan, where_exceptions_are_caught_no_return_probe_is_planned)
{
	struct world w;

	world_init(&w, catches);
	ask(&w, "quiet,loud");
	cr_assert_eq(update(&w), 2);
	cr_assert_eq(w.plan.hazard.kind, HAZARD_UNWIND);
	vec_foreach (n, &w.plan.nodes) {
		cr_assert_eq(n->how, PLAN_RETURN_SITES, "%s", n->name);
		cr_assert_gt(n->sites, 0);
		cr_assert_leq(n->first_site + n->sites, w.plan.sites.n);
		for (uint32_t i = 0; i < n->sites; i++) {
			uint64_t at = w.plan.sites.v[n->first_site + i].offset;

			cr_assert(at >= n->offset && at < n->offset + n->size);
		}
	}
	world_done(&w);
}

Test(plan, where_stacks_are_switched_functions_are_left_alone)
{
	struct world w;

	world_init(&w, fibers);
	ask(&w, "quiet");
	cr_assert_eq(update(&w), 0);
	cr_assert(strstr(why_not(&w, "quiet"), "switches stacks"), "%s", why_not(&w, "quiet"));
	world_done(&w);
}

Test(plan, indirect_functions_are_left_out_with_a_reason)
{
	struct world w;

	world_init(&w, plain);
	ask(&w, "indirect");
	cr_assert_eq(update(&w), 0);
	cr_assert(strstr(why_not(&w, "indirect"), "indirect function"));
	world_done(&w);
}

Test(plan, what_counts_as_an_error_follows_from_the_type)
{
	const struct plan_node *n;
	struct world w;

	world_init(&w, plain);
	ask(&w, "one,two,three,nothing,compare_keys");
	cr_assert_eq(update(&w), 5);
	n = node_of(&w, "one");
	cr_assert(n->pred_by_type && n->pred.op == SPEC_PRED_LT && n->pred.width == SPEC_INT);
	n = node_of(&w, "two");
	cr_assert(n->pred_by_type && n->pred.op == SPEC_PRED_EQ && n->pred.width == SPEC_PTR);
	n = node_of(&w, "three");
	cr_assert(n->pred_by_type && n->pred.op == SPEC_PRED_LT && n->pred.width == SPEC_LONG);
	cr_assert_eq(node_of(&w, "nothing")->pred.op, SPEC_PRED_NONE);
	cr_assert_not(node_of(&w, "nothing")->pred_by_type);
	cr_assert_eq(node_of(&w, "compare_keys")->pred.op, SPEC_PRED_NONE);
	world_done(&w);
}

Test(plan, what_the_user_says_counts_more)
{
	const struct plan_node *n;
	struct world w;

	world_init(&w, plain);
	ask(&w, "one@ret==7:long,two@never");
	cr_assert_eq(update(&w), 2);
	n = node_of(&w, "one");
	cr_assert(n->pred.op == SPEC_PRED_EQ && n->pred.value == 7 && n->pred.width == SPEC_LONG);
	cr_assert_not(n->pred_by_type);
	n = node_of(&w, "two");
	cr_assert_eq(n->pred.op, SPEC_PRED_NEVER);
	cr_assert_not(n->pred_by_type);
	world_done(&w);
}

Test(plan, arguments_lie_in_the_registers_of_the_calling_convention)
{
	/* struct pt_regs in words: rdi rsi rdx rcx r8 r9 */
	static const uint8_t regs[] = { 14, 13, 12, 11, 9, 8 };
	const struct plan_args *args;
	struct world w;

	world_init(&w, plain);
	ask(&w, "three(arg1:int,arg2:str,arg3:ptr,arg4,arg5,arg6),one");
	cr_assert_eq(update(&w), 2);
	cr_assert_eq(node_of(&w, "one")->args, 0);
	cr_assert_eq(node_of(&w, "three")->args, 1);
	args = &w.plan.args.v[0];
	cr_assert_eq(args->n, 6);
	for (uint32_t i = 0; i < 6; i++) {
		char label[8];

		snprintf(label, sizeof(label), "arg%u", i + 1);
		cr_assert_str_eq(args->v[i].label, label);
		cr_assert_eq(args->v[i].from.reg, regs[i], "%s", label);
	}
	cr_assert_eq(args->v[0].from.size, -4);
	cr_assert_eq(args->v[1].type, SPEC_ARG_STR);
	cr_assert_eq(args->v[3].from.size, 8);
	world_done(&w);
}

Test(plan, system_calls_are_nodes_by_name)
{
	struct world w;
	uint32_t found = 0;

	world_init(&w, plain);
	ask(&w, "sys:read,write,pread*,!preadv2");
	cr_assert_geq(update(&w), 0);
	vec_foreach (n, &w.plan.nodes) {
		cr_assert_eq(n->how, PLAN_SYSCALL);
		cr_assert(n->attached);
		found += (n->nr == 0 && !strcmp(n->name, "read")) ||
			 (n->nr == 1 && !strcmp(n->name, "write")) ||
			 (n->nr == 17 && !strcmp(n->name, "pread64")) ||
			 (n->nr == 295 && !strcmp(n->name, "preadv"));
	}
	cr_assert_eq(found, 4);
	cr_assert_eq(w.plan.nodes.n, 4);
	update(&w);
	cr_assert_eq(w.plan.nodes.n, 4, "once");
	world_done(&w);
}

Test(plan, a_binary_that_nobody_has_is_waited_for)
{
	const char *binary = NULL;
	struct world w;

	world_init(&w, plain);
	ask(&w, "one");
	cr_assert_not(plan_waits(&w.plan, &binary));
	ask(&w, "libnone.so*:f");
	cr_assert(plan_waits(&w.plan, &binary));
	cr_assert_str_eq(binary, "libnone.so*");
	world_done(&w);
}

Test(plan, a_bad_spec_is_told_of)
{
	struct world w;
	char msg[300] = "";

	world_init(&w, plain);
	cr_assert_eq(plan_add_spec(&w.plan, "one@ret>0", msg, sizeof(msg)), -EINVAL);
	cr_assert(strstr(msg, "bad SPEC 'one@ret>0'"), "%s", msg);
	cr_assert_eq(w.plan.specs.n, 0);
	world_done(&w);
}

/* A process that has mapped what the objects are, as /proc would tell. */
static void map_object(struct processes *processes, struct object_files *objects, uint32_t object)
{
	struct process *p =
	    processes->all.n ? processes->all.v[0] : process_expect(processes, NOBODY);
	struct mapping m = { .object = object, .path = strdup(objects->files.v[object]->path) };

	cr_assert_not_null(p);
	p->gone = true;
	m.start = 0x1000UL * (p->maps.n + 1);
	m.end = m.start + 0x1000;
	cr_assert_eq(vec_push(&p->maps, m), 0);
	processes->maps_changes++;
}

/* A library that catches exceptions is loaded after functions got return probes. */
Test(plan, a_hazard_that_comes_later_takes_return_probes_away)
{
	struct processes processes = {};
	struct compiled late;
	struct world w;
	uint32_t object;

	world_init(&w, plain);
	ask(&w, "one,two,three");
	cr_assert_eq(update(&w), 3);
	cr_assert_eq(w.plan.planned_for, HAZARD_NONE);
	compiled_open(&late, BUILD, catches);
	cr_assert_eq(object_files_add_path(&w.objects, late.path, &object), 0);
	map_object(&processes, &w.objects, w.exe);
	map_object(&processes, &w.objects, object);
	cr_assert_eq(plan_update(&w.plan, &w.objects, &processes), 0);
	cr_assert_eq(w.plan.planned_for, HAZARD_UNWIND);
	cr_assert(w.plan.renewed);
	vec_foreach (n, &w.plan.nodes) {
		cr_assert_eq(n->how, PLAN_RETURN_SITES, "%s", n->name);
		cr_assert_gt(n->sites, 0, "%s", n->name);
		cr_assert_not(n->refused);
	}
	w.plan.renewed = false;
	cr_assert_eq(plan_update(&w.plan, &w.objects, &processes), 0);
	cr_assert_not(w.plan.renewed, "nothing new");
	processes_done(&processes);
	compiled_done(&late);
	world_done(&w);
}

Test(plan, fibers_that_come_later_end_it)
{
	struct processes processes = {};
	struct compiled late;
	struct world w;
	uint32_t object;

	world_init(&w, plain);
	ask(&w, "one,two");
	cr_assert_eq(update(&w), 2);
	compiled_open(&late, BUILD, fibers);
	cr_assert_eq(object_files_add_path(&w.objects, late.path, &object), 0);
	map_object(&processes, &w.objects, object);
	cr_assert_eq(plan_update(&w.plan, &w.objects, &processes), 0);
	vec_foreach (n, &w.plan.nodes)
		cr_assert(n->refused, "%s", n->name);
	cr_assert(strstr(why_not(&w, "one"), "switches stacks"));
	processes_done(&processes);
	compiled_done(&late);
	world_done(&w);
}
