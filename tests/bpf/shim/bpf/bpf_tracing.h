/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers and arguments of probes, for BPF code that is compiled on the host. */
#pragma once

#define PT_REGS_IP(regs)    ((regs)->ip)
#define PT_REGS_SP(regs)    ((regs)->sp)
#define PT_REGS_RC(regs)    ((regs)->ax)
#define PT_REGS_PARM1(regs) ((regs)->di)
#define PT_REGS_PARM2(regs) ((regs)->si)
#define PT_REGS_PARM3(regs) ((regs)->dx)

/* A program takes its arguments as they are, and the raw ones before them. */
#define BPF_PROG(name, args...) name(unsigned long long *ctx, ##args)
