#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks an HTML report by using it: browser.py [--shots DIR] FILE

One line a check; exit status 0 when all hold, 77 when there is no browser. What the page shows is compared with what this
script works out by itself from the data in the file.
"""

import argparse
import json
import os
import re
import sys
import urllib.parse

from chromium import Browser, Failed, find_browser

# What stands where on the canvas, in page coordinates.
FRAMES = """(() => {
    const box = chart.canvas.getBoundingClientRect();
    const out = [];
    chart.rows.forEach((row, depth) => row && row.forEach(({node, x, w}) => {
        const y = chart.yOf(depth) - chart.top;
        if (y >= 0 && y + ROW <= chart.height)
            out.push({node, depth, w, x: box.x + x + w / 2, y: box.y + y + ROW / 2,
                      name: chart.nameOf(node)});
    }));
    return out;
})()"""

# The colour at the left end of a frame, above its text.
PIXEL = """((px, py) => {
    const box = chart.canvas.getBoundingClientRect(), ratio = devicePixelRatio;
    return [...chart.ctx.getImageData((px - box.x) * ratio, (py - box.y) * ratio, 1, 1).data];
})"""


class Data:
    """The report as the file holds it, and sums over it."""

    def __init__(self, html):
        text = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
        self.json = json.loads(text.group(1))
        flat = self.json["sites"]
        self.names = [self.json["strings"][i] for i in flat[1::6]]
        self.kinds = flat[0::6]

    def nodes(self, side):
        """(parent, site, self) of each node after the root; self summed over its columns."""
        flat = self.json[side]["nodes"]
        width = 3 if side == "cpu" else 4
        return [(i + 1 - flat[i * width], flat[i * width + 1],
                 flat[i * width + 2:(i + 1) * width]) for i in range(len(flat) // width)]

    def total(self, side, column=None):
        return sum(n[2][column] if column is not None else sum(n[2]) for n in self.nodes(side))

    def matched(self, side, test):
        """The share of values with a matching name anywhere on their stack."""
        hit, total, found = [False], 0, 0
        for parent, site, values in self.nodes(side):
            hit.append(hit[parent] or test(self.names[site]))
            total += sum(values)
            found += sum(values) if hit[-1] else 0
        return 100 * found / total if total else 0


class Checks:
    """Runs the checks in order and prints a line for each."""

    def __init__(self, browser, path, shots):
        self.b = browser
        self.url = "file://" + urllib.parse.quote(os.path.abspath(path))
        with open(path, encoding="utf-8") as f:
            self.data = Data(f.read())
        self.shots = shots
        self.failed = 0
        self.sides = [s for s in ("cpu", "offcpu") if s in self.data.json and self.data.total(s)]

    def check(self, what, ok, detail=""):
        print(f"{'ok  ' if ok else 'FAIL'} {what}{f' ({detail})' if detail != '' else ''}", flush=True)
        self.failed += not ok

    def shot(self, name):
        if self.shots:
            self.b.screenshot(os.path.join(self.shots, name + ".png"))

    def settle(self):
        """Waits for the zoom animation and the next picture."""
        self.b.js("new Promise(r => setTimeout(() => requestAnimationFrame(() => r(1)), 260))")

    def frames(self):
        return self.b.js(FRAMES)

    def pixel(self, frame):
        left = frame["x"] - frame["w"] / 2 + 2
        return self.b.js(f"{PIXEL}({left}, {frame['y'] - 6})")

    def state(self, key):
        return self.b.js(f"state.{key}")

    def text(self, selector):
        return self.b.js(f"document.querySelector({json.dumps(selector)}).textContent")

    def search(self, query):
        self.b.js("document.getElementById('search').value = ''")
        self.b.js("document.getElementById('search').focus()")
        self.b.type(query)
        self.b.until(f"state.search === {json.dumps(query)}")

    def shown_share(self):
        found = re.match(r"([\d.]+) %", self.text("#matched"))
        return float(found.group(1)) if found else None

    def victim(self):
        """A frame to play with: not as wide as the graph, with room for a name, and not hatched."""
        width = self.b.js("chart.width")
        good = [f for f in self.frames()
                if 30 < f["w"] < 0.8 * width and f["depth"] > 1 and f["name"] != "[truncated]"]
        return max(good, key=lambda f: f["w"]) if good else self.frames()[-1]

    def run(self):
        self.b.size(1280, 900)
        self.b.media("light")
        self.b.open(self.url)
        self.rendering()
        if not self.sides:
            return
        self.searching()
        self.zooming()
        self.switching()
        self.views()
        self.keyboard()
        self.tables()
        self.plugins()
        self.themes()
        self.addresses()
        self.sizes()

    def rendering(self):
        self.check("has a title", self.text("#title") == self.data.json["title"], self.text("#title"))
        if not self.sides:
            self.check("says that nothing was recorded", self.b.js("!$('empty').hidden"))
            return
        frames = self.frames()
        self.check("draws frames", len(frames) > 2, f"{len(frames)} in view")
        colors = {tuple(self.pixel(f)) for f in frames if f["w"] > 6}
        self.check("frames have colour on the canvas", len(colors) > 1 and all(c[3] for c in colors),
                   f"{len(colors)} colours")
        ms = self.b.js("(() => { const t = performance.now(); for (let i = 0; i < 10; i++) chart.draw();"
                       " return (performance.now() - t) / 10; })()")
        self.check("draws fast", ms < 200, f"{ms:.1f} ms, {self.b.js('chart.tree.n')} nodes")
        frame = self.victim()
        self.b.mouse("mouseMoved", frame["x"], frame["y"])
        tip = self.b.js("$('tip').hidden ? '' : $('tip').textContent")
        self.check("hover tells name and share", frame["name"] in tip and "%" in tip)
        self.check("the status line tells them too", frame["name"] in self.text("#status"))
        self.shot("light")

    def searching(self):
        side = self.b.js("state.side")
        frame = self.victim()
        self.b.mouse("mouseMoved", 2, 2)
        self.b.key("/")
        self.check("'/' goes to the search", self.b.js("document.activeElement.id") == "search")
        before = self.pixel(frame)
        name = frame["name"].lower()
        self.search(frame["name"].upper())
        want = self.data.matched(side, lambda n: name in n.lower())
        self.check("search shows the matched share", self.shown_share() is not None
                   and abs(self.shown_share() - want) < 0.06, f"{self.text('#matched')}, want {want:.2f}")
        self.check("search highlights the frame", self.pixel(frame) != before
                   and self.pixel(frame)[:3] == self.b.js("mix(chart.matchColor.fill, '#000000', 0)"
                                                          ".match(/\\d+/g).map(Number)"))
        self.shot("search")
        self.search("/^.{1,6}$/")
        want = self.data.matched(side, lambda n: 1 <= len(n.encode("utf-16-le")) // 2 <= 6)
        self.check("a regular expression works", self.shown_share() is not None
                   and abs(self.shown_share() - want) < 0.06, f"{self.text('#matched')}, want {want:.2f}")
        self.search("/(/")
        self.check("a broken one is marked", self.b.js("$('search').getAttribute('aria-invalid')") == "true")
        self.b.key("Escape")
        self.check("Escape clears the search", self.state("search") == "" and self.text("#matched") == "")

    def zoomed_to(self, frame):
        box = self.b.js(f"chart.boxOf({frame['node']})")
        return box is not None and abs(box["w"] - self.b.js("chart.width")) < 1

    def zooming(self):
        frame = self.victim()
        self.b.click(frame["x"], frame["y"])
        self.settle()
        self.check("a click zooms to the frame", self.zoomed_to(frame) and self.state("zoom") == frame["node"])
        self.check("its ancestors stay", self.b.js("chart.rows[0].length === 1 && chart.rows[0][0].w === chart.width"))
        self.check("the chain of callers is shown", frame["name"][:20] in self.text("#crumbs"))
        self.check("the address keeps the zoom", f"z={frame['node']}" in self.b.js("location.hash"))
        self.shot("zoom")
        self.b.key("Escape")
        self.settle()
        self.check("Escape zooms out", self.state("zoom") == 0 and not self.zoomed_to(frame))
        frame = self.victim()
        self.b.click(frame["x"], frame["y"])
        self.settle()
        self.b.click_on("#reset")
        self.settle()
        self.check("Reset zooms out", self.state("zoom") == 0 and not self.zoomed_to(frame))

    def switching(self):
        for side in self.sides:
            before = self.text("#graph-title")
            if self.state("side") == side and len(self.sides) > 1:
                self.b.click_on(f"[data-side={[s for s in self.sides if s != side][0]}]")
                before = self.text("#graph-title")
            self.b.click_on(f"[data-side={side}]")
            total = self.b.js("chart.tree.total[0]")
            self.check(f"{side}: the total is that of the data", total == self.data.total(side), total)
            if len(self.sides) > 1:
                self.check(f"{side}: the title changes", self.text("#graph-title") != before, self.text("#graph-title"))
        if "offcpu" in self.sides:
            self.b.click_on("[data-side=offcpu]")
            for column, why in enumerate(("blocked", "preempted")):
                self.b.click_on(f"[data-why={why}]")
                self.check(f"{why} time alone", self.b.js("chart.tree.total[0]") == self.data.total("offcpu", column)
                           and why in self.text("#graph-title"))
            self.b.click_on("[data-why=all]")
            self.shot("offcpu")
        self.b.click_on(f"[data-side={self.sides[0]}]")

    def views(self):
        side = self.sides[0]
        leaves = {}
        for _, site, values in self.data.nodes(side):
            leaves[site] = leaves.get(site, 0) + sum(values)
        self.b.click_on("#callers")
        got = self.b.js("""Object.fromEntries([...chart.tree.kids.subarray(0, chart.tree.first[1])]
            .map(i => [chart.tree.site[i], chart.tree.total[i]]))""")
        self.check("callers: stacks merged from the leaf", got == {str(s): v for s, v in leaves.items() if v},
                   f"{len(got)} leaf functions")
        self.shot("callers")
        self.b.click_on("#callers")
        first = self.b.js("chart.yOf(0) > chart.yOf(1)")
        self.b.click_on("#icicle")
        self.check("icicle: the root moves to the top", first and self.b.js("chart.yOf(0) < chart.yOf(1)"))
        self.b.click_on("#icicle")

    def keyboard(self):
        self.b.js("document.activeElement.blur()")
        self.b.js("chart.selected = -1; chart.canvas.focus()")
        self.b.key("ArrowUp")
        self.b.key("ArrowUp")
        node = self.b.js("chart.selected")
        self.check("arrow up goes to a callee", node > 0 and self.b.js(f"chart.tree.depth[{node}]") == 2)
        self.check("and is read out", self.b.js("$('live').textContent").startswith(self.b.js(f"chart.nameOf({node})")))
        self.b.key("ArrowDown")
        self.check("arrow down goes to the caller", self.b.js("chart.selected") == self.b.js(f"chart.tree.parent[{node}]"))
        row = self.b.js("(chart.rows.find(r => r.length > 1) || []).map(box => box.node)")
        if row:
            self.b.js(f"chart.select({row[0]})")
            self.b.key("ArrowRight")
            right = self.b.js("chart.selected")
            self.b.key("ArrowLeft")
            self.check("left and right go to neighbours", right == row[1] and self.b.js("chart.selected") == row[0])
        node = self.b.js("chart.selected")
        self.b.key("Enter")
        self.settle()
        self.check("Enter zooms", self.state("zoom") == node)
        self.b.key("Escape")
        self.settle()
        self.check("Escape zooms out from the keyboard", self.state("zoom") == 0)
        self.b.key("?")
        self.check("'?' opens the help", self.b.js("$('help').open"))
        self.shot("help")
        self.b.key("Escape")
        self.check("Escape closes it", self.b.until("!$('help').open"))
        side = self.state("side")
        self.b.key("o")
        self.check("'o' switches the kind of stacks", (self.state("side") != side)
                   == all(s in self.data.json for s in ("cpu", "offcpu")))
        self.b.js(f"setState({{side: '{side}'}})")

    def tables(self):
        rows = self.b.js("document.querySelectorAll('#functions tbody tr').length")
        self.check("hottest functions are listed", rows > 0, rows)
        name = self.text("#functions tbody button.row")
        self.b.click_on("#functions tbody button.row")
        test = re.compile(r"^" + re.escape(name) + r"$", re.I).match if self.state("search").startswith("/") \
            else lambda n: name.lower() in n.lower()
        want = self.data.matched(self.state("side"), test)
        self.check("a click on a row searches", self.shown_share() is not None
                   and abs(self.shown_share() - want) < 0.06, self.state("search")[:60])
        self.b.js("setState({search: ''})")
        for key in ("findings", "plugins", "paths", "syscalls", "targets"):
            count = len(self.data.json.get(key, []))
            shown = self.b.js(f"$('{key}').hidden ? 0 : document.querySelectorAll('#{key} tbody tr').length")
            self.check(f"table of {key}", shown == min(count, 40), shown)
        self.b.click_on("#functions th:nth-child(4) button")
        self.check("a heading sorts", self.b.js(
            "document.querySelector('#functions th:nth-child(4)').getAttribute('aria-sort')") == "descending")

    def plugins(self):
        """A click on a plugin leaves its own stacks, each from its first frame of that object on."""
        if not self.b.js("!!document.querySelector('#plugins tbody button.row')"):
            return
        self.b.click_on("#plugins tbody button.row")
        picked = self.state("plugin")
        objects = [self.data.json["strings"][i] if i >= 0 else "" for i in self.data.json["sites"][2::6]]
        nodes = self.data.nodes(self.state("side"))
        within, total = [False], 0
        for parent, site, own in nodes:
            within.append(within[parent] or objects[site] == picked)
            total += sum(own) if within[-1] else 0
        shown = self.b.js("treeOf(state).total[0]")
        self.check("a click on a plugin shows its stacks", picked and shown == total > 0, f"{picked}: {shown} of {total}")
        self.check("which begin in it", self.b.js(
            "(t => t.parent.every((p, i) => !i || p || site.object[t.site[i]] === state.plugin))(treeOf(state))"))
        self.b.js("setState({callers: true})")
        self.check("merged from the leaf they are as many", self.b.js("treeOf(state).total[0]") == total)
        self.b.js("setState({callers: false})")
        address = self.b.js("location.hash")
        self.shot("plugin")
        self.b.click_on("#all-code")
        self.check("and back to all code", self.state("plugin") == "" and self.b.js("treeOf(state).total[0]") == self.data.total(self.state("side")))
        self.b.js(f"location.hash = {json.dumps(address)}")
        self.b.until(f"state.plugin === {json.dumps(picked)}")
        self.check("the address brings the plugin back", True)
        self.b.js("setState({plugin: ''})")

    def themes(self):
        looks = {}
        for scheme in ("light", "dark"):
            self.b.media(scheme)
            self.b.js("document.documentElement.removeAttribute('data-theme'); window.scrollTo(0, 0)")
            self.settle()
            frame = self.victim()
            looks[scheme] = (self.b.js("getComputedStyle(document.documentElement).backgroundColor"), self.pixel(frame))
            worst = self.b.js("""(() => {
                const light = c => c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
                    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
                const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
                const rgb = c => mix(c, '#000000', 0);
                const pairs = [[chart.ink, chart.panel], [chart.muted, chart.panel], [chart.matchColor.fill, chart.matchColor.ink]];
                for (let s = 0; s < site.n; s++)
                    pairs.push([chart.colorOf(s).fill, chart.colorOf(s).ink], [chart.colorOf(s).dim, chart.muted]);
                for (let hue = 0; hue < 360; hue += 5)
                    pairs.push([chart.objectColor(hue).fill, chart.objectColor(hue).ink]);
                return pairs.map(([a, b]) => [ratio(rgb(a), rgb(b)), a, b]).sort((x, y) => x[0] - y[0])[0];
            })()""")
            self.check(f"{scheme}: text contrast", worst[0] >= 4.5, f"lowest {worst[0]:.1f}: {worst[1]} {worst[2]}")
            self.shot(f"theme-{scheme}")
        self.check("light and dark differ", looks["light"][0] != looks["dark"][0] and looks["light"][1] != looks["dark"][1])
        self.b.click_on("#theme")
        self.check("the button overrides the system", self.b.js(
            "getComputedStyle(document.documentElement).backgroundColor") == looks["light"][0])
        self.b.js("localStorage.clear(); document.documentElement.removeAttribute('data-theme')")
        self.b.media("light")

    def addresses(self):
        node = self.victim()["node"]
        self.b.open(f"{self.url}#v={self.sides[-1]}&s=main&icicle=1&c=object")
        self.check("the address brings the view back", self.state("side") == self.sides[-1] and self.state("icicle")
                   and self.state("search") == "main" and self.state("color") == "object")
        self.shot("address")
        self.b.open(f"{self.url}#z={node}")
        self.check("and the zoom", self.state("zoom") == node and self.zoomed_to({"node": node}))
        self.b.open(f"{self.url}#z=99999999&v=nonsense&s=/(/&w=x")
        self.check("a wild address does no harm", self.state("zoom") == 0 and len(self.frames()) > 2)

    def sizes(self):
        self.b.open(self.url)
        for width, scale in ((700, 1), (1280, 2), (1700, 1), (2560, 1)):
            self.b.size(width, 1000, scale)
            self.settle()
            over = self.b.js("document.documentElement.scrollWidth - innerWidth")
            crisp = self.b.js("chart.canvas.width === Math.round(chart.width * devicePixelRatio)")
            self.check(f"{width} px at {scale}x", over <= 0 and crisp)
            self.shot(f"width-{width}")
        self.b.size(1280, 900)

    def safety(self):
        """Last, because a blocked script leaves an error behind."""
        errors, requests = [], []
        for event in self.b.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                errors.append(params["exceptionDetails"].get("exception", {}).get("description", "?"))
            elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
                errors.append(params["entry"]["text"])
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                errors.append(str(params["args"]))
            elif method == "Network.requestWillBeSent":
                url = params["request"]["url"].split("#")[0]
                if url not in (self.url, "about:blank"):
                    requests.append(url)
        self.check("no error in the page", not errors, "; ".join(errors)[:300])
        self.check("no request but the file itself", not requests, " ".join(requests)[:300])
        self.check("no element made from a name", self.b.js(
            "document.scripts.length === 6 && !document.querySelector('img, iframe, object, link, body b:not(.numbers b)')"))
        self.b.js("""(() => { const s = document.createElement('script'); s.textContent = 'window.intruder = 1';
            document.body.append(s); s.remove(); })()""")
        self.check("the page's policy runs no other script", self.b.js("window.intruder") is None)
        blocked = self.b.js("""new Promise(done => {
            addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));
            fetch('http://127.0.0.1:9/').catch(() => setTimeout(() => done('nothing'), 500));
        })""")
        self.check("and lets it fetch nothing", blocked == "connect-src", blocked)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--shots", help="leave pictures in this directory")
    args = parser.parse_args()
    if not find_browser():
        print("no Chromium here: install chromium, or set CHROMIUM", file=sys.stderr)
        return 77
    try:
        with Browser() as browser:
            checks = Checks(browser, args.file, args.shots)
            checks.run()
            checks.safety()
    except Failed as error:
        print(f"FAIL {error}")
        return 1
    print(f"{checks.failed} failed" if checks.failed else "all checks hold")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
