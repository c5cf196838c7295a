/* SPDX-License-Identifier: GPL-2.0-only */
/* What makes a return probe dangerous for a process. */
#include "trace/hazard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/cleanup.h"

static void raise_to(struct hazard *h, enum hazard_kind kind, const char *who, const char *what)
{
	if (kind <= h->kind)
		return;
	h->kind = kind;
	snprintf(h->text, sizeof(h->text), "%s %s", who, what);
}

/*
 * Libraries that handle exceptions or clean up, but not what has passed through their caller's
 * caller: the runtimes themselves; jemalloc, whose operator new catches what it throws; ICU, which
 * calls nobody back through frames of its own; the C library, whose cleanups are innermost (but
 * for pthread_once(), should a thread be cancelled in the routine that it runs).
 */
static bool is_harmless(const char *name)
{
	static const char *const names[] = { "libstdc++.so", "libc++.so",      "libc++abi.so",
					     "libgcc_s.so",  "libjemalloc.so", "libicu",
					     "libc.so.6",    NULL };

	for (size_t i = 0; names[i]; i++) {
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

static void note_first(char *to, size_t size, const char *name)
{
	if (!*to)
		snprintf(to, size, "%s", name);
}

void hazard_add_object(struct hazard *h, const struct elf_traits *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	bool harmless = is_harmless(name);

	/*
	 * OpenSSL switches stacks for asynchronous jobs only. Who wants them has to deal with them:
	 * with their descriptors, at least.
	 */
	if (t->uses_async_jobs && strncmp(name, "libssl.so", 9) != 0)
		raise_to(h, HAZARD_UNWIND, name, "may use OpenSSL's asynchronous jobs (fibers)");
	if (t->uses_fibers && strncmp(name, "libcrypto.so", 12) != 0)
		raise_to(h, HAZARD_STACKS, name, "switches stacks (fibers)");
	if (t->is_go)
		raise_to(h, HAZARD_UNWIND, name, "is a Go program, which walks its stacks");
	if (t->is_rust)
		raise_to(h, HAZARD_UNWIND, name, "is written in Rust and may panic");
	if (t->uses_signal_stacks)
		raise_to(h, HAZARD_UNWIND, name, "runs signal handlers on stacks of their own");
	if (t->catches && !harmless)
		raise_to(h, HAZARD_UNWIND, name, "catches exceptions");
	if (t->has_unwinder && !harmless)
		raise_to(h, HAZARD_UNWIND, name, "has an unwinder of its own");
	if (t->forces_unwinding)
		note_first(h->forcer, sizeof(h->forcer), name);
	if (t->cleans_up && !harmless)
		note_first(h->cleaner, sizeof(h->cleaner), name);
	if (*h->forcer && *h->cleaner)
		raise_to(h, HAZARD_UNWIND, h->forcer, "can end threads, which unwinds them");
}

/*
 * CVE-2025-21834: on these kernels the system call behind return probes is killed by seccomp.
 * The only version check of this program: the bug cannot be tried without killing a process.
 */
static bool kernel_kills_under_seccomp(void)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major == 6 && minor >= 11 && minor <= 13;
}

void hazard_add_process(struct hazard *h, uint32_t pid)
{
	char path[64], line[256];
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long mode = 0;

	if (!kernel_kills_under_seccomp())
		return;
	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Seccomp:", 8))
			mode = strtoul(line + 8, NULL, 10);
	}
	snprintf(path, sizeof(path), "process %u", pid);
	if (mode)
		raise_to(h, HAZARD_SECCOMP, path,
			 "runs under seccomp, which kills it at a return probe (CVE-2025-21834)");
}
