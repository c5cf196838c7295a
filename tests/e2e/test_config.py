# SPDX-License-Identifier: GPL-2.0-only
"""Options from the command line, from PATHBPF_* and from a file: which one counts, where it came
from, what is wrong with it."""
import pathlib

from harness import *

# Comes below all else; its lines are counted on.
FILE = """# of this machine
frequency = 49
name = nosuchprocess*
trace = leaf_a
trace = leaf_b   # both
limit = slow=1s
limit = cpu=10
no-offcpu = yes
"""


def environment(**variables):
    """Without what the harness sets for other cases."""
    plain = {name: value for name, value in os.environ.items() if name not in ("PATHBPF_TRACE", "PATHBPF_MAX_OVERHEAD")}
    return {**plain, **{f"PATHBPF_{name}": value for name, value in variables.items()}}


def write(t, text, name="x.conf"):
    pathlib.Path(t.file(name)).write_bytes(text if isinstance(text, bytes) else text.encode())
    return t.file(name)


def options(t, *args, **variables):
    return json.loads(t.pathbpf("config", "--format", "json", *args, env=environment(**variables)).stdout)["options"]


def settings(text):
    """Lines of a printed configuration without their comments."""
    lines = [line.split(" # ")[0].rstrip() for line in text.splitlines() if not line.startswith("#")]
    return [line for line in lines if line]


def origins(text):
    """{"KEY = VALUE": "ORIGIN"}"""
    return {line.split(" # ")[0].rstrip(): line.split(" # ")[1] for line in text.splitlines() if " # " in line and line[0] != "#"}


def refused(t, *args, want=2, **kwargs):
    done = t.pathbpf(*args, want=want, **kwargs)
    equal(done.stdout, "", "standard output")
    equal(len(done.stderr.splitlines()), 1, f"lines on standard error ({done.stderr!r})")
    return done.stderr


@case
def precedence(t):
    file = write(t, FILE)
    frequency = lambda *args, **variables: options(t, *args, **variables)["frequency"]
    equal(frequency(), {"value": "99", "origin": "default"}, "without anything")
    from_file = {"value": "49", "origin": "file", "file": file, "line": 2}
    equal(frequency("--config", file), from_file, "from the file")
    equal(frequency(CONFIG=file), from_file, "from the file that a variable names")
    from_variable = {"value": "50", "origin": "environment", "variable": "PATHBPF_FREQUENCY"}
    equal(frequency("--config", file, FREQUENCY="50"), from_variable, "from the variable")
    equal(frequency("--config", file, FREQUENCY=""), from_file, "an empty variable counts as none")
    equal(frequency("--config", file, "-F", 51, FREQUENCY="50"), {"value": "51", "origin": "flag"}, "from the flag")
    equal(frequency("--config", "none", CONFIG=file)["origin"], "default", "no file, by a flag")


@case
def origins_are_printed(t):
    file = write(t, FILE)
    got = origins(t.pathbpf("config", "--config", file, "-d", 3, "--no-offcpu=no", env=environment(LIMIT="cpu=20;failures=7", NO_CPU="1")).stdout)
    want = {
        "frequency = 49": f"file {file}:2",
        "name = nosuchprocess*": f"file {file}:3",
        "trace = leaf_a": f"file {file}:4",
        "trace = leaf_b": f"file {file}:5",
        "limit = slow=1s": f"file {file}:6",
        "limit = cpu=20": "environment PATHBPF_LIMIT",
        "limit = failures=7": "environment PATHBPF_LIMIT",
        "limit = memory=100M": "default",
        "no-offcpu = no": "flag",
        "no-cpu = yes": "environment PATHBPF_NO_CPU",
        "duration = 3": "flag",
        "max-overhead = 1": "default",
    }
    equal({k: got.get(k) for k in want}, want, "origins")


@case
def what_is_printed_is_a_file(t):
    """Read back it gives the same, whatever the values hold; read again, to the letter."""
    args = ["-n", " glob # with\tall \"of\" it\\ ", "-t", "f*@ret<0:int,!g", "-t", "ns::f<int, long>(char)", "-vv"]
    args += ["-o", "tab\there.json", "-o", "new\nline.svg", "-o", "not utf-8: \udcff\udcc3.html", "-o", "ä.csv", "-o", '"quoted".txt']
    args += ["--limit", "slow=2s", "--no-follow", "--window", "2.5", "--min-offcpu", "10us", "--plugin", "!x", "--max-overhead", "2%"]
    first = t.run(PATHBPF, "config", *args, env=environment(TRACE="unused"))
    equal(first.returncode, 0, f"exit status ({first.stderr!r})")
    second = t.pathbpf("config", "--config", write(t, first.stdout, "1.conf"), env=environment()).stdout
    equal(settings(second), settings(first.stdout), "options that were read back")
    check(len(settings(second)) > 30, f"all options are there: {settings(second)}")
    third = t.pathbpf("config", "--config", write(t, second, "2.conf"), env=environment()).stdout
    equal(third, second.replace("1.conf", "2.conf"), "read back again")


