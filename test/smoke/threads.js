// SPDX-License-Identifier: MIT
// Worker threads that build and drop buffers and objects; prints the sum of what they report.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const workers = 4;
const turns = 2000;

function work(seed) {
    let sum = 0;
    const kept = [];
    for (let turn = 0; turn < turns; turn++) {
        const buffer = Buffer.alloc(1 + ((seed * 7919 + turn * 104729) % 60000), turn % 251);
        kept[turn % 64] = buffer;
        const copy = JSON.parse(JSON.stringify({ turn, text: 'x'.repeat(turn % 500) }));
        sum += kept[(turn * 31) % kept.length][0] + copy.text.length;
    }
    return sum;
}

if (isMainThread) {
    let sum = 0;
    let expected = 0;
    let running = workers;
    for (let seed = 0; seed < workers; seed++) {
        expected += work(seed);
        new Worker(__filename, { workerData: seed })
            .on('message', (part) => { sum += part; })
            .on('exit', () => {
                if (--running === 0) {
                    console.log(sum === expected ? 'equal' : `expected ${expected}, found ${sum}`);
                }
            });
    }
} else {
    parentPort.postMessage(work(workerData));
}
