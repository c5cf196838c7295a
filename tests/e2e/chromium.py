# SPDX-License-Identifier: GPL-2.0-only
"""A headless Chromium driven over its DevTools pipe, with the standard library alone."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-pipe",
]
# Windows virtual key codes of the keys that the tests press.
KEYS = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
        "ArrowDown": 40, "Tab": 9}


class Failed(Exception):
    """The browser did not do what was asked of it."""


def find_browser():
    """The program to start, or None."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


class Browser:
    """One browser with one page; a context manager."""

    def __init__(self):
        self.binary = find_browser()
        self.events = []
        self.buffer = b""
        self.number = 0

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="pathbpf-browser-")
        child_in, self.to_child = os.pipe()
        self.from_child, child_out = os.pipe()
        # Chromium reads file descriptor 3 and writes 4: first out of the way, then into place.
        child_in, child_out = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (child_in, child_out)]

        def place():
            os.dup2(child_in, 3)
            os.dup2(child_out, 4)

        self.process = subprocess.Popen(
            [self.binary, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"],
            preexec_fn=place, pass_fds=(3, 4), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(child_in)
        os.close(child_out)
        try:
            self.session = None
            self.attach()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def attach(self):
        """Finds the first page and turns on the events that the tests look at."""
        deadline = time.monotonic() + 30
        while True:
            pages = [t for t in self.call("Target.getTargets")["targetInfos"]
                     if t["type"] == "page"]
            if pages:
                break
            if time.monotonic() > deadline:
                raise Failed("the browser has no page")
            time.sleep(0.05)
        self.session = self.call("Target.attachToTarget",
                                 {"targetId": pages[0]["targetId"], "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def receive(self, deadline):
        """The next message."""
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.from_child], [], [], left)[0]:
                raise Failed("the browser does not answer")
            data = os.read(self.from_child, 1 << 20)
            if not data:
                raise Failed("the browser is gone")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, params=None, timeout=60):
        """Calls a method and returns its result; events that come first are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params or {}}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to_child, data):]
        deadline = time.monotonic() + timeout
        while True:
            answer = self.receive(deadline)
            if answer.get("id") != self.number:
                self.events.append(answer)
            elif "error" in answer:
                raise Failed(f"{method}: {answer['error']['message']}")
            else:
                return answer["result"]

    def wait_event(self, method, timeout=60):
        deadline = time.monotonic() + timeout
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self.receive(deadline))

    def open(self, url):
        """Loads a page from nothing: a mere change of fragment would not reload it."""
        self.events = [e for e in self.events if e.get("method") != "Page.loadEventFired"]
        self.call("Page.navigate", {"url": "about:blank"})
        self.wait_event("Page.loadEventFired")
        self.events = [e for e in self.events if e.get("method") != "Page.loadEventFired"]
        self.call("Page.navigate", {"url": url})
        self.wait_event("Page.loadEventFired")

    def js(self, expression):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", {
            "expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in result:
            raise Failed(f"{expression}: {result['exceptionDetails']['text']} "
                         f"{result['result'].get('description', '')}")
        return result["result"].get("value")

    def until(self, expression, timeout=10):
        """Waits until an expression is true; says whether it became so."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.js(expression):
                return True
            time.sleep(0.03)
        return False

    def key(self, key):
        params = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS.get(key, 0)}
        if len(key) == 1:
            params.update(code="", text=key, windowsVirtualKeyCode=ord(key.upper()))
        elif key == "Enter":
            params["text"] = "\r"
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", **params})
        params.pop("text", None)
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **params})

    def type(self, text):
        self.call("Input.insertText", {"text": text})

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more})

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def click_on(self, selector):
        """Clicks the middle of an element, scrolled into view first."""
        x, y = self.js(f"""(() => {{
            const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{block: 'center'}});
            const box = e.getBoundingClientRect();
            return [box.x + Math.min(box.width / 2, 200), box.y + box.height / 2];
        }})()""")
        self.click(x, y)

    def media(self, scheme):
        self.call("Emulation.setEmulatedMedia",
                  {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def size(self, width, height, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": False})

    def screenshot(self, path, full=False):
        data = self.call("Page.captureScreenshot", {"captureBeyondViewport": full})["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
