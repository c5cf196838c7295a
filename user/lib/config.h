/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options from everywhere: the command line wins over the environment, that over a file, that
 * over the table's presets. One table is the only list of names: option "max-overhead" is
 * --max-overhead, PATHBPF_MAX_OVERHEAD, and "max-overhead = 2" in a file.
 */
#pragma once

#include "lib/opt.h"
#include "lib/settings.h"

#define CONFIG_FILE     "/etc/pathbpf.conf"
#define CONFIG_NONE     "none"    /* in place of a file's name: no file */
#define CONFIG_SIZE_MAX (1 << 20) /* bytes of a file */

/* The row that chooses the file; every table that config_read() is given has it. */
#define CONFIG_OPT                                                                                 \
	{                                                                                          \
		0, "config", "FILE", "read options from FILE; none: from no file", config_set,     \
		    .preset = CONFIG_FILE, .no_file = true                                         \
	}
int config_set(void *ctx, const char *value);

/*
 * Collects the settings of all layers in s, for settings_apply(). `own` is the command's table;
 * names in `known` that it lacks are those of another command, and passed over. No file at
 * CONFIG_FILE is fine; root does not read that file when others could have written it.
 *
 * Returns as opt_parse() does; what is wrong is named with its file and line, or its variable.
 */
int config_read(const struct opt_usage *own, const struct opt_usage *known, int argc, char **argv,
		struct settings *s, int *ret_rest);

/* Tells of variables that look like ours but are not, once the level of messages is known. */
void config_warn(const struct settings *s);
