/* SPDX-License-Identifier: GPL-2.0-only */
/* What makes a return probe dangerous for a process. */
#include "trace/hazard.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/cleanup.h"
#include "lib/path.h"

static void raise_to(struct hazard *h, enum hazard_kind kind, const char *who, const char *what)
{
	if (kind <= h->kind)
		return;
	h->kind = kind;
	snprintf(h->text, sizeof(h->text), "%s %s", who, what);
}

static bool begins_with_any(const char *name, const char *const *beginnings)
{
	for (; *beginnings; beginnings++) {
		if (!strncmp(name, *beginnings, strlen(*beginnings)))
			return true;
	}
	return false;
}

/*
 * Libraries that handle exceptions or clean up, but not what has passed through their caller's
 * caller: the runtimes themselves; jemalloc, whose operator new catches what it throws; ICU, which
 * calls nobody back through frames of its own; the C library, whose cleanups are innermost (but
 * for pthread_once(), should a thread be cancelled in the routine that it runs).
 */
static bool is_harmless(const char *name)
{
	static const char *const names[] = { "libstdc++.so",   "libc++.so",
					     "libc++abi.so",   "libgcc_s.so",
					     "libjemalloc.so", "libicu",
					     "libc.so.6",      NULL };

	return begins_with_any(name, names);
}

static void note_first(char *to, size_t size, const char *name)
{
	if (!*to)
		snprintf(to, size, "%s", name);
}

/*
 * What can switch stacks, and hardly ever does: MariaDB's client for calls that do not block, V8
 * for WebAssembly that waits for promises, OpenSSL in Node for asynchronous jobs.
 */
static bool switches_seldom(const char *name)
{
	static const char *const names[] = { "libmariadb.so", "node",   "libnode.so",
					     "chromium",      "chrome", NULL };

	return begins_with_any(name, names);
}

void hazard_add_object(struct hazard *h, const struct elf_traits *t, const char *path)
{
	const char *name = path_last(path);
	bool harmless = is_harmless(name);

	/*
	 * OpenSSL switches stacks for asynchronous jobs only. Who wants them has to deal with them:
	 * with their descriptors, at least.
	 */
	if (t->uses_async_jobs && strncmp(name, "libssl.so", 9) != 0)
		raise_to(h, HAZARD_UNWIND, name, "may use OpenSSL's asynchronous jobs (fibers)");
	if (t->uses_fibers && strncmp(name, "libcrypto.so", 12) != 0)
		raise_to(h, switches_seldom(name) ? HAZARD_UNWIND : HAZARD_STACKS, name,
			 "switches stacks (fibers)");
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
 * The C library may do to stacks what it likes: who uses its contexts imports them, and jumps
 * within a stack are no hazard. Go's functions are followed by goroutine.
 */
bool hazard_asks_for_code(const struct hazard *h, const struct elf_traits *t, const char *path)
{
	static const char *const names[] = {
		"libc.so", "libc-2.", "libc.musl", "ld-", "ld.so", NULL
	};
	const char *name = path_last(path);

	if (h->kind == HAZARD_STACKS || t->machine != EM_X86_64 || !t->is_64 || t->is_go)
		return false;
	return !begins_with_any(name, names);
}

void hazard_add_code(struct hazard *h, const struct stackswitch *found, const char *path)
{
	const char *name = path_last(path);
	char what[80];

	switch (found->kind) {
	case SPFLOW_SWITCH:
		snprintf(what, sizeof(what),
			 "switches stacks by code of its own (at 0x%" PRIx64 ")", found->addr);
		raise_to(h, switches_seldom(name) ? HAZARD_UNWIND : HAZARD_STACKS, name, what);
		break;
	case SPFLOW_CALL:
		snprintf(what, sizeof(what), "calls on stacks of its own (at 0x%" PRIx64 ")",
			 found->addr);
		raise_to(h, HAZARD_UNWIND, name, what);
		break;
	case SPFLOW_JUMP: /* or a coroutine, switched by two halves */
		snprintf(what, sizeof(what),
			 "jumps between frames by code of its own (at 0x%" PRIx64 ")", found->addr);
		raise_to(h, HAZARD_UNWIND, name, what);
		break;
	default:
		break;
	}
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
