/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables beside the graph, and the waterfalls of recorded calls. Every text goes in as a text node. */
'use strict';

const FIRST_ROWS = 40;
const FIRST_SLICES = 200; /* of a recorded call */

/* An element with attributes and children; strings become text. */
function el(tag, attributes, ...children) {
	const e = document.createElement(tag);

	for (const [name, value] of Object.entries(attributes || {})) {
		if (name === 'onclick')
			e.addEventListener('click', value);
		else if (value !== false && value !== null && value !== undefined)
			e.setAttribute(name, value === true ? '' : value);
	}
	e.append(...children.filter(child => child !== null && child !== undefined && child !== ''));
	return e;
}

/*
 * Fills a box with a table. A column is { label, num, value(row), cell(row), sort: false }; cell
 * gives a node, a text, or [text, attributes of the td]. Columns sort on a click, numbers
 * downwards; `sorted` is the one that leads at first, -1 keeps the given order.
 */
function showTable(box, rows, columns, sorted, rowClass) {
	const state = { by: sorted, up: false, all: false };

	const order = () => {
		const column = columns[state.by];
		if (!column)
			return rows;
		const sign = state.up ? 1 : -1;
		const compare = column.num ? (a, b) => column.value(a) - column.value(b) :
			(a, b) => compareNames(column.value(a), column.value(b));
		return rows.slice().sort((a, b) => sign * compare(a, b));
	};
	const head = (column, i) => {
		const current = state.by === i;
		const direction = current ? (state.up ? 'ascending' : 'descending') : null;

		return el('th', { class: column.num ? 'num' : null, scope: 'col', 'aria-sort': direction },
			column.value ? el('button', { type: 'button', onclick: () => {
				state.up = current ? !state.up : !column.num;
				state.by = i;
				render(i);
			} }, column.label + (current ? (state.up ? ' \u2191' : ' \u2193') : '')) :
				el('span', {}, column.label));
	};
	const body = row => el('tr', { class: rowClass ? rowClass(row) : null }, ...columns.map(column => {
		const [content, attributes] = [column.cell(row)].flat();
		const classes = [column.num ? 'num' : '', column.class || '', (attributes || {}).class || ''];
		const td = el('td', { ...attributes, class: classes.join(' ').trim() || null }, content);

		/* Not as an attribute: the page's policy allows no inline styles. */
		if (column.share)
			td.style.setProperty('--share', `${(100 * column.share(row)).toFixed(1)}%`);
		return td;
	}));
	const render = focus => {
		const list = order();
		const shown = state.all ? list : list.slice(0, FIRST_ROWS);
		const table = el('table', {}, el('thead', {}, el('tr', {}, ...columns.map(head))),
			el('tbody', {}, ...shown.map(body)));

		box.replaceChildren(table);
		if (shown.length < list.length)
			box.append(el('button', { type: 'button', class: 'more', onclick: () => {
				state.all = true;
				render();
			} }, `Show all ${formatCount(list.length)}`));
		if (focus >= 0)
			table.querySelectorAll('th')[focus].querySelector('button').focus();
	};
	render();
}

function swatch(kind) {
	const s = el('span', { class: 'swatch', 'aria-hidden': 'true' });
	s.style.background = `var(--${kind})`;
	return s;
}

/* rows: { site, self, total }; whole: what 100 % is */
function showFunctions(box, site, rows, whole, format, match, onPick) {
	const name = row => {
		const span = el('span', {}, swatch(KINDS[site.kind[row.site]]),
			el('button', { type: 'button', class: 'row', title: 'Search for this function',
				onclick: () => onPick(row.site) }, site.name[row.site]));
		if (site.object[row.site])
			span.append(el('small', {}, site.object[row.site]));
		return span;
	};
	const share = key => row => `${(whole ? 100 * row[key] / whole : 0).toFixed(1)} %`;

	showTable(box, rows, [
		{ label: 'Function', class: 'name', value: row => site.name[row.site], cell: name },
		{ label: 'Self', num: true, value: row => row.self, cell: row => format(row.self) },
		{ label: '%', num: true, class: 'share', cell: share('self'), share: row => whole ? row.self / whole : 0 },
		{ label: 'Total', num: true, value: row => row.total, cell: row => format(row.total) },
		{ label: '%', num: true, class: 'share', cell: share('total'), share: row => whole ? row.total / whole : 0 },
	], 1, row => match && match[row.site] ? 'match' : null);
}

