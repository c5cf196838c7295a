/* SPDX-License-Identifier: GPL-2.0-only */
/* Log-linear latency histograms. */
#include "data/hist.h"

uint32_t hist_index(uint64_t value)
{
	uint32_t log;

	if (value < 1u << HIST_SUB_BITS)
		return (uint32_t)value;
	if (value >> HIST_MAX_BITS)
		return HIST_BUCKETS - 1;
	log = 63 - (uint32_t)__builtin_clzll(value);
	/* The leading one adds 2^SUB_BITS, which makes the octaves follow each other. */
	return ((log - HIST_SUB_BITS) << HIST_SUB_BITS) +
	       (uint32_t)(value >> (log - HIST_SUB_BITS));
}

uint64_t hist_low(uint32_t index)
{
	uint32_t octave = index >> HIST_SUB_BITS;
	uint64_t sub = index & ((1u << HIST_SUB_BITS) - 1);

	if (!octave)
		return sub;
	return (sub | 1u << HIST_SUB_BITS) << (octave - 1);
}

uint64_t hist_value(uint32_t index)
{
	uint64_t low = hist_low(index);

	return low + (hist_low(index + 1) - low) / 2;
}

void hist_add(struct hist *h, const struct hist *more)
{
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		h->buckets[i] += more->buckets[i];
}

uint64_t hist_count(const struct hist *h)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		n += h->buckets[i];
	return n;
}

uint64_t hist_quantile(const struct hist *h, double q, uint64_t min, uint64_t max)
{
	uint64_t n = hist_count(h), seen = 0, rank, value = 0;

	if (!n)
		return 0;
	rank = (uint64_t)(q * (double)n);
	if ((double)rank < q * (double)n || !rank)
		rank++;
	if (rank > n)
		rank = n;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= rank) {
			value = hist_value(i);
			break;
		}
	}
	if (value < min)
		value = min;
	return value > max ? max : value;
}
