/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel functions in the plan: made-up symbols, lists and types. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>

#include "trace/plan.h"
#include "trace/plan_kernel.h"

static const char symbols[] = "0000000000000000 A fixed_percpu_data\n"
			      "ffffffff81000000 T _text\n"
			      "ffffffff81000010 T vfs_read\n"
			      "ffffffff81000020 t __do_sys_getppid\n"
			      "ffffffff81000020 T __x64_sys_getppid\n"
			      "ffffffff81000030 t twice\n"
			      "ffffffff81000040 T vfs_open\n"
			      "ffffffff81000050 t vfs_open.cold\n"
			      "ffffffff81000060 T __pfx_vfs_write\n"
			      "ffffffff81000070 T vfs_write\n"
			      "ffffffff81000080 D vfs_data\n"
			      "ffffffff81000090 t twice\n"
			      "ffffffff81000100 T __noinstr_text_start\n"
			      "ffffffff81000110 T vfs_noinstr\n"
			      "ffffffff81000120 T __noinstr_text_end\n"
			      "ffffffff81000130 T vfs_compare\n"
			      "ffffffffa0000000 t vfs_of_module\t[ext4]\n"
			      "ffffffffa0001000 t bpf_prog_0123_vfs_x\t[bpf]\n";

static const char listed[] = "vfs_read\n__do_sys_getppid\ntwice\nvfs_write\nvfs_of_module [ext4]\n";

static FILE *open_text(const char *text)
{
	return fmemopen((void *)(uintptr_t)text, strlen(text), "r");
}

static int plan_from(struct plan *p, const char *spec, const char *text, const char *traceable,
		     const struct btf *btf)
{
	struct kernel_sources src = { .symbols = open_text(text),
				      .traceable = traceable ? open_text(traceable) : NULL,
				      .btf = btf };
	char msg[200];
	int added;

	cr_assert_eq(plan_add_spec(p, spec, msg, sizeof(msg)), 0, "%s", msg);
	added = plan_kernel_from(p, &src);
	fclose(src.symbols);
	if (src.traceable)
		fclose(src.traceable);
	return added;
}

static const struct plan_node *node_of(const struct plan *p, const char *name)
{
	vec_foreach (n, &p->nodes) {
		if (!strcmp(n->name, name))
			return n;
	}
	return NULL;
}

static int add_function(struct btf *btf, const char *name, int returns)
{
	int proto = btf__add_func_proto(btf, returns);

	return btf__add_func(btf, name, BTF_FUNC_STATIC, proto);
}

Test(plan_kernel, takes_what_the_kernel_lists_as_traceable)
{
	struct plan p = {};

	cr_assert_eq(plan_from(&p, "k:vfs_*", symbols, listed, NULL), 3);
	cr_assert_not_null(node_of(&p, "vfs_read"));
	cr_assert_not_null(node_of(&p, "vfs_write"));
	cr_assert_not_null(node_of(&p, "vfs_of_module"));
	cr_assert_null(node_of(&p, "vfs_open"));
	cr_assert_eq(node_of(&p, "vfs_read")->how, PLAN_KERNEL);
	cr_assert_eq(node_of(&p, "vfs_read")->addr, 0xffffffff81000010);
	cr_assert_eq(node_of(&p, "vfs_read")->object, OBJECT_NONE);
	cr_assert_eq(p.skipped.n, 0, "a glob means those that can be traced");
	plan_done(&p);
}

Test(plan_kernel, says_why_a_function_that_was_named_is_not_traced)
{
	struct plan p = {};

	cr_assert_eq(plan_from(&p, "k:vfs_open,vfs_read", symbols, listed, NULL), 1);
	cr_assert_eq(p.skipped.n, 1);
	cr_assert_str_eq(p.skipped.v[0].name, "vfs_open");
	plan_done(&p);
}

Test(plan_kernel, knows_a_function_by_each_of_its_names)
{
	struct plan p = {};

	cr_assert_eq(plan_from(&p, "k:__x64_sys_getppid", symbols, listed, NULL), 1);
	cr_assert_not_null(node_of(&p, "__x64_sys_getppid"));
	plan_done(&p);
	p = (struct plan){};
	cr_assert_eq(plan_from(&p, "k:*getppid", symbols, listed, NULL), 1,
		     "one function, not two");
	plan_done(&p);
}

Test(plan_kernel, without_the_list_leaves_out_code_that_is_never_traced)
{
	struct plan p = {};

	cr_assert_eq(plan_from(&p, "k:vfs_*", symbols, NULL, NULL), 5);
	cr_assert_null(node_of(&p, "vfs_noinstr"));
	cr_assert_null(node_of(&p, "vfs_open.cold"));
	cr_assert_null(node_of(&p, "__pfx_vfs_write"));
	cr_assert_null(node_of(&p, "vfs_data"));
	cr_assert_null(node_of(&p, "bpf_prog_0123_vfs_x"));
	cr_assert_not_null(node_of(&p, "vfs_compare"), "the marks have an end");
	plan_done(&p);
}

