/* SPDX-License-Identifier: GPL-2.0-only */
/* Walking a BPF hash map. */
#pragma once

struct bpf_map;

/*
 * Calls fn for each entry; of a per-CPU map with an array of one value (rounded up to 8 bytes)
 * per possible CPU. Stops at a non-zero return, which it hands on; or a negative errno.
 */
int map_each(struct bpf_map *map, int (*fn)(const void *key, void *value, void *arg), void *arg);
