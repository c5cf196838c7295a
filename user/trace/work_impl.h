/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the meter share: see work.h. Nobody else includes this. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/proc.h"
#include "trace/uprobe_link.h"

struct bpf_program;

/*
 * Time on CPU, from the sum of struct pb_work.on_ns over all CPUs at a time; it has been before_ns
 * already.
 */
uint64_t work_on_ns(uint64_t sum, uint64_t time_ns, uint64_t before_ns);

/*
 * Probes the entries of all functions that a -t SPEC names in the processes, by a program that was
 * given to uprobe_prepare(). 0 or a negative errno with a sentence in msg, as work_open().
 */
int work_probe_function(const char *spec, const pid_vec *pids, struct bpf_program *prog,
			struct uprobe_links *links, char *msg, size_t size);
