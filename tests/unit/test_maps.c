/* SPDX-License-Identifier: GPL-2.0-only */
/* Executable mappings, from made-up text and from this process. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/maps.h"

static int read_string(const char *text, mapping_vec *ret)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int err = maps_read(f, ret);

	fclose(f);
	return err;
}

Test(maps, keeps_executable_mappings_with_all_fields)
{
	mapping_vec maps = {};

	cr_assert_eq(
	    read_string("55d0a0000000-55d0a0001000 r--p 00000000 08:02 99 /bin/x\n"
			"55d0a0001000-55d0a0003000 r-xp 00001000 08:02 18446744073709551615"
			"                 /bin/my prog\n"
			"7ffd1000-7ffd2000 rw-p 00000000 00:00 0                  [stack]\n"
			"7ffd3000-7ffd5000 r-xp 00000000 00:00 0                  [vdso]\n"
			"ffff0000-ffff1000 rwxp 00000000 00:00 0 \n",
			&maps),
	    0);
	cr_assert_eq(maps.n, 3);
	cr_assert_str_eq(maps.v[0].path, "[vdso]");
	cr_assert_str_eq(maps.v[1].path, "");
	cr_assert_eq(maps.v[1].ino, 0);
	cr_assert_eq(maps.v[2].start, 0x55d0a0001000);
	cr_assert_eq(maps.v[2].end, 0x55d0a0003000);
	cr_assert_eq(maps.v[2].offset, 0x1000);
	cr_assert_eq(maps.v[2].dev, makedev(8, 2));
	cr_assert_eq(maps.v[2].ino, UINT64_MAX);
	cr_assert_str_eq(maps.v[2].path, "/bin/my prog");
	cr_assert_not(maps.v[2].deleted);
	maps_done(&maps);
	cr_assert_null(maps.v);
}

Test(maps, undoes_what_the_kernel_does_to_paths)
{
	mapping_vec maps = {};

	cr_assert_eq(read_string("1000-2000 r-xp 0 08:02 1 /a\\012b (deleted)\n"
				 "2000-3000 r-xp 0 08:02 1 /memfd: (deleted) (deleted)\n"
				 "3000-4000 r-xp 0 08:02 1 /a\\013\\01\n"
				 "4000-5000 r-xp 0 08:02 1  (deleted)",
				 &maps),
		     0);
	cr_assert_eq(maps.n, 4);
	cr_assert_str_eq(maps.v[0].path, "/a\nb");
	cr_assert(maps.v[0].deleted);
	cr_assert_str_eq(maps.v[1].path, "/memfd: (deleted)");
	cr_assert_str_eq(maps.v[2].path, "/a\\013\\01");
	cr_assert_not(maps.v[2].deleted);
	cr_assert_str_eq(maps.v[3].path, "(deleted)");
	maps_done(&maps);
}

struct broken {
	char line[96];
};

ParameterizedTestParameters(maps, broken_lines_are_skipped)
{
	static struct broken cases[] = {
		{ "" },
		{ "1000" },
		{ "1000-" },
		{ "1000-2000" },
		{ "1000-2000 r-x" },
		{ "1000-2000 r-xp" },
		{ "1000-2000 r-xp " },
		{ "1000-2000 r-xp 0 08:02" },
		{ "1000-2000 r-xp 0 0802 1 /x" },
		{ "1000-2000 r-xp 0 08:02 x /x" },
		{ "1000-2000 r-xp 0 08:02 1/x" },
		{ "2000-1000 r-xp 0 08:02 1 /x" },
		{ "1000-1000 r-xp 0 08:02 1 /x" },
		{ "-2000 r-xp 0 08:02 1 /x" },
		{ " 1000-2000 r-xp 0 08:02 1 /x" },
		{ "0x1000-2000 r-xp 0 08:02 1 /x" },
		{ "10000000000000000-20000000000000000 r-xp 0 08:02 1 /x" },
		{ "1000-2000 r-xp 0 08:02 18446744073709551616 /x" },
		{ "1000-2000 r-xp 0 100000000:02 1 /x" },
		{ "1000-2000  r-xp 0 08:02 1 /x" },
	};

	return cr_make_param_array(struct broken, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct broken *c, maps, broken_lines_are_skipped)
{
	mapping_vec maps = {};
	char text[256];

	snprintf(text, sizeof(text), "%s\n8000-9000 r-xp 0 08:02 1 /ok\n", c->line);
	cr_assert_eq(read_string(text, &maps), 0);
	cr_assert_eq(maps.n, 1, "'%s'", c->line);
	cr_assert_eq(maps.v[0].start, 0x8000);
	maps_done(&maps);
}

Test(maps, find_knows_both_ends)
{
	mapping_vec maps = {};

	cr_assert_null(maps_find(&maps, 0));
	cr_assert_eq(
	    read_string("5000-6000 r-xp 0 08:02 1 /b\n1000-2000 r-xp 0 08:02 1 /a\n", &maps), 0);
	cr_assert_null(maps_find(&maps, 0xfff));
	cr_assert_str_eq(maps_find(&maps, 0x1000)->path, "/a");
	cr_assert_str_eq(maps_find(&maps, 0x1fff)->path, "/a");
	cr_assert_null(maps_find(&maps, 0x2000));
	cr_assert_str_eq(maps_find(&maps, 0x5000)->path, "/b");
	cr_assert_null(maps_find(&maps, 0x6000));
	cr_assert_null(maps_find(&maps, UINT64_MAX));
	maps_done(&maps);
}

/* Maps a page of a file executable, and gives the mapping as /proc shows it. */
static struct mapping *map_file(int fd, mapping_vec *maps)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	cr_assert_neq(p, MAP_FAILED);
	cr_assert_eq(maps_read_pid((uint32_t)getpid(), maps), 0);
	return (struct mapping *)(uintptr_t)maps_find(maps, (uint64_t)(uintptr_t)p);
}

