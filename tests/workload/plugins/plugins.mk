# SPDX-License-Identifier: GPL-2.0-only
# A host of odd plugins and what it loads. Included by workloads.mk. What this machine has no
# compiler or header for is left out, and the cases that need it skip.

PLUGINS_SRC := $(WORKLOAD_SRC)/plugins
PLUGINS_OUT := $(WORKLOAD_OUT)/plugins
PLUGINS_ODD := table outer vtable ifunc versions big
PLUGINS_CXX := $(CXX) $(WORKLOAD_WARNINGS) -g -pthread

PLUGINS_MUSL := $(shell command -v musl-gcc)
PLUGINS_PY   := $(shell python3 -c 'import os, sysconfig; p = sysconfig.get_path("include"); \
	print(p if os.path.exists(p + "/Python.h") else "")')
PLUGINS_ERL  := $(firstword $(wildcard /usr/lib/erlang/usr/include/erl_nif.h))

WORKLOADS += $(addprefix $(PLUGINS_OUT)/,zoo plain.so $(PLUGINS_ODD:%=odd_%.so) small.so static_host \
	addon.node)
WORKLOADS += $(if $(PLUGINS_MUSL),$(addprefix $(PLUGINS_OUT)/,musl_host musl_plugin.so))
WORKLOADS += $(if $(shell command -v $(GO)),$(addprefix $(PLUGINS_OUT)/,go_host go_plugin.so))
WORKLOADS += $(if $(PLUGINS_ERL),$(addprefix $(PLUGINS_OUT)/,nif.so nif.beam))
WORKLOADS += $(if $(PLUGINS_PY),$(PLUGINS_OUT)/pyext.so)

$(PLUGINS_OUT)/zoo: $(PLUGINS_SRC)/zoo.cpp $(PLUGINS_SRC)/zoo.h $(WORKLOAD_OUT)/common.o
	@mkdir -p $(@D)
	$(PLUGINS_CXX) -O1 -fno-inline -rdynamic -o $@ $< $(WORKLOAD_OUT)/common.o -ldl

$(PLUGINS_OUT)/plain.so: $(PLUGINS_SRC)/plain.cpp $(PLUGINS_SRC)/zoo.h
	@mkdir -p $(@D)
	$(PLUGINS_CXX) -O2 -fPIC -shared -o $@ $<

$(PLUGINS_OUT)/odd_versions.so: PLUGINS_OWN := -Wl,--version-script=$(PLUGINS_SRC)/odd_versions.map
$(PLUGINS_OUT)/odd_%.so: $(PLUGINS_SRC)/odd.cpp $(PLUGINS_SRC)/zoo.h $(PLUGINS_SRC)/odd_versions.map
	@mkdir -p $(@D)
	$(PLUGINS_CXX) -O2 -fPIC -shared -DODD_$(shell echo $* | tr a-z A-Z) $(PLUGINS_OWN) -o $@ $<

# Hosts in C: linked statically, which the C library allows to load plugins all the same; of musl.
$(PLUGINS_OUT)/static_host: $(PLUGINS_SRC)/host.c $(WORKLOAD_SRC)/common.c $(WORKLOAD_SRC)/common.h
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -O1 -g -w -static-pie -o $@ $(PLUGINS_SRC)/host.c $(WORKLOAD_SRC)/common.c

$(PLUGINS_OUT)/small.so: $(PLUGINS_SRC)/small.c
	@mkdir -p $(@D)
	$(CC) $(WORKLOAD_WARNINGS) -O2 -g -fPIC -shared -o $@ $<

$(PLUGINS_OUT)/musl_host: $(PLUGINS_SRC)/host.c $(WORKLOAD_SRC)/common.c $(WORKLOAD_SRC)/common.h
	@mkdir -p $(@D)
	musl-gcc -D_GNU_SOURCE -O1 -g -o $@ $(PLUGINS_SRC)/host.c $(WORKLOAD_SRC)/common.c

$(PLUGINS_OUT)/musl_plugin.so: $(PLUGINS_SRC)/small.c
	@mkdir -p $(@D)
	musl-gcc -O2 -g -fPIC -shared -o $@ $<

# Extensions of other runtimes, in C.
$(PLUGINS_OUT)/addon.node: $(PLUGINS_SRC)/addon.c
	@mkdir -p $(@D)
	$(CC) $(WORKLOAD_WARNINGS) -O2 -g -fPIC -shared -o $@ $<

$(PLUGINS_OUT)/pyext.so: $(PLUGINS_SRC)/pyext.c
	@mkdir -p $(@D)
	$(CC) -O2 -g -fPIC -shared -I$(PLUGINS_PY) -o $@ $<

$(PLUGINS_OUT)/nif.so: $(PLUGINS_SRC)/nif.c
	@mkdir -p $(@D)
	$(CC) $(WORKLOAD_WARNINGS) -O2 -g -fPIC -shared -I$(dir $(PLUGINS_ERL)) -o $@ $<

$(PLUGINS_OUT)/nif.beam: $(PLUGINS_SRC)/nif.erl
	@mkdir -p $(@D)
	cd $(PLUGINS_SRC) && erlc -o $(abspath $(@D)) $(<F)

PLUGINS_GO = cd $(PLUGINS_SRC)/go && GOFLAGS=-mod=mod GOPROXY=off GO111MODULE=on GOTOOLCHAIN=local \
	CGO_ENABLED=1 $(GO) build -buildvcs=false -o $(abspath $@)

$(PLUGINS_OUT)/go_host: $(wildcard $(PLUGINS_SRC)/go/*.* $(PLUGINS_SRC)/go/*/*.*)
	@mkdir -p $(@D)
	$(PLUGINS_GO) ./host

$(PLUGINS_OUT)/go_plugin.so: $(wildcard $(PLUGINS_SRC)/go/*.* $(PLUGINS_SRC)/go/*/*.*)
	@mkdir -p $(@D)
	$(PLUGINS_GO) -buildmode=plugin ./plugin
