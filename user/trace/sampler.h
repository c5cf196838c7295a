/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The timer behind CPU samples: one software clock event a CPU. Its period varies by ±10 % around
 * the asked-for frequency, because a fixed one that is close to the target's own period locks on
 * to it and lies.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"

struct bpf_program;
struct sampler;

int sampler_start(struct bpf_program *prog, uint32_t frequency_hz, struct sampler **ret);
/* Call it ten times a second: varies each CPU's period once a second. NULL is fine. */
void sampler_jitter(struct sampler *s);
/* NULL-safe: no ticks for a while. */
void sampler_enable(struct sampler *s, bool on);
/* NULL-safe: one tick in so many, from the next sampler_jitter() on. */
void sampler_slow(struct sampler *s, uint32_t factor);
void sampler_stop(struct sampler *s);
void sampler_free(struct sampler *s);
DEFINE_CLEANUP(struct sampler *, sampler_free)
