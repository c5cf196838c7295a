/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What two ways of running differ by, from pairs of measurements: one of each way, in random
 * order, close to each other in time, so that drift is shared. Given are the logarithms of the
 * pairs' ratios; what comes out is a logarithm, too.
 *
 * Two estimates with intervals of 95 %:
 *   - the mean, by Student's t: best when noise is normal; one wild pair widens it at will;
 *   - the median of all pairwise averages, by Wilcoxon's signed ranks (J. L. Hodges and
 *     E. L. Lehmann, Estimates of location based on rank tests, Annals of Mathematical Statistics
 *     34, 1963; the interval is J. W. Tukey's, in Hollander and Wolfe, Nonparametric Statistical
 *     Methods, 3.3). It needs only that pairs are as likely to be off to one side as to the other,
 *     which the coin that chose their order sees to; of normal noise it makes nearly as much
 *     (95.5 %). It wants six pairs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ABTEST_CONFIDENCE 0.95
#define ABTEST_PAIRS_MIN  3 /* fewer: no interval is worth printing */
#define ABTEST_RANKS_MIN  6 /* fewer: signed ranks cannot give 95 % */

struct abtest_interval {
	double value, low, high;
};

struct abtest {
	size_t n;
	struct abtest_interval mean;   /* Student's t */
	struct abtest_interval median; /* Hodges-Lehmann; low and high are NAN below six pairs */
	double median_confidence;      /* at least ABTEST_CONFIDENCE; NAN below six pairs */
};

enum abtest_verdict {
	ABTEST_UNTOLD, /* the interval holds 0 */
	ABTEST_MORE,   /* it lies above 0 */
	ABTEST_LESS,   /* below */
};

/* What a limit says to an interval. */
enum abtest_budget {
	ABTEST_WITHIN, /* all of it is at or below the limit */
	ABTEST_UNSURE,
	ABTEST_OVER, /* all of it is above */
};

/* 0, -ENODATA (fewer than ABTEST_PAIRS_MIN), -EDOM (a value that is not finite) or -ENOMEM. */
int abtest_paired(const double *log_ratios, size_t n, struct abtest *ret);
/* The estimate to be told first: by ranks where there are enough pairs. */
const struct abtest_interval *abtest_best(const struct abtest *t);
enum abtest_verdict abtest_verdict(const struct abtest_interval *i);
/* limit_pct: how much more there may be, in per cent. */
enum abtest_budget abtest_budget(const struct abtest_interval *i, double limit_pct);

/* The change that a logarithm of a ratio stands for, in per cent: 0.0953 is 10. */
double abtest_pct(double log_ratio);

/*
 * The largest k for which signed ranks of n values sum up to k or less with a probability of at
 * most p, and that probability; false: even 0 is likelier than that. Exact up to 200 values.
 */
bool signed_rank_quantile(size_t n, double p, size_t *ret_k, double *ret_p);
