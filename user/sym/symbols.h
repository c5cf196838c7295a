/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols of one ELF object: function names by file offset. Built once from an open file,
 * sorted, compact. The file is hostile: every size and offset in it is checked, and a broken
 * one yields fewer symbols or an error, never a crash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct go_info;
struct symbols;

struct symbol {
	const char *name; /* raw (mangled), valid as long as the symbols; see also sym/extent.h */
	uint64_t offset;  /* file offset of its first byte */
	uint64_t addr;    /* virtual address in the ELF file */
	uint64_t size;    /* bytes; 0: the table does not say */
	bool global;
	bool ifunc;
	bool typed; /* the table says that it is a function, not just a label */
};

#define BUILD_ID_MAX 64

/* What kind of code the object holds: decides how its functions may be probed. */
struct elf_traits {
	uint8_t build_id[BUILD_ID_MAX];
	uint32_t build_id_len;  /* 0: none */
	uint16_t machine, type; /* e_machine, e_type */
	bool is_64;
	bool has_symtab;   /* itself or by its debug file */
	bool is_go;        /* .gopclntab or .note.go.buildid */
	bool has_go_table; /* Go's own table of functions was read: there are names in any case */
	bool is_rust;      /* a personality or panic symbol of the Rust runtime */
	bool has_unwinder; /* defines _Unwind_RaiseException (linked in, or libgcc_s itself) */
	bool catches;      /* C++ that catches: imports or defines __cxa_begin_catch */
	bool cleans_up;    /* has a personality routine: code that runs while a stack unwinds */
	bool forces_unwinding;   /* imports pthread_cancel or pthread_exit */
	bool uses_signal_stacks; /* imports or defines sigaltstack */
	bool uses_async_jobs;    /* imports OpenSSL's asynchronous jobs: ASYNC_*, SSL_*async* */
	bool needs_cxx;          /* DT_NEEDED libstdc++ or libc++ */
	bool uses_fibers;        /* imports or defines makecontext, swapcontext, boost's or libco's
				    switches */
	const char *interp;      /* PT_INTERP or NULL: static; valid as long as the symbols */
	uint64_t entry_offset;   /* file offset of e_entry, or UINT64_MAX */
};

/*
 * Reads .symtab, .dynsym and, when the object has a build ID or .gnu_debuglink, the separate
 * debug file if it is installed (/usr/lib/debug/.build-id/…, beside it, .debug/, /usr/lib/debug).
 * fd stays the caller's. `path` (may be NULL) is used for .gnu_debuglink only. `root` is a prefix
 * for debug file look-ups beside the object ("/proc/123/root" or ""). Returns 0, -ENOEXEC (not an
 * ELF file, or a damaged one), -ENOMEM or another negative errno. ret is set on success only.
 */
int symbols_open(int fd, const char *path, const char *root, struct symbols **ret);
/* The same for an ELF image in memory (the vdso). The image is copied. */
int symbols_open_memory(const void *image, size_t size, struct symbols **ret);
/*
 * Adds the names and sources of a debug file that was found later, of the same build ID. It stays
 * the caller's. Symbols that were handed out before stay valid, but are no longer what is found. 0,
 * -EEXIST (there is one already), -ENOEXEC (it is not this object's), -ENOMEM or another errno.
 */
int symbols_add_debug(struct symbols *s, int debug_fd);
void symbols_free(struct symbols *s);

const struct elf_traits *symbols_traits(const struct symbols *s);

/*
 * The function symbol that covers a file offset, or NULL. Honest bounds: a symbol of size 0
 * reaches to the next symbol or the end of its section at most; nothing is named beyond a
 * symbol's size. Prefers global over local, and shorter names, among aliases.
 */
const struct symbol *symbols_find(const struct symbols *s, uint64_t offset);

/*
 * Calls fn for each function symbol, aliases (same address) once per name. Stops at a non-zero
 * return, which it hands on.
 */
int symbols_each(const struct symbols *s, int (*fn)(const struct symbol *, void *), void *arg);

/* Translates between file offsets and ELF virtual addresses through PT_LOAD; UINT64_MAX: none. */
uint64_t symbols_offset_of(const struct symbols *s, uint64_t addr);
uint64_t symbols_addr_of(const struct symbols *s, uint64_t offset);

/*
 * Does a call stack end in this code? True for offsets inside the object's entry point, in
 * functions whose unwind rule says that there is no caller (_start, clone), and in the C
 * library's thread and process starters (start_thread, __libc_start_call_main), found with or
 * without symbols. The outermost frame of a complete stack is such a one.
 */
bool symbols_is_stack_root(const struct symbols *s, uint64_t offset);

/* Calls fn for each such range of addresses; a non-zero return stops, and is handed on. */
int symbols_each_root(const struct symbols *s, int (*fn)(uint64_t start, uint64_t end, void *),
		      void *arg);

/*
 * Does the code at this offset keep a frame pointer (CFA = rbp + 16 by .eh_frame)? 1 yes, 0 no
 * (its caller's frame is skipped by a frame-pointer walk), -1 not known (no unwind information).
 */
int symbols_keeps_frame_pointer(const struct symbols *s, uint64_t offset);

/*
 * May the caller of this code be missed by a walk along frame pointers, for all that can be told
 * where there is no unwind information: by the function's instructions (see sym/framecode.h)? One
 * that has called another (`offset` is the call's last byte) keeps a frame pointer more often.
 * False where there is unwind information.
 */
bool symbols_may_hide_caller(const struct symbols *s, uint64_t offset, bool has_called);

/*
 * The piece of code (an FDE's: a function, or a cold part of one) that covers a virtual address:
 * its addresses, end exclusive. False: there is no unwind information for it.
 */
bool symbols_code_range(const struct symbols *s, uint64_t addr, uint64_t *start, uint64_t *end);

/*
 * The first such piece that begins at an address or above; stubs of the procedure linkage table
 * are passed over. False: there is none.
 */
bool symbols_next_code(const struct symbols *s, uint64_t addr, uint64_t *start, uint64_t *end);

/*
 * How the caller of the code at this offset is found, where it keeps no frame pointer: its frame's
 * base lies base_words words of 8 bytes above rsp, the return address one word below the base,
 * and the caller's rbp rbp_words below it (0: it is in rbp still). False: that is not known.
 */
bool symbols_frame_base(const struct symbols *s, uint64_t offset, uint32_t *base_words,
			uint32_t *rbp_words);

/* Which Go made the program, see sym/goinfo.h; false: none, or it does not say. */
bool symbols_go_info(const struct symbols *s, struct go_info *ret);

/* Bytes of memory held. */
size_t symbols_memory(const struct symbols *s);
