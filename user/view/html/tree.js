/* SPDX-License-Identifier: GPL-2.0-only */
/* The report's data and the trees made of it; nothing here touches the page. */
'use strict';

const KINDS = ['user', 'kernel', 'inlined', 'interpreted', 'truncated', 'process'];
const KIND_PROCESS = 5;

/* Columns of the records that user/view/html_data.c writes. */
const TARGET = { pid: 0, comm: 1, exe: 2, end: 3, threads: 4, cpu: 5, runq: 6, blocked: 7 };
const STATS = { calls: 0, errors: 1, p50: 2, p99: 3, max: 4, total: 5, self: 6, types: 7 };
const PATH = { parent: 0, name: 1, object: 2, kind: 3, open: 4, stats: 5, inside: 13, cpu: 14, offcpu: 15,
	estimate: 16 };
const ESTIMATE = { samples: 0, loop: 1, low: 2, high: 3, calls: 4 };
const PLUGIN = { id: 0, object: 1, path: 2, state: 3, why: 4, loads: 5, loadErrors: 6, unloads: 7, cpu: 8, memory: 9,
	inFlight: 10, samples: 11, stats: 12 };
const FINDING = { rule: 0, text: 1, inherited: 2 };
const SYSCALL = { name: 0, stats: 1 };
const TRACE = { number: 0, pid: 1, tid: 2, thread: 3, why: 4, path: 5, cause: 6, lost: 7, slices: 8 };
const SLICE = { kind: 0, name: 1, depth: 2, start: 3, duration: 4, error: 5, args: 6, open: 7 };
const SLICE_KINDS = ['span', 'syscall', 'offcpu', 'instant'];
const PATH_KINDS = ['', 'kernel', 'static probe', 'system call', 'Python', 'JavaScript', 'Erlang'];

/* A text of the string table; '' for none. */
function text(report, id) {
	return id < 0 ? '' : report.strings[id];
}

/*
 * Adds report.site, arrays by site number; unpacks `nodes` of both kinds of stacks into parent,
 * site and self, a typed array per column of values. Node 0 is everything.
 */
function readReport(json) {
	const report = JSON.parse(json);
	const flat = report.sites;
	const n = flat.length / 6;
	const site = { n, kind: new Uint8Array(n), name: [], object: [], file: [] };

	for (let i = 0; i < n; i++) {
		const [kind, name, object, file, first, last] = flat.slice(6 * i, 6 * i + 6);
		const lines = first === last ? `${first}` : `${first}\u2013${last}`;

		site.kind[i] = kind;
		site.name.push(text(report, name));
		site.object.push(text(report, object));
		site.file.push(file < 0 ? '' : text(report, file) + (first ? `:${lines}` : ''));
	}
	report.site = site;
	if (!report.cpu && !report.offcpu)
		report.cpu = { hz: 0, samples: 0, truncated: 0, nodes: [] };
	if (report.cpu)
		unpackNodes(report.cpu, 1);
	if (report.offcpu)
		unpackNodes(report.offcpu, 2);
	return report;
}

function unpackNodes(stacks, columns) {
	const flat = stacks.nodes;
	const width = 2 + columns;
	const n = flat.length / width + 1;

	stacks.parent = new Int32Array(n).fill(-1);
	stacks.site = new Int32Array(n).fill(-1);
	stacks.self = [];
	for (let c = 0; c < columns; c++)
		stacks.self.push(new Float64Array(n));
	for (let i = 1, at = 0; i < n; i++, at += width) {
		stacks.parent[i] = i - flat[at];
		stacks.site[i] = flat[at + 1];
		for (let c = 0; c < columns; c++)
			stacks.self[c][i] = flat[at + 2 + c];
	}
	delete stacks.nodes;
}

/*
 * A tree ready to draw: total, depth, start (what stands left of a node, in values), and the
 * children of node i at kids[first[i] … first[i + 1] - 1], widest first. Parents stand before
 * their children.
 */
