/* SPDX-License-Identifier: GPL-2.0-only */
/* A plan that changes while it is carried out: the last SPEC that names a function decides. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiled.h"
#include "trace/plan_change.h"

#define BUILD "gcc -g -O1 -shared -fPIC -fcf-protection=none -w -x c++ -"

static const char source[] = "extern \"C\" int one(int a) { return a + 1; }\n"
			     "extern \"C\" int two(int a) { return a + 2; }\n"
			     "extern \"C\" int three(int a) { return a + 3; }\n"
			     "namespace ns { int four(int a) { return a + 4; } }\n"
			     "static int chosen(int a) { return a; }\n"
			     "extern \"C\" void *choose(void) { return (void *)chosen; }\n"
			     "extern \"C\" int indirect(int) __attribute__((ifunc(\"choose\")));\n";

struct world {
	struct compiled program;
	struct object_files objects;
	struct processes processes;
	struct plan plan;
	struct plan_change change;
	uint32_t exe;
	char msg[300];
};

static struct world w;

/* A process, this one's PID will do, that runs the program. */
static void make_process(void)
{
	struct process *proc = process_expect(&w.processes, (uint32_t)getpid());
	struct mapping m = { .path = strdup(w.program.path), .object = w.exe };

	cr_assert_not_null(proc);
	proc->exe = strdup(w.program.path);
	snprintf(proc->comm, sizeof(proc->comm), "program");
	cr_assert_eq(vec_push(&proc->maps, m), 0);
	w.processes.maps_changes++;
}

static void init(void)
{
	w = (struct world){};
	compiled_open(&w.program, BUILD, source);
	cr_assert_eq(object_files_add_path(&w.objects, w.program.path, &w.exe), 0);
	make_process();
}

static void done(void)
{
	plan_done(&w.plan);
	processes_done(&w.processes);
	object_files_done(&w.objects);
	compiled_done(&w.program);
}

TestSuite(plan_change, .init = init, .fini = done);

static int add(const char *spec)
{
	w.msg[0] = '\0';
	return plan_change_add(&w.plan, &w.objects, &w.processes, spec, &w.change, w.msg,
			       sizeof(w.msg));
}

static int take_away(const char *spec)
{
	w.msg[0] = '\0';
	return plan_change_remove(&w.plan, &w.objects, &w.processes, spec, &w.change, w.msg,
				  sizeof(w.msg));
}

/* As if the probes were live, which is what can be taken off. */
static void attach(void)
{
	vec_foreach (node, &w.plan.nodes)
		node->attached = !node->removed;
}

static const struct plan_node *node_of(const char *name)
{
	vec_foreach (n, &w.plan.nodes) {
		if (!strcmp(n->name, name))
			return n;
	}
	return NULL;
}

static bool is_traced(const char *name)
{
	const struct plan_node *n = node_of(name);

	return n && !n->removed;
}

Test(plan_change, functions_are_added_to_a_plan_that_is_carried_out)
{
	cr_assert_eq(add("one"), 0, "%s", w.msg);
	cr_assert_eq(w.change.nodes, 1);
	attach();
	cr_assert_eq(add("t*"), 0, "%s", w.msg);
	cr_assert_eq(w.change.nodes, 2);
	cr_assert(is_traced("one") && is_traced("two") && is_traced("three"));
	cr_assert_eq(w.plan.nodes.n, 3);
}

Test(plan_change, what_is_traced_already_is_not_added_twice)
{
	cr_assert_eq(add("one,two"), 0);
	attach();
	cr_assert_eq(add("t*"), 0);
	cr_assert_eq(w.change.nodes, 1);
	attach();
	cr_assert_eq(add("two"), -ENOENT);
	cr_assert(w.change.known);
	cr_assert_str_eq(w.msg, "all that it names is traced already");
	cr_assert_eq(w.plan.specs.n, 2);
	cr_assert_eq(w.plan.nodes.n, 3);
}

Test(plan_change, what_names_nothing_leaves_the_plan_as_it_was)
{
	cr_assert_eq(add("one"), 0);
	cr_assert_eq(add("none"), -ENOENT);
	cr_assert_not(w.change.known);
	cr_assert_eq(add("one@@"), -EINVAL);
	cr_assert_neq(w.msg[0], '\0');
	cr_assert_eq(w.plan.specs.n, 1);
	cr_assert_eq(w.plan.nodes.n, 1);
	cr_assert_eq(w.plan.skipped.n, 0);
}

