/* SPDX-License-Identifier: GPL-2.0-only */
/* Where V8's constants come from: exported symbols, else tables of versions. */
#include "runtime/v8_layout.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/elf.h"

#define PREFIX "v8dbg_"
#define MAJOR  "_ZN2v88internal7Version6major_E"
#define MINOR  "_ZN2v88internal7Version6minor_E"
#define SIZES  "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE"
#define SCALES 3 /* of operands: the table of lengths has a row for each */

#define OLDEST V8_VERSION(8, 4)

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

/* A constant, and the place for it; a name that ends in '_' is followed by the field's type. */
struct constant {
	const char *name;
	size_t place;
};

#define AT(field) offsetof(struct v8_layout, field)

static const struct constant constants[] = {
	{ "class_Map__instance_type__uint16_t", AT(map_type) },
	{ "FirstNonstringType", AT(first_nonstring) },
	{ "type_Map__MAP_TYPE", AT(type_map) },
	{ "type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE", AT(type_shared) },
	{ "type_SharedFunctionInfoWrapper__SHARED_FUNCTION_INFO_WRAPPER_TYPE",
	  AT(type_shared_wrapper) },
	{ "type_Script__SCRIPT_TYPE", AT(type_script) },
	{ "type_ScopeInfo__SCOPE_INFO_TYPE", AT(type_scope) },
	{ "type_Code__CODE_TYPE", AT(type_code) },
	{ "type_BytecodeArray__BYTECODE_ARRAY_TYPE", AT(type_bytecode) },
	{ "type_InterpreterData__INTERPRETER_DATA_TYPE", AT(type_interpreter_data) },
	{ "type_ByteArray__BYTE_ARRAY_TYPE", AT(type_bytes) },
	{ "type_TrustedByteArray__TRUSTED_BYTE_ARRAY_TYPE", AT(type_trusted_bytes) },
	{ "type_FixedArray__FIXED_ARRAY_TYPE", AT(type_array) },
	{ "type_WeakFixedArray__WEAK_FIXED_ARRAY_TYPE", AT(type_weak_array) },
	{ "type_TrustedFixedArray__TRUSTED_FIXED_ARRAY_TYPE", AT(type_trusted_array) },
	{ "type_ProtectedFixedArray__PROTECTED_FIXED_ARRAY_TYPE", AT(type_protected_array) },
	{ "type_TrustedWeakFixedArray__TRUSTED_WEAK_FIXED_ARRAY_TYPE",
	  AT(type_trusted_weak_array) },
	{ "class_JSFunction__shared__", AT(function_shared) },
	{ "class_SharedFunctionInfo__function_data__", AT(shared_data) },
	{ "class_SharedFunctionInfo__name_or_scope_info__", AT(shared_name) },
	{ "class_SharedFunctionInfo__script_or_debug_info__", AT(shared_script) },
	{ "class_SharedFunctionInfo__script__", AT(shared_script) },
	{ "class_Script__name__", AT(script_name) },
	{ "class_Script__source__", AT(script_source) },
	{ "class_Script__line_offset__", AT(script_line_offset) },
	{ "class_Script__id__", AT(script_id) },
	{ "class_String__length__int32_t", AT(string_length) },
	{ "class_SeqOneByteString__chars__char", AT(string_chars) },
	{ "class_ConsString__first__", AT(string_first) },
	{ "class_ConsString__second__", AT(string_second) },
	{ "class_SlicedString__offset__", AT(string_offset) },
	{ "class_BytecodeArray__data__", AT(bytecode_data) },
	{ "class_Code__instruction_start__", AT(code_start) },
	{ "class_Code__instruction_size__", AT(code_size) },
	{ "class_Code__instruction_stream__", AT(code_stream) },
	{ "class_Code__flags__uint32_t", AT(code_flags) },
	{ "class_InstructionStream__instruction_start__", AT(stream_start) },
	{ "DeoptimizationDataInlinedFunctionCountIndex", AT(deopt_inlined) },
	{ "DeoptimizationDataLiteralArrayIndex", AT(deopt_literals) },
	{ "DeoptimizationDataSharedFunctionInfoIndex", AT(deopt_shared) },
	{ "DeoptimizationDataSharedFunctionInfoWrapperIndex", AT(deopt_shared) },
	{ "DeoptimizationDataWrappedSharedFunctionInfoIndex", AT(deopt_shared) },
	{ "DeoptimizationDataInliningPositionsIndex", AT(deopt_inlinings) },
	{ "off_fp_bytecode_array", AT(frame_bytecode) },
	{ "off_fp_bytecode_offset", AT(frame_offset) },
	{ "frametype_WasmFrame", AT(frame_wasm) },
};