function makeTree(parent, site, self, names) {
	const n = parent.length;
	const total = Float64Array.from(self);
	const depth = new Uint16Array(n);
	const first = new Int32Array(n + 1);
	const kids = new Int32Array(n ? n - 1 : 0);
	const start = new Float64Array(n);

	for (let i = n - 1; i > 0; i--) {
		total[parent[i]] += total[i];
		first[parent[i]]++;
	}
	for (let i = 0, at = 0; i <= n; i++) {
		const count = first[i];
		first[i] = at;
		at += count;
	}
	const next = first.slice();
	for (let i = 1; i < n; i++) {
		depth[i] = depth[parent[i]] + 1;
		kids[next[parent[i]]++] = i;
	}
	const byWidth = (a, b) => total[b] - total[a] || compareNames(names[site[a]], names[site[b]]) || a - b;
	for (let i = 0; i < n; i++) {
		let x = start[i];

		if (first[i + 1] - first[i] > 1)
			kids.subarray(first[i], first[i + 1]).sort(byWidth);
		for (let k = first[i]; k < first[i + 1]; k++) {
			start[kids[k]] = x;
			x += total[kids[k]];
		}
	}
	return { n, parent, site, self, total, depth, first, kids, start };
}

function compareNames(a, b) {
	return a < b ? -1 : a > b ? 1 : 0;
}

/*
 * The same stacks merged from the leaf: a node is a function with a chain of its callers. A
 * value stands at the far end of its chain, the process. Nodes are found through a hash table of
 * (parent, site), open addressing; Map is several times slower at a million nodes.
 */
function reverseNodes(parent, site, self) {
	let cap = 1 << 12;
	let out = { parent: new Int32Array(cap), site: new Int32Array(cap), self: new Float64Array(cap) };
	let slots = new Int32Array(2 * cap);
	let n = 1;

	const slotOf = (p, s) => {
		const mask = slots.length - 1;
		let i = (Math.imul(p, 0x9e3779b1) ^ Math.imul(s, 0x85ebca6b)) >>> 0;

		for (i = (i ^ i >>> 15) & mask; slots[i]; i = (i + 1) & mask)
			if (out.parent[slots[i]] === p && out.site[slots[i]] === s)
				break;
		return i;
	};
	const grow = () => {
		cap *= 2;
		for (const key of Object.keys(out)) {
			const bigger = new out[key].constructor(cap);
			bigger.set(out[key]);
			out[key] = bigger;
		}
		slots = new Int32Array(2 * cap);
		for (let i = 1; i < n; i++)
			slots[slotOf(out.parent[i], out.site[i])] = i;
	};
	out.parent[0] = out.site[0] = -1;
	for (let leaf = 1; leaf < parent.length; leaf++) {
		if (!self[leaf])
			continue;
		let at = 0;
		for (let i = leaf; i > 0; i = parent[i]) {
			let slot = slotOf(at, site[i]);

			if (!slots[slot]) {
				if (n === cap) {
					grow();
					slot = slotOf(at, site[i]);
				}
				out.parent[n] = at;
				out.site[n] = site[i];
				slots[slot] = n++;
			}
			at = slots[slot];
		}
		out.self[at] += self[leaf];
	}
	return { parent: out.parent.slice(0, n), site: out.site.slice(0, n), self: out.self.slice(0, n) };
}

/*
 * The stacks that go through some sites, each beginning at the first of them: what a plugin does
 * and has others do. inside: by site.
 */
function cutNodes(parent, site, self, inside) {
	const out = { parent: [-1], site: [-1], self: [0] };
	const known = new Map();
	const place = new Int32Array(parent.length); /* in the new tree; 0: outside */

	for (let i = 1; i < parent.length; i++) {
		const from = place[parent[i]];

		if (!from && !inside[site[i]])
			continue;
		const key = from * inside.length + site[i];
		if (!known.has(key)) {
			known.set(key, out.parent.length);
			out.parent.push(from);
			out.site.push(site[i]);
			out.self.push(0);
		}
		place[i] = known.get(key);
		out.self[place[i]] += self[i];
	}
	return { parent: Int32Array.from(out.parent), site: Int32Array.from(out.site), self: Float64Array.from(out.self) };
}

