# SPDX-License-Identifier: GPL-2.0-only
# The traced programs of the end-to-end tests: `make workloads`. The Makefile includes this; it
# also stands alone (make -f tests/workload/workloads.mk workloads). Programs are compiled with
# frame pointers and without inlining, so that what is called is what the source says; flags of
# a single program stand below under its name.

WORKLOAD_SRC := tests/workload
WORKLOAD_OUT ?= $(or $(O),.output)/workload

WORKLOAD_C   := spans steps storm handoff busy profile sleepy errnos lifecycle fibers jitter longjmp sigstack tail deep late kcalls inlined climb offspring
WORKLOAD_CXX := throwing plughost
WORKLOAD_WARNINGS := -Wall -Wextra -Wshadow
WORKLOAD_FLAGS    := -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer -fno-inline -pthread

$(WORKLOAD_OUT)/tail: WORKLOAD_OWN := -O2
$(WORKLOAD_OUT)/storm: WORKLOAD_OWN := -O2
$(WORKLOAD_OUT)/inlined: WORKLOAD_OWN := -O2 -finline -Wl,--build-id
$(WORKLOAD_OUT)/lifecycle: WORKLOAD_OWN := -ldl
$(WORKLOAD_OUT)/plughost: WORKLOAD_OWN := -ldl
$(WORKLOAD_OUT)/plug2.so: WORKLOAD_OWN := -DPLUG_GENERATION=2
$(WORKLOAD_OUT)/climb: WORKLOAD_OWN := -O2 -fomit-frame-pointer

WORKLOADS := $(addprefix $(WORKLOAD_OUT)/,$(WORKLOAD_C) $(WORKLOAD_CXX) libplug.so libcatch.so climb_debugframe \
	climb_frames leafless \
	plug.so plug2.so missing.so undefined.so bad.so redismodule.so)
# Go and a 32-bit program where their compilers are: the cases that need them skip without.
GO ?= go
WORKLOADS += $(if $(shell command -v $(GO)),$(addprefix $(WORKLOAD_OUT)/,goserver gostacks \
	gostacks_stripped gostacks_pie gocgo gocgo_pie libgocgo.so gohost))
WORKLOADS += $(if $(shell command -v erlc),$(WORKLOAD_OUT)/beamjobs.beam)

include $(WORKLOAD_SRC)/hostile/hostile.mk
include $(WORKLOAD_SRC)/plugins/plugins.mk
include tests/bench/bench.mk
WORKLOADS += $(BENCH_OUT)/watch

workloads: $(WORKLOADS)
.PHONY: workloads

$(WORKLOAD_OUT)/common.o: $(WORKLOAD_SRC)/common.c $(WORKLOAD_SRC)/common.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WORKLOAD_WARNINGS) $(WORKLOAD_FLAGS) -c -o $@ $<

$(addprefix $(WORKLOAD_OUT)/,$(WORKLOAD_C)): $(WORKLOAD_OUT)/%: $(WORKLOAD_SRC)/%.c \
		$(WORKLOAD_SRC)/common.h $(WORKLOAD_OUT)/common.o
	$(CC) -std=gnu11 $(WORKLOAD_WARNINGS) $(WORKLOAD_FLAGS) -o $@ $< $(WORKLOAD_OUT)/common.o \
		$(WORKLOAD_OWN)

# Frame information for debuggers only.
$(WORKLOAD_OUT)/climb_debugframe: $(WORKLOAD_SRC)/climb.c $(WORKLOAD_SRC)/common.h $(WORKLOAD_OUT)/common.o
	$(CC) -std=gnu11 $(WORKLOAD_WARNINGS) $(WORKLOAD_FLAGS) -O2 -fomit-frame-pointer \
		-fno-asynchronous-unwind-tables -fno-unwind-tables -o $@ $< $(WORKLOAD_OUT)/common.o

# No frame information, and frame pointers; or none of both in what is innermost.
$(WORKLOAD_OUT)/climb_frames: $(WORKLOAD_SRC)/climb.c $(WORKLOAD_SRC)/common.h $(WORKLOAD_OUT)/common.o
	$(CC) -std=gnu11 $(WORKLOAD_WARNINGS) $(WORKLOAD_FLAGS) -O0 -g0 \
		-fno-asynchronous-unwind-tables -fno-unwind-tables -o $@ $< $(WORKLOAD_OUT)/common.o
$(WORKLOAD_OUT)/leafless: $(WORKLOAD_SRC)/leafless.c $(WORKLOAD_SRC)/common.h $(WORKLOAD_OUT)/common.o
	$(CC) -std=gnu11 $(WORKLOAD_WARNINGS) $(WORKLOAD_FLAGS) -O2 -g0 -momit-leaf-frame-pointer \
		-fno-asynchronous-unwind-tables -fno-unwind-tables -o $@ $< $(WORKLOAD_OUT)/common.o

