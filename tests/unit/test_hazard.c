/* SPDX-License-Identifier: GPL-2.0-only */
/* What makes a return probe dangerous. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace/hazard.h"

struct trait {
	struct elf_traits traits;
	enum hazard_kind kind;
	char text[64];
};

ParameterizedTestParameters(hazard, every_trait_has_its_kind)
{
	static struct trait cases[] = {
		{ {}, HAZARD_NONE, "" },
		{ { .is_64 = true, .has_symtab = true }, HAZARD_NONE, "" },
		{ { .needs_cxx = true }, HAZARD_UNWIND, "x.so can throw exceptions" },
		{ { .needs_unwinder = true }, HAZARD_UNWIND, "x.so can throw exceptions" },
		{ { .has_unwinder = true }, HAZARD_UNWIND, "x.so can throw exceptions" },
		{ { .is_rust = true }, HAZARD_UNWIND, "x.so is written in Rust and may panic" },
		{ { .is_rust = true, .needs_unwinder = true },
		  HAZARD_UNWIND,
		  "x.so is written in Rust and may panic" },
		{ { .uses_fibers = true }, HAZARD_STACKS, "x.so switches stacks (fibers)" },
		{ { .uses_fibers = true, .needs_cxx = true },
		  HAZARD_STACKS,
		  "x.so switches stacks (fibers)" },
		{ { .is_go = true }, HAZARD_STACKS, "x.so is a Go program, whose stacks move" },
		{ { .is_go = true, .has_unwinder = true, .is_rust = true },
		  HAZARD_STACKS,
		  "x.so is a Go program, whose stacks move" },
	};

	return cr_make_param_array(struct trait, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct trait *t, hazard, every_trait_has_its_kind)
{
	struct hazard h = {};

	hazard_add_object(&h, &t->traits, "/usr/lib/x.so");
	cr_assert_eq(h.kind, t->kind);
	cr_assert_str_eq(h.text, t->text);
}

Test(hazard, only_rises_and_the_text_is_of_the_highest)
{
	struct elf_traits none = {}, throws = { .needs_cxx = true }, go = { .is_go = true };
	struct hazard h = {};

	hazard_add_object(&h, &throws, "libfirst.so");
	hazard_add_object(&h, &throws, "libsecond.so");
	cr_assert_str_eq(h.text, "libfirst.so can throw exceptions");
	hazard_add_object(&h, &go, "/srv/app");
	cr_assert_eq(h.kind, HAZARD_STACKS);
	cr_assert_str_eq(h.text, "app is a Go program, whose stacks move");
	hazard_add_object(&h, &throws, "libthird.so");
	hazard_add_object(&h, &none, "libfourth.so");
	cr_assert_eq(h.kind, HAZARD_STACKS);
	cr_assert_str_eq(h.text, "app is a Go program, whose stacks move");
}

Test(hazard, a_long_name_is_cut)
{
	struct elf_traits go = { .is_go = true };
	char path[1000] = "/";
	struct hazard h = {};

	memset(path + 1, 'x', sizeof(path) - 2);
	hazard_add_object(&h, &go, path);
	cr_assert_eq(h.kind, HAZARD_STACKS);
	cr_assert_eq(strlen(h.text), sizeof(h.text) - 1);
}

/* The kernels of CVE-2025-21834, by the same rule as the advisory gives: 6.11 to 6.13. */
static bool kernel_is_affected(void)
{
	unsigned int major, minor;
	struct utsname u;

	cr_assert_eq(uname(&u), 0);
	cr_assert_eq(sscanf(u.release, "%u.%u", &major, &minor), 2);
	return major == 6 && minor >= 11 && minor <= 13;
}

Test(hazard, a_process_without_seccomp_adds_nothing)
{
	struct hazard h = {};
	int mode = prctl(PR_GET_SECCOMP);

	hazard_add_process(&h, (uint32_t)getpid());
	cr_assert_eq(h.kind, mode && kernel_is_affected() ? HAZARD_SECCOMP : HAZARD_NONE);
}

Test(hazard, seccomp_counts_where_it_kills)
{
	struct hazard h = {};
	int ready[2], go[2], status;
	char byte = 0, text[64];
	pid_t child;

	cr_assert_eq(pipe(ready) | pipe(go), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* when an assertion fails */
		byte = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
		if (write(ready[1], &byte, 1) == 1 && read(go[0], &byte, 1) >= 0)
			syscall(SYS_exit, 0); /* strict mode kills for exit_group */
		_exit(1);
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	hazard_add_process(&h, (uint32_t)child);
	close(ready[0]);
	cr_assert_eq(write(go[1], "", 1), 1);
	waitpid(child, &status, 0);
	cr_assert(byte, "this kernel has no seccomp");
	if (!kernel_is_affected()) {
		cr_assert_eq(h.kind, HAZARD_NONE);
		return;
	}
	snprintf(text, sizeof(text), "process %d runs under seccomp", child);
	cr_assert_eq(h.kind, HAZARD_SECCOMP);
	cr_assert(!strncmp(h.text, text, strlen(text)), "%s", h.text);
}

Test(hazard, a_process_that_has_gone_adds_nothing)
{
	struct hazard h = {};

	hazard_add_process(&h, 4194305);
	cr_assert_eq(h.kind, HAZARD_NONE);
}
