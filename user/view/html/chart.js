/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Draws a tree as a flame graph on a canvas. The canvas is as large as what can be seen of the
 * graph and stays in place while the box around it scrolls; only frames of half a pixel and more
 * are visited, so that the size of the tree does not matter.
 */
'use strict';

const ROW = 19;
const FONT = 12;
const MIN_PX = 0.5;
const TEXT_MIN_PX = 26;
const ZOOM_MS = 160;
const PRINT_MAX_PX = 6000;

class Chart {
	/* hooks: onHover(node or -1, event), onZoom(node), onSelect(node) */
	constructor(scroll, spacer, canvas, hooks) {
		Object.assign(this, { scroll, spacer, canvas, hooks });
		this.ctx = canvas.getContext('2d');
		this.tree = null;
		this.site = null; /* names and kinds by site number */
		this.match = null; /* by site, or null: no search */
		this.colorBy = 'kind';
		this.icicle = false;
		this.zoom = 0;
		this.hover = this.selected = -1;
		this.view = { from: 0, to: 0 }; /* the values at the left and right edge */
		this.rows = []; /* drawn nodes by depth, from left to right */
		this.depth = 0;
		this.fills = new Map();
		this.listen();
	}

	listen() {
		const at = event => this.hit(event.offsetX, event.offsetY);

		this.canvas.addEventListener('pointermove', event => this.setHover(at(event), event));
		this.canvas.addEventListener('pointerleave', event => this.setHover(-1, event));
		this.canvas.addEventListener('click', event => {
			const node = at(event);
			if (node >= 0) {
				this.selected = node;
				this.hooks.onZoom(node);
			}
		});
		this.scroll.addEventListener('scroll', () => {
			this.setHover(-1);
			this.draw();
		});
		this.canvas.addEventListener('keydown', event => this.key(event));
		this.canvas.addEventListener('focus', () => {
			if (this.selected < 0)
				this.select(this.zoom);
		});
		this.canvas.addEventListener('blur', () => this.draw());
		new ResizeObserver(() => this.layout(false)).observe(this.scroll);
	}

	setTree(tree, site, zoom) {
		this.tree = tree;
		this.site = site;
		this.zoom = zoom;
		this.hover = this.selected = -1;
		this.view = this.rangeOf(zoom);
		this.layout(true);
	}

	rangeOf(node) {
		const from = this.tree.start[node];
		return { from, to: from + Math.max(this.tree.total[node], 1e-9) };
	}

	zoomTo(node, animate) {
		const target = this.rangeOf(node);
		const source = { ...this.view };
		const begin = performance.now();
		const still = matchMedia('(prefers-reduced-motion: reduce)').matches;

		this.zoom = node;
		cancelAnimationFrame(this.frame);
		if (!animate || still) {
			this.view = target;
			this.layout(true);
			return;
		}
		const step = now => {
			const t = Math.min(1, Math.max(0, (now - begin) / ZOOM_MS));
			const ease = t * (2 - t);

			this.view = t < 1 ? {
				from: source.from + (target.from - source.from) * ease,
				to: source.to + (target.to - source.to) * ease,
			} : target;
			if (t < 1) {
				this.draw();
				this.frame = requestAnimationFrame(step);
			} else {
				this.layout(true);
			}
		};
		this.frame = requestAnimationFrame(step);
	}

	/* Colours come from the style sheet, by way of an element that resolves them. */
	readColors() {
		const probe = document.createElement('i');
		const resolve = name => {
			probe.style.color = `var(--${name})`;
			return getComputedStyle(probe).color;
		};

		document.body.append(probe);
		this.dark = matchMedia('(prefers-color-scheme: dark)').matches;
		if (document.documentElement.dataset.theme)
			this.dark = document.documentElement.dataset.theme === 'dark';
		if ('print' in document.documentElement.dataset)
			this.dark = false;
		this.base = KINDS.map(kind => ({ fill: resolve(kind), ink: resolve(`${kind}-ink`) }));
		this.matchColor = { fill: resolve('match'), ink: resolve('match-ink') };
		this.accent = resolve('accent');
		this.ink = resolve('ink');
		this.muted = resolve('muted');
		this.panel = resolve('panel');
		probe.remove();
		this.fills.clear();
		this.hatch = null;
	}

	/* Fill and ink of a site; slight tints, chosen by name, tell neighbours apart. */
	colorOf(s) {
		const kind = this.site.kind[s];
		const byObject = this.colorBy === 'object' && this.site.object[s] && kind !== KIND_PROCESS;
		const hash = hashText(byObject ? this.site.object[s] : this.site.name[s]);
		const key = byObject ? `o${hash % 360}` : `${kind}.${kind === KIND_PROCESS ? 1 : hash % 3}`;
		let color = this.fills.get(key);

		if (!color) {
			color = byObject ? this.objectColor(hash % 360) : {
				fill: mix(this.base[kind].fill, this.dark ? '#000000' : '#ffffff',
					kind === KIND_PROCESS ? 0 : 0.11 * (hash % 3)),
				ink: this.base[kind].ink,
			};
			color.dim = mix(color.fill, this.panel, 0.62);
			this.fills.set(key, color);
		}
		return color;
	}

