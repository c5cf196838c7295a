/* SPDX-License-Identifier: GPL-2.0-only */
/* The few BPF instructions of which the trial programs are made. */
#pragma once

#include <linux/bpf.h>

#define INSN_MOV_IMM(reg, value)                                                                   \
	((struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (value) })
#define INSN_MOV(dst, src)                                                                         \
	((struct bpf_insn){                                                                        \
	    .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (dst), .src_reg = (src) })
#define INSN_ADD_IMM(reg, value)                                                                   \
	((struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = (reg), .imm = (value) })
#define INSN_LOAD64(dst, src, offset)                                                              \
	((struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_DW,                                    \
			    .dst_reg = (dst),                                                      \
			    .src_reg = (src),                                                      \
			    .off = (offset) })
#define INSN_STORE64(dst, src, offset)                                                             \
	((struct bpf_insn){ .code = BPF_STX | BPF_MEM | BPF_DW,                                    \
			    .dst_reg = (dst),                                                      \
			    .src_reg = (src),                                                      \
			    .off = (offset) })
#define INSN_STORE64_IMM(dst, offset, value)                                                       \
	((struct bpf_insn){ .code = BPF_ST | BPF_MEM | BPF_DW,                                     \
			    .dst_reg = (dst),                                                      \
			    .off = (offset),                                                       \
			    .imm = (value) })
/* A map's address takes two instructions, LOW and HIGH. */
#define INSN_MAP_LOW(dst, fd)                                                                      \
	((struct bpf_insn){ .code = BPF_LD | BPF_DW | BPF_IMM,                                     \
			    .dst_reg = (dst),                                                      \
			    .src_reg = BPF_PSEUDO_MAP_FD,                                          \
			    .imm = (fd) })
#define INSN_MAP_HIGH ((struct bpf_insn){ .code = 0 })
/* Skips `count` instructions when the register is 0. */
#define INSN_JUMP_ZERO(reg, count)                                                                 \
	((struct bpf_insn){ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = (reg), .off = (count) })
#define INSN_CALL(helper) ((struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = (helper) })
#define INSN_EXIT         ((struct bpf_insn){ .code = BPF_JMP | BPF_EXIT })
