# SPDX-License-Identifier: GPL-2.0-only
# The hostile workloads: programs with known truth that a careless tracer kills, confuses or
# miscounts. Included by workloads.mk. One program of several builds is plain.c: the name after
# "plain_" says which one. What this machine has no compiler or library for is left out, and the
# cases that need it skip.

HOSTILE_SRC := $(WORKLOAD_SRC)/hostile
HOSTILE_OUT := $(WORKLOAD_OUT)/hostile
HOSTILE_DEPS := $(HOSTILE_SRC)/tally.h $(WORKLOAD_SRC)/common.h $(HOSTILE_SRC)/hostile.mk
HOSTILE_COMMON := $(HOSTILE_SRC)/tally.c $(WORKLOAD_SRC)/common.c
HOSTILE_CLANG := $(shell command -v clang || command -v clang-14)
HOSTILE_RUSTC := $(shell command -v rustc || ls $(HOME)/.cargo/bin/rustc 2>/dev/null)
HOSTILE_BOOST := $(wildcard /usr/include/boost/context/fiber.hpp)

HOSTILE_C := thread_ends jumps moving_fibers own_switch recursion nest vforks fork_storm \
	thread_storm signal_storm death seccomp dropper traceme phases plug_swap retext

# Builds of plain.c, and of whatever else is built in more than one way.
HOSTILE_PLAIN := static static_pie no_pie cet lto nofp no_unwind patchable fentry thunks clash asan \
	stripped exported $(if $(HOSTILE_CLANG),clang)
plain_static     := -O2 -static
plain_static_pie := -O2 -static-pie
plain_no_pie     := -O0 -no-pie
plain_cet        := -O2 -fcf-protection=full
plain_lto        := -O3 -flto=auto
plain_nofp       := -O3 -fomit-frame-pointer
plain_no_unwind  := -O2 -fomit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables
plain_patchable  := -O2 -fpatchable-function-entry=5
plain_fentry     := -O2 -pg -mfentry
plain_thunks     := -O2 -mindirect-branch=thunk -mfunction-return=thunk -fcf-protection=none
plain_clash      := -O2 -fstack-clash-protection -fstack-protector-all -fzero-call-used-regs=all
plain_asan       := -O1 -fsanitize=address -static-libasan
plain_stripped   := -O2 -s
plain_exported   := -O2 -s -rdynamic
plain_clang      := -O2

HOSTILE := $(HOSTILE_C) exceptions asm $(addprefix plain_,$(HOSTILE_PLAIN)) libsame_a.so libsame_b.so \
	$(if $(HOSTILE_CLANG),mutual_tail) \
	$(if $(HOSTILE_BOOST),boost_shared boost_archive) \
	$(if $(HOSTILE_RUSTC),panics panics_abort) \
	$(if $(shell command -v go),goroutines)
WORKLOADS += $(addprefix $(HOSTILE_OUT)/,$(HOSTILE))

HOSTILE_CC = @mkdir -p $(@D); $(CC) -std=gnu11 $(WORKLOAD_WARNINGS)
HOSTILE_CXX = @mkdir -p $(@D); $(CXX) -std=gnu++17 $(WORKLOAD_WARNINGS) $(WORKLOAD_FLAGS)

$(addprefix $(HOSTILE_OUT)/,$(HOSTILE_C)): $(HOSTILE_OUT)/%: $(HOSTILE_SRC)/%.c $(HOSTILE_COMMON) \
		$(HOSTILE_DEPS)
	$(HOSTILE_CC) $(WORKLOAD_FLAGS) -o $@ $< $(HOSTILE_COMMON) -ldl

$(addprefix $(HOSTILE_OUT)/plain_,$(filter-out clang,$(HOSTILE_PLAIN))): $(HOSTILE_OUT)/%: \
		$(HOSTILE_SRC)/plain.c $(HOSTILE_COMMON) $(HOSTILE_DEPS)
	$(HOSTILE_CC) -D_GNU_SOURCE -g $($*) -o $@ $< $(HOSTILE_COMMON)

# clang knows no "noipa".
$(HOSTILE_OUT)/plain_clang: $(HOSTILE_SRC)/plain.c $(HOSTILE_COMMON) $(HOSTILE_DEPS)
	@mkdir -p $(@D)
	$(HOSTILE_CLANG) -D_GNU_SOURCE -g $(plain_clang) -Wno-unknown-attributes -fno-inline \
		-o $@ $< $(HOSTILE_COMMON)

$(HOSTILE_OUT)/mutual_tail: $(HOSTILE_SRC)/mutual_tail.c $(HOSTILE_COMMON) $(HOSTILE_DEPS)
	@mkdir -p $(@D)
	$(HOSTILE_CLANG) -D_GNU_SOURCE -g -O2 -Wno-unknown-attributes -o $@ $< $(HOSTILE_COMMON)

$(HOSTILE_OUT)/asm: $(HOSTILE_SRC)/asm.c $(HOSTILE_SRC)/asm_text.S $(HOSTILE_COMMON) $(HOSTILE_DEPS)
	$(HOSTILE_CC) $(WORKLOAD_FLAGS) -o $@ $< $(HOSTILE_SRC)/asm_text.S $(HOSTILE_COMMON)

$(HOSTILE_OUT)/libsame_%.so: $(HOSTILE_SRC)/same_place.c $(HOSTILE_SRC)/hostile.mk
	$(HOSTILE_CC) $(WORKLOAD_FLAGS) -DWHICH=$(if $(filter a,$*),1,2) -shared -fPIC -o $@ $<

$(HOSTILE_OUT)/tally.o: $(HOSTILE_SRC)/tally.c $(HOSTILE_DEPS)
	$(HOSTILE_CC) $(WORKLOAD_FLAGS) -c -o $@ $<

$(HOSTILE_OUT)/exceptions: $(HOSTILE_SRC)/exceptions.cpp $(HOSTILE_OUT)/tally.o \
		$(WORKLOAD_OUT)/common.o $(HOSTILE_DEPS)
	$(HOSTILE_CXX) -o $@ $(filter %.cpp %.o,$^)

$(HOSTILE_OUT)/boost_shared $(HOSTILE_OUT)/boost_archive: $(HOSTILE_OUT)/boost_%: \
		$(HOSTILE_SRC)/boost_fibers.cpp $(HOSTILE_OUT)/tally.o $(WORKLOAD_OUT)/common.o \
		$(HOSTILE_DEPS)
	$(HOSTILE_CXX) -o $@ $(filter %.cpp %.o,$^) \
		$(if $(filter shared,$*),-lboost_context,-l:libboost_context.a)

$(HOSTILE_OUT)/panics: HOSTILE_PANIC := unwind
$(HOSTILE_OUT)/panics_abort: HOSTILE_PANIC := abort
$(HOSTILE_OUT)/panics $(HOSTILE_OUT)/panics_abort: $(HOSTILE_SRC)/panics.rs $(HOSTILE_SRC)/hostile.mk
	@mkdir -p $(@D)
	env -u MAKEFLAGS -u MFLAGS $(HOSTILE_RUSTC) --edition 2021 -C opt-level=1 -C debuginfo=1 -C panic=$(HOSTILE_PANIC) -o $@ $<

$(HOSTILE_OUT)/goroutines: $(HOSTILE_SRC)/go/main.go $(HOSTILE_SRC)/go/go.mod
	@mkdir -p $(@D)
	cd $(HOSTILE_SRC)/go && CGO_ENABLED=0 GOFLAGS=-mod=mod GOPROXY=off GO111MODULE=on \
		go build -buildvcs=false -o $(abspath $@) .
