/* SPDX-License-Identifier: GPL-2.0-only */
/* Control groups, in a made-up tree. */
#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/cgroup.h"

#define ID_A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_B "0123456789abffff0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

struct tree {
	char root[64];
	char path[PATH_MAX];
	uint64_t id;
};

static void add(const struct tree *t, const char *dir, const char *procs)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", t->root, dir);
	cr_assert(!mkdir(path, 0700) || errno == EEXIST);
	strcat(path, "/cgroup.procs");
	f = fopen(path, "w");
	cr_assert_not_null(f);
	fputs(procs, f);
	fclose(f);
}

static void build(struct tree *t)
{
	strcpy(t->root, "/tmp/pathbpf-cgroup-XXXXXX");
	cr_assert_not_null(mkdtemp(t->root));
	add(t, "", "1\n2\n");
	add(t, "/system.slice", "3\n");
	add(t, "/system.slice/ssh.service", "10\n11\n0\n");
	add(t, "/system.slice/ssh.service/deep", "12\n");
	add(t, "/system.slice/docker-" ID_A ".scope", "20\n");
	add(t, "/system.slice/docker-" ID_A ".scope/init", "21\n");
	add(t, "/docker", "");
	add(t, "/docker/" ID_B, "30\n");
	add(t, "/kubepods.slice", "");
	add(t, "/kubepods.slice/crio-conmon-" ID_C ".scope", "40\n");
	add(t, "/kubepods.slice/cri-containerd-" ID_C ".scope", "41\n");
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void destroy(const struct tree *t)
{
	nftw(t->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int find(struct tree *t, const char *spec)
{
	*t->path = '\0';
	t->id = 0;
	return cgroup_find_in(t->root, spec, &t->id, t->path, sizeof(t->path));
}

static void expect(struct tree *t, const char *spec, const char *dir)
{
	char path[PATH_MAX];
	struct stat st;
	int err = find(t, spec);

	snprintf(path, sizeof(path), "%s%s", t->root, dir);
	cr_assert_eq(err, 0, "'%s': %d", spec, err);
	cr_assert_str_eq(t->path, path);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(t->id, st.st_ino, "outside of cgroup2 the id is the inode number");
}

Test(cgroup, is_found_by_path)
{
	struct tree t;
	char absolute[PATH_MAX];

	build(&t);
	expect(&t, "system.slice/ssh.service", "/system.slice/ssh.service");
	expect(&t, "/system.slice/ssh.service", "/system.slice/ssh.service");
	expect(&t, "/system.slice/ssh.service/", "/system.slice/ssh.service");
	expect(&t, "/", "");
	expect(&t, "/sys/fs/cgroup/system.slice/ssh.service", "/system.slice/ssh.service");
	snprintf(absolute, sizeof(absolute), "%s/docker", t.root);
	expect(&t, absolute, "/docker");
	destroy(&t);
}

Test(cgroup, paths_do_not_lead_out_of_the_tree)
{
	struct tree t;
	char link[PATH_MAX];

	build(&t);
	snprintf(link, sizeof(link), "%s/link", t.root);
	cr_assert_eq(symlink("/tmp", link), 0);
	cr_assert_eq(find(&t, ".."), -ENOENT);
	cr_assert_eq(find(&t, "../../etc"), -ENOENT);
	cr_assert_eq(find(&t, "link"), -ENOENT);
	cr_assert_eq(find(&t, "/etc"), -ENOENT);
	cr_assert_eq(find(&t, "system.slice/cgroup.procs"), -ENOENT);
	cr_assert_eq(find(&t, "system.slice/cgroup.procs/x"), -ENOENT);
	cr_assert_eq(find(&t, ""), -ENOENT);
	cr_assert_eq(find(&t, "none"), -ENOENT);
	cr_assert_str_eq(t.path, "");
	destroy(&t);
}

Test(cgroup, is_found_by_container_id)
{
	struct tree t;

	build(&t);
	expect(&t, ID_A, "/system.slice/docker-" ID_A ".scope");
	expect(&t, "0123456789abcdef", "/system.slice/docker-" ID_A ".scope");
	expect(&t, "0123456789abf", "/docker/" ID_B);
	expect(&t, "cccccccccccc", "/kubepods.slice/cri-containerd-" ID_C ".scope");
	destroy(&t);
}

Test(cgroup, digits_must_fit_one_container)
{
	struct tree t;

	build(&t);
	cr_assert_eq(find(&t, "0123456789ab"), -ENOTUNIQ);
	cr_assert_eq(find(&t, "01234567890"), -ENOENT);
	cr_assert_eq(find(&t, "ccccccccccc"), -ENOENT, "11 digits are too few");
	cr_assert_eq(find(&t, "123456789abcdef0"), -ENOENT, "only the beginning counts");
	cr_assert_eq(find(&t, ID_C "c"), -ENOENT);
	destroy(&t);
}

Test(cgroup, results_that_do_not_fit_are_refused)
{
	struct tree t;
	char small[8] = "same";
	uint64_t id = 77;

	build(&t);
	cr_assert_eq(cgroup_find_in(t.root, "docker", &id, small, sizeof(small)), -ENAMETOOLONG);
	cr_assert_str_eq(small, "same");
	cr_assert_eq(id, 77);
	destroy(&t);
}

Test(cgroup, processes_are_gathered_from_the_whole_branch)
{
	static const uint32_t expected = 10 + 11 + 12;
	struct tree t;
	pid_vec pids = {};
	uint32_t sum = 0;

	build(&t);
	expect(&t, "system.slice/ssh.service", "/system.slice/ssh.service");
	cr_assert_eq(cgroup_pids(t.path, &pids), 0);
	vec_foreach (p, &pids)
		sum += *p;
	cr_assert_eq(pids.n, 3, "0, a process of another namespace, does not count");
	cr_assert_eq(sum, expected);
	cr_assert_eq(cgroup_pids("/tmp/pathbpf-none", &pids), -ENOENT);
	cr_assert_eq(pids.n, 3);
	vec_done(&pids);
	destroy(&t);
}

static int mount_of(const char *mountinfo, char *path, size_t size)
{
	FILE *f = fmemopen((void *)(uintptr_t)mountinfo, strlen(mountinfo), "r");
	int err = cgroup_mount(f, path, size);

	fclose(f);
	return err;
}

Test(cgroup, the_mount_is_found_in_mountinfo)
{
	static const char v1[] = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
	static const char hybrid[] =
	    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
	    "32 31 0:29 / /sys/fs/cgroup/cpu rw shared:5 - cgroup cgroup rw,cpu\n"
	    "41 31 0:38 / /sys/fs/my\\040cgroup\\134x rw shared:9 - cgroup2 cgroup2 rw\n";
	char path[64] = "same";

	cr_assert_eq(mount_of(v1, path, sizeof(path)), -ENODEV);
	cr_assert_str_eq(path, "same");
	cr_assert_eq(mount_of("41 31 - cgroup2 x\n", path, sizeof(path)), -ENODEV);
	cr_assert_eq(mount_of(hybrid, path, 8), -ENAMETOOLONG);
	cr_assert_str_eq(path, "same");
	cr_assert_eq(mount_of(hybrid, path, sizeof(path)), 0);
	cr_assert_str_eq(path, "/sys/fs/my cgroup\\x");
}

Test(cgroup, the_real_tree_has_kernfs_ids)
{
	char path[PATH_MAX];
	uint64_t id = 0;
	int err = cgroup_find("/", &id, path, sizeof(path));

	if (err == -ENODEV)
		cr_skip_test("no cgroup2 is mounted");
	cr_assert_eq(err, 0, "%d", err);
	cr_assert_gt(id, 0);
	cr_assert_eq(access(path, F_OK), 0);
}