	objectColor(hue) {
		const fill = this.dark ? `hsl(${hue} 32% 31%)` : `hsl(${hue} 56% 80%)`;
		this.ctx.fillStyle = fill; /* canvas turns it into #rrggbb */
		return { fill: this.ctx.fillStyle, ink: this.dark ? '#f3f5f8' : '#151a22' };
	}

	/* Finds how deep the visible part goes, sizes the canvas, and puts the zoomed frame in view. */
	layout(recenter) {
		if (!this.tree)
			return;
		const fromEnd = this.spacer.clientHeight - this.scroll.scrollTop;

		this.width = this.spacer.clientWidth;
		this.depth = 0;
		this.visit((node, depth) => {
			this.depth = Math.max(this.depth, depth);
		});
		this.spacer.style.height = `${(this.depth + 1) * ROW}px`;
		this.height = Math.min((this.depth + 1) * ROW, this.scroll.clientHeight || ROW);
		if ('print' in document.documentElement.dataset)
			this.height = Math.min((this.depth + 1) * ROW, PRINT_MAX_PX);
		this.width = this.spacer.clientWidth;
		if (recenter) {
			const y = this.yOf(this.tree.depth[this.zoom]);
			this.scroll.scrollTop = this.icicle ? y - 3 * ROW : y + 4 * ROW - this.height;
		} else if (!this.icicle) {
			this.scroll.scrollTop = this.spacer.clientHeight - fromEnd;
		}
		this.draw();
	}

	yOf(depth) {
		return (this.icicle ? depth : this.depth - depth) * ROW;
	}

	/*
	 * Calls fn(node, depth, x, width) for every frame wide enough to be seen. Children are sorted
	 * by width, so the first too narrow one ends its row; children of what is out of view are
	 * never looked at.
	 */
	visit(fn) {
		const { tree, view } = this;
		const scale = this.width / (view.to - view.from);
		const min = MIN_PX / scale;
		const stack = [0];

		while (stack.length) {
			const node = stack.pop();
			const from = Math.max(tree.start[node], view.from);
			const to = Math.min(tree.start[node] + tree.total[node], view.to);

			if (node && to - from < min)
				continue;
			fn(node, tree.depth[node], (from - view.from) * scale, (to - from) * scale);
			let last = tree.first[node];
			while (last < tree.first[node + 1] && tree.total[tree.kids[last]] >= min)
				last++;
			while (last-- > tree.first[node])
				stack.push(tree.kids[last]);
		}
	}