/* What the code takes for granted. */
static const struct {
	const char *name;
	int value;
} premises[] = {
	{ "SmiTagMask", 1 },
	{ "SmiShiftSize", 31 }, /* else pointers are compressed */
	{ "TaggedSize", 8 },
	{ "HeapObjectTag", 1 },
	{ "StringRepresentationMask", 7 },
	{ "ConsStringTag", 1 },
	{ "ExternalStringTag", 2 },
	{ "SlicedStringTag", 3 },
	{ "ThinStringTag", 5 },
	{ "OneByteStringTag", 8 },
	{ "off_fp_context_or_frame_type", -8 },
	{ "off_fp_function", -16 },
	{ "frametype_EntryFrame", 1 },
	{ "frametype_ConstructEntryFrame", 2 },
	{ "scopeinfo_idx_ncontextlocals", 2 },
};

/* Code and its instructions are one object up to V8 10, two of changing order from 11 on. */
static void code_of_version(struct v8_layout *l)
{
	l->code_data = 16;
	l->code_positions = 24;
	l->code_size = 40;
	l->code_flags = l->version < V8_VERSION(9, 0) ? -1 : 48;
	l->code_stream = -1;
	if (l->version < V8_VERSION(11, 0))
		return;
	l->code_stream = 32;
	l->code_start = 40;
	l->code_size = 56;
	if (l->version < V8_VERSION(11, 5))
		return;
	l->code_data = 8;
	l->code_positions = 16;
	l->code_size = 52;
	if (l->version >= V8_VERSION(13, 0)) {
		l->code_size = 56;
		l->code_flags = 52;
	}
	if (l->version < V8_VERSION(12, 0)) {
		l->code_stream = 24;
		l->code_start = 32;
		l->code_flags = 40;
		l->code_size = 44;
	}
}

int v8_layout_of_version(uint32_t version, struct v8_layout *ret)
{
	struct v8_layout *l = ret;

	if (version < OLDEST)
		return -ENOEXEC;
	memset(l, 0xff, sizeof(*l)); /* -1 */
	l->version = version;
	l->bytecode_sizes = 0;
	l->bytecodes = 0;
	l->map_type = 12;
	l->shared_data = 8;
	l->script_source = 8;
	l->script_name = 16;
	l->script_line_offset = 24;
	l->script_id = 64;
	l->scope_flags = version < V8_VERSION(9, 0) ? 16 : 8;
	l->scope_locals = l->scope_flags + 16;
	l->scope_names = l->scope_flags + 24;
	if (version >= V8_VERSION(12, 9)) {
		l->scope_start = l->scope_names;
		l->scope_names += 16;
	}
	l->bytecode_length = 8;
	l->bytecode_positions = version < V8_VERSION(12, 0) ? 32 : 24;
	l->bytecode_data = 54;
	l->position_flags = version < V8_VERSION(14, 0) ? 1 : 2;
	l->deopt_inlined = 1;
	l->deopt_literals = 2;
	l->deopt_shared = 6;
	l->deopt_inlinings = 7;
	l->frame_bytecode = version < V8_VERSION(9, 0) ? -24 : -32;
	l->frame_offset = l->frame_bytecode - 8;
	code_of_version(l);
	return 0;
}

/* The symbols of one file that matter. */
struct reader {
	const struct elf_file *f;
	struct v8_layout *layout;
	int major, minor;
	const char *broken; /* a premise that does not hold */
	uint32_t premises;
};

static bool read_int(const struct reader *r, uint64_t addr, int *ret)
{
	uint64_t offset = elf_offset_of(&r->f->segments, addr);
	int32_t value;

	if (offset == ELF_NONE ||
	    elf_read_at(r->f->fd, &value, sizeof(value), offset) != sizeof(value))
		return false;
	*ret = value;
	return true;
}

static bool names(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	return pattern[n - 1] == '_' ? !strncmp(pattern, name, n) : !strcmp(pattern, name);
}

