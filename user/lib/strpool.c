/* SPDX-License-Identifier: GPL-2.0-only */
/* Interned strings. */
#include "lib/strpool.h"

#include <string.h>

void strpool_done(struct strpool *p)
{
	vec_foreach (s, &p->strings)
		free(*s);
	vec_done(&p->strings);
	table_done(&p->index);
}

const char *strpool_add(struct strpool *p, const char *s)
{
	uint32_t i;
	char *copy;

	if (!s)
		return NULL;
	i = table_find(&p->index, s, strlen(s));
	if (i != TABLE_NONE)
		return p->strings.v[i];
	copy = strdup(s);
	if (!copy)
		return NULL;
	if (vec_push(&p->strings, copy)) {
		free(copy);
		return NULL;
	}
	if (table_add(&p->index, s, strlen(s), (uint32_t)p->strings.n - 1))
		return NULL;
	return copy;
}

const char *strpool_find(const struct strpool *p, const char *s, size_t len)
{
	uint32_t i = table_find(&p->index, s, len);

	return i == TABLE_NONE ? NULL : p->strings.v[i];
}
