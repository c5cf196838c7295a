# SPDX-License-Identifier: GPL-2.0-only
# pathbpf: make, make check, make lint, make bench, make install PREFIX= DESTDIR=, make clean.
# V=1 shows commands; WERROR=1 turns warnings into errors; SAN=address,undefined instruments;
# O=DIR puts all objects elsewhere.

VERSION := 0.1.0
O       ?= .output$(if $(SAN),-san)
BIN     ?= $(if $(SAN),$(O)/pathbpf,pathbpf)
PREFIX  ?= /usr/local
DESTDIR ?=

CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
FORMAT  ?= clang-format
TIDY    ?= clang-tidy
# Takes most of lint's time: TIDY_FILES="user/…" for a few.
TIDY_FILES = $(SRC)

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(patsubst $(CURDIR)/%,%,$(2)))

WARNINGS := -Wall -Wextra -Wshadow -Wundef -Wpointer-arith -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wvla -Wno-missing-field-initializers $(if $(WERROR),-Werror)
CFLAGS   ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -DPATHBPF_VERSION='"$(VERSION)"' -Iuser -I. -I$(O)
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARNINGS) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
LDFLAGS  += $(if $(SAN),-fsanitize=$(SAN))
LDLIBS   += -lbpf -ldw -lelf -lz -llzma -liberty -lZydis -ljansson -lm

BPF_CFLAGS := -O2 -g -mcpu=v3 -target bpf -D__TARGET_ARCH_x86 -Ivmlinux -Ibpf \
	-I/usr/include/$(shell $(CC) -dumpmachine) -Wall -Wextra -Wno-unused-parameter \
	$(if $(WERROR),-Werror)

