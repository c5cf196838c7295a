/* SPDX-License-Identifier: GPL-2.0-only */
/* Do probes leave the red zone alone? Held against a trial of the test's own. */
#include <criterion/criterion.h>
#include <elf.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "lib/buf.h"
#include "target/maps.h"
#include "trace/redzone.h"
#include "trace/uprobe.h"

enum { S_NULL, S_CODE, S_LICENSE, S_SYMTAB, S_STRINGS, S_COUNT };

struct object {
	Elf64_Ehdr header;
	Elf64_Shdr sections[S_COUNT];
	struct bpf_insn code[2];
	char license[4];
	char strings[48];
	Elf64_Sym symbols[2];
};

/* A BPF object with one uprobe program that does nothing. */
static struct object make_object(void)
{
	struct object o = {
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_REL,
			    .e_machine = EM_BPF,
			    .e_version = EV_CURRENT,
			    .e_shoff = offsetof(struct object, sections),
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = S_COUNT,
			    .e_shstrndx = S_STRINGS },
		.code = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } },
		.license = "GPL",
		.strings = "\0uprobe\0license\0.symtab\0.strtab\0program",
		.symbols = { {},
			     { .st_name = 32,
			       .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			       .st_shndx = S_CODE,
			       .st_size = sizeof(o.code) } },
	};

	o.sections[S_CODE] = (Elf64_Shdr){ .sh_name = 1,
					   .sh_type = SHT_PROGBITS,
					   .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
					   .sh_offset = offsetof(struct object, code),
					   .sh_size = sizeof(o.code),
					   .sh_addralign = 8 };
	o.sections[S_LICENSE] = (Elf64_Shdr){ .sh_name = 8,
					      .sh_type = SHT_PROGBITS,
					      .sh_flags = SHF_ALLOC | SHF_WRITE,
					      .sh_offset = offsetof(struct object, license),
					      .sh_size = sizeof(o.license),
					      .sh_addralign = 1 };
	o.sections[S_SYMTAB] = (Elf64_Shdr){ .sh_name = 16,
					     .sh_type = SHT_SYMTAB,
					     .sh_offset = offsetof(struct object, symbols),
					     .sh_size = sizeof(o.symbols),
					     .sh_link = S_STRINGS,
					     .sh_info = 1,
					     .sh_addralign = 8,
					     .sh_entsize = sizeof(Elf64_Sym) };
	o.sections[S_STRINGS] = (Elf64_Shdr){ .sh_name = 24,
					      .sh_type = SHT_STRTAB,
					      .sh_offset = offsetof(struct object, strings),
					      .sh_size = sizeof(o.strings),
					      .sh_addralign = 1 };
	return o;
}

static struct bpf_object *open_object(struct bpf_program **prog)
{
	struct object o = make_object();
	struct bpf_object *obj = bpf_object__open_mem(&o, sizeof(o), NULL);

	cr_assert_not_null(obj);
	*prog = bpf_object__next_program(obj, NULL);
	cr_assert_not_null(*prog);
	return obj;
}

/* Keeps its argument below the stack pointer while it passes a nop, and returns what is there. */
__attribute__((visibility("hidden"))) uint64_t redzone_keep(uint64_t value);
extern const uint8_t redzone_keep_nop[] __attribute__((visibility("hidden")));
__asm__(".pushsection .text\n"
	".p2align 6\n"
	"redzone_keep:\n\t"
	"mov %rdi, -8(%rsp)\n"
	"redzone_keep_nop:\n\t"
	".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n\t"
	"mov -8(%rsp), %rax\n\t"
	"ret\n"
	".popsection\n");

/* The same question, asked in this process by a perf event or link as pathbpf has them. */
static bool keeps_values(struct bpf_program *prog)
{
	mapping_vec maps = {};
	const struct mapping *m;
	unsigned long offset;
	struct uprobe_places p = { .path = "/proc/self/exe", .offsets = &offset, .n = 1 };
	struct bpf_link *link = NULL;
	bool kept = true;
	int fd;

	cr_assert_eq(maps_read_pid((uint32_t)getpid(), &maps), 0);
	m = maps_find(&maps, (uint64_t)(uintptr_t)redzone_keep_nop);
	cr_assert_not_null(m);
	offset = (uint64_t)(uintptr_t)redzone_keep_nop - m->start + m->offset;
	maps_done(&maps);
	fd = uprobe_link_multi(prog, &p, false, (uint32_t)getpid());
	if (fd < 0)
		link = bpf_program__attach_uprobe_opts(prog, getpid(), p.path, offset, NULL);
	cr_assert(fd >= 0 || link);
	cr_assert_neq(redzone_keep_nop[0], 0x0f, "the probe is set");
	for (uint64_t i = 0; i < 500; i++)
		kept = redzone_keep(i) == i && kept;
	close(fd);
	bpf_link__destroy(link);
	return kept;
}

/* For uprobe_multi where the kernel has it; NULL: no BPF for us. */
static struct bpf_object *load_object(struct bpf_program **prog)
{
	for (int multi = 1; multi >= 0; multi--) {
		struct bpf_object *obj = open_object(prog);

		if (multi)
			bpf_program__set_expected_attach_type(*prog, (enum bpf_attach_type)48);
		if (!bpf_object__load(obj))
			return obj;
		bpf_object__close(obj);
	}
	return NULL;
}

Test(redzone, survives_where_values_below_the_stack_pointer_do)
{
	struct bpf_program *prog;
	struct bpf_object *obj = geteuid() ? NULL : load_object(&prog);

	if (!obj)
		cr_skip_test("needs BPF");
	cr_expect_eq(redzone_survives(prog), keeps_values(prog));
	bpf_object__close(obj);
}

Test(redzone, is_not_said_to_survive_without_a_trial)
{
	struct bpf_program *prog;
	struct bpf_object *obj = open_object(&prog);

	cr_expect_not(redzone_survives(prog), "the program is not loaded");
	bpf_object__close(obj);
}
