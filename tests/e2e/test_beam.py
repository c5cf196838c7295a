# SPDX-License-Identifier: GPL-2.0-only
"""Erlang and Elixir: stacks of processes on the CPU and off it, whole and by name, while they run
compiled code, functions of the virtual machine, native libraries, and dirty schedulers."""
import os
import re
import threading
import time

from harness import *

MAIN = "global::process_main"

def jobs(t, *names, **kwargs):
    need_program("erl")
    need_workload("beamjobs.beam")
    env = dict(os.environ, ERL_CRASH_DUMP_BYTES="0", **kwargs.pop("env", {}))
    argv = ["erl", *kwargs.pop("flags", []), "-noshell", "-pa", str(WORKLOADS), "-run", "beamjobs", "main", *names]
    return Workload(t, argv, env=env, **kwargs)


def trace(t, work, seconds=4, *args):
    tracer = t.trace("-p", work.pid, "-d", seconds, "-F", 499, "--max-overhead", 50, *args)
    tracer.wait()
    report = tracer.report()
    nothing_lost(report)
    return report


def shown(stack):
    """The Erlang part of a stack and what runs on it, root first; repetition as ×N."""
    frames = bare_frames(stack)
    if MAIN in frames:
        frames = frames[frames.index(MAIN) + 1 :]
    out = []
    for f in frames:
        f = re.sub(r" \([^)]*\)(_\[p\])?$", "", f).removesuffix("_[p]").removeprefix("beamjobs:")
        if out and out[-1][0] == f:
            out[-1][1] += 1
        else:
            out.append([f, 1])
    return ";".join(f if n == 1 else f"{f}×{n}" for f, n in out)


def chains(report, signal_name="cpu"):
    total = {}
    for stack, n in folded(report, signal_name):
        if "[truncated]" in stack:
            continue
        s = shown(stack)
        total[s] = total.get(s, 0) + n
    return total


def expect_job(total, function, chain, usual=0.0):
    """
    All stacks that a function is in are `chain` up to it, a regular expression, or a part of that:
    each with everything from the root on. `usual`: so many of them match `chain` whole.
    """
    mine = {s: n for s, n in total.items() if function in re.split("[;×]", s)}
    seen = sum(mine.values())
    check(seen >= 20, f"samples in {function}: {seen} of {sum(total.values())}")
    wrong = {s: n for s, n in mine.items() if not re.match(chain, s)}
    check(sum(wrong.values()) <= seen / 200, f"{function} is called otherwise: {wrong}")
    whole = sum(n for s, n in mine.items() if re.fullmatch(chain, s))
    check(whole >= usual * seen, f"{function}: {whole} of {seen} are {chain}: {mine}")


def expect_complete(t, report, name, least):
    stacks = report["stacks"][name]
    whole = stacks["samples"] if name == "cpu" else stacks["total_ns"]
    share = 1 - stacks["truncated"] / max(1, whole)
    t.remark(f"{100 * share:.2f} % of {whole} complete")
    between(least, share, 1, f"complete stacks, {name}")


@case
def functions_by_name(t):
    w = jobs(t, "body", "tail", "server", "list")
    report = trace(t, w, 6, "--no-offcpu")
    w.end()
    total = chains(report)
    expect_complete(t, report, "cpu", 0.995)
    expect_job(total, "body/1", r"again/1;body/1(×\d+)?(;spin/1)?.*")
    expect_job({s: n for s, n in total.items() if s.startswith("again/1;body/1×101;")}, "spin/1", r"again/1;body/1×101;spin/1", 0.9)
    expect_job(total, "even/1", r"again/1;even/1(;spin/1)?.*")
    expect_job(total, "work/0", r"proc_lib:init_p_do_apply/3(;gen_server:loop/\d)?;gen_server:handle_msg/\d;gen_server:try_handle_call/\d;handle_call/3;work/0(;spin/1)?", 0.9)
    expect_job(total, "shape/1", r"again/1;comprehend/1;'-comprehend/1-lc\$\^0/1-0-'/1(×\d+)?;shape/1(;spin/1|;global::garbage_collect)?.*")


@case
def functions_of_the_machine(t):
    """While the heap of a process shrinks and moves, nobody can tell where its stack is: 0.2 % here."""
    w = jobs(t, "ets", "binary", "term")
    report = trace(t, w, 6, "--no-offcpu")
    w.end()
    total = chains(report)
    expect_complete(t, report, "cpu", 0.98)
    lost = [s for s, _ in folded(report, "cpu") if "[truncated]" in s and "erts_gc_after_bif_call_lhf" not in s]
    equal(lost, [], "incomplete for another reason")
    expect_job(total, "ets_insert_2", r"again/1;fill/2;global::call_light_bif_shared;ets_insert_2.*")
    expect_job(total, "split/1", r"again/1;split/1(;(global::|binary:).*)?")
    expect_job(total, "term_to_binary_1", r"again/1;encode/1;global::call_light_bif_shared;term_to_binary_1.*")


