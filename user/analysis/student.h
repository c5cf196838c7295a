/* SPDX-License-Identifier: GPL-2.0-only */
/* Student's t distribution. */
#pragma once

/* P(T <= t) with df > 0 degrees of freedom, which need not be whole. */
double student_cdf(double t, double df);
/* The t below which T lies with probability p, 0 < p < 1. */
double student_quantile(double p, double df);