@case
def a_wrong_file_names_its_line(t):
    for text, line, words in (
        (b"frequency = 49\n\nfrequncy = 50\n", 3, ("unknown option 'frequncy'", "did you mean 'frequency'?")),
        (b"max_overhead = 1\n", 1, ("max_overhead", "did you mean 'max-overhead'?")),
        (b"# x\nfrequency = often\n", 2, ("frequency: 'often'",)),
        (b"no-cpu = perhaps\n", 1, ("no-cpu", "'perhaps' is neither yes nor no")),
        (b"frequency\n", 1, ("NAME = VALUE",)),
        (b"frequency = 49\nfrequency = 49\n", 2, ("line 1",)),
        (b"config = x\n", 1, ("config", "cannot be set in a file")),
        (b"trace = \"a\n", 1, ("quote",)),
        (b"a\xff\xe2\x80\xae\xc2\x9b31m = 1\n", 1, ("unknown option 'a???31m'",)),
        (b"\x1b[2J = 1\n", 1, ("no text", "0x1b")),
        (b"\n\0\n", 2, ("no text", "0x00")),
        (b"trace = " + b"x" * 20000 + b"\n", 1, ("longer than",)),
    ):
        file = write(t, text)
        for verb in (["config"], ["-a", "-d", 1], ["record", "-a", "-d", 1]):
            message = refused(t, *verb, "--config", file)
            for word in (f"{file}:{line}: ", *words):
                contains(message, word, f"message for {text[:40]!r}")
            check(message[:-1].isprintable(), f"hostile bytes in {message!r}")


@case
def what_is_overruled_must_be_right_too(t):
    contains(refused(t, "config", "-F", 5, "--config", write(t, "\nfrequency = often\n")), ":2: frequency", "message")
    contains(refused(t, "config", "-F", 5, env=environment(FREQUENCY="often")), "PATHBPF_FREQUENCY: 'often'", "message")


@case
def wrong_variables_are_named(t):
    contains(refused(t, "config", env=environment(FREQUENCY="often")), "PATHBPF_FREQUENCY: 'often'", "message")
    contains(refused(t, "-a", "-d", 1, env=environment(MAX_OVERHAED="1")), "did you mean PATHBPF_MAX_OVERHEAD?", "message")
    contains(refused(t, "config", env=environment(NO_CPU="perhaps")), "PATHBPF_NO_CPU", "message")
    contains(refused(t, "config", env=environment(TRACE='"a')), "PATHBPF_TRACE", "message")
    contains(refused(t, "config", env={**os.environ, b"PATHBPF_frequency\x1b": b"1"}), "PATHBPF_frequency?", "message")


@case
def variables_of_others_are_told_and_ignored(t):
    done = t.pathbpf("config", env=environment(DEMO_SECONDS="3", SERVICE_HOST="10.0.0.1"))
    equal(len(done.stderr.splitlines()), 1, f"lines on standard error ({done.stderr!r})")
    contains(done.stderr, "ignored", "message")
    equal(t.pathbpf("config", "-q", env=environment(DEMO_SECONDS="3")).stderr, "", "message for -q")


@case
def files_that_cannot_be_read(t):
    contains(refused(t, "config", "--config", "/nonexistent", want=1), "'/nonexistent': No such file", "message")
    contains(refused(t, "config", "--config", t.dir, want=1), "Is a directory", "message")
    contains(refused(t, "config", "--config", "/dev/zero"), "no configuration", "message")
    contains(refused(t, "config", "--config", "/bin/sh"), "/bin/sh", "message")