Test(plan_change, an_object_that_is_not_there_is_waited_for)
{
	cr_assert_eq(add("libnowhere.so:f"), 0);
	cr_assert_eq(w.change.nodes, 0);
	cr_assert(w.change.waits);
	cr_assert_eq(w.plan.specs.n, 1);
}

Test(plan_change, what_cannot_be_probed_is_told_once)
{
	cr_assert_eq(add("indirect"), 0);
	cr_assert_eq(w.change.nodes, 0);
	cr_assert_eq(w.change.skipped, 1);
	cr_assert_eq(add("ind*,one"), 0);
	cr_assert_eq(w.change.skipped, 0);
	cr_assert_eq(w.plan.skipped.n, 1);
}

Test(plan_change, functions_are_taken_off_and_named_again)
{
	cr_assert_eq(add("one,two,three"), 0);
	attach();
	cr_assert_eq(take_away("t*"), 0, "%s", w.msg);
	cr_assert_eq(w.change.nodes, 2);
	cr_assert(is_traced("one"));
	cr_assert_not(is_traced("two") || is_traced("three"));
	attach();
	cr_assert_eq(take_away("two"), -ENOENT);
	cr_assert_eq(add("two@ret<0"), 0, "%s", w.msg);
	cr_assert_eq(w.change.nodes, 1);
	cr_assert(is_traced("two"));
	cr_assert_not(is_traced("three"));
	cr_assert_eq(node_of("two")->pred.op, SPEC_PRED_LT);
	cr_assert_eq(w.plan.nodes.n, 3, "they keep their numbers");
}

Test(plan_change, a_function_is_taken_off_by_any_of_its_names)
{
	cr_assert_eq(add("ns::*"), 0, "%s", w.msg);
	attach();
	cr_assert_eq(take_away("_ZN2ns4fourEi"), 0, "%s", w.msg);
	cr_assert_eq(w.change.nodes, 1);
	cr_assert_eq(add("ns::four"), 0);
	attach();
	cr_assert_eq(take_away("ns::four"), 0);
	cr_assert_not(is_traced("ns::four(int)"));
}

Test(plan_change, what_was_taken_off_stays_off_in_later_objects)
{
	cr_assert_eq(add("*"), 0);
	attach();
	cr_assert_eq(take_away("two"), 0);
	/* The same program once more, as if it were another. */
	table_done(&w.plan.object_index);
	table_done(&w.plan.node_index);
	w.plan.nodes.n = 0;
	w.plan.maps_seen = UINT64_MAX;
	cr_assert_gt(plan_update(&w.plan, &w.objects, &w.processes), 2);
	cr_assert_not_null(node_of("one"));
	cr_assert_null(node_of("two"));
}

Test(plan_change, the_list_of_specs_does_not_grow_for_ever)
{
	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(add("one,two"), 0, "%s", w.msg);
		attach();
		cr_assert_eq(take_away("two"), 0, "%s", w.msg);
		attach();
		cr_assert_eq(take_away("one,two"), 0, "%s", w.msg);
		cr_assert_leq(w.plan.specs.n, 2);
	}
	cr_assert_eq(w.plan.nodes.n, 2);
}

Test(plan_change, there_is_an_end_to_specs)
{
	char spec[64];
	int err = 0;

	for (int i = 0; i < 1000 && !err; i++) {
		snprintf(spec, sizeof(spec), "libnowhere%d.so:f", i);
		err = add(spec);
	}
	cr_assert_eq(err, -ENOSPC);
	cr_assert_eq(w.plan.specs.n, PLAN_SPECS_MAX);
}

Test(plan_change, system_calls_come_and_go)
{
	cr_assert_eq(add("sys:read,write"), 0, "%s", w.msg);
	cr_assert_eq(w.change.nodes, 2);
	cr_assert_eq(take_away("sys:read"), 0, "%s", w.msg);
	cr_assert_eq(w.change.nodes, 1);
	cr_assert_eq(add("sys:read,openat"), 0, "%s", w.msg);
	cr_assert_eq(w.change.nodes, 2);
	cr_assert_eq(w.plan.nodes.n, 3);
}