	draw() {
		const ratio = window.devicePixelRatio || 1;
		const { ctx, canvas, width, height } = this;

		if (!this.tree || !width)
			return;
		if (!this.base)
			this.readColors();
		if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
			canvas.width = Math.round(width * ratio);
			canvas.height = Math.round(height * ratio);
			canvas.style.height = `${height}px`;
		}
		ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
		ctx.clearRect(0, 0, width, height);
		ctx.font = `${FONT}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace`;
		ctx.textBaseline = 'middle';
		this.charWidth = ctx.measureText('0').width;
		this.rows = [];
		this.top = 'print' in document.documentElement.dataset ? 0 : this.scroll.scrollTop;
		this.visit((node, depth, x, w) => {
			const y = this.yOf(depth) - this.top;

			(this.rows[depth] ||= []).push({ node, x, w });
			if (y > -ROW && y < height)
				this.drawFrame(node, x, y, w);
		});
		this.outline(this.hover, this.ink, 1.5);
		if (document.activeElement === canvas)
			this.outline(this.selected, this.accent, 2.5);
	}

	drawFrame(node, x, y, w) {
		const { ctx } = this;
		const s = this.tree.site[node];
		const matched = this.match && s >= 0 && this.match[s];
		const color = matched ? this.matchColor : s < 0 ? this.base[KIND_PROCESS] : this.colorOf(s);
		const dim = this.match && !matched;
		const inner = w > 2 ? w - 1 : w;

		ctx.fillStyle = dim ? color.dim || mix(color.fill, this.panel, 0.62) : color.fill;
		ctx.fillRect(x, y, inner, ROW - 1);
		if (s >= 0 && KINDS[this.site.kind[s]] === 'truncated') {
			ctx.fillStyle = this.hatchPattern();
			ctx.fillRect(x, y, inner, ROW - 1);
		}
		if (w < TEXT_MIN_PX)
			return;
		const label = fit(this.nameOf(node), Math.floor((inner - 8) / this.charWidth));
		ctx.fillStyle = dim ? this.muted : color.ink;
		/* Wide scripts do not keep to the width of one character: squeezed, never spilled. */
		ctx.fillText(label, x + 4, y + ROW / 2, inner - 6);
	}

	hatchPattern() {
		if (!this.hatch) {
			const tile = document.createElement('canvas');
			const ctx = tile.getContext('2d');

			tile.width = tile.height = 8;
			ctx.strokeStyle = this.dark ? 'rgba(255,255,255,0.17)' : 'rgba(0,0,0,0.16)';
			ctx.lineWidth = 2;
			for (const shift of [-8, 0, 8]) {
				ctx.beginPath();
				ctx.moveTo(shift, 8);
				ctx.lineTo(shift + 8, 0);
				ctx.stroke();
			}
			this.hatch = this.ctx.createPattern(tile, 'repeat');
		}
		return this.hatch;
	}

	outline(node, color, width) {
		const box = node < 0 ? null : this.boxOf(node);

		if (!box)
			return;
		this.ctx.strokeStyle = color;
		this.ctx.lineWidth = width;
		this.ctx.strokeRect(box.x + width / 2, this.yOf(this.tree.depth[node]) - this.top + width / 2,
			Math.max(box.w - 1 - width, 1), ROW - 1 - width);
	}

	boxOf(node) {
		return (this.rows[this.tree.depth[node]] || []).find(box => box.node === node);
	}

	nameOf(node) {
		const s = this.tree.site[node];
		return s < 0 ? 'all' : this.site.name[s];
	}

	/* The node at a place of the canvas, or -1. */
	hit(x, y) {
		const row = Math.floor((y + this.top) / ROW);
		const boxes = this.rows[this.icicle ? row : this.depth - row] || [];
		let low = 0, high = boxes.length;

		while (low < high) {
			const middle = (low + high) >> 1;
			if (boxes[middle].x <= x)
				low = middle + 1;
			else
				high = middle;
		}
		const box = boxes[low - 1];
		return box && x <= box.x + box.w ? box.node : -1;
	}

	setHover(node, event) {
		if (node !== this.hover) {
			this.hover = node;
			this.draw();
		}
		this.hooks.onHover(node, event);
	}

	select(node) {
		if (node < 0)
			return;
		this.selected = node;
		const y = this.yOf(this.tree.depth[node]);
		if (y < this.scroll.scrollTop)
			this.scroll.scrollTop = y;
		else if (y + ROW > this.scroll.scrollTop + this.height)
			this.scroll.scrollTop = y + ROW - this.height;
		this.draw();
		this.hooks.onSelect(node);
	}

	key(event) {
		const { tree } = this;
		const current = this.selected < 0 || !this.boxOf(this.selected) ? this.zoom : this.selected;
		const row = this.rows[tree.depth[current]] || [];
		const place = row.findIndex(box => box.node === current);
		const inward = this.icicle ? 'ArrowDown' : 'ArrowUp';
		const outward = this.icicle ? 'ArrowUp' : 'ArrowDown';

		if (event.ctrlKey || event.metaKey || event.altKey)
			return;
		if (event.key === inward) {
			const kids = (this.rows[tree.depth[current] + 1] || []);
			const kid = kids.find(box => tree.parent[box.node] === current);
			this.select(kid ? kid.node : current);
		} else if (event.key === outward) {
			this.select(current ? tree.parent[current] : 0);
		} else if (event.key === 'ArrowLeft') {
			this.select(place > 0 ? row[place - 1].node : current);
		} else if (event.key === 'ArrowRight') {
			this.select(place + 1 < row.length ? row[place + 1].node : current);
		} else if (event.key === 'Enter' || event.key === ' ') {
			this.hooks.onZoom(current);
		} else {
			return;
		}
		event.preventDefault();
	}
}

/* The label cut to a number of characters; the end of a long name says less than its start. */
function fit(name, chars) {
	if (name.length <= chars)
		return name;
	return chars > 2 ? `${name.slice(0, chars - 1)}\u2026` : '';
}

function hashText(s) {
	let h = 0x811c9dc5;

	for (let i = 0; i < s.length; i++)
		h = Math.imul(h ^ s.charCodeAt(i), 0x01000193);
	return (h ^ h >>> 15) >>> 0;
}

/* Mixes "rgb(r, g, b)" or "#rrggbb" colours; share of the second. */
function mix(a, b, share) {
	const parse = c => c[0] === '#' ? [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16)) :
		c.match(/[\d.]+/g).slice(0, 3).map(Number);
	const [x, y] = [parse(a), parse(b)];

	return `rgb(${x.map((v, i) => Math.round(v + (y[i] - v) * share)).join(', ')})`;
}
