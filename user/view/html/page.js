/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts the report on the page and ties controls, keys and the address together. */
'use strict';

const $ = id => document.getElementById(id);
const report = readReport($('data').textContent);
const site = report.site;

/* What the address keeps. */
const state = { side: 'cpu', why: 'all', callers: false, icicle: false, search: '', zoom: 0, color: 'kind', plugin: '' };
const trees = new Map();
let match = null;

const chart = new Chart($('scroll'), $('spacer'), $('canvas'), {
	onHover: (node, event) => {
		showTip(node, event);
		showStatus(node >= 0 ? node : state.zoom);
	},
	onZoom: node => setState({ zoom: node === state.zoom ? 0 : node }, true),
	onSelect: node => {
		showStatus(node);
		$('live').textContent = describe(node);
	},
});

/* The tree of a view; reversed and filtered ones are made when first asked for. */
function treeOf(view) {
	const why = view.side === 'cpu' ? 'all' : view.why;
	const key = JSON.stringify([view.side, why, view.callers, view.plugin]);
	const stacks = report[view.side];

	if (!trees.has(key)) {
		const self = pickColumn(stacks.self, ['blocked', 'preempted'].indexOf(why));
		const all = { parent: stacks.parent, site: stacks.site, self };
		const part = view.plugin ? cutNodes(all.parent, all.site, self, site.object.map(object => object === view.plugin)) : all;
		const nodes = view.callers ? reverseNodes(part.parent, part.site, part.self) : part;
		trees.set(key, makeTree(nodes.parent, nodes.site, nodes.self, site.name));
	}
	return trees.get(key);
}

function formatValue(value) {
	return state.side === 'cpu' ? formatCount(value) : formatTime(value);
}

function formatLong(value) {
	if (state.side !== 'cpu')
		return formatTime(value);
	const about = report.cpu.hz ? `, about ${formatTime(value * 1e9 / report.cpu.hz)}` : '';
	return `${formatCount(value)} sample${value === 1 ? '' : 's'}${about}`;
}

function describe(node) {
	const tree = treeOf(state);
	const s = tree.site[node];
	const where = s < 0 ? [] : [site.object[s], site.file[s]].filter(Boolean);

	return [chart.nameOf(node), ...where, formatLong(tree.total[node]),
		formatShare(tree.total[node], tree.total[0])].join(', ');
}

/* Number parts of a frame: [value, label]; self means nothing when stacks are merged from the leaf. */
function numbersOf(node) {
	const tree = treeOf(state);
	const whole = tree.total[0];
	const out = [[formatLong(tree.total[node]), ''], [formatShare(tree.total[node], whole), 'of all']];

	if (state.zoom)
		out.push([formatShare(tree.total[node], tree.total[state.zoom]), 'of zoom']);
	if (!state.callers)
		out.push([`${formatValue(tree.self[node])} (${formatShare(tree.self[node], whole)})`, 'self']);
	return out;
}

function numberLine(node) {
	return el('div', { class: 'numbers' }, ...numbersOf(node).flatMap(([value, label], i) =>
		[i ? ' \u00b7 ' : '', el('b', {}, value), label ? ` ${label}` : '']));
}

function whereLine(node) {
	const s = treeOf(state).site[node];
	const kind = s < 0 ? '' : KINDS[site.kind[s]];

	if (s < 0)
		return '';
	return [kind === 'truncated' ? 'incomplete stacks: the outer callers are not known' : kind,
		site.object[s], site.file[s]].filter(Boolean).join(' \u00b7 ');
}

function showStatus(node) {
	$('status').replaceChildren(el('span', { class: 'name' }, chart.nameOf(node)),
		el('span', {}, whereLine(node)), numberLine(node));
}

function showTip(node, event) {
	const tip = $('tip');

	tip.hidden = node < 0;
	if (tip.hidden)
		return;
	tip.replaceChildren(el('div', { class: 'name' }, chart.nameOf(node)),
		el('div', { class: 'where' }, whereLine(node)), numberLine(node));
	const box = tip.getBoundingClientRect();
	const x = Math.min(event.clientX + 14, innerWidth - box.width - 8);
	const below = event.clientY + 20;
	const y = below + box.height < innerHeight ? below : event.clientY - box.height - 12;
	tip.style.transform = `translate(${Math.max(8, x)}px, ${Math.max(8, y)}px)`;
}

