/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF programs of threads, and what drives them. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "bpf_calls.h"

#include "bpf/span.bpf.c"
#include "bpf/plugin.bpf.c"
#include "bpf/raise.bpf.c"
#include "bpf/usdt.bpf.c"
#include "bpf/syscall.bpf.c"
#include "bpf/offcpu.bpf.c"
#include "bpf/process.bpf.c"
#include "bpf/kernel.bpf.c"

static void announce_maps(void)
{
	shim_map_limited(node_hits, PB_NODES_MAX);
	shim_map(guards);
	shim_map_init(&threads, BPF_MAP_TYPE_TASK_STORAGE, sizeof(void *), sizeof(struct thread),
		      64);
	shim_map_init(&timelines_free, BPF_MAP_TYPE_STACK, 0, sizeof(__u32), PB_TIMELINES);
	shim_map(targets);
	shim_map(target_stats);
	shim_map(counters);
	shim_map(stack_scratch);
	shim_map(iter_scratch);
	shim_map(unwind_images);
	shim_map(stacks);
	shim_map(offcpu);
	shim_map(syscall_stats);
	shim_map(syscall_stats_spare);
	shim_map_limited(syscall_stats_hot, NODES);
	shim_map(syscall_errors);
	shim_map(syscall_stacks);
	shim_map_limited(nodes, NODES);
	shim_map(path_ids);
	shim_map_limited(path_stats_hot, NODES);
	shim_map(path_stats);
	shim_map(path_errors);
	shim_map(node_args);
	shim_map(syscall_nodes);
	shim_map(error_names);
	shim_map(goroutines);
	shim_map(timelines);
	shim_map_limited(plugin_stats, PB_PLUGINS);
	shim_map(system_texts);
}

struct thread *begin_thread(struct task_struct *task)
{
	struct thread *t =
	    bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	t->traced = 1;
	t->pid = PID;
	return t;
}

struct thread *begin(struct task_struct *task)
{
	announce_maps();
	shim.task = task;
	shim.random = 1;
	written_config.spans = 1;
	/* As user space fills it. */
	for (__u32 i = 0; i < PB_TIMELINES; i++)
		cr_assert_eq(bpf_map_push_elem(&timelines_free, &i, BPF_ANY), 0);
	return begin_thread(task);
}

void enter_at(__u64 now_ns, __u64 cookie, __u64 sp)
{
	struct pt_regs regs = { .sp = sp - (cookie >> PB_COOKIE_MOVED) };

	shim.now_ns = now_ns;
	shim.cookie = cookie;
	cr_assert_eq(pb_span_enter(&regs), 0);
}

void enter_sites(__u64 now_ns, __u64 cookie, __u64 sp, __u64 ret)
{
	shim_user_word(sp, ret);
	enter_at(now_ns, cookie | PB_COOKIE_SITES, sp);
}

void leave_value(__u64 now_ns, __u32 node, __u64 sp, __u64 value)
{
	struct pt_regs regs = { .sp = sp + 8, .ax = value };

	shim.now_ns = now_ns;
	shim.cookie = node;
	cr_assert_eq(pb_span_leave(&regs), 0);
}

void leave_at(__u64 now_ns, __u32 node, __u64 sp)
{
	leave_value(now_ns, node, sp, 0);
}

void leave_site(__u64 now_ns, __u64 cookie, __u64 sp, __u64 value)
{
	struct pt_regs regs = { .sp = sp, .ax = value };

	shim.now_ns = now_ns;
	shim.cookie = cookie | PB_COOKIE_SITE;
	cr_assert_eq(pb_span_leave(&regs), 0);
}

void set_hot_paths(__u32 n)
{
	written_hot_paths = n;
	for (__u32 i = 0; i < n; i++)
		cr_assert_eq(bpf_map_update_elem(&path_stats_hot, &i, &no_calls, BPF_ANY), 0);
}

void set_node(__u32 node, struct pb_node value)
{
	cr_assert_eq(bpf_map_update_elem(&nodes, &node, &value, BPF_ANY), 0);
}

__u64 counted(__u32 counter)
{
	return *(__u64 *)bpf_map_lookup_elem(&counters, &counter);
}

__u32 path_of_nodes(const __u32 *nodes_of_it)
{
	struct pb_path_key key = {};

	for (; *nodes_of_it; nodes_of_it++) {
		__u32 *id;

		key.node = *nodes_of_it;
		id = bpf_map_lookup_elem(&path_ids, &key);
		if (!id)
			return 0;
		key.parent = *id;
	}
	return key.parent;
}

const struct pb_call_stats *stats_of(__u32 path)
{
	const struct pb_call_stats *s = path < written_hot_paths
					    ? bpf_map_lookup_elem(&path_stats_hot, &path)
					    : bpf_map_lookup_elem(&path_stats, &path);

	cr_assert_neq(path, 0, "never seen");
	cr_assert_not_null(s, "path %u", path);
	return s;
}

__u64 calls_of(const struct pb_call_stats *s)
{
	__u64 n = s->untimed;

	for (__u32 i = 0; i < PB_HIST_BUCKETS; i++)
		n += s->hist[i];
	return n;
}

__u64 self_of(const struct pb_call_stats *s)
{
	return s->total_ns + s->folded_ns - s->child_ns;
}

__u64 errors_of(__u32 path, __u32 kind, __s64 value)
{
	struct pb_path_error_key key = { .value = value, .path = path, .kind = kind };
	const __u64 *n = bpf_map_lookup_elem(&path_errors, &key);

	return n ? *n : 0;
}

size_t error_kinds(void)
{
	return shim_find(&path_errors)->n;
}

static bool is_of_kind(const struct shim_record *r, __u32 kind)
{
	const struct pb_header *h = r->data;

	cr_assert(r->submitted, "reserved, but not sent");
	cr_assert_eq(h->size, r->size);
	return h->kind == kind;
}

const void *record_sent(__u32 kind, __u32 n, size_t size)
{
	for (const struct shim_record *r = shim.records; r; r = r->next) {
		if (!is_of_kind(r, kind) || n--)
			continue;
		cr_assert_geq(r->size, size);
		return r->data;
	}
	return NULL;
}

__u32 records_sent(__u32 kind)
{
	__u32 n = 0;

	for (const struct shim_record *r = shim.records; r; r = r->next)
		n += is_of_kind(r, kind);
	return n;
}
