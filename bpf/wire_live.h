/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A part of the wire: what the thread iterator does and tells while the trace goes on. */
#pragma once

/* What pb_iter_end is run for. */
enum pb_iter {
	PB_ITER_END,   /* closes what is open: the trace ends */
	PB_ITER_PAUSE, /* the same, and forgets the threads: they are found again by pb_iter_begin
			*/
	PB_ITER_LIVE, /* tells what each thread would add if the trace ended now; changes nothing */
};

/* PB_ITER_LIVE: read from the iterator, one a thread. */
struct pb_live {
	struct pb_target_stats stats;
	struct pb_offcpu_value
	    off_value; /* of an interval that lasts; count 0: there is none to tell */
	struct pb_offcpu_key off;
	__u32 pid;
	__u32 spans; /* so many struct pb_live_span follow */
};

struct pb_live_span {
	__u32 path;
	__u32 unseen; /* its return cannot be seen: it may have ended long ago */
};

/* Where the calls in progress of a goroutine lie in a value of `goroutines`; offsets in bytes. */
struct pb_goroutine_layout {
	__u32 depth, room, span_size, path;
};

_Static_assert(sizeof(struct pb_live) == 72 + 32 + 16 + 8, "pb_live");
