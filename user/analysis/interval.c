/* SPDX-License-Identifier: GPL-2.0-only */
/* How sure a share is that was found by sampling. */
#include "analysis/interval.h"

#include <math.h>

#define Z 1.959963985 /* of the normal distribution, 95 % lies within so many deviations */

void interval_add(struct interval *i, uint64_t k, uint64_t n, double whole)
{
	double size = (double)n, share, middle, half;

	if (!n)
		return;
	share = (double)k / size;
	middle = (share + Z * Z / (2 * size)) / (1 + Z * Z / size);
	half =
	    Z / (1 + Z * Z / size) * sqrt(share * (1 - share) / size + Z * Z / (4 * size * size));
	i->estimate += whole * share;
	i->low2 += pow(whole * (share - (middle - half)), 2);
	i->high2 += pow(whole * (middle + half - share), 2);
}

double interval_low(const struct interval *i)
{
	double low = i->estimate - sqrt(i->low2);

	return low > 0 ? low : 0;
}

double interval_high(const struct interval *i)
{
	return i->estimate + sqrt(i->high2);
}