function errorsCell(report, stats) {
	const types = stats[STATS.types].slice().sort((a, b) => b[1] - a[1]);
	const list = types.map(([type, count]) => `${text(report, type)} \u00d7 ${formatCount(count)}`);

	if (!stats[STATS.errors])
		return '0';
	const short = list.slice(0, 2).join(', ') + (list.length > 2 ? ', \u2026' : '');
	return [el('span', {}, list.length ? el('small', { title: list.join(', ') }, short) : '',
		formatCount(stats[STATS.errors])), { class: 'errors' }];
}

/* The columns that paths and system calls share; at(row) gives the statistics. */
function statsColumns(report, at) {
	const count = (label, key) => ({ label, num: true, value: row => at(row)[key], cell: row => formatCount(at(row)[key]) });
	const time = (label, key) => ({ label, num: true, value: row => at(row)[key],
		cell: row => at(row)[STATS.calls] ? formatTime(at(row)[key]) : '\u2013' });

	return [
		count('Calls', STATS.calls),
		{ label: 'Errors', num: true, value: row => at(row)[STATS.errors], cell: row => errorsCell(report, at(row)) },
		time('p50', STATS.p50),
		time('p99', STATS.p99),
		time('Max', STATS.max),
		time('Total', STATS.total),
	];
}

/* Paths as a tree: a callee is indented under its caller, the dearest first. */
function pathOrder(paths) {
	const kids = paths.map(() => []);
	const roots = [];
	const out = [];
	const byTotal = (a, b) => paths[b][PATH.stats + STATS.total] - paths[a][PATH.stats + STATS.total];

	paths.forEach((path, i) => (path[PATH.parent] < 0 ? roots : kids[path[PATH.parent]]).push(i));
	const stack = roots.sort(byTotal).reverse().map(i => [i, 0]);
	while (stack.length) {
		const [i, depth] = stack.pop();
		out.push({ path: paths[i], depth });
		stack.push(...kids[i].sort(byTotal).reverse().map(kid => [kid, depth + 1]));
	}
	return out;
}

/* How sure a sampled path's times are, in words. */
function describeEstimate(path) {
	const e = estimateOf(path);

	return `By ${formatCount(e[ESTIMATE.samples])} samples; on the CPU between ${formatTime(e[ESTIMATE.low])} and ` +
		`${formatTime(e[ESTIMATE.high])} (95 %)`;
}

/* Columns of a path: a sampled one has times, by estimate, and nothing that must be counted. */
function pathColumns(report, at) {
	const sampled = report.paths.some(estimateOf);
	const counted = report.paths.some(path => !estimateOf(path));
	const measured = report.offcpu && report.offcpu.taken >= report.offcpu.switches;
	const known = column => ({ ...column, cell: row => estimateOf(row.path)
		? ['\u2013', { title: 'Estimated from stacks: its calls are not counted' }] : column.cell(row) });
	const about = (row, ns) => estimateOf(row.path) && ns
		? [`~${formatTime(ns)}`, { title: describeEstimate(row.path) }] : formatTime(ns);
	const time = (label, value, has, show) => ({ label, num: true, value,
		cell: row => has(row) ? show(row, value(row)) : '\u2013' });
	const timed = row => estimateOf(row.path) || at(row)[STATS.calls];
	const split = (label, key, show) => time(label, row => row.path[key], row => row.path[key] >= 0, show);
	const [calls, errors, p50, p99, max] = statsColumns(report, at);

	return [...counted ? [calls, errors, p50, p99, max].map(known) : [],
		time('Total', row => at(row)[STATS.total], timed, about),
		...sampled ? [split('CPU', PATH.cpu, about),
			split('Off CPU', PATH.offcpu, measured ? (row, ns) => formatTime(ns) : about)] : [],
		time('Self', row => at(row)[STATS.self], timed, about)];
}

/* What the paths are of all time, and where nobody waited for anything but work. */
function describeAttributed(report) {
	const a = report.attributed;
	const places = a.places.slice(0, 4).map(([where, ns]) =>
		`${text(report, where).replace(/\([^()]*\/([^/()]*)\)/g, '($1)')} ${formatTime(ns)}`);
	const shares = [['CPU time', a.cpuNamed, a.cpu], ['waiting', a.offcpuNamed, a.offcpu]]
		.filter(([, , all]) => all).map(([what, named, all]) => `${formatShare(named, all)} of the ${what}`);

	return `${shares.join(' and ')} under named paths. ~ is estimated from stacks.` +
		(a.idle ? ` In no path: ${formatTime(a.idle)} of waiting for work (${places.join(', ')}${
			a.places.length > 4 ? ', \u2026' : ''}).` : '');
}

