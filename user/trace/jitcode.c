/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of code that a process compiled at run time, from what it writes for perf. */
#include "trace/jitcode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/path.h"
#include "sym/jitdump.h"
#include "sym/perfmap.h"

/* How often the files are looked for, */
#define UNKNOWN_NS 250000000ULL  /* because an address is not known */
#define KNOWN_NS   1000000000ULL /* because they may be others by now */

struct jitcode {
	uint32_t pid;
	struct codemap *map, *dumped; /* of the perf map, of the dump */
	FILE *perfmap;
	dev_t dev;
	ino_t ino;
	uint64_t perfmap_offset;
	int dump_fd;
	bool dump_tried; /* to open the mapping that begins at */
	uint64_t dump_start;
	struct jitdump dump;
	uint64_t looked_ns;        /* when the files were looked for */
	uint64_t read_ns;          /* when they were read to their ends, of which these are … */
	off_t map_size, dump_size; /* … the sizes */
	bool complete;             /* read for the last time */
};

void jitcode_free(struct jitcode *j)
{
	if (!j)
		return;
	codemap_free(j->map);
	codemap_free(j->dumped);
	cleanup_fclose(&j->perfmap);
	cleanup_close(&j->dump_fd);
	free(j);
}

int jitcode_new(uint32_t pid, struct jitcode **ret)
{
	_cleanup_(jitcode_freep) struct jitcode *j = calloc(1, sizeof(*j));
	int err;

	if (!j)
		return -ENOMEM;
	j->pid = pid;
	j->dump_fd = -1;
	err = codemap_new(&j->map);
	err = err ? err : codemap_new(&j->dumped);
	if (err)
		return err;
	*ret = TAKE_PTR(j);
	return 0;
}

/* The map is named after the PID in the target's own namespace, and lies in its own /tmp. */
static FILE *open_perfmap(uint32_t pid)
{
	char line[256], path[96];
	_cleanup_fclose_ FILE *status = NULL;
	uint32_t own = pid;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		const char *last = strrchr(line, '\t');

		if (!strncmp(line, "NSpid:", 6) && last)
			own = (uint32_t)strtoul(last, NULL, 10);
	}
	if (status)
		snprintf(path, sizeof(path), "/proc/%" PRIu32 "/root/tmp/perf-%" PRIu32 ".map", pid,
			 own);
	else /* it has gone; if it ran among us, its map is still there */
		snprintf(path, sizeof(path), "/tmp/perf-%" PRIu32 ".map", pid);
	return fopen(path, "re");
}

/* The file under that name, which may have been replaced; one that was removed stays open. */
static void look_for_perfmap(struct jitcode *j)
{
	_cleanup_fclose_ FILE *f = open_perfmap(j->pid);
	struct stat st;

	if (!f || fstat(fileno(f), &st) || !S_ISREG(st.st_mode))
		return;
	if (j->perfmap && st.st_dev == j->dev && st.st_ino == j->ino) {
		if ((uint64_t)st.st_size < j->perfmap_offset)
			j->perfmap_offset = j->map_size = 0; /* begun anew: later lines win */
		return;
	}
	cleanup_fclose(&j->perfmap);
	j->perfmap = TAKE_PTR(f);
	j->dev = st.st_dev;
	j->ino = st.st_ino;
	j->perfmap_offset = j->map_size = 0;
}

/* "jit-PID.dump", in whatever folder. */
static bool is_dump(const struct mapping *m)
{
	const char *name = m->path ? path_last(m->path) : "";
	unsigned int pid;
	int end = 0;

	return sscanf(name, "jit-%u.dump%n", &pid, &end) == 1 && end && !name[end];
}

static void look_for_dump(struct jitcode *j, const mapping_vec *maps)
{
	vec_foreach (m, maps) {
		if (!is_dump(m) || (j->dump_tried && j->dump_start == m->start))
			continue;
		cleanup_close(&j->dump_fd);
		j->dump_fd = maps_open(j->pid, m);
		j->dump_tried = true;
		j->dump_start = m->start;
		j->dump = (struct jitdump){};
		j->dump_size = 0;
		return;
	}
}

static bool has_grown(int fd, off_t *size)
{
	struct stat st;
	bool grown = fd >= 0 && !fstat(fd, &st) && st.st_size != *size;

	if (grown)
		*size = st.st_size;
	return grown;
}

/* Reads what was written since the last time. */
static void read_on(struct jitcode *j, uint64_t now_ns)
{
	j->read_ns = now_ns;
	if (j->perfmap && has_grown(fileno(j->perfmap), &j->map_size))
		perfmap_read(j->perfmap, &j->perfmap_offset, j->map);
	if (has_grown(j->dump_fd, &j->dump_size))
		jitdump_read(&j->dump, j->dump_fd, now_ns, j->dumped);
}

static void look_again(struct jitcode *j, const mapping_vec *maps, uint64_t now_ns)
{
	j->looked_ns = now_ns;
	look_for_perfmap(j);
	look_for_dump(j, maps);
	read_on(j, now_ns);
}

/* A dump tells times, and lines. */
static bool find(const struct jitcode *j, uint64_t addr, uint64_t time_ns, struct code_place *ret)
{
	return codemap_find(j->dumped, addr, time_ns, ret) ||
	       codemap_find(j->map, addr, time_ns, ret);
}

bool jitcode_find(struct jitcode *j, const mapping_vec *maps, uint64_t addr, uint64_t time_ns,
		  struct code_place *ret)
{
	uint64_t now_ns = clock_monotonic_ns(), since = now_ns - j->looked_ns;

	if (since >= KNOWN_NS)
		look_again(j, maps, now_ns);
	else if (time_ns > j->read_ns)
		read_on(j, now_ns);
	if (find(j, addr, time_ns, ret))
		return true;
	if (since < UNKNOWN_NS || since >= KNOWN_NS)
		return false;
	look_again(j, maps, now_ns);
	return find(j, addr, time_ns, ret);
}

bool jitcode_find_last(struct jitcode *j, const mapping_vec *maps, uint64_t addr,
		       struct code_place *ret)
{
	if (!j->complete)
		look_again(j, maps, clock_monotonic_ns());
	j->complete = true;
	return find(j, addr, UINT64_MAX, ret);
}