function showCrumbs() {
	const tree = treeOf(state);
	const chain = [];
	const items = [];

	if (!state.zoom) {
		$('crumbs').replaceChildren(el('span', { class: 'hint' }, 'Click a frame to zoom in'));
		return;
	}
	for (let i = state.zoom; i >= 0; i = tree.parent[i])
		chain.unshift(i);
	chain.forEach((node, i) => {
		/* Long chains keep both ends. */
		if (chain.length > 8 && i > 2 && i < chain.length - 4) {
			if (i === 3)
				items.push(el('span', { class: 'sep' }, `\u203a \u2026 ${chain.length - 7} more \u2026`));
			return;
		}
		if (i)
			items.push(el('span', { class: 'sep', 'aria-hidden': 'true' }, '\u203a'));
		items.push(node === state.zoom ?
			el('span', { 'aria-current': 'true' }, fit(chart.nameOf(node), 120)) :
			el('button', { type: 'button', title: chart.nameOf(node),
				onclick: () => setState({ zoom: node }, true) }, chart.nameOf(node)));
	});
	items.push(el('button', { type: 'button', class: 'reset', id: 'reset',
		onclick: () => setState({ zoom: 0 }, true) }, 'Reset zoom'));
	$('crumbs').replaceChildren(...items);
}

function showGraphTitle() {
	const tree = treeOf(state);
	const why = { all: '', blocked: ', blocked', preempted: ', preempted' }[state.why];
	const title = (state.side === 'cpu' ? 'On-CPU' : `Off-CPU${why}`) + (state.plugin ? `, in ${state.plugin}` : '');
	const whole = state.side === 'cpu' ? report.cpu.truncated : report.offcpu.truncated;
	const all = state.side === 'cpu' ? report.cpu.samples : report.offcpu.total;

	$('graph-title').replaceChildren(title, el('small', {}, formatLong(tree.total[0]) +
		(whole && !state.plugin && (state.side === 'cpu' || state.why === 'all') ? ` \u00b7 ${formatShare(whole, all)} incomplete` : '')),
	...(state.plugin ? [el('button', { type: 'button', class: 'quiet', id: 'all-code', onclick: () => setState({ plugin: '' }) }, 'All code')] : []));
	$('canvas').setAttribute('aria-label', `${title} flame graph, ${formatLong(tree.total[0])}`);
	const none = !tree.total[0];
	$('scroll').hidden = $('status').hidden = none;
	$('empty').hidden = !none;
	$('empty').textContent = state.side === 'cpu' ? 'No stack was sampled on a CPU.' : 'No time off CPU was recorded.';
}

/* Of the forward tree, in the zoomed part; reversed zooms have no counterpart there. */
function showFunctionTable() {
	const tree = treeOf({ ...state, callers: false });
	const root = state.callers ? 0 : state.zoom;
	const { self, total } = siteTotals(tree, root, site.n);
	const rows = [];

	for (let s = 0; s < site.n; s++)
		if (total[s] && site.kind[s] !== KIND_PROCESS)
			rows.push({ site: s, self: self[s], total: total[s] });
	rows.sort((a, b) => b.self - a.self || b.total - a.total);
	$('functions-title').textContent = root ? `Hottest functions in ${fit(chart.nameOf(root), 40)}` : 'Hottest functions';
	showFunctions($('functions').querySelector('.table'), site, rows, tree.total[root], formatValue, match,
		s => setState({ search: queryFor(site.name[s], site.name) }));
}

function updateMatch() {
	const input = $('search');
	let test = null;

	match = null;
	input.removeAttribute('aria-invalid');
	try {
		test = matcher(state.search);
	} catch (error) {
		input.setAttribute('aria-invalid', 'true');
		$('matched').textContent = 'not a regex';
		chart.match = null;
		return;
	}
	if (test)
		match = Uint8Array.from(site.name, name => test(name) ? 1 : 0);
	chart.match = match;
	const tree = treeOf(state);
	$('matched').textContent = match ? `${formatShare(matchedTotal(tree, state.zoom, match), tree.total[state.zoom])} matched` : '';
}