function showPaths(box, report) {
	const at = row => row.path.slice(PATH.stats);
	const name = row => {
		const path = row.path;
		const kind = PATH_KINDS[path[PATH.kind]];
		const e = estimateOf(path);
		const notes = [kind, text(report, path[PATH.object]), e ? (e[ESTIMATE.loop] ? 'loop, sampled' : 'sampled') : '',
			path[PATH.open] ? `${formatCount(path[PATH.open])} still open` : ''].filter(Boolean);
		const inside = path[PATH.inside].map(([type, count]) => `${text(report, type)} \u00d7 ${formatCount(count)}`).join(', ');
		const full = text(report, path[PATH.name]);
		const span = el('span', {}, el('span', { class: 'mono', title: full }, shortNode(full, path[PATH.kind])),
			el('small', {}, notes.join(' \u00b7 ')),
			inside ? el('small', { class: 'inside', title: `Went wrong inside: ${inside}` }, inside) : '');

		span.style.paddingLeft = `${Math.min(row.depth, 30) * 18}px`;
		return span;
	};

	showTable(box, pathOrder(report.paths), [
		{ label: 'Function, under its caller', class: 'name', cell: name },
		...pathColumns(report, at),
	], -1);
	if (report.attributed)
		box.before(el('p', { class: 'remark' }, describeAttributed(report)));
}

function showSyscalls(box, report) {
	showTable(box, report.syscalls, [
		{ label: 'Call', class: 'name', value: row => text(report, row[SYSCALL.name]),
			cell: row => el('span', { class: 'mono' }, text(report, row[SYSCALL.name])) },
		...statsColumns(report, row => row.slice(SYSCALL.stats)),
	], 6);
}

/* What is only inherited from a callee stands behind, by the order of the data. */
function showFindings(box, report) {
	showTable(box, report.findings, [
		{ label: 'Rule', value: row => text(report, row[FINDING.rule]), cell: row => text(report, row[FINDING.rule]) },
		{ label: 'What', class: 'name', value: row => text(report, row[FINDING.text]),
			cell: row => el('span', {}, text(report, row[FINDING.text]),
				row[FINDING.inherited] ? el('small', {}, 'by a callee') : '') },
	], -1);
}

/* A click on a plugin shows its own flame graph, where there are stacks of it. */
function showPlugins(box, report) {
	const objects = new Set(report.site.object);
	const known = (label, key, format) => ({ label, num: true, value: row => row[key],
		cell: row => row[key] < 0 ? '\u2013' : format(row[key]) });
	const name = row => {
		const object = text(report, row[PLUGIN.object]);
		const id = text(report, row[PLUGIN.id]);
		const why = text(report, row[PLUGIN.why]);
		const label = object && objects.has(object) ?
			el('button', { type: 'button', class: 'row', title: 'Show its own flame graph', onclick: () => {
				setState({ plugin: object, search: '' });
				$('graph-title').scrollIntoView();
			} }, id) : el('span', { class: 'mono' }, id);

		const running = row[PLUGIN.inFlight] ? `${formatCount(row[PLUGIN.inFlight])} had not ended` : '';

		return el('span', { title: text(report, row[PLUGIN.path]) }, label, el('small', {}, why ? `not counted: ${why}` : running));
	};

	showTable(box, report.plugins, [
		{ label: 'Plugin', class: 'name', value: row => text(report, row[PLUGIN.id]), cell: name },
		{ label: 'State', value: row => text(report, row[PLUGIN.state]), cell: row => text(report, row[PLUGIN.state]) },
		{ label: 'Loads', num: true, value: row => row[PLUGIN.loads] + row[PLUGIN.loadErrors],
			cell: row => el('span', {}, row[PLUGIN.loadErrors] ? el('small', { class: 'error' }, `${formatCount(row[PLUGIN.loadErrors])} failed`) : '',
				` ${formatCount(row[PLUGIN.loads])}`) },
		...statsColumns(report, row => row.slice(PLUGIN.stats)).slice(0, -1),
		known('CPU', PLUGIN.cpu, value => `${value.toFixed(1)} %`),
		known('Memory', PLUGIN.memory, formatBytes),
	], -1);
}

