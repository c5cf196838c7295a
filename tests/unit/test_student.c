/* SPDX-License-Identifier: GPL-2.0-only */
/* Student's t: the tables of any textbook. */
#include <criterion/criterion.h>
#include <math.h>

#include "analysis/student.h"

static void same(double got, double want, double tolerance, const char *what)
{
	cr_assert(fabs(got - want) <= tolerance, "%s: %.10g, should be %.10g", what, got, want);
}

Test(student, quantiles_are_those_of_the_tables)
{
	static const struct {
		double p, df, t;
	} rows[] = {
		{ 0.975, 1, 12.7062 },    { 0.975, 2, 4.30265 },  { 0.975, 3, 3.18245 },
		{ 0.975, 5, 2.57058 },    { 0.975, 11, 2.20099 }, { 0.975, 30, 2.04227 },
		{ 0.975, 1000, 1.96234 }, { 0.995, 10, 3.16927 }, { 0.95, 4, 2.13185 },
		{ 0.9995, 7, 5.40788 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		same(student_quantile(rows[i].p, rows[i].df), rows[i].t, 6e-5, "quantile");
		same(student_quantile(1 - rows[i].p, rows[i].df), -rows[i].t, 6e-5, "its mirror");
	}
	same(student_quantile(0.5, 7), 0, 1e-12, "median");
}

Test(student, many_degrees_of_freedom_are_the_normal_distribution)
{
	same(student_quantile(0.975, 1e9), 1.959963985, 1e-6, "97.5 %");
	same(student_quantile(0.005, 1e9), -2.575829304, 1e-6, "0.5 %");
}

Test(student, cdf_has_its_closed_forms)
{
	for (double t = -50; t <= 50; t += 0.37) {
		same(student_cdf(t, 1), 0.5 + atan(t) / M_PI, 1e-12, "Cauchy");
		same(student_cdf(t, 2), 0.5 + t / (2 * sqrt(2 + t * t)), 1e-12, "two");
	}
}

Test(student, quantile_and_cdf_are_inverse)
{
	for (double df = 1; df < 300; df = df * 1.7 + 0.3)
		for (double p = 0.001; p < 1; p += 0.0373)
			same(student_cdf(student_quantile(p, df), df), p, 1e-10, "p");
}
