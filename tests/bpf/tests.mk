# SPDX-License-Identifier: GPL-2.0-only
# Unit tests of bpf/ compile its code for the host, against a shim of what surrounds it there.

$(O)/tests/unit/test_bpf_%.o: CPPFLAGS += -Itests/bpf/shim -Wno-unused-parameter -Wno-missing-prototypes
# Programs whole: what clang does not warn of in them is no matter here.
$(O)/tests/unit/bpf_%.o: CPPFLAGS += -Itests/bpf/shim -Wno-unused-parameter -Wno-pointer-arith \
	-Wno-shadow -Wno-sign-compare -Wno-missing-prototypes -Wno-attributes
