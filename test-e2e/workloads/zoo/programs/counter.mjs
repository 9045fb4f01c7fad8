// Node.js: a page that says how often its connection asked, while workers and timers keep the heap busy.
// oxlint-disable unicorn/require-post-message-target-origin -- workers have no origins
import { createServer } from 'node:http';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { createHash } from 'node:crypto';

const workers = 2;

function workOn() {
  parentPort.on('message', (text) =>
    parentPort.postMessage({ text, hash: createHash('sha256').update(text).digest('hex') }),
  );
}

function serve(port) {
  for (let index = 0; index < workers; index += 1) askWithoutPause(new Worker(import.meta.filename));
  const visits = new WeakMap();
  const server = createServer((request, response) => {
    const count = (visits.get(request.socket) ?? 0) + 1;
    visits.set(request.socket, count);
    response.end(String(count));
  });
  server.keepAliveTimeout = 0; // else it hangs up on who is silent for 5 s, as all are while a busy machine moves it
  server.listen(port);
}

function askWithoutPause(worker) {
  let number = 0;
  const held = [];
  worker.on('message', ({ text, hash }) => {
    if (text !== String(number) || hash !== createHash('sha256').update(text).digest('hex'))
      throw new Error(`worker said ${hash} of ${text}, asked ${number}`);
    held[number % 500] = Buffer.alloc(2000, number);
    number += 1;
    setTimeout(() => worker.postMessage(String(number)), 2);
  });
  worker.postMessage('0');
}

if (isMainThread) serve(Number(process.argv[2]));
else workOn();
