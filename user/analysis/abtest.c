/* SPDX-License-Identifier: GPL-2.0-only */
/* Paired comparison. */
#include "analysis/abtest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/student.h"
#include "lib/cleanup.h"

#define EXACT_MAX 200

static size_t sums_of(size_t n)
{
	return n * (n + 1) / 2;
}

/* Ranks are many: their sum is as good as normal (mean M/2, variance n(n+1)(2n+1)/24). */
static bool normal_quantile(size_t n, double p, size_t *ret_k, double *ret_p)
{
	double mean = (double)sums_of(n) / 2;
	double deviation = sqrt((double)n * (double)(n + 1) * (double)(2 * n + 1) / 24);
	/* The normal distribution is Student's with many degrees of freedom. */
	double k = floor(mean - 0.5 + student_quantile(p, 1e9) * deviation);

	if (k < 0)
		return false;
	*ret_k = (size_t)k;
	*ret_p = p;
	return true;
}

/*
 * Each rank is in the sum or not, with equal chances: the distribution grows rank by rank, by
 * folding it with {0, rank}.
 */
bool signed_rank_quantile(size_t n, double p, size_t *ret_k, double *ret_p)
{
	size_t max = sums_of(n), k = 0;
	_cleanup_free_ double *chance = NULL;
	double below = 0;

	if (n > EXACT_MAX)
		return normal_quantile(n, p, ret_k, ret_p);
	chance = calloc(max + 1, sizeof(*chance));
	if (!chance)
		return false;
	chance[0] = 1;
	for (size_t rank = 1; rank <= n; rank++)
		for (size_t sum = sums_of(rank) + 1; sum-- > 0;)
			chance[sum] = (chance[sum] + (sum >= rank ? chance[sum - rank] : 0)) / 2;
	while (k <= max && below + chance[k] <= p)
		below += chance[k++];
	if (!k)
		return false;
	*ret_k = k - 1;
	*ret_p = below;
	return true;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void take_mean(const double *x, size_t n, struct abtest_interval *ret)
{
	double sum = 0, squares = 0, half;

	for (size_t i = 0; i < n; i++)
		sum += x[i];
	ret->value = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - ret->value) * (x[i] - ret->value);
	half = student_quantile((1 + ABTEST_CONFIDENCE) / 2, (double)(n - 1)) *
	       sqrt(squares / (double)(n - 1) / (double)n);
	ret->low = ret->value - half;
	ret->high = ret->value + half;
}

static int take_median(const double *x, size_t n, struct abtest *ret)
{
	size_t sums = sums_of(n), at = 0, k;
	_cleanup_free_ double *averages = calloc(sums, sizeof(*averages));
	double p;

	if (!averages)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i; j < n; j++)
			averages[at++] = (x[i] + x[j]) / 2;
	qsort(averages, sums, sizeof(*averages), compare);
	ret->median = (struct abtest_interval){
		.value = (averages[(sums - 1) / 2] + averages[sums / 2]) / 2,
		.low = NAN,
		.high = NAN,
	};
	ret->median_confidence = NAN;
	if (!signed_rank_quantile(n, (1 - ABTEST_CONFIDENCE) / 2, &k, &p))
		return 0;
	ret->median.low = averages[k];
	ret->median.high = averages[sums - 1 - k];
	ret->median_confidence = 1 - 2 * p;
	return 0;
}

int abtest_paired(const double *log_ratios, size_t n, struct abtest *ret)
{
	struct abtest t = { .n = n };
	int err;

	if (n < ABTEST_PAIRS_MIN)
		return -ENODATA;
	for (size_t i = 0; i < n; i++)
		if (!isfinite(log_ratios[i]))
			return -EDOM;
	take_mean(log_ratios, n, &t.mean);
	err = take_median(log_ratios, n, &t);
	if (!err)
		*ret = t;
	return err;
}

const struct abtest_interval *abtest_best(const struct abtest *t)
{
	return t->n >= ABTEST_RANKS_MIN && !isnan(t->median.low) ? &t->median : &t->mean;
}

enum abtest_verdict abtest_verdict(const struct abtest_interval *i)
{
	return i->low > 0 ? ABTEST_MORE : i->high < 0 ? ABTEST_LESS : ABTEST_UNTOLD;
}

enum abtest_budget abtest_budget(const struct abtest_interval *i, double limit_pct)
{
	if (abtest_pct(i->low) > limit_pct)
		return ABTEST_OVER;
	return abtest_pct(i->high) <= limit_pct ? ABTEST_WITHIN : ABTEST_UNSURE;
}

double abtest_pct(double log_ratio)
{
	return 100 * expm1(log_ratio);
}
