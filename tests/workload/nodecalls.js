// SPDX-License-Identifier: GPL-2.0-only
// JavaScript functions that call each other in known ways, through all kinds of native code; where
// each may be called from is in CALLERS of tests/e2e/test_node.py. Runs for argv[2] milliseconds.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');
const { EventEmitter } = require('events');
const { Worker, isMainThread } = require('worker_threads');

const end = Date.now() + Number(process.argv[2] || 5000);

function spinLeaf(n) {
	let sum = 0;

	for (let i = 0; i < n; i++)
		sum += Math.sqrt(i) * (i % 7);
	return sum;
}

class Shop {
	constructor(depth) {
		this.total = 0;
		this.depth = depth;
	}

	priceOf(n) {
		this.total += spinLeaf(n);
		return this.total;
	}

	get taxed() {
		return this.priceOf(300) * 2;
	}

	static make() {
		return new Shop(spinLeaf(100));
	}

	toJSON() {
		return { total: spinLeaf(400) };
	}
}

const shop = Shop.make();

const arrowCall = (n) => {
	return shop.priceOf(n);
};

function viaMap() {
	return [100, 200].map(function mapCallback(n) {
		return arrowCall(n);
	});
}

function viaSort() {
	return [5, 3, 4, 1].sort(function sortCallback(a, b) {
		spinLeaf(50);
		return a - b;
	});
}

function viaStringify() {
	return JSON.stringify([shop, shop]);
}

function viaReplace() {
	return 'a-b-c'.replace(/[a-z]/g, function replaceCallback(c) {
		spinLeaf(100);
		return c;
	});
}

function* generate(n) {
	for (let i = 0; i < n; i++)
		yield spinLeaf(150);
}

function viaGenerator() {
	let sum = 0;

	for (const x of generate(3))
		sum += x;
	return sum;
}

function makeClosure(k) {
	return function closure(n) {
		return spinLeaf(n) + k;
	};
}

const bound = makeClosure(3);

function viaApply() {
	return bound.apply(null, [200]) + Reflect.apply(bound, null, [100]);
}

const emitter = new EventEmitter();

emitter.on('tick', function onTick() {
	spinLeaf(200);
});

function viaEmit() {
	emitter.emit('tick');
}

const proxy = new Proxy({}, {
	get: function proxyGet() {
		return spinLeaf(100);
	},
});

function viaProxy() {
	return proxy.anything;
}

function viaHash() {
	return crypto.pbkdf2Sync('a', 'b', 20, 32, 'sha256');
}

const text = Buffer.alloc(4096, 'pathbpf ');

function viaDeflate() {
	return zlib.deflateSync(text);
}

function viaRegexp() {
	return /(a+)+b/.test('aaaaaaaaaaaaac');
}

function recurse(n) {
	return n ? recurse(n - 1) + 1 : spinLeaf(300);
}

function wunderschöneFunktion() {
	return spinLeaf(100);
}

function round() {
	viaMap();
	viaSort();
	viaStringify();
	viaReplace();
	viaGenerator();
	viaApply();
	viaEmit();
	viaProxy();
	viaHash();
	viaDeflate();
	viaRegexp();
	recurse(30);
	wunderschöneFunktion();
	return shop.taxed;
}

async function asyncLeaf() {
	spinLeaf(2000);
	await null;
	spinLeaf(2000);
}

async function asyncOuter() {
	await asyncLeaf();
	round();
}

function onTimer() {
	if (Date.now() >= end)
		process.exit(0);
	for (let i = 0; i < 20; i++)
		round();
	asyncOuter().then(function onDone() {
		spinLeaf(1000);
		fs.stat(__filename, function onStat() {
			spinLeaf(1000);
			setTimeout(onTimer, 0);
		});
	});
}

onTimer();
if (isMainThread && process.argv[3] === 'worker')
	new Worker(__filename, { argv: [process.argv[2]] });
