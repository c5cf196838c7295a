/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of `record`, from the command line, the environment and a file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cmd/plugin_options.h"
#include "lib/parse.h"
#include "lib/settings.h"
#include "lib/vec.h"

struct view;

/* One -o: where to, in which format. */
struct output {
	const char *file; /* "-": standard output */
	const struct view *view;
	char *part; /* owned: what is being written, renamed to `file` at the end; NULL: directly */
};

struct record_options {
	u32_vec pids;
	const char *name_glob, *cgroup;
	bool all;
	char **command;       /* NULL-terminated; NULL: none */
	uint64_t duration_ns; /* 0: until stopped */
	VEC(struct output) outputs;
	const char *format;
	VEC(const char *) specs; /* of -t, but for `auto` and `none` */
	/* Paths are to be found without being named: -t auto, or no -t at all. */
	bool auto_paths;
	bool no_choice; /* -t stacks */
	bool no_paths;  /* -t none */
	uint32_t frequency_hz;
	bool no_cpu, no_offcpu, no_syscalls, no_plugins, no_follow, no_exit_status;
	bool native;
	struct plugin_options plugin;
	uint64_t offcpu_min_ns;
	double max_overhead_pct;
	double max_cpu_pct, max_loss_pct;                /* 0: no limit */
	uint64_t max_memory_bytes, max_bpf_memory_bytes; /* 0: no limit */
	int ready_fd;                                    /* -1: none */
	int verbosity;
	struct settings settings; /* where the values come from; strings point into it, too */
	char why[256];            /* of a setter that failed */
};

/* The table, for other commands that share options; see config_read(). */
const struct opt_usage *record_usage(void);

/*
 * These return -1 to go on; otherwise the exit status to return: something was wrong, which has
 * been said, or asked for --help. Strings point into argv, the environment and o->settings.
 */
int record_options_parse(struct record_options *o, int argc, char **argv);
/*
 * The same in two steps, for other commands that read these options: `u` is record_usage() with
 * words of its own. The second also sets the level of messages.
 */
int record_options_collect(struct record_options *o, const struct opt_usage *u, int argc,
			   char **argv);
int record_options_apply(struct record_options *o, bool needs_target);
void record_options_done(struct record_options *o);
