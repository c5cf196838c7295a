/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that changes, and code that reads and writes it. text_neighbour() and text_patched() share a
 * page of their own.
 *
 *   -how 0  before "ready", text_neighbour() is copied into memory of its own; both are called
 *   -how 1  before "ready", the page is replaced by an anonymous copy of itself, in place
 *   -how 2  after "go", the page is made writable and an operand in text_patched() changes, often
 *   -how 3  after "go", the page is mapped anew from the file, in place, often
 *   -how 4  after "go", the page's protection changes to and fro, often
 *   -how 5  after "go", the page is dropped (MADV_DONTNEED), and comes anew from the file
 *   -how 6  before "ready", an operand in the first instruction of text_patched() changes
 */
#include "tally.h"

#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE   4096UL
#define ROUNDS 40

/* Odd: five times n, plus 1; even: n ^ 0x55. */
uint64_t text_neighbour(uint64_t n);
/* n plus the low bytes of both operands, the first of which begins the function. */
uint64_t text_patched(uint64_t n);

#define HIDDEN __attribute__((visibility("hidden")))
extern char paged_begin[] HIDDEN, patched_first[] HIDDEN, patched_later[] HIDDEN;

__asm__(".section .text.paged, \"ax\", @progbits\n"
	".balign 4096\n"
	"paged_begin:\n"
	".type text_neighbour, @function\n"
	"text_neighbour:\n"
	"	.cfi_startproc\n"
	"	push %rbp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	mov %rsp, %rbp\n"
	"	test $1, %dil\n"
	"	jz 1f\n"
	"	lea 1(%rdi,%rdi,4), %rax\n"
	"	pop %rbp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"1:	mov %rdi, %rax\n"
	"	xor $0x55, %rax\n"
	"	pop %rbp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size text_neighbour, . - text_neighbour\n"
	".type text_patched, @function\n"
	"text_patched:\n"
	"	.cfi_startproc\n"
	"	mov $0x1200, %eax\n"
	"patched_first = . - 4\n"
	"	push %rbx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	lea (%rdi), %rbx\n"
	"	mov $0x3400, %ecx\n"
	"patched_later = . - 4\n"
	"	movzbl %al, %eax\n"
	"	movzbl %cl, %ecx\n"
	"	add %rcx, %rax\n"
	"	add %rbx, %rax\n"
	"	pop %rbx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size text_patched, . - text_patched\n"
	".balign 4096\n"
	".previous\n");

static uint64_t neighbour_want(uint64_t n)
{
	return n & 1 ? n * 5 + 1 : n ^ 0x55;
}

static uint64_t call_both(uint64_t rounds, uint64_t add)
{
	uint64_t wrong = 0;

	for (uint64_t n = 0; n < rounds; n++) {
		wrong += text_neighbour(n) != neighbour_want(n);
		wrong += text_patched(n) != n + add;
	}
	tally_calls("text_neighbour", rounds);
	tally_calls("text_patched", rounds);
	return wrong;
}

static uint64_t (*copy_text(void))(uint64_t)
{
	void *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t (*copy)(uint64_t);

	if (area == MAP_FAILED)
		workload_die("mmap");
	memcpy(area, (const void *)text_neighbour, 64);
	memcpy(&copy, &area, sizeof(copy));
	return copy;
}

static void replace_by_anonymous(void)
{
	void *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		workload_die("mmap");
	memcpy(area, paged_begin, PAGE);
	if (mprotect(area, PAGE, PROT_READ | PROT_EXEC) ||
	    mremap(area, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, paged_begin) == MAP_FAILED)
		workload_die("mremap");
}

static void patch(char *operand, int value)
{
	if (mprotect(paged_begin, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC))
		workload_die("mprotect");
	*(volatile char *)operand = (char)value;
	if (mprotect(paged_begin, PAGE, PROT_READ | PROT_EXEC))
		workload_die("mprotect");
}

static uint64_t patch_often(uint64_t rounds)
{
	uint64_t wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		patch(patched_later, i);
		wrong += call_both(rounds / ROUNDS, (uint64_t)i);
	}
	return wrong;
}

static int find_offset(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uint64_t begin = info->dlpi_addr + h->p_vaddr;

		if (h->p_type == PT_LOAD && (uint64_t)paged_begin - begin < h->p_filesz)
			*(off_t *)arg = (off_t)((uint64_t)paged_begin - begin + h->p_offset);
	}
	return 1; /* the program is the first one */
}

static uint64_t map_often(uint64_t rounds)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint64_t wrong = 0;
	off_t offset = 0;

	dl_iterate_phdr(find_offset, &offset);
	for (int i = 0; i < ROUNDS; i++) {
		if (mmap(paged_begin, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd,
			 offset) == MAP_FAILED)
			workload_die("mmap");
		wrong += call_both(rounds / ROUNDS, 0);
	}
	close(fd);
	return wrong;
}

static uint64_t protect_often(uint64_t rounds, bool drop)
{
	uint64_t wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (mprotect(paged_begin, PAGE, i % 2 ? PROT_NONE : PROT_READ) ||
		    mprotect(paged_begin, PAGE, PROT_READ | PROT_EXEC) ||
		    (drop && madvise(paged_begin, PAGE, MADV_DONTNEED)))
			workload_die("mprotect");
		wrong += call_both(rounds / ROUNDS, 0);
	}
	return wrong;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 2000), wrong = 0;
	uint64_t how = workload_option(argc, argv, "-how", 0);
	uint64_t (*copy)(uint64_t) = text_neighbour;

	tally_init();
	if (how == 0)
		copy = copy_text();
	if (how == 1)
		replace_by_anonymous();
	if (how == 6)
		patch(patched_first, 9);
	workload_ready();
	if (how == 0)
		for (uint64_t n = 0; n < rounds; n++)
			wrong += copy(n) != neighbour_want(n);
	if (how == 2)
		wrong += patch_often(rounds);
	else if (how == 3)
		wrong += map_often(rounds);
	else if (how == 4 || how == 5)
		wrong += protect_often(rounds, how == 5);
	else
		wrong += call_both(rounds, how == 6 ? 9 : 0);
	tally_print(",\"wrong\":%lu", wrong);
	workload_end();
	return 0;
}