SRC     := $(sort $(wildcard user/*.c user/*/*.c))
OBJ     := $(SRC:%.c=$(O)/%.o) $(O)/user/view/html_assets.o
# The linker of BPF objects wants the maps defined before they are used.
# These are in a skeleton of their own.
BPF_OWN := $(O)/bpf/work_globals.bpf.o $(O)/bpf/work.bpf.o
BPF_OBJ := $(O)/bpf/maps.bpf.o $(filter-out %/maps.bpf.o $(BPF_OWN),$(patsubst %.c,$(O)/%.o,$(sort $(wildcard bpf/*.bpf.c))))
SKEL    := $(O)/pathbpf.skel.h $(O)/work.skel.h
UNIT    := $(sort $(wildcard tests/unit/*.c))
UNIT_OBJ := $(UNIT:%.c=$(O)/%.o)
ASSETS  := $(sort $(wildcard user/view/html/*))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all check check-unit check-fuzz check-e2e check-vm lint format bench install clean workloads

all: $(BIN)

$(BIN): $(OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(O)/bpf/%.o: bpf/%.c Makefile
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/pathbpf.bpf.o: $(BPF_OBJ)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(O)/work.bpf.o: $(BPF_OWN)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKEL): $(O)/%.skel.h: $(O)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

$(O)/syscall_names.inc:
	@mkdir -p $(@D)
	$(Q)echo '#include <asm/unistd_64.h>' | $(CC) -E -dM - | \
		sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$$/[\2] = "\1",/p' | sort -V > $@

# The skeleton must be there before the first compilation learns to depend on it.
$(filter $(O)/user/trace/%,$(OBJ)): | $(SKEL) $(O)/syscall_names.inc

# style.css becomes html_style_css: see tools/embed.sh.
$(O)/user/view/html_assets.c: $(ASSETS) tools/embed.sh
	$(call say,EMBED,$@)
	@mkdir -p $(@D)
	$(Q)for f in $(ASSETS); do \
		tools/embed.sh $$f html_$$(basename $$f | tr . _) || exit 1; \
	done > $@

$(O)/user/view/html_assets.o: $(O)/user/view/html_assets.c
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

-include $(OBJ:.o=.d) $(BPF_OBJ:.o=.d) $(BPF_OWN:.o=.d) $(UNIT_OBJ:.o=.d)

# Tests

-include tests/bpf/tests.mk

$(O)/unit: $(UNIT_OBJ) $(filter-out $(O)/user/main.o,$(OBJ))
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcriterion

check-unit: $(O)/unit
	$(Q)$(O)/unit

-include tests/workload/workloads.mk

check-e2e: $(BIN) workloads
	$(Q)PATHBPF=$(abspath $(BIN)) WORKLOADS=$(abspath $(O))/workload python3 tests/e2e/run.py $(ARGS)

# On other kernels, in virtual machines: downloads Debian's. ARGS="-k 6.12": only that, if there.
check-vm: $(BIN) workloads
	$(Q)PATHBPF=$(abspath $(BIN)) WORKLOADS=$(abspath $(O))/workload VMTEST_OUT=$(abspath $(O))/vm \
		tools/vmtest $(ARGS)

# Fuzzers of what reads files and words from outside; FUZZ_SECONDS each.
FUZZ_SECONDS ?= 5
FUZZERS  := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SRC := $(wildcard user/lib/*.c) $(wildcard user/sym/*.c) \
	user/target/maps.c $(wildcard user/runtime/python_*.c user/runtime/v8_*.c) user/runtime/beam_symbols.c \
	user/runtime/beam_code.c user/trace/spec.c \
	user/trace/insn.c user/trace/muslerror.c user/trace/entrybounds.c user/trace/entrysite.c \
	user/serve/message.c user/serve/status.c
FUZZ_OBJ := $(FUZZ_SRC:%.c=$(O)/fuzz/%.o)

$(O)/fuzz/%.o: %.c Makefile
	$(call say,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -O1 -g -fsanitize=fuzzer-no-link,address,undefined $(CPPFLAGS) -MMD -MP \
		-c -o $@ $<

$(O)/fuzz/fuzz_%: $(O)/fuzz/tests/fuzz/fuzz_%.o $(FUZZ_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ -ldw -lelf -lz -llzma -liberty -lZydis -ljansson

check-fuzz: $(FUZZERS)
	$(Q)mkdir -p $(O)/fuzz/seeds && cp -n /bin/true $(O)/fuzz/seeds/ 2>/dev/null || true
	$(Q)for f in $(FUZZERS); do \
		printf '  FUZZ     %s\n' $$f; \
		$$f -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 -artifact_prefix=$$f- \
			$$(case $$f in *symbols) echo $(O)/fuzz/seeds;; esac) >$$f.log 2>&1 || \
			{ tail -40 $$f.log; exit 1; }; \
	done

-include $(FUZZ_OBJ:.o=.d)

check: check-unit check-fuzz check-e2e

bench: $(BIN) workloads
	$(Q)PATHBPF=$(abspath $(BIN)) WORKLOADS=$(abspath $(O))/workload python3 tests/bench/bench.py $(ARGS)

# Quality

C_FILES = $(sort $(wildcard bpf/*.[ch] user/*.[ch] user/*/*.[ch] tests/unit/*.[ch] tests/fuzz/*.c))
SCRIPTS = $(sort $(wildcard tools/*.sh tools/setup tools/demo tools/check tools/vmtest .ci/run))

lint: $(SKEL) $(O)/syscall_names.inc
	$(call say,FORMAT,)
	$(Q)$(FORMAT) --dry-run -Werror $(C_FILES)
	$(call say,LAYERS,)
	$(Q)tools/layers.sh
	$(call say,SHAPE,)
	$(Q)tools/shape.sh
	$(call say,BPFSTACK,)
	$(Q)tools/bpfstack.sh $(O)/bpf/span.bpf.o $(O)/bpf/plugin.bpf.o $(O)/bpf/loader.bpf.o \
		$(O)/bpf/goroutine.bpf.o
	$(call say,SHELL,)
	$(Q)shellcheck $(SCRIPTS)
	$(call say,MAN,)
	$(Q)mandoc -T lint -W warning user/pathbpf.8
	$(call say,CPPCHECK,)
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j2 \
		--suppressions-list=tools/cppcheck.txt --enable=warning,performance,portability \
		-D_GNU_SOURCE '-DLIBBPF_OPTS(type,name,...)=struct type name = { 0 }' -Iuser -I. user
	$(call say,TIDY,)
	$(Q)printf '%s\n' $(TIDY_FILES) | xargs -P2 -n4 sh -c '$(TIDY) --quiet "$$@" -- -std=gnu11 \
		$(filter-out -DPATHBPF_VERSION%,$(CPPFLAGS)) 2>>$(O)/tidy.log' tidy

format:
	$(Q)$(FORMAT) -i $(C_FILES)

install: $(BIN)
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/sbin/pathbpf
	install -m 644 user/pathbpf.8 $(DESTDIR)$(PREFIX)/share/man/man8/pathbpf.8

clean:
	rm -rf .output .output-san out pathbpf
