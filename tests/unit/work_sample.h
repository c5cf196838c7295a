/* SPDX-License-Identifier: GPL-2.0-only */
/* Pairs of blocks made by hand. */
#pragma once

#include "analysis/workblocks.h"

/*
 * A service that does 1000 sends a second at 100 us of CPU time each (10 % of a CPU), 1000 receives
 * and 5000 calls; traced, each send costs `more` times as much. `wobble` is a share by which CPU
 * time a send varies from pair to pair, both blocks alike.
 */
struct work_pair work_sample_pair(size_t i, double more, double wobble);
