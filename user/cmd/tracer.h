/* SPDX-License-Identifier: GPL-2.0-only */
/* Another pathbpf, started by this one: `overhead` measures its target with and without. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct tracer {
	pid_t pid;       /* 0: none runs */
	int pidfd;       /* readable when it has ended */
	int ready_fd;    /* readable when it is ready, or will never be; see tracer_is_ready() */
	int log_fd;      /* what it says, kept open after its end */
	clockid_t clock; /* its CPU time */
};

#define TRACER_NONE ((struct tracer){ .pidfd = -1, .ready_fd = -1, .log_fd = -1 })

/*
 * Starts `pathbpf record` with these words, this very executable. Its report goes nowhere, it gets
 * no signal of our terminal's, and it does not survive us. 0 or a negative errno.
 */
int tracer_start(struct tracer *t, const char *const *words, size_t n);
/* When ready_fd is readable: is it ready? Closes ready_fd. */
int tracer_is_ready(struct tracer *t);
/* CPU time that it has used, in ns. */
uint64_t tracer_cpu_ns(const struct tracer *t);
/*
 * Ends it as Ctrl-C does, and by force when that takes more than grace_ms; waits for it. Its exit
 * status (128 + N after a signal); *ret_cpu_ns, all CPU time that it has used. 0 when none runs.
 */
int tracer_stop(struct tracer *t, int grace_ms, uint64_t *ret_cpu_ns);
/* The last line that it said, without "pathbpf: "; "" for none. */
void tracer_last_words(const struct tracer *t, char *buf, size_t size);
/* Ends it by force, if it runs. */
void tracer_done(struct tracer *t);
