/* SPDX-License-Identifier: GPL-2.0-only */
/* Trials of /proc, /sys and privileges, and where we run. */
#include "trace/features_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "target/cgroup.h"
#include "target/maps.h"
#include "target/proc.h"

#define INITIAL_PIDNS 0xeffffffcu /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

long probe_read_long(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	long value;

	if (!f)
		return -errno;
	return fscanf(f, "%ld", &value) == 1 ? value : -EIO;
}

/* Is there an address other than 0 among the first symbols? */
int probe_kallsyms(struct probe *p)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/kallsyms", "re");
	char line[512];

	if (!f && errno == ENOENT)
		return probe_fail(p, -ENOENT, "this kernel was built without CONFIG_KALLSYMS");
	if (!f)
		return -errno;
	for (int i = 0; i < 2000 && fgets(line, sizeof(line), f); i++)
		if (strtoull(line, NULL, 16))
			return 0;
	return probe_fail(p, -ENOENT, "addresses are hidden (kernel.kptr_restrict=%ld)",
			  probe_read_long("/proc/sys/kernel/kptr_restrict"));
}

int probe_schedstat(struct probe *p)
{
	uint64_t cpu, runq;
	uint32_t pid = (uint32_t)getpid();
	int err = proc_schedstat(pid, pid, &cpu, &runq);

	if (err == -ENOENT)
		return probe_fail(p, err, "this kernel was built without CONFIG_SCHED_INFO");
	return err;
}

/* Has the process memory that we may look at? */
static bool can_look(uint32_t pid)
{
	_cleanup_close_ int fd = -1;
	char path[32], byte;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &byte, 1) == 1;
}

static bool is_foreign(uint32_t pid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
	return !stat(path, &st) && st.st_uid != geteuid();
}

/* 1 when the effective set has the capability, 0 when not, or a negative errno. */
static int has_capability(unsigned int capability)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t set;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %" SCNx64, &set) == 1)
			return set >> capability & 1;
	return -ENODATA;
}

/* PID 1 is root's; where even root is kept from it, a process of some other user decides. */
int probe_ptrace(struct probe *p)
{
	pid_vec pids = {};
	bool found = can_look(1);

	if (!found && !proc_list(&pids))
		for (size_t i = 0; i < pids.n && !found; i++)
			found = is_foreign(pids.v[i]) && can_look(pids.v[i]);
	vec_done(&pids);
	if (found)
		return 0;
	if (has_capability(CAP_SYS_PTRACE) == 1)
		return probe_fail(
		    p, -ENODATA,
		    "PID 1 is closed to us, and no other user's process is there to try");
	return probe_fail(p, -EPERM, "needs CAP_SYS_PTRACE");
}

/* Opens the file behind some mapping of our own. */
int probe_map_files(struct probe *p)
{
	_cleanup_close_ int fd = -1;
	const struct mapping *m = NULL;
	mapping_vec maps = {};
	char path[64];
	int err;

	err = maps_read_pid((uint32_t)getpid(), &maps);
	for (size_t i = 0; !m && !err && i < maps.n; i++)
		if (maps.v[i].ino)
			m = &maps.v[i];
	if (!m) {
		maps_done(&maps);
		return err ? err : -ENODATA;
	}
	snprintf(path, sizeof(path), "/proc/self/map_files/%" PRIx64 "-%" PRIx64, m->start, m->end);
	maps_done(&maps);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return 0;
	if (errno == EPERM || errno == EACCES)
		return probe_fail(p, -errno, "needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN");
	return -errno;
}

int probe_cgroup2(struct probe *p)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	char path[PATH_MAX];
	int err;

	if (!f)
		return -errno;
	err = cgroup_mount(f, path, sizeof(path));
	return err == -ENODEV ? probe_fail(p, err, "no cgroup2 file system is mounted here") : err;
}

int probe_initial_pidns(struct probe *p)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st))
		return probe_fail(p, -ENODATA, "this kernel does not show PID namespaces");
	if (st.st_ino == INITIAL_PIDNS)
		return 0;
	return probe_fail(p, -EXDEV, "PIDs here are not those that the kernel's events carry");
}

int probe_no_container(struct probe *p)
{
	static const char *const marks[] = { "docker", "kubepods", "containerd", "libpod", "lxc" };
	static const char *const files[] = { "/.dockerenv", "/run/.containerenv" };
	_cleanup_fclose_ FILE *f = NULL;
	char line[512];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (!access(files[i], F_OK))
			return probe_fail(p, -EXDEV, "this looks like a container: there is %s",
					  files[i]);
	if (getenv("container"))
		return probe_fail(p, -EXDEV, "this looks like a container: $container is set");
	f = fopen("/proc/1/cgroup", "re");
	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
			if (strstr(line, marks[i]))
				return probe_fail(p, -EXDEV, "we run in a container (%s)",
						  marks[i]);
	return 0;
}

/* "none [integrity] confidentiality": the one in brackets holds. */
int probe_no_lockdown(struct probe *p)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char line[128];

	if (!f || !fgets(line, sizeof(line), f))
		return probe_fail(p, -ENODATA, "the kernel does not say (no lockdown, or hidden)");
	if (strstr(line, "[confidentiality]"))
		return probe_fail(p, -EPERM, "it is locked down: BPF may not read memory");
	return 0;
}

int probe_sys_resource(struct probe *p)
{
	int has = has_capability(CAP_SYS_RESOURCE);

	return has > 0 ? 0 : has < 0 ? has : probe_fail(p, -EPERM, "this process has it not");
}
