/* SPDX-License-Identifier: GPL-2.0-only */
/* The registers of a probe, for BPF code that is compiled on the host. */
#pragma once

#define PT_REGS_SP(regs) ((regs)->sp)
#define PT_REGS_RC(regs) ((regs)->ax)
