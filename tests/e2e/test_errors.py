# SPDX-License-Identifier: GPL-2.0-only
"""What goes wrong is said in one line, with the right exit status, and leaves the target alone."""
import os
import signal
import time

from harness import *


def one_line(done, *words):
    lines = done.stderr.splitlines()
    equal(len(lines), 1, f"lines of the message {done.stderr!r}")
    check(lines[0].startswith("pathbpf: "), f"the message {lines[0]!r} begins with the program's name")
    for word in words:
        contains(lines[0].lower(), str(word).lower(), "message")
    equal(done.stdout, "", "standard output")


@case
def no_such_process(t):
    with open("/proc/sys/kernel/pid_max") as f:
        pid = int(f.read()) - 1
    one_line(t.pathbpf("-d", 1, "-p", pid, want=1), pid)


@case
def a_kernel_thread(t):
    with open("/proc/2/comm") as f:
        if f.read().strip() != "kthreadd":
            raise Skip("PID 2 is not kthreadd: a PID namespace")
    one_line(t.pathbpf("-d", 1, "-p", 2, want=1), "2", "kernel")


@case
def a_zombie(t):
    zombie = t.spawn(["/bin/true"])
    wait_until(lambda: process_state(zombie.pid) == "Z", "the child is a zombie")
    one_line(t.pathbpf("-d", 1, "-p", zombie.pid, want=1), zombie.pid)


@case
def a_process_that_exits_while_we_attach(t):
    """It may be seen or not; nothing may hang or crash."""
    seen = set()
    for i in range(12):
        target = t.spawn(["/bin/sleep", f"{0.02 * i:.2f}"])
        done = t.run(PATHBPF, "-d", 2, "-o", t.file("x.json"), "-p", target.pid, timeout=20)
        check(done.returncode in (0, 1), f"exit status {done.returncode} ({done.stderr!r})")
        if done.returncode == 1:
            one_line(done, target.pid)
        seen.add(done.returncode)
        target.wait(10)
    t.remark(f"exit statuses seen: {sorted(seen)}")


@case
def a_32_bit_process(t):
    source, program = t.file("a.c"), t.file("a32")
    with open(source, "w") as f:
        f.write("#include <unistd.h>\nint main(void)\n{\n\treturn pause();\n}\n")
    if t.run("gcc", "-m32", "-o", program, source).returncode:
        raise Skip("gcc cannot build 32-bit programs here (gcc-multilib)")
    target = t.spawn([program])
    done = t.run(PATHBPF, "-d", 1, "-o", t.file("x.json"), "-p", target.pid, timeout=30)
    check(done.returncode in (0, 1, 3), f"exit status {done.returncode}")
    check("32" in done.stderr, f"the message says why: {done.stderr!r}")
    check(target.poll() is None, "the target lives")


@case
def without_root(t):
    setpriv = need_program("setpriv")
    target = t.spawn(["/bin/sleep", "30"])
    argv = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", PATHBPF, "-d", "1", "-p", target.pid]
    done = t.run(*argv)
    if done.returncode == 127 or "Permission denied" in done.stderr and "setpriv" in done.stderr:
        raise Skip(f"nobody cannot run {PATHBPF}")
    equal(done.returncode, 3, f"exit status ({done.stderr!r})")
    one_line(done, "root")


@case
def a_spec_that_matches_nothing_names_what_is_near(t):
    w = t.workload("spans")
    done = t.pathbpf("-d", 1, "-p", w.pid, "-t", "leaf_d", want=1)
    contains(done.stderr, "leaf_d", "message")
    contains(done.stderr, "leaf_c", "message")
    done = t.pathbpf("-d", 1, "-p", w.pid, "-t", "outer", want=1)
    contains(done.stderr, "outer_a", "message")
    w.go()
    w.truth()
    w.end()


@case
def wrong_command_lines(t):
    w = t.workload("busy")
    pid = str(w.pid)
    for argv in (
        ["--nonsense"],
        ["-p"],
        ["-p", "abc"],
        ["-p", "-1"],
        ["-p", "0"],
        ["-p", pid, "-F", "0"],
        ["-p", pid, "-F", "lots"],
        ["-p", pid, "-d", "0"],
        ["-p", pid, "-d", "-1"],
        ["-p", pid, "-d", "soon"],
        ["-p", pid, "--max-overhead", "-1"],
        ["-p", pid, "--ready-fd", "x"],
        ["-p", pid, "-t", ""],
        ["-p", pid, "-t", "spin_heavy@ret<<0"],
        ["-p", pid, "-t", "spin_heavy@ret<0:short"],
        ["-p", pid, "-a"],
        ["-p", pid, "--", "/bin/true"],
        ["--"],
        [],
        ["nosuchverb"],
    ):
        done = t.run(PATHBPF, *argv, timeout=20)
        equal(done.returncode, 2, f"exit status of pathbpf {' '.join(argv)} ({done.stderr!r})")
        check(done.stderr, f"pathbpf {' '.join(argv)} says nothing")
        equal(done.stdout, "", f"standard output of pathbpf {' '.join(argv)}")
    w.go()
    w.truth()
    w.end()


@case
def help_and_version(t):
    text = t.pathbpf("--help").stdout
    for option in "--duration --output --format --trace --frequency --no-cpu --no-offcpu --no-syscalls".split():
        contains(text, option, "--help")
    for option in "--max-overhead --ready-fd --no-follow --version --no-exit-status".split():
        contains(text, option, "--help")
    check(max(len(line) for line in text.splitlines()) <= 100, "lines of --help fit a terminal")
    contains(t.pathbpf("--version").stdout, "pathbpf", "--version")


@case
def a_second_ctrl_c_ends_it_at_once(t):
    w = t.workload("spans", "-t", 2, "-l", 1)
    tracer = t.trace("--max-overhead", 100, "-p", w.pid, "-t", "leaf_c")
    time.sleep(0.5)
    tracer.send(signal.SIGINT)
    tracer.send(signal.SIGINT)
    start = time.monotonic()
    status = tracer.process.wait(STOP_TIMEOUT)
    between(0, time.monotonic() - start, 10, "seconds until it ended")
    check(status in (0, 1, 130, -signal.SIGINT), f"exit status {status} ({tracer.stderr()})")
    w.go()
    w.say("end")
    w.truth()
    equal(w.process.wait(20), 0, "exit status of the workload")


@case
def a_message_is_free_of_the_targets_control_characters(t):
    """A hostile process name must not reach the terminal."""
    path = t.file("\x1b[31mred\x07")
    os.symlink("/bin/sleep", path)
    target = t.spawn([path, "30"])
    wait_until(lambda: "red" in open(f"/proc/{target.pid}/comm").read(), "the target runs")
    done = t.pathbpf("-d", 0.5, "-p", target.pid, "-o", "-")
    check("\x1b" not in done.stdout + done.stderr and "\x07" not in done.stdout + done.stderr, "escape sequence in the output")