@case
def functions_of_native_libraries(t):
    w = jobs(t, "crypto", "md5")
    report = trace(t, w, 5, "--no-offcpu")
    w.end()
    total = chains(report)
    expect_complete(t, report, "cpu", 0.995)
    expect_job(total, "hash/1", r"again/1;hash/1(;crypto:.*|;global::.*)?")
    expect_job(total, "hash_nif", r"again/1;hash/1;crypto:hash/4;global::call_nif_shared;beam_jit_call_nif.*;hash_nif.*")
    expect_job(total, "digest/1", r"again/1;digest/1(;global::.*)?")


@case
def messages_between_processes(t):
    w = jobs(t, "message")
    report = trace(t, w, 4, "--no-offcpu")
    w.end()
    total = chains(report)
    expect_complete(t, report, "cpu", 0.995)
    expect_job(total, "ask/2", r"again/1;ask/2(;global::.*|;beam_jit_.*)?")
    expect_job(total, "echo/0", r"echo/0(;global::.*|;beam_jit_.*)?")


@case
def dirty_schedulers_have_the_process_that_they_work_for(t):
    fifo = t.file("fifo")
    os.mkfifo(fifo)
    w = jobs(t, "fifo", "sleep", "garbage", env={"FIFO": fifo})
    feeding = True

    def feed():
        with open(fifo, "wb", buffering=0) as f:
            while feeding:
                time.sleep(0.05)
                f.write(b"x")

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    report = trace(t, w, 5)
    feeding = False
    feeder.join(5)
    w.end()
    expect_complete(t, report, "offcpu", 0.99)
    blocked = {s: n for s, n in chains(report, "offcpu").items() if "readv" in s.split(";")}
    want = r".*erts_dirty_process_main;again/1;take/1;prim_file:read/2;prim_file:read_1/\d(;prim_file:read_nif/2)?;erts_call_dirty_nif;.*efile_readv;readv(;.*)?"
    check(blocked and all(re.fullmatch(want, s) for s in blocked), f"blocked in read: {blocked}")
    between(2e6, sum(blocked.values()), 5.5e6, "microseconds blocked in read")
    idle = [s for s, _ in folded(report, "offcpu") if re.search(r"erts_schedule;.*(epoll_wait|ethr_event_twait|ppoll)", s)]
    check(idle and not any("beamjobs" in s for s in idle), f"an idle scheduler runs nobody: {idle[:3]}")


@case
def deep_stacks_keep_both_ends(t):
    w = jobs(t, "deeper", "deep")
    report = trace(t, w, 4, "--no-offcpu")
    w.end()
    deep = [(shown(s), n) for s, n in folded(report, "cpu") if "beamjobs:body/1" in s]
    both = [s for s, _ in deep if s.startswith("again/1;body/1×") and "[truncated]" in s]
    check(both, f"a stack with both ends and a gap: {[s for s, _ in deep][:5]}")
    rootless = sum(n for s, n in deep if not s.startswith("again/1;"))
    check(rootless <= sum(n for _, n in deep) / 20, f"without a root: {rootless} of {deep}")


@case
def modules_that_come_during_the_trace(t):
    module = t.file("late_module.erl")
    with open(module, "w") as f:
        f.write("-module(late_module). -export([run/0, spin/1]).\n"
                "run() -> spin(100000), run().\nspin(0) -> ok;\nspin(N) -> spin(N - 1).\n")
    t.run(need_program("erlc"), "-o", t.dir, module)
    code = "io:format(\"ready~n\"), timer:sleep(4000), code:add_path(\"%s\"), spawn(late_module, run, []), io:get_line(\"\"), halt(0)." % t.dir
    w = Workload(t, [need_program("erl"), "-noshell", "-eval", code])
    report = trace(t, w, 8, "--no-offcpu")
    w.end()
    expect_job({s: n for s, n in chains(report).items()}, "late_module:spin/1", r"late_module:run/0;late_module:spin/1", 0.9)


ELIXIR = """
defmodule Shop.Cart do
  def total(0), do: 0
  def total(n), do: 1 + total(n - 1)
  def run do
    total(1000)
    Enum.map(1..100, fn x -> x * 2 end)
    run()
  end
end
spawn(fn -> Shop.Cart.run() end)
IO.puts("ready")
IO.gets("")
System.halt(0)
"""


@case
def elixir(t):
    script = t.file("cart.exs")
    with open(script, "w") as f:
        f.write(ELIXIR)
    w = Workload(t, [need_program("elixir"), script])
    report = trace(t, w, 4, "--no-offcpu")
    w.end()
    expect_complete(t, report, "cpu", 0.995)
    expect_job(chains(report), "'Elixir.Shop.Cart':total/1", r"'Elixir.Shop.Cart':run/0;'Elixir.Shop.Cart':total/1.*")
    check(weight(report, "cpu", "'Elixir.Shop.Cart':total/1 (%s)" % script) > 0 or
          any("'Elixir.Shop.Cart':total/1 (" in s and "cart.exs)" in s for s, _ in folded(report, "cpu")), "file of an Elixir function")
