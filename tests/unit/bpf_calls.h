/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the BPF programs on the host as the kernel would: a traced thread, calls of its functions,
 * and what the maps hold of them. Include <criterion/criterion.h> before.
 */
#pragma once

#include "bpf/maps.bpf.h"

extern struct pb_config written_config; /* all zero after shim_reset() */
extern __u32 written_hot_paths, written_hot_syscalls;

/* The programs. */
int pb_span_enter(struct pt_regs *ctx);
int pb_span_leave(struct pt_regs *ctx);
int pb_span_session(struct pt_regs *ctx);
int pb_usdt(struct pt_regs *ctx);
int pb_plugin_enter(struct pt_regs *ctx);
int pb_plugin_leave(struct pt_regs *ctx);
int pb_plugin_alloc(struct pt_regs *ctx);
int pb_plugin_fault(unsigned long long *ctx);
int pb_raise(struct pt_regs *ctx);
int pb_land(struct pt_regs *ctx);
int pb_catch(struct pt_regs *ctx);
int pb_python_raise(struct pt_regs *ctx);
int pb_python_raise_in(struct pt_regs *ctx);
int pb_go_enter(struct pt_regs *ctx);
int pb_go_leave(struct pt_regs *ctx);
int pb_go_panic(struct pt_regs *ctx);
int pb_go_exit(struct pt_regs *ctx);
int pb_sys_enter(unsigned long long *ctx, struct pt_regs *regs, long nr);
int pb_sys_exit(unsigned long long *ctx, struct pt_regs *regs, long ret);
int pb_sched_switch(unsigned long long *ctx, bool preempt, struct task_struct *prev,
		    struct task_struct *next);
int pb_proc_fork(unsigned long long *ctx, struct task_struct *parent, struct task_struct *child);
int pb_proc_exec(unsigned long long *ctx, struct task_struct *task, int old_pid,
		 struct linux_binprm *bprm);
int pb_proc_exit(unsigned long long *ctx, struct task_struct *task);
int pb_proc_signal(unsigned long long *ctx, int sig, struct kernel_siginfo *info,
		   struct k_sigaction *ka);
int pb_proc_waking(unsigned long long *ctx, struct task_struct *woken);
int pb_proc_cgroup(unsigned long long *ctx, struct cgroup *dst, const char *path,
		   struct task_struct *task);
int pb_kernel_enter(struct pt_regs *ctx);
int pb_kernel_leave(struct pt_regs *ctx);
int pb_fentry(void *ctx);
int pb_fexit(void *ctx);
int pb_iter_begin(struct bpf_iter__task *ctx);
int pb_iter_end(struct bpf_iter__task *ctx);

/* The nodes of the tests, and where their frames lie: callees below their callers. */
enum { A = 1, B, C, D, E };
#define NODES 16
#define SP_A  0x7000
#define SP_B  0x6f00
#define SP_C  0x6e00
#define SP_D  0x6e80 /* between B and C */

#define PID 7

/* Announces all maps and traces a task as a thread of PID; at first shim_reset(), if need be. */
struct thread *begin(struct task_struct *task);
/* Traces one more. */
struct thread *begin_thread(struct task_struct *task);

/* At a function's first instruction; cookie: the node and PB_COOKIE_ flags. */
void enter_at(__u64 now_ns, __u64 cookie, __u64 sp);
/* The same with a return address on the stack and probes on the function's ends. */
void enter_sites(__u64 now_ns, __u64 cookie, __u64 sp, __u64 ret);
/* By a return probe: the return address is off the stack. */
void leave_value(__u64 now_ns, __u32 node, __u64 sp, __u64 value);
void leave_at(__u64 now_ns, __u32 node, __u64 sp);
/* By a probe on the function's end, with further cookie bits. */
void leave_site(__u64 now_ns, __u64 cookie, __u64 sp, __u64 value);
/* The paths below this number have their statistics in an array, as user space prepares it. */
void set_hot_paths(__u32 n);
void set_node(__u32 node, struct pb_node value);

__u64 counted(__u32 counter);
/* The id of the path of these nodes, from the root on; 0: never seen. */
__u32 path_of_nodes(const __u32 *nodes_of_it);
#define path_to(...) path_of_nodes((const __u32[]){ __VA_ARGS__, 0 })
/* Of a path, which must be there. */
const struct pb_call_stats *stats_of(__u32 path);
#define stats_to(...) stats_of(path_to(__VA_ARGS__))
/* As user space makes them out of the statistics. */
__u64 calls_of(const struct pb_call_stats *s);
__u64 self_of(const struct pb_call_stats *s);
/* How often a path failed so. */
__u64 errors_of(__u32 path, __u32 kind, __s64 value);
/* Entries of path_errors. */
size_t error_kinds(void);

/* The nth record of a kind that was sent, of at least `size` bytes; NULL: there were fewer. */
const void *record_sent(__u32 kind, __u32 n, size_t size);
__u32 records_sent(__u32 kind);