function showTargets(box, report) {
	const time = (label, key) => ({ label, num: true, value: row => row[key], cell: row => formatTime(row[key]) });

	showTable(box, report.targets, [
		{ label: 'Process', class: 'name', value: row => text(report, row[TARGET.comm]),
			cell: row => el('span', {}, el('span', { class: 'mono' }, text(report, row[TARGET.comm])),
				el('small', {}, text(report, row[TARGET.exe]))) },
		{ label: 'PID', num: true, value: row => row[TARGET.pid], cell: row => String(row[TARGET.pid]) },
		{ label: 'End', value: row => text(report, row[TARGET.end]), cell: row => text(report, row[TARGET.end]) },
		{ label: 'Threads', num: true, value: row => row[TARGET.threads], cell: row => formatCount(row[TARGET.threads]) },
		time('On CPU', TARGET.cpu),
		time('Runnable', TARGET.runq),
		time('Blocked', TARGET.blocked),
	], 4);
}

/* A line of a waterfall: a slice, and its bar where it ran. */
function sliceRow(slice, whole) {
	const name = text(report, slice[SLICE.name]);
	const error = text(report, slice[SLICE.error]);
	const args = text(report, slice[SLICE.args]);
	const kind = SLICE_KINDS[slice[SLICE.kind]];
	const bar = el('i', {});
	const what = el('span', { class: 'what', title: [name, error, args].filter(Boolean).join(' \u00b7 ') },
		el('span', { class: 'mono' }, kind === 'offcpu' ? `[${name}]` : name),
		error ? el('small', { class: 'error' }, error) : '', args ? el('small', {}, args) : '');
	const share = value => `${(whole ? 100 * value / whole : 0).toFixed(3)}%`;

	what.style.paddingLeft = `${Math.min(slice[SLICE.depth], 30) * 14}px`;
	bar.style.setProperty('--from', share(slice[SLICE.start]));
	bar.style.setProperty('--length', share(slice[SLICE.duration]));
	return el('li', { class: kind }, what,
		el('span', { class: 'time' }, kind === 'instant' ? '' : formatTime(slice[SLICE.duration])),
		el('span', { class: 'lane', title: `from ${formatTime(slice[SLICE.start])}` }, bar));
}

function sliceList(trace) {
	const slices = trace[TRACE.slices];
	const whole = slices[0][SLICE.duration];
	const list = el('ol', { class: 'slices' });
	const show = n => list.replaceChildren(...slices.slice(0, n).map(slice => sliceRow(slice, whole)),
		n < slices.length ? el('li', {}, el('button', { type: 'button', class: 'more',
			onclick: () => show(slices.length) }, `Show all ${formatCount(slices.length)}`)) : '');

	show(FIRST_SLICES);
	return list;
}

function threadOf(trace) {
	return text(report, trace[TRACE.thread]) || String(trace[TRACE.tid]);
}

/* What became of a trace, in words behind its name. */
function traceRemark(trace, byNumber) {
	const cause = byNumber.get(trace[TRACE.cause]);

	return [text(report, trace[TRACE.why]), text(report, trace[TRACE.path]), `thread ${threadOf(trace)}`,
		cause ? `caused by ${text(report, cause[TRACE.slices][0][SLICE.name])} of ${threadOf(cause)}` : '',
		trace[TRACE.lost] ? `${formatCount(trace[TRACE.lost])} pieces lost` : ''].filter(Boolean).join(' \u00b7 ');
}

/* A waterfall is made when it is first opened. */
function showTraces(box) {
	const byNumber = new Map(report.traces.map(trace => [trace[TRACE.number], trace]));
	const items = report.traces.map(trace => {
		const root = trace[TRACE.slices][0];
		const error = text(report, root[SLICE.error]);
		const details = el('details', { class: 'trace' }, el('summary', {},
			el('span', { class: 'mono' }, text(report, root[SLICE.name])), ' ', el('span', { class: 'length' }, formatTime(root[SLICE.duration])),
			root[SLICE.open] ? ' so far' : '', error ? el('small', { class: 'error' }, error) : '',
			el('small', {}, traceRemark(trace, byNumber))));

		details.addEventListener('toggle', () => {
			if (details.open && !details.querySelector('ol'))
				details.append(sliceList(trace));
		});
		return details;
	});

	box.replaceChildren(...items);
	if (items.length)
		items[0].open = true;
	if (items.length < report.recorded)
		box.append(el('p', { class: 'muted' }, `The longest ${items.length} of ${formatCount(report.recorded)} recorded calls.`));
}