function press(group, key, value) {
	for (const button of $(group).querySelectorAll('button'))
		button.setAttribute('aria-pressed', String(button.dataset[key] === value));
}

function showControls() {
	press('side', 'side', state.side);
	press('why', 'why', state.why);
	$('why').hidden = state.side === 'cpu';
	$('callers').setAttribute('aria-pressed', String(state.callers));
	$('icicle').setAttribute('aria-pressed', String(state.icicle));
	$('color').value = state.color;
	if ($('search').value !== state.search)
		$('search').value = state.search;
}

function showLegend() {
	const tree = treeOf({ ...state, callers: false });
	const seen = new Map();

	for (let i = 1; i < tree.n; i++)
		if (tree.total[i]) {
			const s = tree.site[i];
			const object = state.color === 'object' && site.kind[s] !== KIND_PROCESS && site.object[s];
			seen.set(object || KINDS[site.kind[s]] + (state.color === 'object' && site.kind[s] === 0 ? ', no object' : ''), s);
		}
	const order = ([, s]) => state.color === 'kind' ? (site.kind[s] + 1) % KINDS.length : site.kind[s] === KIND_PROCESS ? 0 : 1;
	const top = [...seen].sort((a, b) => order(a) - order(b)).slice(0, 12);
	$('legend').replaceChildren(...top.map(([label, s]) => {
		const mark = swatch(KINDS[site.kind[s]]);
		if (label === site.object[s])
			mark.style.background = chart.colorOf(s).fill;
		return el('li', {}, mark, label);
	}), ...(seen.size > top.length ? [el('li', {}, `and ${seen.size - top.length} more`)] : []));
}

/* Changes the state and redraws what depends on it. */
function setState(change, animate) {
	const old = { ...state };

	Object.assign(state, change);
	if (state.side !== old.side || state.callers !== old.callers || state.plugin !== old.plugin)
		state.zoom = 'zoom' in change ? change.zoom : 0;
	const tree = treeOf(state);
	if (!(state.zoom < tree.n && tree.total[state.zoom]))
		state.zoom = 0;
	chart.icicle = state.icicle;
	chart.colorBy = state.color;
	updateMatch();
	if (chart.tree !== tree || state.icicle !== old.icicle)
		chart.setTree(tree, site, state.zoom);
	else if (chart.zoom !== state.zoom)
		chart.zoomTo(state.zoom, animate);
	else
		chart.draw();
	showControls();
	showGraphTitle();
	showCrumbs();
	showStatus(state.zoom);
	showFunctionTable();
	showLegend();
	writeAddress();
}

function writeAddress() {
	const p = new URLSearchParams();

	if (state.side !== firstSide())
		p.set('v', state.side);
	if (state.why !== 'all')
		p.set('w', state.why);
	if (state.callers)
		p.set('callers', '1');
	if (state.icicle)
		p.set('icicle', '1');
	if (state.color !== 'kind')
		p.set('c', state.color);
	if (state.search)
		p.set('s', state.search);
	if (state.plugin)
		p.set('p', state.plugin);
	if (state.zoom)
		p.set('z', String(state.zoom));
	if (`#${p}` !== (location.hash || '#'))
		history.replaceState(null, '', `#${p}`);
}

function readAddress() {
	const p = new URLSearchParams(location.hash.slice(1));
	const oneOf = (value, list) => list.includes(value) ? value : list[0];
	const side = oneOf(p.get('v'), [firstSide(), 'cpu', 'offcpu']);

	return {
		side: report[side] ? side : firstSide(),
		why: oneOf(p.get('w'), ['all', 'blocked', 'preempted']),
		callers: p.get('callers') === '1',
		icicle: p.get('icicle') === '1',
		color: oneOf(p.get('c'), ['kind', 'object']),
		search: p.get('s') || '',
		plugin: site.object.includes(p.get('p')) ? p.get('p') : '',
		zoom: Math.max(0, parseInt(p.get('z'), 10) || 0),
	};
}

function firstSide() {
	return report.offcpu && !(report.cpu && report.cpu.samples) ? 'offcpu' : 'cpu';
}