static int make_file(char *path)
{
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, 4096), 0);
	return fd;
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	cr_assert_eq(fstat(a, &x), 0);
	cr_assert_eq(fstat(b, &y), 0);
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

Test(maps, opens_the_file_behind_a_mapping)
{
	char path[] = "/tmp/pathbpf-maps-XXXXXX", reach[PATH_MAX];
	int fd = make_file(path), opened;
	mapping_vec maps = {};
	struct mapping *m = map_file(fd, &maps);

	cr_assert_not_null(m);
	cr_assert_str_eq(m->path, path);
	opened = maps_open((uint32_t)getpid(), m);
	cr_assert_geq(opened, 0, "%d", opened);
	cr_assert(same_file(fd, opened));
	close(opened);
	cr_assert_eq(maps_path((uint32_t)getpid(), m, reach, sizeof(reach)), 0);
	opened = open(reach, O_RDONLY);
	cr_assert(same_file(fd, opened));
	close(opened);
	cr_assert_eq(maps_path((uint32_t)getpid(), m, reach, 8), -ENAMETOOLONG);
	/* When the mapping has moved, the path still leads to the file. */
	m->start += 4096 * 1024;
	m->end += 4096 * 1024;
	opened = maps_open((uint32_t)getpid(), m);
	cr_assert_geq(opened, 0, "%d", opened);
	cr_assert(same_file(fd, opened));
	close(opened);
	unlink(path);
	close(fd);
	maps_done(&maps);
}

Test(maps, never_opens_another_file_of_the_same_name)
{
	char path[] = "/tmp/pathbpf-maps-XXXXXX";
	int fd = make_file(path), other, opened;
	mapping_vec maps = {};
	struct mapping *m = map_file(fd, &maps);

	unlink(path);
	other = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	cr_assert_eq(ftruncate(other, 4096), 0);
	m->start += 4096 * 1024; /* map_files cannot help */
	m->end += 4096 * 1024;
	opened = maps_open((uint32_t)getpid(), m);
	cr_assert_eq(opened, -ESTALE, "%d", opened);
	unlink(path);
	close(other);
	close(fd);
	maps_done(&maps);
}

Test(maps, does_not_wait_on_a_fifo, .timeout = 5)
{
	char path[] = "/tmp/pathbpf-maps-XXXXXX";
	int fd = make_file(path);
	struct mapping m = { .start = 0x1000, .end = 0x2000, .ino = 1, .path = path };

	close(fd);
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(maps_open((uint32_t)getpid(), &m), -EINVAL);
	unlink(path);
}

Test(maps, anonymous_memory_has_no_file)
{
	struct mapping m = { .start = 0x1000, .end = 0x2000, .path = (char[]){ "[vdso]" } };
	char path[64];

	cr_assert_eq(maps_open((uint32_t)getpid(), &m), -ENOENT);
	cr_assert_eq(maps_path((uint32_t)getpid(), &m, path, sizeof(path)), -ENOENT);
}

Test(maps, a_process_that_has_gone_is_told)
{
	mapping_vec maps = {};
	pid_t child = fork();

	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	cr_assert_eq(maps_read_pid((uint32_t)child, &maps), -ESRCH);
	cr_assert_eq(maps.n, 0);
}

Test(maps, finds_this_code)
{
	mapping_vec maps = {};
	char exe[PATH_MAX] = "";
	const struct mapping *m;

	cr_assert_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	cr_assert_eq(maps_read_pid((uint32_t)getpid(), &maps), 0);
	m = maps_find(&maps, (uint64_t)(uintptr_t)read_string);
	cr_assert_not_null(m);
	cr_assert_str_eq(m->path, exe);
	maps_done(&maps);
}
