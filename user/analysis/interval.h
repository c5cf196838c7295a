/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How sure a share is that was found by sampling.
 *
 * Of n samples of a program k have a function on their stack. The interval of the share is
 * Wilson's score interval (E. B. Wilson, "Probable Inference, the Law of Succession, and
 * Statistical Inference", JASA 22, 1927), which is good for small n and for shares near 0 and 1,
 * too. Sums over programs are combined by MOVER (G. Y. Zou, A. Donner, "Construction of confidence
 * limits about effect measures: A general approach", Statistics in Medicine 27, 2008): squared
 * distances from estimate to limit add up. Samples are taken at nearly equal distances, which
 * varies less than chance: the intervals are rather too wide.
 */
#pragma once

#include <stdint.h>

/* An estimate that is built from independent parts. Zeroed: the sum of nothing. */
struct interval {
	double estimate, low2, high2; /* squared distances */
};

/* Adds whole × k/n; nothing for an n of 0. */
void interval_add(struct interval *i, uint64_t k, uint64_t n, double whole);
/* The limits of the sum, at 95 %; low is 0 at least. */
double interval_low(const struct interval *i);
double interval_high(const struct interval *i);
