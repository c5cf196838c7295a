/* SPDX-License-Identifier: GPL-2.0-only */
/* Running a BPF iterator. */
#pragma once

struct bpf_program;
struct buf;

/*
 * Runs it to its end; what it writes is appended to `out`, which may be NULL. 0 or a negative
 * errno; -EFBIG: it writes more than anybody wants.
 */
int iterate(struct bpf_program *prog, struct buf *out);
