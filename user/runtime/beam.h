/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Erlang virtual machine with its just-in-time compiler (OTP 24 and later): Erlang, Elixir.
 * BPF side: bpf/beam.bpf.h.
 */
#pragma once

#include "runtime/runtime.h"

extern const struct runtime runtime_beam;