static void see_constant(struct reader *r, const char *name, uint64_t addr)
{
	int value;

	if (!read_int(r, addr, &value))
		return;
	for (size_t i = 0; i < sizeof(premises) / sizeof(premises[0]); i++) {
		if (strcmp(premises[i].name, name) != 0)
			continue;
		r->premises++;
		if (value != premises[i].value)
			r->broken = premises[i].name;
		return;
	}
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
		if (names(constants[i].name, name))
			memcpy((char *)r->layout + constants[i].place, &value, sizeof(value));
	}
}

static void see_symbol(struct reader *r, const char *name, const GElf_Sym *sym, bool constants_too)
{
	if (constants_too && !strncmp(name, PREFIX, sizeof(PREFIX) - 1)) {
		see_constant(r, name + sizeof(PREFIX) - 1, sym->st_value);
	} else if (!strcmp(name, MAJOR)) {
		read_int(r, sym->st_value, &r->major);
	} else if (!strcmp(name, MINOR)) {
		read_int(r, sym->st_value, &r->minor);
	} else if (!strcmp(name, SIZES) && sym->st_size % SCALES == 0 &&
		   sym->st_size / SCALES <= 256) {
		r->layout->bytecode_sizes = sym->st_value;
		r->layout->bytecodes = (uint32_t)(sym->st_size / SCALES);
	}
}

static void see_table(struct reader *r, uint32_t type, bool constants_too)
{
	const struct elf_section *section = elf_section_typed(r->f, type);
	Elf_Data *data = section ? elf_section_data(section) : NULL;
	struct elf_strings strings;
	GElf_Sym sym;

	if (!data)
		return;
	strings = elf_strings_of(r->f, section->header.sh_link);
	for (int i = 1; gelf_getsym(data, i, &sym); i++) {
		const char *name = elf_string(&strings, sym.st_name);

		if (name && sym.st_value && sym.st_shndx != SHN_UNDEF)
			see_symbol(r, name, &sym, constants_too);
	}
}

static bool whole(const struct v8_layout *l)
{
	const int needed[] = { l->type_map,      l->type_shared,     l->type_script,
			       l->type_scope,    l->type_bytecode,   l->function_shared,
			       l->shared_name,   l->shared_script,   l->string_length,
			       l->string_chars,  l->string_first,    l->string_second,
			       l->string_offset, l->first_nonstring, l->type_code };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (needed[i] < 0)
			return false;
	}
	return true;
}

/* Offsets come from the file: those that BPF and the reading of whole objects use have bounds. */
static bool plausible(const struct v8_layout *l)
{
	const int offsets[] = { l->function_shared, l->shared_data, l->shared_name,
				l->shared_script };

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		if (offsets[i] < 8 || offsets[i] > 56 || offsets[i] % 8)
			return false;
	}
	return l->frame_bytecode < -16 && l->frame_bytecode >= -64 &&
	       l->frame_offset == l->frame_bytecode - 8;
}

int v8_layout_read(int fd, struct v8_layout *ret, char why[V8_WHY_MAX])
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	struct v8_layout layout = {}, known = {};
	struct reader r = { .layout = &layout, .major = -1, .minor = -1 };
	int err = elf_file_open(fd, &f);

	if (err)
		return err;
	r.f = f;
	see_table(&r, SHT_DYNSYM, false);
	if (r.major < 0 || r.minor < 0 || r.major > 999 || r.minor > 999) {
		snprintf(why, V8_WHY_MAX, "V8's version cannot be told");
		return -ENOEXEC;
	}
	if (v8_layout_of_version(V8_VERSION(r.major, r.minor), &known)) {
		snprintf(why, V8_WHY_MAX, "V8 %d.%d is too old", r.major, r.minor);
		return -ENOEXEC;
	}
	known.bytecode_sizes = layout.bytecode_sizes;
	known.bytecodes = layout.bytecodes;
	layout = known;
	see_table(&r, SHT_DYNSYM, true);
	if (!layout.bytecode_sizes)
		see_table(&r, SHT_SYMTAB, false);
	if (r.broken || r.premises < sizeof(premises) / sizeof(premises[0]) || !whole(&layout) ||
	    !plausible(&layout)) {
		snprintf(why, V8_WHY_MAX, "V8 %d.%d is laid out in a way that is not known%s%s",
			 r.major, r.minor, r.broken ? ": " : "", r.broken ? r.broken : "");
		return -ENOEXEC;
	}
	*ret = layout;
	return 0;
}
