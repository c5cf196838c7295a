/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Do probes leave the red zone alone? The 128 bytes below the stack pointer belong to the running
 * function, which may keep data there without telling anyone. Linux 6.18 to 7.1 replace a probed
 * 5-byte nop by a call after its first hits, and the call writes there.
 */
#pragma once

#include <stdbool.h>

struct bpf_program;

/*
 * Probes such a nop in a child process of ours, with live data below its stack pointer. The
 * program must be loaded, and must not trace the child. False also when that could not be tried.
 * Takes some 100 ms at most, of which most is waiting for the kernel to remove the probe; a second
 * when something hangs.
 */
bool redzone_survives(struct bpf_program *prog);
