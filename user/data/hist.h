/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Latency histograms, log-linear: values below 2^HIST_SUB_BITS have a bucket each; above, every
 * power of two is divided into 2^HIST_SUB_BITS equal buckets, and a bucket is represented by its
 * middle, so that the relative error is at most 1/16. Values from 2^HIST_MAX_BITS ns (73 min) up
 * share the last bucket. bpf/hist.bpf.h fills the same buckets in the kernel.
 */
#pragma once

#include <stdint.h>

#define HIST_SUB_BITS 3
#define HIST_MAX_BITS 42
#define HIST_BUCKETS  (((HIST_MAX_BITS - HIST_SUB_BITS) << HIST_SUB_BITS) + (1 << HIST_SUB_BITS))

struct hist {
	uint64_t buckets[HIST_BUCKETS]; /* count of values */
};

/* The bucket of a value (ns, any), 0 … HIST_BUCKETS - 1. */
uint32_t hist_index(uint64_t value);
/* The smallest value of a bucket, in ns; that of bucket i + 1 ends bucket i. */
uint64_t hist_low(uint32_t index);
/* The value that stands for a bucket: its middle, in ns. */
uint64_t hist_value(uint32_t index);
void hist_add(struct hist *h, const struct hist *more);
uint64_t hist_count(const struct hist *h);
/*
 * The q-quantile (0 … 1) in ns, by nearest rank, clamped to [min, max] (which the caller knows
 * exactly); 0 for an empty histogram.
 */
uint64_t hist_quantile(const struct hist *h, double q, uint64_t min, uint64_t max);