/* Adds columns of values; `which` is an index, or -1 for all. */
function pickColumn(columns, which) {
	if (which >= 0 || columns.length === 1)
		return columns[Math.max(which, 0)];
	return columns[0].map((v, i) => v + columns[1][i]);
}

/* Calls enter(node) on the subtree of root, parents first; a true answer skips what is below. */
function walk(tree, root, enter, leave) {
	const stack = [root];

	while (stack.length) {
		const node = stack.pop();

		if (node < 0) {
			leave(~node);
			continue;
		}
		if (enter(node))
			continue;
		if (leave)
			stack.push(~node);
		for (let k = tree.first[node]; k < tree.first[node + 1]; k++)
			stack.push(tree.kids[k]);
	}
}

/* Self and total of every site in a subtree of the forward tree; recursion counts once. */
function siteTotals(tree, root, nSites) {
	const self = new Float64Array(nSites);
	const total = new Float64Array(nSites);
	const open = new Int32Array(nSites);

	walk(tree, root, node => {
		const s = tree.site[node];

		if (s < 0)
			return false;
		self[s] += tree.self[node];
		if (!open[s]++)
			total[s] += tree.total[node];
		return false;
	}, node => {
		if (tree.site[node] >= 0)
			open[tree.site[node]]--;
	});
	return { self, total };
}

/* What is known of a path's times when they were not counted; null for a counted one. */
function estimateOf(path) {
	return path[PATH.estimate].length ? path[PATH.estimate] : null;
}

/* A sampled path's function, without the folders of its file. */
function shortNode(name, kind) {
	return kind >= 4 ? name.replace(/ \([^()]*\/([^/()]*)\)$/, ' ($1)') : name;
}

/* The values below root that have a matching frame on their stack. */
function matchedTotal(tree, root, match) {
	let sum = 0;

	walk(tree, root, node => {
		if (tree.site[node] < 0 || !match[tree.site[node]])
			return false;
		sum += tree.total[node];
		return true;
	});
	return sum;
}

/* A function that tells whether a name matches; null for an empty query. Throws SyntaxError. */
function matcher(query) {
	const regex = /^\/(.+)\/$/.exec(query);

	if (!query)
		return null;
	if (regex) {
		const re = new RegExp(regex[1], 'i');
		return name => re.test(name);
	}
	const low = query.toLowerCase();
	return name => name.toLowerCase().includes(low);
}

/* The shortest query that finds this name and, if possible, no other. */
function queryFor(name, names) {
	const low = name.toLowerCase();
	const others = names.some(other => other !== name && other.toLowerCase().includes(low));

	if (!others && !/^\/.+\/$/.test(name))
		return name;
	return `/^${name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$/`;
}

/* Numbers for people. */
function formatCount(n) {
	return Math.round(n).toLocaleString('en-US');
}

function formatTime(ns) {
	const units = [[1e9, 's'], [1e6, 'ms'], [1e3, '\u00b5s']];

	for (const [size, unit] of units)
		if (ns >= size * 0.9995) {
			const v = ns / size;
			return `${v >= 100 ? formatCount(v) : v.toPrecision(3)} ${unit}`;
		}
	return `${Math.round(ns)} ns`;
}

function formatShare(part, whole) {
	if (!whole)
		return '0 %';
	const pct = 100 * part / whole;
	return `${pct >= 99.95 || pct === 0 ? pct.toFixed(0) : pct >= 10 ? pct.toFixed(1) : pct.toFixed(2)} %`;
}

function formatBytes(n) {
	return n >= 1 << 20 ? `${(n / (1 << 20)).toFixed(1)} MiB` : `${Math.ceil(n / 1024)} KiB`;
}
