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
	char path[48];
	enum hazard_kind kind;
	char text[64];
};

ParameterizedTestParameters(hazard, every_trait_has_its_kind)
{
	static struct trait cases[] = {
		{ {}, "/usr/lib/x.so", HAZARD_NONE, "" },
		{ { .is_64 = true, .has_symtab = true }, "/usr/lib/x.so", HAZARD_NONE, "" },
		{ { .needs_cxx = true }, "/usr/lib/x.so", HAZARD_NONE, "" },
		{ { .catches = true }, "/usr/lib/x.so", HAZARD_UNWIND, "x.so catches exceptions" },
		{ { .catches = true, .needs_cxx = true },
		  "x.so",
		  HAZARD_UNWIND,
		  "x.so catches exceptions" },
		{ { .has_unwinder = true },
		  "/usr/lib/x.so",
		  HAZARD_UNWIND,
		  "x.so has an unwinder of its own" },
		{ { .is_rust = true },
		  "/usr/lib/x.so",
		  HAZARD_UNWIND,
		  "x.so is written in Rust and may panic" },
		{ { .is_rust = true, .has_unwinder = true },
		  "/usr/lib/x.so",
		  HAZARD_UNWIND,
		  "x.so is written in Rust and may panic" },
		{ { .is_go = true },
		  "/srv/app",
		  HAZARD_UNWIND,
		  "app is a Go program, which walks its stacks" },
		{ { .uses_signal_stacks = true },
		  "/usr/lib/x.so",
		  HAZARD_UNWIND,
		  "x.so runs signal handlers on stacks of their own" },
		{ { .uses_fibers = true },
		  "/usr/lib/x.so",
		  HAZARD_STACKS,
		  "x.so switches stacks (fibers)" },
		{ { .uses_fibers = true, .catches = true, .is_go = true },
		  "/usr/lib/x.so",
		  HAZARD_STACKS,
		  "x.so switches stacks (fibers)" },
		{ { .uses_fibers = true }, "/usr/lib/libcrypto.so.3", HAZARD_NONE, "" },
		{ { .uses_async_jobs = true },
		  "/usr/bin/x",
		  HAZARD_UNWIND,
		  "x may use OpenSSL's asynchronous jobs (fibers)" },
		{ { .uses_async_jobs = true }, "/usr/lib/libssl.so.3", HAZARD_NONE, "" },
		{ { .uses_fibers = true },
		  "/opt/mylibcrypto.so.3",
		  HAZARD_STACKS,
		  "mylibcrypto.so.3 switches stacks (fibers)" },
		/* The runtimes and others that are known to let what is thrown pass. */
		{ { .catches = true, .has_unwinder = true, .cleans_up = true },
		  "/usr/lib/libstdc++.so.6",
		  HAZARD_NONE,
		  "" },
		{ { .has_unwinder = true }, "/usr/lib/libgcc_s.so.1", HAZARD_NONE, "" },
		{ { .catches = true }, "/usr/lib/libc++abi.so.1", HAZARD_NONE, "" },
		{ { .catches = true }, "/usr/lib/libjemalloc.so.2", HAZARD_NONE, "" },
		{ { .catches = true }, "/usr/lib/libicuuc.so.72", HAZARD_NONE, "" },
		{ { .catches = true },
		  "/opt/libstdc++.so.6/app",
		  HAZARD_UNWIND,
		  "app catches exceptions" },
		/* To cancel threads, or to clean up, is not enough alone. */
		{ { .forces_unwinding = true }, "/usr/bin/x", HAZARD_NONE, "" },
		{ { .cleans_up = true }, "/usr/bin/x", HAZARD_NONE, "" },
		{ { .forces_unwinding = true, .cleans_up = true },
		  "/usr/bin/x",
		  HAZARD_UNWIND,
		  "x can end threads, which unwinds them" },
	};

	return cr_make_param_array(struct trait, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct trait *t, hazard, every_trait_has_its_kind)
{
	struct hazard h = {};

	hazard_add_object(&h, &t->traits, t->path);
	cr_assert_eq(h.kind, t->kind, "%s: '%s'", t->path, t->text);
	cr_assert_str_eq(h.text, t->text);
}

Test(hazard, threads_that_are_ended_from_within_unwind_what_cleans_up)
{
	struct elf_traits ends = { .forces_unwinding = true }, cleans = { .cleans_up = true };

	for (int order = 0; order < 2; order++) {
		struct hazard h = {};

		hazard_add_object(&h, order ? &ends : &cleans,
				  order ? "/bin/killer" : "libtidy.so");
		cr_assert_eq(h.kind, HAZARD_NONE);
		hazard_add_object(&h, order ? &cleans : &ends,
				  order ? "libtidy.so" : "/bin/killer");
		cr_assert_eq(h.kind, HAZARD_UNWIND);
		cr_assert_str_eq(h.text, "killer can end threads, which unwinds them");
		cr_assert_str_eq(h.forcer, "killer");
		cr_assert_str_eq(h.cleaner, "libtidy.so");
	}
}

Test(hazard, the_runtimes_own_cleanup_is_harmless)
{
	struct elf_traits ends = { .forces_unwinding = true }, cleans = { .cleans_up = true };
	struct hazard h = {};

	hazard_add_object(&h, &ends, "/bin/killer");
	hazard_add_object(&h, &cleans, "/usr/lib/libstdc++.so.6");
	hazard_add_object(&h, &cleans, "/usr/lib/libc.so.6");
	cr_assert_eq(h.kind, HAZARD_NONE);
}

Test(hazard, only_rises_and_the_text_is_of_the_highest)
{
	struct elf_traits none = {}, catches = { .catches = true },
			  fibers = { .uses_fibers = true };
	struct hazard h = {};

	hazard_add_object(&h, &catches, "libfirst.so");
	hazard_add_object(&h, &catches, "libsecond.so");
	cr_assert_str_eq(h.text, "libfirst.so catches exceptions");
	hazard_add_object(&h, &fibers, "/srv/app");
	cr_assert_eq(h.kind, HAZARD_STACKS);
	cr_assert_str_eq(h.text, "app switches stacks (fibers)");
	hazard_add_object(&h, &catches, "libthird.so");
	hazard_add_object(&h, &none, "libfourth.so");
	cr_assert_eq(h.kind, HAZARD_STACKS);
	cr_assert_str_eq(h.text, "app switches stacks (fibers)");
}

Test(hazard, a_long_name_is_cut)
{
	struct elf_traits fibers = { .uses_fibers = true },
			  both = { .forces_unwinding = true, .cleans_up = true };
	char path[1000] = "/";
	struct hazard h = {}, other = {};

	memset(path + 1, 'x', sizeof(path) - 2);
	hazard_add_object(&h, &fibers, path);
	cr_assert_eq(h.kind, HAZARD_STACKS);
	cr_assert_eq(strlen(h.text), sizeof(h.text) - 1);
	hazard_add_object(&other, &both, path);
	cr_assert_eq(other.kind, HAZARD_UNWIND);
	cr_assert_eq(strlen(other.forcer), sizeof(other.forcer) - 1);
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
