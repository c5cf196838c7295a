/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Part of maps.bpf.h, which alone includes it: what belongs to the dynamic loader and to plugins.
 */
#pragma once

/*
 * A thread's calls into the dynamic loader: several while constructors make such calls themselves.
 * Then one more for what the C library loads without one.
 */
#define LOADER_DEPTH 4

struct loader_call {
	__u64 sp; /* at its entry */
	__u64 path_at;
	__u64 changing; /* the r_debug that said RT_ADD or RT_DELETE last; 0: none */
	__u64 last;     /* the last link map at RT_ADD */
	struct pb_plugin r;
};

struct loader_thread {
	__u32 depth;
	__u32 told;     /* objects of a call: not on the stack, where the verifier would count */
	__u64 words[6]; /* what was read: not on the stack, see struct spans */
	struct pb_plugin_object object;
	struct loader_call calls[LOADER_DEPTH + 1];
};

/* Thread → its calls into the loader, from the first on. Bound: the number of such threads. */
struct loader_threads_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct loader_thread);
};
extern struct loader_threads_map loader_threads SEC(".maps");

/* Plugin → struct pb_plugin_stats; read by user space at the end. */
struct plugin_stats_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set at load: PB_PLUGINS */
	__type(key, __u32);
	__type(value, struct pb_plugin_stats);
};
extern struct plugin_stats_map plugin_stats SEC(".maps");

/* PID → struct pb_system_text. Written by user space, fork and exit. */
struct system_texts_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct pb_system_text);
};
extern struct system_texts_map system_texts SEC(".maps");

/* The last pb_plugin.seq given, the last one whose objects are probed, and time spent waiting. */
extern __u64 loader_seq, loader_ready, loader_waited_ns;
/* When the trace began. */
extern __u64 loader_begin_ns;

/* User space is attaching probes. */
extern __u32 loader_attaching;
/* Executions of plugins that were told in this window of time; others that should have been. */
extern __u32 plugin_told_window, plugin_told;
extern __u64 plugin_untold;
/* Some functions that SPECs name are entries of plugins as well. */
extern __u32 plugin_serving;
