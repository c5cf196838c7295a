/* SPDX-License-Identifier: GPL-2.0-only */
/* What a session's programs read from maps: targets, nodes, arguments. */
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/cleanup.h"
#include "trace/session_impl.h"

/*
 * Entries of statistics that are made before their paths come up: the kernel's allocator, asked by
 * a BPF program, may fail for a moment when many are wanted at once.
 */
#define PATHS_AHEAD 128

int session_set_targets(struct session *s)
{
	int fd = bpf_map__fd(s->skel->maps.targets);
	uint32_t flags = PB_TARGET_TRACED;

	vec_foreach (pid, &s->opt.pids) {
		if (bpf_map_update_elem(fd, pid, &flags, BPF_ANY))
			return -errno;
	}
	flags = PB_TARGET_AT_EXEC;
	if (s->opt.exec_pid && bpf_map_update_elem(fd, &s->opt.exec_pid, &flags, BPF_ANY))
		return -errno;
	return 0;
}

static uint8_t error_kind(const struct plan_node *node)
{
	if (node->how == PLAN_KERNEL)
		return PB_ERROR_ERRNO;
	return node->go_error ? PB_ERROR_GO : PB_ERROR_RETURN;
}

static int set_node(struct session *s, uint32_t id)
{
	const struct plan_node *from = &s->plan->nodes.v[id];
	bool never = from->pred.op == SPEC_PRED_NEVER;
	struct pb_node node = { .value = from->pred.value,
				.pred = never ? PB_PRED_NONE : (uint8_t)from->pred.op,
				.width = from->pred.width == SPEC_INT ? 4 : 8,
				.reg = from->go_result,
				.kind = error_kind(from),
				.args = from->args,
				.plugin = plan_node_plugin(from),
				.before =
				    (uint32_t)(from->addr + from->entry.skip - from->text_addr),
				.size = (uint32_t)from->text_size,
				.later = from->later,
				.inner = from->inner,
				.named = !from->plugin };
	uint32_t value = from->removed ? 0 : id + 1;

	if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.nodes), &id, &node, BPF_ANY))
		return -errno;
	if (from->how == PLAN_SYSCALL &&
	    bpf_map_update_elem(bpf_map__fd(s->skel->maps.syscall_nodes), &from->nr, &value,
				BPF_ANY))
		return -errno;
	return 0;
}

static uint8_t string_kind(const struct plan_args *args, const struct plan_arg *a)
{
	if (a->type != SPEC_ARG_STR)
		return PB_STRING_NONE;
	return args->kernel ? PB_STRING_ANY : PB_STRING_USER;
}

static int set_args(struct session *s, uint32_t id)
{
	const struct plan_args *from = &s->plan->args.v[id - 1];
	struct pb_args args = { .n = from->n };

	for (uint32_t i = 0; i < from->n; i++) {
		const struct plan_arg *a = &from->v[i];

		args.arg[i] = (struct pb_arg){ .value = a->from.value,
					       .place = a->from.place,
					       .reg = a->from.reg,
					       .index = a->from.index,
					       .shift = a->from.shift,
					       .size = a->from.size,
					       .is_string = string_kind(from, a) };
	}
	return bpf_map_update_elem(bpf_map__fd(s->skel->maps.node_args), &id, &args, BPF_ANY)
		   ? -errno
		   : 0;
}

int session_set_nodes_from(struct session *s, size_t first)
{
	int err = 0;

	for (size_t i = first; i < s->plan->nodes.n && !err; i++)
		err = set_node(s, (uint32_t)i);
	return err;
}

int session_set_nodes(struct session *s)
{
	int err = 0;

	for (uint32_t i = 0; s->plan && i < s->plan->nodes.n && !err; i++)
		err = set_node(s, i);
	for (uint32_t i = 1; s->plan && i <= s->plan->args.n && !err; i++)
		err = set_args(s, i);
	return err;
}

/* Numbers of the buffers for recorded traces that nobody uses: all of them. */
int session_set_timelines(struct session *s)
{
	for (uint32_t i = 0; s->plan && s->opt.timelines && i < PB_TIMELINES; i++) {
		if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.timelines_free), NULL, &i,
					BPF_ANY))
			return -errno;
	}
	return 0;
}

void session_make_paths(struct session *s)
{
	int cpus = libbpf_num_possible_cpus(), fd = bpf_map__fd(s->skel->maps.path_stats);
	int hot_fd = bpf_map__fd(s->skel->maps.path_stats_hot);
	uint32_t ahead = s->skel->bss->last_path + PATHS_AHEAD;
	uint32_t last = ahead > s->hot_paths ? ahead : s->hot_paths - 1;
	_cleanup_free_ struct pb_call_stats *none = NULL;

	if (!s->plan || s->paths_made >= last || cpus < 1)
		return;
	none = calloc((size_t)cpus, sizeof(*none));
	for (int i = 0; none && i < cpus; i++)
		none[i].min_ns = UINT64_MAX;
	while (none && s->paths_made < last) {
		uint32_t id = ++s->paths_made;

		/* The hot ones are all made before the first probe is live. */
		if (id < s->hot_paths)
			bpf_map_update_elem(hot_fd, &id, none, BPF_ANY);
		else if (bpf_map_update_elem(fd, &id, none, BPF_NOEXIST) && errno == E2BIG)
			s->paths_made = UINT32_MAX; /* full */
	}
}
