/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trials of uprobes, on a function of ours. Removing a uprobe waits for grace periods, some 40 ms
 * as a BPF link and 100 ms as a perf event on 6.18, so only one is really set: through
 * uprobe_multi, or where that is missing as a perf event. The rest asks the kernel in a way that
 * it refuses late.
 */
#include "trace/features_probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "target/maps.h"
#include "trace/features_insn.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

/* Newer than the headers of the libbpf that we build with. */
#define ATTACH_UPROBE_MULTI   48
#define ATTACH_UPROBE_SESSION 57

#define OWN_BINARY "/proc/self/exe"

/* bpf(BPF_LINK_CREATE) as far as uprobe_multi uses it. */
struct uprobe_multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

/* Where the probe goes. Its body keeps the compiler from folding the call. */
__attribute__((noinline, noclone)) static int site(int value)
{
	__asm__ volatile("" : "+r"(value));
	return value + 1;
}

/* The site's offset in our executable; 0 or a negative errno. */
static int site_offset(uint64_t *ret)
{
	uint64_t addr = (uint64_t)(uintptr_t)site;
	mapping_vec maps = {};
	const struct mapping *m;
	int err;

	err = maps_read_pid((uint32_t)getpid(), &maps);
	m = err ? NULL : maps_find(&maps, addr);
	if (m)
		*ret = addr - m->start + m->offset;
	else if (!err)
		err = -ENOENT;
	maps_done(&maps);
	return err;
}

static int link_multi(int prog, uint32_t attach, const char *path, uint64_t offset)
{
	unsigned long offsets[] = { offset };
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)prog,
		.attach_type = attach,
		.path = (uint64_t)(uintptr_t)path,
		.offsets = (uint64_t)(uintptr_t)offsets,
		.cnt = 1,
		.pid = (uint32_t)getpid(),
	};
	int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

/* Loads a uprobe program that counts its runs in element 0 of an array. */
static int load_counter(int map, uint32_t attach)
{
	const struct bpf_insn insns[] = {
		INSN_STORE64_IMM(BPF_REG_10, -8, 0),
		INSN_MOV(BPF_REG_2, BPF_REG_10),
		INSN_ADD_IMM(BPF_REG_2, -8),
		INSN_MAP_LOW(BPF_REG_1, map),
		INSN_MAP_HIGH,
		INSN_CALL(BPF_FUNC_map_lookup_elem),
		INSN_JUMP_ZERO(BPF_REG_0, 3),
		INSN_LOAD64(BPF_REG_1, BPF_REG_0, 0),
		INSN_ADD_IMM(BPF_REG_1, 1),
		INSN_STORE64(BPF_REG_0, BPF_REG_1, 0),
		INSN_MOV_IMM(BPF_REG_0, 0),
		INSN_EXIT,
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "pb_try", "GPL", insns, ARRAY_LEN(insns), &opts);
}

/*
 * 0 when the kernel knows this kind of link: it looks at the attach type before the path, and "/"
 * is no regular file (EBADF).
 */
static int ask_multi(uint32_t attach)
{
	_cleanup_close_ int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pb_try", 4, 8, 1, NULL);
	_cleanup_close_ int prog = -1, link = -1;

	if (map < 0)
		return map;
	prog = load_counter(map, attach);
	if (prog < 0)
		return prog;
	link = link_multi(prog, attach, "/", 0);
	return link == -EBADF ? 0 : link;
}

/* Attaches to the site, calls it, and looks whether the program ran. */
static int hit_multi(struct probe *p)
{
	_cleanup_close_ int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pb_try", 4, 8, 1, NULL);
	_cleanup_close_ int prog = -1, link = -1;
	uint64_t offset, hits = 0;
	uint32_t key = 0;
	int err;

	if (map < 0)
		return map;
	err = site_offset(&offset);
	if (err)
		return err;
	prog = load_counter(map, ATTACH_UPROBE_MULTI);
	if (prog < 0)
		return prog;
	link = link_multi(prog, ATTACH_UPROBE_MULTI, OWN_BINARY, offset);
	if (link < 0)
		return link;
	site(1);
	err = bpf_map_lookup_elem(map, &key, &hits);
	if (err || hits != 1)
		return probe_fail(p, -EIO, "it attaches, but %" PRIu64 " of 1 call was seen", hits);
	p->uprobes = true;
	return 0;
}

int probe_uprobe_multi(struct probe *p)
{
	int err = ask_multi(ATTACH_UPROBE_MULTI);

	if (err == -EINVAL)
		return probe_fail(p, err, "this kernel lacks it (6.6 has it)");
	return err ? err : hit_multi(p);
}

int probe_uprobe_session(struct probe *p)
{
	int err = ask_multi(ATTACH_UPROBE_SESSION);

	if (err == -EINVAL)
		return probe_fail(p, err, "this kernel lacks it (6.13 has it)");
	return err;
}

static int open_uprobe(uint32_t type, const char *path, uint64_t offset)
{
	struct perf_event_attr attr = {
		.type = type,
		.size = sizeof(attr),
		.config1 = (uint64_t)(uintptr_t)path,
		.config2 = offset,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int hit_uprobe(struct probe *p, uint32_t type)
{
	_cleanup_close_ int fd = -1;
	uint64_t offset, hits = 0;
	int err = site_offset(&offset);

	if (err)
		return err;
	fd = open_uprobe(type, OWN_BINARY, offset);
	if (fd < 0)
		return fd;
	site(1);
	if (read(fd, &hits, sizeof(hits)) != sizeof(hits) || hits != 1)
		return probe_fail(p, -EIO, "it attaches, but %" PRIu64 " of 1 call was seen", hits);
	return 0;
}

/* Call it after probe_uprobe_multi(). */
int probe_uprobe(struct probe *p)
{
	long type = probe_read_long("/sys/bus/event_source/devices/uprobe/type");
	int err;

	if (type < 0)
		return probe_fail(p, -ENOENT, "this kernel was built without CONFIG_UPROBE_EVENTS");
	/* Uprobes work, so ask for privilege only: it is checked before the file is looked for. */
	if (p->uprobes)
		err = open_uprobe((uint32_t)type, "/proc/self/exe/none", 0);
	else
		err = hit_uprobe(p, (uint32_t)type);
	if (p->uprobes && (err == -ENOENT || err == -ENOTDIR))
		return 0;
	if (err == -EACCES || err == -EPERM)
		return probe_fail(p, err, "needs CAP_SYS_ADMIN (CAP_PERFMON before 6.15)");
	return err;
}
