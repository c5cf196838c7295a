# SPDX-License-Identifier: GPL-2.0-only
"""Python code on stacks of every kind, on the protocol of common.h: scenes, one after the other,
that end in a function which computes or sleeps. The truth is what the interpreter itself says of
the stack there: {"cpu": {SCENE: [[NAME, FILE, LINE], ...]}, "off": {...}}, root first; and
"leaves": the lines of the functions at the leaf. Runs on CPython 3.8 and later."""
import asyncio
import ctypes
import functools
import importlib
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time

CPU_S = float(os.environ.get("SCENE_SECONDS", "0.15"))
SLEEPS, SLEEP_S = 5, 0.02

truth = {"cpu": {}, "off": {}}
scenes = []
here = threading.local()


def scene(function):
    scenes.append(function)
    return function


def note(kind):
    frame, chain = sys._getframe(1), []
    while frame:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        chain.append([name, code.co_filename, frame.f_lineno])
        frame = frame.f_back
    truth[kind][here.scene] = chain[::-1]


def burn(*_):
    note("cpu")
    end = time.thread_time() + CPU_S
    x = 1
    while time.thread_time() < end:
        for i in range(2000):
            x = (x * 31 + i) & 0xFFFF
    return 0


def doze(*_):
    note("off")
    for _ in range(SLEEPS):
        time.sleep(SLEEP_S)
    return 0


def lines_of(code):
    lines = [line for line in (part[-1] for part in code.co_lines()) if line] if hasattr(code, "co_lines") else []
    return [code.co_firstlineno, max(lines or [code.co_firstlineno + 12])]


@scene
def recursion(leaf, depth=30):
    if depth:
        return recursion(leaf, depth - 1)
    return leaf()


@scene
def deep(leaf):
    def down(n):
        return down(n - 1) if n else leaf()

    return down(900)


class Shop:
    class Cart:
        def __init__(self, leaf):
            self.total = leaf()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return False

    def __init__(self, leaf):
        self.leaf = leaf
        self.cart = Shop.Cart(leaf)

    @staticmethod
    def plain(leaf):
        return leaf()

    @classmethod
    def of_class(cls, leaf):
        return cls.plain(leaf)

    @property
    def price(self):
        return self.of_class(self.leaf)

    def __getattr__(self, name):
        return self.price

    def __call__(self):
        return self.anything


@scene
def constructors(leaf):
    return Shop(leaf)


@scene
def methods(leaf):
    shop = Shop.__new__(Shop)
    shop.leaf = leaf
    return shop()


@scene
def lambdas(leaf):
    return (lambda f: (lambda: f())())(leaf)


@scene
def closures(leaf):
    def outer():
        def inner():
            return leaf()

        return inner

    return outer()()


def decorator(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@scene
@decorator
def decorated(leaf):
    return functools.partial(leaf)()


@scene
def comprehensions(leaf):
    return [leaf() for _ in (1,)], {leaf: 1 for leaf in ()}


@scene
def generators(leaf):
    def numbers():
        yield 1
        yield leaf()

    def delegating():
        yield from numbers()

    return sum(x for x in delegating())


@scene
def exceptions(leaf):
    try:
        raise ValueError("as planned")
    except ValueError:
        try:
            return leaf()
        finally:
            pass


@scene
def coroutines(leaf):
    async def innermost():
        await asyncio.sleep(0)
        return leaf()

    async def middle():
        return await innermost()

    async def main():
        task = asyncio.ensure_future(middle())
        return await asyncio.gather(task, asyncio.sleep(0))

    return asyncio.run(main())


@scene
def async_generators(leaf):
    async def numbers():
        yield 1
        yield leaf()

    async def main():
        return [n async for n in numbers()]

    return asyncio.run(main())


@scene
def sort_keys(leaf):
    return sorted([1], key=lambda x: leaf())


@scene
def substitutions(leaf):
    return re.sub("a", lambda m: str(leaf()), "bab")


@scene
def maps(leaf):
    return list(map(leaf, filter(lambda x: True, [1])))


@scene
def reductions(leaf):
    return functools.reduce(lambda a, b: leaf(), [1, 2])


@scene
def c_callbacks(leaf):
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    done = []

    def order(a, b):
        if not done:
            done.append(leaf())
        return 0

    qsort = ctypes.CDLL(None).qsort
    qsort.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, compare]
    qsort.restype = None
    return qsort((ctypes.c_int * 2)(2, 1), 2, 4, compare(order))


@scene
def signals(leaf):
    done = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: done.append(leaf()))
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    while not done:
        time.sleep(0.001)
    signal.signal(signal.SIGALRM, before)


@scene
def destructors(leaf):
    class Resource:
        def __del__(self):
            leaf()

    resource = Resource()
    del resource


@scene
def prix_é(leaf):
    def 价格():
        return leaf()

    def smile():
        return 价格()

    names = {"co_name": "smile_\U0001f600"}
    if hasattr(smile.__code__, "co_qualname"):
        names["co_qualname"] = "prix_é.<locals>.smile_\U0001f600"
    smile.__code__ = smile.__code__.replace(**names)
    return smile()


@scene
def executed(leaf):
    for i in range(3):  # the same names at, most likely, the same addresses
        source = "\n" * i + "def made(leaf):\n    return leaf()\nmade(leaf)\n"
        exec(compile(source, f"<generated {i}>", "exec"), {"leaf": leaf if i == 2 else int})


@scene
def imports(leaf):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "pyframes_imported.py"), "w") as f:
            f.write("import builtins\n\nclass Body:\n    builtins.scene_leaf()\n")
        importlib.import_module("builtins").scene_leaf = leaf
        sys.path.insert(0, folder)
        sys.modules.pop("pyframes_imported", None)
        importlib.invalidate_caches()
        importlib.import_module("pyframes_imported")
        sys.path.remove(folder)


@scene
def greenlets(leaf):
    try:
        import greenlet
    except ImportError:
        return None

    def second():
        main.switch()
        return leaf()

    def first():
        other.switch()
        return 1

    main = greenlet.greenlet(first)
    other = greenlet.greenlet(second)
    main.switch()
    return other.switch()


def play(function, leaf):
    here.scene = function.__name__
    function(leaf)


def in_threads():
    """All at the same time, and the main thread waits."""

    def left(leaf):
        return recursion(leaf, 3)

    def right(leaf):
        return Shop.plain(leaf)

    threads = []
    for function in (left, right):
        for leaf in (burn, doze):
            threads.append(threading.Thread(target=play, args=(function, leaf)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    print("ready", flush=True)
    sys.stdin.readline()
    for function in scenes:
        play(function, burn)
    for function in scenes:
        play(function, doze)
    in_threads()
    truth["leaves"] = {f.__name__: lines_of(f.__code__) for f in (burn, doze)}
    print(json.dumps(truth), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
