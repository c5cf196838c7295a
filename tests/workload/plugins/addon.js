// SPDX-License-Identifier: GPL-2.0-only
// Loads the addon that is named and calls it; speaks the protocol of tests/workload/common.h.
'use strict';
const readline = require('readline').createInterface({ input: process.stdin });
const words = readline[Symbol.asyncIterator]();

async function main() {
	console.log('ready');
	await words.next();
	const addon = require(process.argv[2]);
	const rounds = Number(process.argv[3]);
	await new Promise((resolve) => setTimeout(resolve, 700));
	let sum = 0;
	let failed = 0;
	for (let i = 0; i < rounds; i++) {
		sum += addon.twice(i);
		try {
			addon.fails();
		} catch (e) {
			failed++;
		}
	}
	console.log(JSON.stringify({ executions: 2 * rounds, failed, sum }));
	await words.next();
	process.exit(0);
}

main();
