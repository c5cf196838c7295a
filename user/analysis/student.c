/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Student's t distribution by the regularised incomplete beta function: Abramowitz and Stegun,
 * Handbook of Mathematical Functions, 26.7.1 and 26.5.8 (DLMF 8.17.22), the continued fraction
 * evaluated by Lentz's method.
 */
#include "analysis/student.h"

#include <math.h>

#define FRACTION_TERMS 500 /* far beyond what any a, b < 10^4 need */
#define BISECTIONS     200 /* until neighbouring doubles are reached */
#define TINY           1e-300
#define PRECISION      1e-15

static double not_zero(double x)
{
	return fabs(x) < TINY ? TINY : x;
}

/* The m-th coefficient of the continued fraction for I_x(a, b), m >= 1. */
static double coefficient(int m, double x, double a, double b)
{
	int half = m / 2;
	double k = half;

	if (m % 2)
		return -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
	return k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
}

/* 1/(1 + d1/(1 + d2/(1 + …))): converges fast for x < (a + 1)/(a + b + 2). */
static double fraction(double x, double a, double b)
{
	double f = 1, c = 1, d = 0;

	for (int m = 1; m <= FRACTION_TERMS; m++) {
		double n = coefficient(m, x, a, b), step;

		d = 1 / not_zero(1 + n * d);
		c = not_zero(1 + n / c);
		step = c * d;
		f *= step;
		if (fabs(step - 1) < PRECISION)
			break;
	}
	return 1 / f;
}

/* I_x(a, b) */
static double incomplete_beta(double x, double a, double b)
{
	double front;

	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	if (x > (a + 1) / (a + b + 2))
		return 1 - incomplete_beta(1 - x, b, a);
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	return front * fraction(x, a, b) / a;
}

double student_cdf(double t, double df)
{
	double tail = incomplete_beta(df / (df + t * t), df / 2, 0.5) / 2;

	return t > 0 ? 1 - tail : tail;
}

double student_quantile(double p, double df)
{
	double low = 0, high = 1, tail = p < 0.5 ? p : 1 - p;

	/* By the tail: close to 1 the difference to it would be lost. */
	while (student_cdf(-high, df) > tail)
		high *= 2;
	for (int i = 0; i < BISECTIONS; i++) {
		double middle = (low + high) / 2;

		if (student_cdf(-middle, df) > tail)
			low = middle;
		else
			high = middle;
	}
	return p < 0.5 ? -high : high;
}
