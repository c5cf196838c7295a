/* SPDX-License-Identifier: GPL-2.0-only */
/* Walking a BPF hash map, or an array. */
#include "trace/mapread.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/cleanup.h"

int map_each(struct bpf_map *map, int (*fn)(const void *key, void *value, void *arg), void *arg)
{
	size_t key_size = bpf_map__key_size(map), value_size = bpf_map__value_size(map);
	_cleanup_free_ unsigned char *keys = calloc(2, key_size);
	_cleanup_free_ void *value = NULL;
	unsigned char *key = NULL, *next;
	int fd = bpf_map__fd(map), err;

	if (bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_HASH ||
	    bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY)
		value_size = (value_size + 7) / 8 * 8 * (size_t)libbpf_num_possible_cpus();
	value = malloc(value_size);
	if (!keys || !value)
		return -ENOMEM;
	next = keys;
	while (!bpf_map_get_next_key(fd, key, next)) {
		if (!bpf_map_lookup_elem(fd, next, value)) {
			err = fn(next, value, arg);
			if (err)
				return err;
		}
		key = next;
		next = key == keys ? keys + key_size : keys;
	}
	return 0;
}
