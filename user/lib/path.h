/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths as text. */
#pragma once

#include <string.h>

/* What stands behind the last '/'; the whole path where nothing does. Never allocates. */
static inline const char *path_last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}
