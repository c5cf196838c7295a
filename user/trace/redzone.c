/* SPDX-License-Identifier: GPL-2.0-only */
/* Do probes leave the red zone alone? */
#include "trace/redzone.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "lib/cleanup.h"
#include "target/maps.h"
#include "trace/uprobe.h"

#define OWN_BINARY "/proc/self/exe"
#define CALLS      1000 /* the kernel replaces the nop after a few hits */
#define WAIT_MS    1000

/*
 * Returns how many of six words below the stack pointer a nop has changed. Aligned, because the
 * kernel replaces no nop that crosses a page.
 */
__attribute__((visibility("hidden"))) int redzone_trial(void);
extern const uint8_t redzone_nop[] __attribute__((visibility("hidden")));
__asm__(".pushsection .text\n"
	".p2align 7\n"
	".type redzone_trial, @function\n"
	"redzone_trial:\n\t"
	"xor %eax, %eax\n\t"
	"movabs $0x5a5aa5a5c3c33c3c, %rdx\n\t"
	".irp at, 8, 16, 24, 32, 40, 128\n\t"
	"mov %rdx, -\\at(%rsp)\n\t"
	".endr\n"
	"redzone_nop:\n\t"
	".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n\t"
	".irp at, 8, 16, 24, 32, 40, 128\n\t"
	"xor %ecx, %ecx\n\t"
	"cmp %rdx, -\\at(%rsp)\n\t"
	"setne %cl\n\t"
	"add %ecx, %eax\n\t"
	".endr\n\t"
	"ret\n\t"
	".size redzone_trial, . - redzone_trial\n"
	".popsection\n");

/* What the child found; its exit status. */
enum verdict { SURVIVES, DAMAGED, NOT_PROBED };

/* In the child: waits for the probe, then calls. */
static enum verdict try_calls(int go)
{
	const volatile uint8_t *nop = redzone_nop;
	char byte;
	int damaged = 0;

	if (read(go, &byte, 1) != 1)
		return NOT_PROBED;
	if (*nop == 0x0f)
		return NOT_PROBED; /* no breakpoint stands there */
	for (int i = 0; i < CALLS; i++)
		damaged += redzone_trial();
	return damaged ? DAMAGED : SURVIVES;
}

static int nop_offset(unsigned long *ret) /* NOLINT: the places hold a plain pointer */
{
	uint64_t addr = (uint64_t)(uintptr_t)redzone_nop;
	mapping_vec maps = {};
	int err = maps_read_pid((uint32_t)getpid(), &maps);
	const struct mapping *m = err ? NULL : maps_find(&maps, addr);

	if (m)
		*ret = addr - m->start + m->offset;
	else if (!err)
		err = -ENOENT;
	maps_done(&maps);
	return err;
}

/* A probe in the child alone: by uprobe_multi, or where that is missing by a perf event. */
struct probe {
	int fd;
	struct bpf_link *link;
};

static int attach(struct bpf_program *prog, pid_t child, struct probe *p)
{
	unsigned long offset;
	struct uprobe_places place = { .path = OWN_BINARY, .offsets = &offset, .n = 1 };
	int err = nop_offset(&offset);

	if (err)
		return err;
	p->fd = uprobe_link_multi(prog, &place, false, (uint32_t)child);
	if (p->fd != -ENOTSUP)
		return p->fd < 0 ? p->fd : 0;
	p->link = bpf_program__attach_uprobe_opts(prog, child, OWN_BINARY, offset, NULL);
	return p->link ? 0 : -errno;
}

static void probe_done(struct probe *p)
{
	if (p->fd >= 0)
		close(p->fd);
	bpf_link__destroy(p->link);
}

/* The child's verdict; one that takes too long is ended. */
static enum verdict await(pid_t child, int done)
{
	struct pollfd end = { .fd = done, .events = POLLIN };
	int status;

	/* The pipe's other end closes with the child. */
	if (poll(&end, 1, WAIT_MS) != 1)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return NOT_PROBED;
	}
	return WIFEXITED(status) ? (enum verdict)WEXITSTATUS(status) : NOT_PROBED;
}

/* To the child: a byte lets it go. From it: the end of the file tells that it has ended. */
struct pipes {
	int go[2], done[2];
};

static void close_end(int *fd)
{
	cleanup_close(fd);
	*fd = -1;
}

static void pipes_done(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		close_end(&p->go[i]);
		close_end(&p->done[i]);
	}
}

static pid_t start_child(struct pipes *p)
{
	pid_t child;

	if (pipe2(p->go, O_CLOEXEC) || pipe2(p->done, O_CLOEXEC))
		return -1;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close_end(&p->go[1]); /* so that it reads the end when the parent closes its own */
		_exit((int)try_calls(p->go[0]));
	}
	close_end(&p->go[0]);
	close_end(&p->done[1]);
	return child;
}

bool redzone_survives(struct bpf_program *prog)
{
	_cleanup_(pipes_done) struct pipes pipes = { { -1, -1 }, { -1, -1 } };
	_cleanup_(probe_done) struct probe probe = { .fd = -1 };
	pid_t child = bpf_program__fd(prog) < 0 ? -1 : start_child(&pipes);

	if (child < 0)
		return false;
	if (attach(prog, child, &probe) || write(pipes.go[1], "", 1) != 1)
		close_end(&pipes.go[1]);
	return await(child, pipes.done[0]) == SURVIVES;
}
