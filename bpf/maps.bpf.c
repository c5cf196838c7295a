/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The maps and globals that maps.bpf.h declares, and the licence. */
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct pb_config config = {};

struct threads_map threads SEC(".maps");
struct targets_map targets SEC(".maps");
struct target_stats_map target_stats SEC(".maps");
struct records_map records SEC(".maps");
struct counters_map counters SEC(".maps");
struct stack_scratch_map stack_scratch SEC(".maps");
struct iter_scratch_map iter_scratch SEC(".maps");
struct unwind_images_map unwind_images SEC(".maps");
struct unwind_ranges_map unwind_ranges SEC(".maps");
struct unwind_rules_map unwind_rules SEC(".maps");
struct unwind_chunks_map unwind_chunks SEC(".maps");
struct runtime_images_map runtime_images SEC(".maps");
struct stacks_map stacks SEC(".maps");
struct offcpu_map offcpu SEC(".maps");
struct syscall_stats_map syscall_stats SEC(".maps");
struct syscall_stats_hot_map syscall_stats_hot SEC(".maps");
struct syscall_stats_spare_map syscall_stats_spare SEC(".maps");
struct syscall_errors_map syscall_errors SEC(".maps");
struct syscall_stacks_map syscall_stacks SEC(".maps");
struct nodes_map nodes SEC(".maps");
struct path_ids_map path_ids SEC(".maps");
struct path_stats_hot_map path_stats_hot SEC(".maps");
struct path_stats_map path_stats SEC(".maps");
struct path_errors_map path_errors SEC(".maps");
struct node_args_map node_args SEC(".maps");
struct syscall_nodes_map syscall_nodes SEC(".maps");
struct error_names_map error_names SEC(".maps");
struct goroutines_map goroutines SEC(".maps");
struct timelines_map timelines SEC(".maps");
struct timelines_free_map timelines_free SEC(".maps");
struct loader_threads_map loader_threads SEC(".maps");
struct plugin_stats_map plugin_stats SEC(".maps");
struct node_hits_map node_hits SEC(".maps");
struct guards_map guards SEC(".maps");
struct alarms_map alarms SEC(".maps");
struct system_texts_map system_texts SEC(".maps");

const struct pb_call_stats no_calls = { .min_ns = -1ULL };
const __u64 no_goroutine[sizeof(struct goroutine) / sizeof(__u64)] = {};
const __u64 zero = 0;
_Static_assert(PB_COUNTERS == 15, "every counter has its key");
const __u32 counter_keys[PB_COUNTERS] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };

__u32 pidns_level = 0;
const volatile __u32 hot_paths = 1;
const volatile __u32 hot_syscalls = 0;
__u32 closing = 0;
__u32 inert = 0;
__u32 iter_kind = PB_ITER_END;
const volatile struct pb_goroutine_layout goroutine_layout = {
	.depth = __builtin_offsetof(struct goroutine, spans.depth),
	.room = __builtin_offsetof(struct goroutine, room),
	.span_size = sizeof(struct span),
	.path = __builtin_offsetof(struct span, path),
};
__u32 unwind_generation = 0;
__u32 last_path = 0;
__u64 loader_seq = 0, loader_ready = 0, loader_waited_ns = 0;
__u64 loader_begin_ns = 0;
const volatile __u32 hit_stripes = 0;
__u32 guard_share = 0, guard_alarm = 0;
__u64 guard_burst_ns = 0;
__u32 guard_costs[PB_COST_CLASSES] = {};
__u32 switch_level = 0, syscall_level = 0, syscall_epoch = 0, syscall_storm = 0;
__u32 switches_off = 0;
__u32 window_epoch = 0, window_opening = 0;
__u32 loader_attaching = 0;
__u32 plugin_told_window = 0, plugin_told = 0;
__u64 plugin_untold = 0;
__u32 plugin_serving = 0;
