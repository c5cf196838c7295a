/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What maps.bpf.c is to the other programs: the globals of work.bpf.c, and the licence. */
#include "maps.bpf.h"
#include "work.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct pb_config config = {}; /* follow, self_tgid, comm_glob */
__u32 pidns_level = 0;
__u32 joining = 0;
__u32 interrupts_left_out = 0;
