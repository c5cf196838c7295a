/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this kernel and this user can do, found by trying each thing once, never by version
 * numbers. Nothing stays attached or loaded; the whole takes some tens of milliseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum feature_id {
	/* Without these -p cannot work. */
	FEATURE_BTF,
	FEATURE_BPF,
	FEATURE_RINGBUF,
	FEATURE_TASK_STORAGE,
	FEATURE_TP_BTF,
	FEATURE_LOOP,
	FEATURE_TASK_ITER,
	FEATURE_COPY_TASK,
	/* Each of these gives a signal, or makes one cheaper or more exact. */
	FEATURE_CPU_CLOCK,
	FEATURE_PERF_BPF,
	FEATURE_SYSCALLS,
	FEATURE_UPROBE_MULTI,
	FEATURE_UPROBE_SESSION,
	FEATURE_UPROBE, /* tried after uprobe_multi, whose result it uses */
	FEATURE_COOKIE,
	FEATURE_RAW_TP,
	FEATURE_FENTRY,
	FEATURE_KPROBE,
	FEATURE_KPROBE_MULTI,
	FEATURE_CYCLES,
	FEATURE_KALLSYMS,
	FEATURE_SCHEDSTAT,
	FEATURE_PTRACE,
	FEATURE_MAP_FILES,
	FEATURE_CGROUP2,
	/* The surroundings. */
	FEATURE_INITIAL_PIDNS,
	FEATURE_NO_CONTAINER,
	FEATURE_NO_LOCKDOWN,
	FEATURE_SYS_RESOURCE,
	FEATURE_COUNT
};

enum feature_state { FEATURE_NO, FEATURE_YES, FEATURE_UNKNOWN };
enum feature_need { FEATURE_REQUIRED, FEATURE_USEFUL, FEATURE_INFO };

struct feature {
	enum feature_id id;
	enum feature_state state;
	enum feature_need need;
	const char *name;
	const char *gives;  /* what pathbpf does with it */
	const char *advice; /* what to do when it is not there */
	char why[128];      /* why not, or why it is not known; "" for FEATURE_YES */
};

struct features {
	struct feature v[FEATURE_COUNT]; /* by feature_id */
	uint32_t cpus;                   /* possible CPUs; 0: not known */
	bool root;                       /* the effective user is root */
};

/* What is missing is an answer, not an error: returns 0 always. */
int features_probe(struct features *f);
bool features_has(const struct features *f, enum feature_id id);
/* Everything that -p needs is there. */
bool features_usable(const struct features *f);
