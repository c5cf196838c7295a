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

void hazard_add_object(struct hazard *h, const struct elf_traits *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (t->is_go)
		raise_to(h, HAZARD_STACKS, name, "is a Go program, whose stacks move");
	/* OpenSSL switches stacks for asynchronous jobs only, which hardly anybody starts. */
	if (t->uses_fibers && !strncmp(name, "libcrypto.so", 12))
		raise_to(h, HAZARD_UNWIND, name, "can switch stacks (asynchronous jobs)");
	else if (t->uses_fibers)
		raise_to(h, HAZARD_STACKS, name, "switches stacks (fibers)");
	if (t->is_rust)
		raise_to(h, HAZARD_UNWIND, name, "is written in Rust and may panic");
	if (t->uses_signal_stacks)
		raise_to(h, HAZARD_UNWIND, name, "runs signal handlers on stacks of their own");
	if (t->needs_cxx || t->needs_unwinder || t->has_unwinder)
		raise_to(h, HAZARD_UNWIND, name, "can throw exceptions");
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
