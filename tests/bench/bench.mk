# SPDX-License-Identifier: GPL-2.0-only
# The programs of the benchmark of spans (tests/bench/spans.py). Included by workloads.mk.

BENCH_SRC := tests/bench/floor
BENCH_OUT := $(WORKLOAD_OUT)/bench
BENCH_C   := -std=gnu11 -D_GNU_SOURCE -O2 -g $(WORKLOAD_WARNINGS)

BENCH_PROGRAMS := $(addprefix $(BENCH_OUT)/,calls floor floor.bpf.o watch thousand tick chain)

bench: $(BENCH_PROGRAMS) $(if $(OBJ),$(BENCH_OUT)/symbolise)

$(BENCH_OUT)/calls: $(BENCH_SRC)/calls.c $(BENCH_SRC)/sites.S
	@mkdir -p $(@D)
	$(CC) $(BENCH_C) -pthread -o $@ $^

$(BENCH_OUT)/floor: $(BENCH_SRC)/floor.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_C) -o $@ $< -lbpf

$(BENCH_OUT)/floor.bpf.o: $(BENCH_SRC)/floor.bpf.c
	@mkdir -p $(@D)
	$(or $(CLANG),clang) -O2 -g -mcpu=v3 -target bpf -Wall \
		-I/usr/include/$(shell $(CC) -dumpmachine) -c -o $@ $<

# Not optimised: every function begins with the same instruction, `push`.
$(BENCH_OUT)/many.o: $(BENCH_SRC)/many.py $(BENCH_SRC)/watch.h
	@mkdir -p $(@D)
	python3 $< | $(CC) -std=gnu11 -O0 $(WORKLOAD_WARNINGS) -I$(BENCH_SRC) -x c -c -o $@ -

$(BENCH_OUT)/watch: $(BENCH_SRC)/watch.c $(BENCH_OUT)/many.o $(BENCH_SRC)/watch.h
	$(CC) $(BENCH_C) -pthread -o $@ $(BENCH_SRC)/watch.c $(BENCH_OUT)/many.o

$(BENCH_OUT)/thousand: $(BENCH_SRC)/thousand.c $(WORKLOAD_OUT)/common.o
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WORKLOAD_WARNINGS) $(WORKLOAD_FLAGS) -o $@ $^

# tests/bench/samples.py
$(BENCH_OUT)/tick: $(BENCH_SRC)/tick.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_C) -o $@ $< -lbpf

$(BENCH_OUT)/chain.o: $(BENCH_SRC)/chain.py $(WORKLOAD_SRC)/common.h
	@mkdir -p $(@D)
	python3 $< | $(CC) -std=gnu11 -D_GNU_SOURCE -O2 -fomit-frame-pointer $(WORKLOAD_WARNINGS) \
		-I$(WORKLOAD_SRC) -x c -c -o $@ -

$(BENCH_OUT)/chain: $(BENCH_OUT)/chain.o $(WORKLOAD_OUT)/common.o
	$(CC) -pthread -o $@ $^

# tests/bench/symbolise.py
$(BENCH_OUT)/symbolise: tests/bench/symbolise/symbolise.c \
		$(filter $(O)/user/sym/%.o $(O)/user/lib/%.o,$(OBJ))
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -o $@ $^ $(LDLIBS)