def with_default_file(t, text, *args, mode=0o644, owner=0, prepare="true", prefix=(), want=0):
    """Runs pathbpf where /etc is a folder that holds nothing but this file (None: nothing at all)."""
    unshare, folder = need_program("unshare"), pathlib.Path(t.file("etc"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if text is not None:
        (folder / "pathbpf.conf").write_text(text)
        (folder / "pathbpf.conf").chmod(mode)
        os.chown(folder / "pathbpf.conf", owner, 0)
    script = f'mount --bind "{folder}" /etc && {prepare} && exec "$@"'
    env = {k: v for k, v in environment().items() if k != "PATHBPF_CONFIG"}
    done = t.run(unshare, "-m", "--propagation", "private", "sh", "-c", script, "sh", *prefix, PATHBPF, *args, env=env)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        raise Skip(done.stderr.strip())
    equal(done.returncode, want, f"exit status ({done.stderr!r})")
    return done


@case
def the_default_file(t):
    done = with_default_file(t, FILE, "config")
    contains(done.stdout, "file /etc/pathbpf.conf:2", "origins")
    equal(origins(done.stdout)["frequency = 49"], "file /etc/pathbpf.conf:2", "origin")
    absent = with_default_file(t, None, "config")
    equal(absent.stderr, "", "message where there is no file")
    equal(set(origins(absent.stdout).values()), {"default"}, "origins where there is no file")
    contains(absent.stdout, "there is none", "what is said where there is no file")
    ignored = with_default_file(t, "nonsense", "config", "--config", "none")
    equal(set(origins(ignored.stdout).values()), {"default"}, "origins where the file is ignored")
    wrong = with_default_file(t, "\nnonsense = 1\n", "config", want=2)
    contains(wrong.stderr, "/etc/pathbpf.conf:2: unknown option 'nonsense'", "message")
    help_text = with_default_file(t, "\nnonsense = 1\n", "--help")
    contains(help_text.stdout, "--config FILE", "--help in spite of the file")


@case
def root_does_not_obey_others(t):
    for kwargs, word in (
        ({"mode": 0o666}, "others than root can write it"),
        ({"mode": 0o664}, "others than root can write it"),
        ({"owner": 65534}, "belongs to another user"),
        ({"prepare": "rm /etc/pathbpf.conf && mkfifo /etc/pathbpf.conf"}, "no regular file"),
        ({"prepare": "rm /etc/pathbpf.conf && mkdir /etc/pathbpf.conf"}, "no regular file"),
    ):
        done = with_default_file(t, FILE, "config", want=1, **kwargs)
        equal(len(done.stderr.splitlines()), 1, f"lines on standard error ({done.stderr!r})")
        contains(done.stderr, "'/etc/pathbpf.conf' is not read: ", "message")
        contains(done.stderr, word, "message")
        contains(done.stderr, "--config none", "message")
        with_default_file(t, FILE, "config", "--config", "none", **kwargs)
    file = write(t, FILE)
    os.chmod(file, 0o666)
    equal(options(t, "--config", file)["frequency"]["value"], "49", "a file that was asked for by name")


@case
def a_default_file_that_others_may_not_read(t):
    """What it limits must not be passed over in silence."""
    nobody = (need_program("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups")
    if t.run(*nobody, PATHBPF, "--version").returncode:
        raise Skip(f"nobody cannot run {PATHBPF}")
    done = with_default_file(t, FILE, "config", mode=0o600, prefix=nobody, want=1)
    contains(done.stderr, "cannot read '/etc/pathbpf.conf' (--config none does without): Permission denied", "message")
    with_default_file(t, FILE, "config", "--config", "none", mode=0o600, prefix=nobody)
    with_default_file(t, FILE, "config", mode=0o666, prefix=nobody)


@case
def a_trace_by_file_variables_and_flags(t):
    """The same, at work: what the report says was what the layers asked for."""
    w = t.workload("spans")
    text = "name = nosuchprocess*\nfrequency = 49\nno-cpu = yes\nno-offcpu = yes\nno-syscalls = yes\ntrace = inner_b\nmax-overhead = 100\n"
    file = write(t, text)
    env = environment(CONFIG=file, NO_SYSCALLS="no", MAX_OVERHEAD="77")
    tracer = t.trace("-p", w.pid, "-t", "leaf_c", env=env)
    w.go()
    truth = w.truth()
    report = tracer.stop()
    w.end()
    equal([x["pid"] for x in report["targets"]], [w.pid], "targets: -p beats the file's name")
    equal({n["name"] for n in report["nodes"]}, {"leaf_c"}, "nodes: -t replaces the file's")
    equal("cpu" in report.get("stacks", {}), False, "on-CPU stacks, which the file turned off")
    check(report.get("syscalls") is not None, "system calls, which the variable turned on again")
    equal(report["overhead"]["budget_pct"], 77, "budget, from the variable")
    check(truth, "the workload's own figures")


@case
def a_file_alone_is_enough(t):
    w = t.workload("spans")
    out = t.file("y.json")
    file = write(t, f'pid = {w.pid}\nduration = 0.5\noutput = "{out}"\ntrace = leaf_c\nmax-overhead = 100\n')
    w.go()
    done = t.pathbpf("--config", file)
    equal(done.stdout, "", "standard output")
    with open(out) as f:
        report = json.load(f)
    equal([x["pid"] for x in report["targets"]], [w.pid], "targets")
    w.truth()
    w.end()


@case
def a_command_beats_a_target_of_the_file(t):
    file = write(t, f'pid = 1\noutput = {t.file("z.json")}\n')
    t.pathbpf("--config", file, "--", "/bin/true", env=environment(NAME="nosuch*"))
    with open(t.file("z.json")) as f:
        equal([x["comm"] for x in json.load(f)["targets"]], ["true"], "targets")
