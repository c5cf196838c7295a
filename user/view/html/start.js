/* SPDX-License-Identifier: GPL-2.0-only */
/* Fills in what never changes, listens to controls and keys, and shows the first view. */
'use strict';

function addFact(label, value, note, bad) {
	$('facts').append(el('div', {}, el('dt', {}, label),
		el('dd', { class: bad ? 'bad' : null }, value, note ? el('small', {}, ` ${note}`) : '')));
}

/* Of samples where there are any, else of time off CPU. */
function completeShare() {
	const { cpu, offcpu } = report;

	if (cpu && cpu.samples)
		return [1 - cpu.truncated / cpu.samples, 'of samples'];
	if (offcpu && offcpu.total)
		return [1 - offcpu.truncated / offcpu.total, 'of time off CPU'];
	return null;
}

function showHead() {
	const { cpu, offcpu, overhead } = report;
	const complete = completeShare();
	const lost = Object.values(report.lost).reduce((sum, n) => sum + n, 0);
	const lostNames = Object.entries(report.lost).filter(([, n]) => n).map(([what, n]) =>
		`${formatCount(n)} ${n === 1 ? what.slice(0, -1) : what}`);

	$('title').textContent = report.title;
	$('subtitle').append(...[report.started.replace('T', ' ').replace('Z', ' UTC'), `Linux ${report.kernel} ${report.arch}`,
		`${report.cpus} CPU${report.cpus === 1 ? '' : 's'}`].join(' \u00b7 '));
	addFact('Duration', formatTime(report.duration));
	if (cpu)
		addFact('On-CPU samples', formatCount(cpu.samples), cpu.hz ? `at ${cpu.hz} Hz` : '');
	if (offcpu)
		addFact('Off CPU', formatTime(offcpu.total), 'all threads');
	if (complete)
		addFact('Complete stacks', formatShare(complete[0], 1), complete[1], complete[0] < 0.8);
	addFact('Lost', lost ? formatCount(lost) : 'nothing', lostNames.join(', '), lost > 0);
	addFact('Cost', `${overhead.target.toFixed(2)} %`, overhead.budget ? `of targets' CPU, budget ${overhead.budget} %` : "of targets' CPU",
		overhead.budget > 0 && overhead.target > overhead.budget);
}

function showAbout() {
	const list = $('about-list');
	const { overhead, offcpu } = report;
	const add = (term, lines) => {
		if (lines.length)
			list.append(el('dt', {}, term), el('dd', {}, ...lines.map(line => el('p', {}, line))));
	};
	const whys = records => records.map(([what, why]) => `${text(report, what)}: ${text(report, why)}`);

	add('Command', report.command ? [el('code', {}, report.command)] : []);
	add('pathbpf', [report.version]);
	add('Own use', [`${formatTime(overhead.bpf)} in BPF programs, ${formatTime(overhead.self)} of CPU and ` +
		`${formatBytes(overhead.rss)} in pathbpf, ${formatBytes(overhead.maps)} of BPF maps`]);
	if (offcpu)
		add('Off-CPU stacks', [`${formatCount(offcpu.taken)} of ${formatCount(offcpu.switches)} switches with a stack` +
			(offcpu.leftOut ? `; shorter than ${formatTime(offcpu.min)} left out: ${formatTime(offcpu.leftOut)} in all` : '')]);
	add('Notes', report.notes.map(note => text(report, note)));
	add('Not available', whys(report.missing));
	add('Not probed', whys(report.skipped));
	add('Detached', whys(report.detached));
}

function showTables() {
	for (const [id, rows, show] of [['findings', report.findings, showFindings], ['plugins', report.plugins, showPlugins],
		['paths', report.paths, showPaths], ['traces', report.traces, showTraces], ['syscalls', report.syscalls, showSyscalls],
		['targets', report.targets, showTargets]]) {
		$(id).hidden = !(rows && rows.length);
		if (!$(id).hidden)
			show($(id).querySelector('.table'), report);
	}
}

/* The reader's choice outlives the page where the browser lets a file store it. */
function loadTheme() {
	try {
		const theme = localStorage.getItem('pathbpf-theme');
		if (theme === 'light' || theme === 'dark')
			document.documentElement.dataset.theme = theme;
	} catch (error) {
		/* No storage: the system's preference holds. */
	}
}

function refreshTheme() {
	chart.readColors();
	chart.draw();
	showLegend();
	$('theme').textContent = chart.dark ? 'Light' : 'Dark';
	$('theme').setAttribute('aria-label', `Switch to ${chart.dark ? 'light' : 'dark'} colours`);
}

function toggleTheme() {
	document.documentElement.dataset.theme = chart.dark ? 'light' : 'dark';
	try {
		localStorage.setItem('pathbpf-theme', document.documentElement.dataset.theme);
	} catch (error) {
		/* It holds until the page is closed. */
	}
	refreshTheme();
}

function escape(event) {
	if (document.activeElement === $('search')) {
		event.preventDefault(); /* else the browser clears the field by itself */
		$('canvas').focus();
		if (!state.zoom)
			setState({ search: '' });
	} else if (state.zoom) {
		setState({ zoom: 0 }, true);
	} else if (state.search) {
		setState({ search: '' });
	}
}

const shortcuts = {
	'/': event => {
		event.preventDefault();
		$('search').focus();
		$('search').select();
	},
	'?': () => $('help').showModal(),
	o: () => {
		const other = state.side === 'cpu' ? 'offcpu' : 'cpu';
		if (report[other])
			setState({ side: other });
	},
	r: () => setState({ callers: !state.callers }),
	i: () => setState({ icicle: !state.icicle }),
	t: toggleTheme,
};

function onKey(event) {
	const typing = event.target.matches('input, select, textarea');

	if (event.ctrlKey || event.metaKey || event.altKey || $('help').open)
		return;
	if (event.key === 'Escape')
		escape(event);
	else if (!typing && shortcuts[event.key.toLowerCase()])
		shortcuts[event.key.toLowerCase()](event);
}

function listen() {
	for (const button of $('side').querySelectorAll('button')) {
		button.disabled = !report[button.dataset.side];
		button.addEventListener('click', () => setState({ side: button.dataset.side }));
	}
	for (const button of $('why').querySelectorAll('button'))
		button.addEventListener('click', () => setState({ why: button.dataset.why }));
	$('callers').addEventListener('click', shortcuts.r);
	$('icicle').addEventListener('click', shortcuts.i);
	$('search').addEventListener('input', () => setState({ search: $('search').value }));
	$('search').addEventListener('keydown', event => {
		if (event.key === 'Enter')
			$('canvas').focus();
	});
	$('color').addEventListener('change', () => setState({ color: $('color').value }));
	$('theme').addEventListener('click', toggleTheme);
	$('help-open').addEventListener('click', shortcuts['?']);
	document.addEventListener('keydown', onKey);
	addEventListener('hashchange', () => setState(readAddress(), true));
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', refreshTheme);
	addEventListener('beforeprint', () => {
		document.documentElement.dataset.print = '';
		refreshTheme();
		chart.layout(false);
	});
	addEventListener('afterprint', () => {
		delete document.documentElement.dataset.print;
		refreshTheme();
		chart.layout(true);
	});
}

loadTheme();
showHead();
showAbout();
showTables();
listen();
chart.readColors();
setState(readAddress());
refreshTheme();