$(addprefix $(WORKLOAD_OUT)/,$(WORKLOAD_CXX)): $(WORKLOAD_OUT)/%: $(WORKLOAD_SRC)/%.cpp \
		$(WORKLOAD_SRC)/common.h $(WORKLOAD_OUT)/common.o
	$(CXX) $(WORKLOAD_WARNINGS) $(WORKLOAD_FLAGS) -o $@ $< $(WORKLOAD_OUT)/common.o $(WORKLOAD_OWN)

$(WORKLOAD_OUT)/libplug.so: $(WORKLOAD_SRC)/libplug.c $(WORKLOAD_SRC)/common.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WORKLOAD_WARNINGS) $(WORKLOAD_FLAGS) -shared -fPIC -o $@ $<

$(WORKLOAD_OUT)/libcatch.so: $(WORKLOAD_SRC)/libcatch.cpp
	@mkdir -p $(@D)
	$(CXX) $(WORKLOAD_WARNINGS) -O1 -g -shared -fPIC -o $@ $<

# Two generations of a plugin, and files that are none.
$(WORKLOAD_OUT)/plug.so $(WORKLOAD_OUT)/plug2.so: $(WORKLOAD_SRC)/plug.cpp $(WORKLOAD_SRC)/plug.h
	@mkdir -p $(@D)
	$(CXX) $(WORKLOAD_WARNINGS) -O2 -g -fPIC -shared -o $@ $< $(WORKLOAD_OWN)

$(WORKLOAD_OUT)/missing.so: $(WORKLOAD_SRC)/libplug.c
	@mkdir -p $(@D)
	echo 'int absent(void) { return 0; }' | $(CC) -x c - -shared -fPIC -Wl,-soname,libabsent.so \
		-o $(@D)/libabsent.tmp
	$(CC) -O1 -shared -fPIC -Wl,--no-as-needed -o $@ $< $(@D)/libabsent.tmp
	rm $(@D)/libabsent.tmp

$(WORKLOAD_OUT)/redismodule.so: $(WORKLOAD_SRC)/redismodule.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WORKLOAD_WARNINGS) -O2 -g -shared -fPIC -o $@ $<

$(WORKLOAD_OUT)/undefined.so:
	@mkdir -p $(@D)
	echo 'int nobody_has_it(void); int f(void) { return nobody_has_it(); }' | \
		$(CC) -x c - -shared -fPIC -o $@

$(WORKLOAD_OUT)/bad.so:
	@mkdir -p $(@D)
	echo 'this is no object' > $@

# By pattern: go, stripped as releases are, position-independent, with C.
GO_BUILD = cd $(WORKLOAD_SRC)/go && GOFLAGS=-mod=mod GOPROXY=off GO111MODULE=on GOTOOLCHAIN=local \
	CGO_ENABLED=$(if $(findstring gocgo,$@),1,0) $(GO) build -buildvcs=false -o $(abspath $@)
GO_SOURCES := $(wildcard $(WORKLOAD_SRC)/go/*.* $(WORKLOAD_SRC)/go/*/*.*)

$(WORKLOAD_OUT)/goserver: $(GO_SOURCES)
	@mkdir -p $(@D)
	$(GO_BUILD) .

$(WORKLOAD_OUT)/gostacks: $(GO_SOURCES)
	@mkdir -p $(@D)
	$(GO_BUILD) ./stacks

$(WORKLOAD_OUT)/gostacks_stripped: $(GO_SOURCES)
	@mkdir -p $(@D)
	$(GO_BUILD) -ldflags='-s -w' ./stacks

$(WORKLOAD_OUT)/gostacks_pie: $(GO_SOURCES)
	@mkdir -p $(@D)
	$(GO_BUILD) -buildmode=pie ./stacks

$(WORKLOAD_OUT)/gocgo: $(GO_SOURCES)
	@mkdir -p $(@D)
	$(GO_BUILD) ./cgo

$(WORKLOAD_OUT)/gocgo_pie: $(GO_SOURCES)
	@mkdir -p $(@D)
	$(GO_BUILD) -buildmode=pie ./cgo

$(WORKLOAD_OUT)/libgocgo.so: $(GO_SOURCES)
	@mkdir -p $(@D)
	$(GO_BUILD) -buildmode=c-shared ./cgo

$(WORKLOAD_OUT)/gohost: $(WORKLOAD_SRC)/gohost.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WORKLOAD_WARNINGS) -O1 -g -pthread -o $@ $< -ldl

# Erlang keeps file names as they were told.
$(WORKLOAD_OUT)/beamjobs.beam: $(WORKLOAD_SRC)/beamjobs.erl
	@mkdir -p $(@D)
	cd $(WORKLOAD_SRC) && erlc -o $(abspath $(@D)) $(<F)
