/* SPDX-License-Identifier: GPL-2.0-only */
/* Trials of BPF programs and maps: hand-assembled, loaded, attached for a moment, dropped. */
#include "trace/features_probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "trace/features_insn.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

static int load(enum bpf_prog_type type, const struct bpf_prog_load_opts *opts)
{
	static const struct bpf_insn insns[] = { INSN_MOV_IMM(BPF_REG_0, 0), INSN_EXIT };

	return bpf_prog_load(type, "pb_try", "GPL", insns, ARRAY_LEN(insns), opts);
}

int probe_btf(struct probe *p)
{
	static const char path[] = "/sys/kernel/btf/vmlinux";

	if (access(path, R_OK)) {
		if (errno == ENOENT)
			return probe_fail(p, -ENOENT,
					  "this kernel was built without CONFIG_DEBUG_INFO_BTF");
		return -errno;
	}
	p->btf = btf__parse(path, NULL);
	return p->btf ? 0 : probe_fail(p, -errno, "%s cannot be read as BTF", path);
}

int probe_bpf(struct probe *p)
{
	_cleanup_close_ int fd = load(BPF_PROG_TYPE_TRACEPOINT, NULL);
	long disabled;

	if (fd >= 0)
		return 0;
	if (fd == -ENOSYS)
		return probe_fail(p, fd, "this kernel was built without bpf()");
	if (fd != -EPERM && fd != -EACCES)
		return fd;
	disabled = probe_read_long("/proc/sys/kernel/unprivileged_bpf_disabled");
	if (disabled < 0)
		return probe_fail(p, fd, "needs CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN");
	return probe_fail(p, fd,
			  "needs CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN "
			  "(kernel.unprivileged_bpf_disabled=%ld)",
			  disabled);
}

int probe_ringbuf(struct probe *p)
{
	_cleanup_close_ int fd = -1;

	(void)p;
	fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "pb_try", 0, 0, (__u32)sysconf(_SC_PAGESIZE),
			    NULL);
	return fd < 0 ? fd : 0;
}

int probe_task_storage(struct probe *p)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	struct btf *btf = btf__new_empty();
	_cleanup_close_ int fd = -1;
	int err, type;

	(void)p;
	if (!btf)
		return -errno;
	/* Local storage wants its key and value described: both are an int. */
	type = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	err = type < 0 ? type : btf__load_into_kernel(btf);
	if (!err) {
		opts.btf_fd = (__u32)btf__fd(btf);
		opts.btf_key_type_id = opts.btf_value_type_id = (__u32)type;
		fd = bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "pb_try", 4, 4, 0, &opts);
		err = fd < 0 ? fd : 0;
	}
	btf__free(btf);
	return err;
}

/* The kernel's type ID of a function or, for tracepoints, a typedef. */
static int type_id(struct probe *p, const char *name, uint32_t kind)
{
	int id;

	if (!p->btf)
		return probe_fail(p, -ENODATA, "not tried: it needs BTF");
	id = btf__find_by_name_kind(p->btf, name, kind);
	return id < 0 ? probe_fail(p, id, "the kernel's BTF has no '%s'", name) : id;
}

/* Loads a tracing program for a type of the kernel's, attaches and drops it. */
static int try_tracing(struct probe *p, enum bpf_attach_type attach, const char *name,
		       uint32_t kind)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);
	_cleanup_close_ int prog = -1, link = -1;
	int id = type_id(p, name, kind);

	if (id < 0)
		return id;
	opts.attach_btf_id = (__u32)id;
	prog = load(BPF_PROG_TYPE_TRACING, &opts);
	if (prog < 0)
		return prog;
	link = bpf_raw_tracepoint_open(NULL, prog);
	return link < 0 ? link : 0;
}

int probe_tp_btf(struct probe *p)
{
	return try_tracing(p, BPF_TRACE_RAW_TP, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
}

/* A function that the kernel has for such tests and seldom calls. */
int probe_fentry(struct probe *p)
{
	return try_tracing(p, BPF_TRACE_FENTRY, "bpf_fentry_test1", BTF_KIND_FUNC);
}

static int try_raw_tp(const char *name)
{
	_cleanup_close_ int prog = load(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL), link = -1;

	if (prog < 0)
		return prog;
	link = bpf_raw_tracepoint_open(name, prog);
	return link < 0 ? link : 0;
}

int probe_raw_tp(struct probe *p)
{
	(void)p;
	return try_raw_tp("sched_switch");
}

int probe_syscalls(struct probe *p)
{
	int err = try_raw_tp("sys_enter");

	if (err == -ENOENT)
		return probe_fail(p, err, "this kernel was built without CONFIG_FTRACE_SYSCALLS");
	return err;
}

int probe_loop(struct probe *p)
{
	int known = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL);

	if (known > 0)
		return 0;
	return known ? known : probe_fail(p, -EINVAL, "this kernel lacks the helper (5.17 has it)");
}

static int iter_opts(struct probe *p, struct bpf_prog_load_opts *opts)
{
	int id = type_id(p, "bpf_iter_task", BTF_KIND_FUNC);

	if (id < 0)
		return id;
	opts->expected_attach_type = BPF_TRACE_ITER;
	opts->attach_btf_id = (__u32)id;
	return 0;
}

int probe_task_iter(struct probe *p)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	_cleanup_close_ int prog = -1, link = -1, iter = -1;
	int err = iter_opts(p, &opts);

	if (err)
		return err;
	prog = load(BPF_PROG_TYPE_TRACING, &opts);
	if (prog < 0)
		return prog;
	link = bpf_link_create(prog, 0, BPF_TRACE_ITER, NULL);
	if (link < 0)
		return link;
	iter = bpf_iter_create(link);
	return iter < 0 ? iter : 0;
}

/* Loads a sleepable iterator that reads 8 bytes of each task's memory; it is never run. */
int probe_copy_task(struct probe *p)
{
	static const struct bpf_insn insns[] = {
		INSN_LOAD64(BPF_REG_6, BPF_REG_1, 8), /* bpf_iter__task.task, NULL at the end */
		INSN_JUMP_ZERO(BPF_REG_6, 7),         INSN_MOV(BPF_REG_1, BPF_REG_10),
		INSN_ADD_IMM(BPF_REG_1, -8),          INSN_MOV_IMM(BPF_REG_2, 8),
		INSN_MOV_IMM(BPF_REG_3, 0),           INSN_MOV(BPF_REG_4, BPF_REG_6),
		INSN_MOV_IMM(BPF_REG_5, 0),           INSN_CALL(BPF_FUNC_copy_from_user_task),
		INSN_MOV_IMM(BPF_REG_0, 0),           INSN_EXIT,
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_SLEEPABLE);
	_cleanup_close_ int prog = -1;
	int err = iter_opts(p, &opts);

	if (err)
		return err;
	prog =
	    bpf_prog_load(BPF_PROG_TYPE_TRACING, "pb_try", "GPL", insns, ARRAY_LEN(insns), &opts);
	return prog < 0 ? prog : 0;
}