Test(plan_kernel, without_the_list_goes_by_the_kernels_types)
{
	struct btf *btf = btf__new_empty();
	struct plan p = {};

	add_function(btf, "vfs_read", btf__add_int(btf, "int", 4, BTF_INT_SIGNED));
	cr_assert_eq(plan_from(&p, "k:vfs_*", symbols, NULL, btf), 1);
	cr_assert_not_null(node_of(&p, "vfs_read"));
	plan_done(&p);
	btf__free(btf);
}

Test(plan_kernel, marks_functions_that_share_a_name)
{
	struct plan p = {};

	cr_assert_eq(plan_from(&p, "k:twice,vfs_read", symbols, listed, NULL), 3);
	cr_assert(node_of(&p, "twice")->ambiguous);
	cr_assert_not(node_of(&p, "vfs_read")->ambiguous);
	cr_assert_eq(p.nodes.v[1].addr, 0xffffffff81000030);
	cr_assert_eq(p.nodes.v[2].addr, 0xffffffff81000090);
	cr_assert(p.nodes.v[2].ambiguous);
	plan_done(&p);
}

Test(plan_kernel, takes_errors_from_types)
{
	struct btf *btf = btf__new_empty();
	struct plan p = {};
	int integer = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int wide = btf__add_int(btf, "long", 8, BTF_INT_SIGNED);
	int natural = btf__add_int(btf, "unsigned int", 4, 0);
	int name = btf__add_typedef(btf, "ssize_t", btf__add_const(btf, wide));

	add_function(btf, "vfs_open", integer);
	add_function(btf, "vfs_read", name);
	add_function(btf, "vfs_write", natural);
	add_function(btf, "__do_sys_getppid", btf__add_ptr(btf, integer));
	add_function(btf, "vfs_compare", integer);
	cr_assert_eq(plan_from(&p, "k:vfs_*,!vfs_of*,*getppid", symbols, NULL, btf), 5);
	cr_assert_eq(node_of(&p, "vfs_open")->pred.op, SPEC_PRED_LT);
	cr_assert_eq(node_of(&p, "vfs_open")->pred.width, SPEC_INT);
	cr_assert_eq(node_of(&p, "vfs_read")->pred.op, SPEC_PRED_LT);
	cr_assert_eq(node_of(&p, "vfs_read")->pred.width, SPEC_LONG);
	cr_assert_eq(node_of(&p, "vfs_write")->pred.op, SPEC_PRED_NONE);
	cr_assert_eq(node_of(&p, "__do_sys_getppid")->pred.op, SPEC_PRED_ERR_PTR);
	cr_assert_eq(node_of(&p, "vfs_compare")->pred.op, SPEC_PRED_NONE);
	plan_done(&p);
	btf__free(btf);
}

Test(plan_kernel, a_types_loop_is_no_type)
{
	struct btf *btf = btf__new_empty();
	struct plan p = {};

	/* Type 1 is a typedef of type 2, which is a const of type 1. */
	btf__add_typedef(btf, "a", 2);
	btf__add_const(btf, 1);
	add_function(btf, "vfs_read", 1);
	cr_assert_eq(plan_from(&p, "k:vfs_read", symbols, NULL, btf), 1);
	cr_assert_eq(node_of(&p, "vfs_read")->pred.op, SPEC_PRED_NONE);
	plan_done(&p);
	btf__free(btf);
}

Test(plan_kernel, the_users_predicate_and_arguments_win)
{
	struct plan p = {};

	cr_assert_eq(plan_from(&p, "k:vfs_read(arg2:str,arg3)@ret==7", symbols, listed, NULL), 1);
	cr_assert_eq(p.nodes.v[0].pred.op, SPEC_PRED_EQ);
	cr_assert_eq(p.nodes.v[0].pred.value, 7);
	cr_assert_eq(p.nodes.v[0].args, 1);
	cr_assert(p.args.v[0].kernel);
	cr_assert_eq(p.args.v[0].n, 2);
	cr_assert_eq(p.args.v[0].v[0].from.reg, 13, "rsi in struct pt_regs");
	cr_assert_eq(p.args.v[0].v[1].from.reg, 12, "rdx");
	plan_done(&p);
}

Test(plan_kernel, works_where_addresses_are_hidden)
{
	struct plan p = {};

	cr_assert_eq(plan_from(&p, "k:vfs_read,vfs_write",
			       "0000000000000000 T vfs_read\n0000000000000000 T other\n"
			       "0000000000000000 T vfs_write\n",
			       listed, NULL),
		     2);
	cr_assert_eq(p.nodes.v[0].addr, 0);
	plan_done(&p);
}

Test(plan_kernel, skips_lines_that_are_no_symbols)
{
	struct plan p = {};

	cr_assert_eq(plan_from(&p, "k:*",
			       "\n \nT\nffff\nffff T\nffff T \nzz T a\nffff TT a\nff t x", "x\n",
			       NULL),
		     1);
	cr_assert_str_eq(p.nodes.v[0].name, "x");
	plan_done(&p);
	p = (struct plan){};
	cr_assert_eq(plan_from(&p, "k:*", "", NULL, NULL), 0);
	plan_done(&p);
}
