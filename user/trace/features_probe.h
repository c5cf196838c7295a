/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The single trials behind features.h. Each returns 0 (it works), a negative errno (it does not;
 * -ENODATA: it cannot be told), and may say why in p->why; else the errno's meaning is told.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "trace/features.h"

struct btf;

struct probe {
	char why[sizeof(((struct feature *)0)->why)];
	struct btf *btf; /* owned: of the kernel, once FEATURE_BTF was found; or NULL */
	bool uprobes;    /* a uprobe of ours was hit */
};

/* Fills p->why; returns err. */
int probe_fail(struct probe *p, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The decimal number in a file of /proc or /sys, or a negative errno. */
long probe_read_long(const char *path);

/* features_bpf.c: programs and maps */
int probe_btf(struct probe *p);
int probe_bpf(struct probe *p);
int probe_ringbuf(struct probe *p);
int probe_task_storage(struct probe *p);
int probe_tp_btf(struct probe *p);
int probe_raw_tp(struct probe *p);
int probe_syscalls(struct probe *p);
int probe_fentry(struct probe *p);
int probe_loop(struct probe *p);
int probe_task_iter(struct probe *p);
int probe_copy_task(struct probe *p);

/* features_perf.c: perf events and kprobes */
int probe_cpu_clock(struct probe *p);
int probe_perf_bpf(struct probe *p);
int probe_cookie(struct probe *p);
int probe_cycles(struct probe *p);
int probe_kprobe(struct probe *p);
int probe_kprobe_multi(struct probe *p);

/* features_uprobe.c: uprobe_multi first */
int probe_uprobe_multi(struct probe *p);
int probe_uprobe_session(struct probe *p);
int probe_uprobe(struct probe *p);

/* features_host.c: /proc, /sys and privileges */
int probe_kallsyms(struct probe *p);
int probe_schedstat(struct probe *p);
int probe_ptrace(struct probe *p);
int probe_map_files(struct probe *p);
int probe_cgroup2(struct probe *p);
int probe_initial_pidns(struct probe *p);
int probe_no_container(struct probe *p);
int probe_no_lockdown(struct probe *p);
int probe_sys_resource(struct probe *p);
