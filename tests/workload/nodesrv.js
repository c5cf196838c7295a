// SPDX-License-Identifier: GPL-2.0-only
// An HTTP server with functions of known names, on the protocol of common.h: "ready PORT", then
// it serves until "end" and prints how many requests it answered.
'use strict';

const http = require('http');

let served = 0;

function computePrice(n) {
	let sum = 0;

	for (let i = 0; i < n; i++)
		sum += i ^ (i >> 3);
	return sum;
}

function handleWork(request, response) {
	served++;
	response.statusCode = request.url === '/error' ? 500 : 200;
	response.end(`${computePrice(20000)}\n`);
}

const server = http.createServer(handleWork);

server.listen(0, '127.0.0.1', () => console.log(`ready ${server.address().port}`));
process.stdin.on('data', finish);
process.stdin.on('end', finish);

function finish() {
	console.log(JSON.stringify({served}));
	process.exit(0);
}
