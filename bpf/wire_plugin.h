/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Part of wire.h, which alone includes it: what is told of the dynamic loader and of plugins. */
#pragma once

/*
 * Probes on the dynamic loader: their cookies say what they stand on, in the lower half, and of
 * _dl_debug_state() how far behind it _r_debug lies in memory, in the upper.
 */
enum pb_loader_probe {
	PB_LOADER_OTHER, /* no probe: a change that nobody asked for, the C library's own */
	PB_LOADER_DLOPEN,
	PB_LOADER_DLMOPEN,
	PB_LOADER_DLCLOSE,
	PB_LOADER_STATE,
	PB_LOADER_STATE_MUSL,
	PB_LOADER_EXCEPTION, /* _dl_signal_exception() */
	PB_LOADER_ERROR,     /* _dl_signal_error() */
	PB_LOADER_INIT,      /* _dl_catch_exception() */
};

#define PB_LOADER_DISTANCE 32 /* shift */

/* What was seen of a call into the loader. */
enum pb_plugin_seen {
	PB_SEEN_ADD = 1,    /* objects came into the link map */
	PB_SEEN_DELETE = 2, /* objects left it */
	PB_SEEN_CHANGE = 4, /* it changed, nobody says how: musl, namespaces of old C libraries */
	PB_SEEN_RETURN = 8, /* the call has returned: this is the last word on it */
	PB_SEEN_NAME = 16,  /* `name` and `bias` are those of the handle */
	PB_SEEN_CUT = 32,   /* there were more objects than were told */
};

#define PB_ERROR_LEN 512

/*
 * A call into the loader: sent when objects were mapped and none of their code has run (no
 * PB_SEEN_RETURN), and when it returns; h.time_ns is that moment. pid, tid and start_ns tell calls
 * apart.
 */
struct pb_plugin {
	struct pb_header h;
	__u64 start_ns;
	__u64 mapped_ns; /* when they were; 0: none were */
	__u64 init_ns;   /* when constructors or destructors were first called; 0: never */
	__u64 delete_ns; /* when objects were about to be unmapped; 0: none were */
	__u64 handle;    /* a link map, as returned or (dlclose) given; 0: it failed */
	__u64 bias;      /* its l_addr */
	__u64 waited_ns; /* it was held up so long for probing */
	__u64 seq;       /* of what was mapped: when it is probed, loader_ready is raised to it */
	__u64 stack;     /* id of the caller's stack; 0: not taken */
	__s64 result;    /* of dlclose */
	__s32 flags;     /* of dlopen */
	__s32 error;     /* the loader's errno; 0: none */
	__u8 call;       /* enum pb_loader_probe: up to PB_LOADER_DLCLOSE */
	__u8 seen;       /* enum pb_plugin_seen, or-ed */
	__u8 depth;      /* calls around it, on the same thread */
	__u8 failed;     /* the loader said something */
	__u8 pad[4];
	char path[PB_PATH_LEN];         /* what was asked for; "" if it could not be read */
	char name[PB_PATH_LEN];         /* the handle's l_name */
	char error_object[PB_PATH_LEN]; /* whom the loader complains of */
	char error_text[PB_ERROR_LEN];  /* why */
};

/* A thread died of a signal inside a plugin. */
struct pb_plugin_crash {
	struct pb_header h;
	__u64 start_ns; /* of the innermost execution of it */
	__u32 plugin, node;
	__s32 signal;
	__u32 pad;
};

/*
 * An execution has ended that failed, or took too long, or each one if that was asked for. Only so
 * many in a window of time are told; the others are counted in plugin_untold.
 */
enum pb_plugin_call_flags {
	PB_CALL_TIMED = 1,     /* start_ns to h.time_ns is how long it took */
	PB_CALL_TIMED_OUT = 2, /* longer than the limit */
};

#define PB_TOLD_WINDOW_SHIFT 27 /* 134 ms */
#define PB_TOLD_FAILURES     2000
#define PB_TOLD_CALLS        16000

struct pb_plugin_call {
	struct pb_header h;
	__u64 start_ns;
	__s64 value; /* of the error */
	__u32 plugin, node;
	__u32 error; /* enum pb_error_kind */
	__u32 flags; /* enum pb_plugin_call_flags, or-ed */
};

#define PB_PLUGINS 1024 /* that are followed */

/* Which arguments of an allocator tell how much is asked for. */
enum pb_alloc_size {
	PB_ALLOC_FIRST,
	PB_ALLOC_SECOND,
	PB_ALLOC_THIRD,
	PB_ALLOC_FIRST_TIMES_SECOND,
	PB_ALLOC_SECOND_TIMES_THIRD,
};

/* Cookies of probes on calls of allocators: the plugin in the lower half, and */
#define PB_COOKIE_ALLOC 32 /* shift: enum pb_alloc_size */

/* plugin_stats: plugin → what is known of it at any moment */
struct pb_plugin_stats {
	__u64 in_flight, peak; /* executions */
	__u64 ended;
	__u64 timed_out;
	__u64 oldest_ns;    /* how long the oldest of those in flight had been so at the end */
	__u64 last_ns;      /* when the last one ended */
	__u64 page_faults;  /* while inside */
	__u64 mapped_bytes; /* by mmap() and brk() while inside */
	__u64 allocs, alloc_bytes; /* asked for by its own code */
};

/*
 * Where the code of system libraries lies in a process: callbacks from there are its caller's. And
 * where threads begin in it.
 */
#define PB_SYSTEM_TEXTS 8
#define PB_SYSTEM_ROOTS 8
struct pb_system_text {
	__u64 start[PB_SYSTEM_TEXTS], size[PB_SYSTEM_TEXTS]; /* size 0: none */
	__u64 root[PB_SYSTEM_ROOTS], root_size[PB_SYSTEM_ROOTS];
};

/* An object that has come into the link map; before the struct pb_plugin that tells of it. */
struct pb_plugin_object {
	struct pb_header h;
	__u64 start_ns; /* of the call */
	__u64 link_map, bias;
	char name[PB_PATH_LEN];
};

_Static_assert(sizeof(struct pb_plugin) == 24 + 10 * 8 + 16 + 3 * PB_PATH_LEN + PB_ERROR_LEN,
	       "pb_plugin");
_Static_assert(sizeof(struct pb_plugin_call) == 24 + 16 + 16, "pb_plugin_call");
_Static_assert(sizeof(struct pb_plugin_object) == 24 + 24 + PB_PATH_LEN, "pb_plugin_object");
