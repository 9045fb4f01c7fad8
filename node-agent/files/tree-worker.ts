// The thread of one tree: serves the calls of tree-thread.ts one after the other, off the agent's event loop.
import { parentPort, workerData } from 'node:worker_threads';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { FrameCredit } from '#agent/files/frame-credit.ts';
import type { FileCounts } from '#agent/files/port.ts';
import { TreeSource } from '#agent/files/tree-source.ts';
import { TreeTarget } from '#agent/files/tree-target.ts';
import type { FromWorker, Request, ToWorker, WorkerRole } from '#agent/files/worker-messages.ts';

if (parentPort === null) throw new GodwitError('ERR_INTERNAL', 'tree-worker.ts runs as a worker only');
const port = parentPort;
const role: WorkerRole = workerData;
const credit = new FrameCredit();

type Tree = { side: 'source'; tree: TreeSource } | { side: 'target'; tree: TreeTarget };
let opened: Tree | undefined;
let failure: GodwitError | undefined;

/** Opened by the first call, so that a root that cannot be opened is that call's error. */
function open(): Tree {
  opened ??=
    role.side === 'source'
      ? { side: role.side, tree: new TreeSource(role.root) }
      : { side: role.side, tree: new TreeTarget(role.root, role) };
  return opened;
}

async function serve(request: Request): Promise<FileCounts> {
  const end = open();
  if (end.side === 'source' && request.name === 'measure') return end.tree.measure();
  if (end.side === 'source' && request.name === 'send') return end.tree.send(sendFrame, request.round);
  if (end.side === 'target' && request.name === 'finish') return end.tree.finish();
  if (end.side === 'target' && request.name === 'undo') return end.tree.undo();
  if (end.side === 'target' && request.name === 'apply') {
    end.tree.apply(Buffer.from(request.frame.buffer, request.frame.byteOffset, request.frame.byteLength));
    return { entries: 0, bytes: 0 };
  }
  throw new GodwitError('ERR_INTERNAL', `the ${end.side} of files cannot ${request.name}`);
}

async function sendFrame(frame: Buffer): Promise<void> {
  await credit.take();
  const { buffer } = frame;
  if (!(buffer instanceof ArrayBuffer)) throw new GodwitError('ERR_INTERNAL', 'a frame without memory of its own');
  const message: FromWorker = { kind: 'frame', frame: new Uint8Array(buffer, frame.byteOffset, frame.byteLength) };
  port.postMessage(message, [buffer]);
}

/** After a failure nobody knows what both ends have in common: all later calls get the same error. */
async function answer(id: number, request: Request): Promise<void> {
  let reply: FromWorker;
  try {
    if (failure !== undefined) throw failure;
    reply = { kind: 'done', id, counts: await serve(request) };
  } catch (error) {
    failure = asGodwitError(error);
    reply = { kind: 'failed', id, error: failure.toRecord() };
  }
  port.postMessage(reply);
}

let calls = Promise.resolve();

async function close(): Promise<void> {
  await calls;
  opened?.tree.close();
  port.close();
}

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'call':
      calls = calls.then(() => answer(message.id, message.request));
      break;
    case 'taken':
      credit.give();
      break;
    case 'refused':
      credit.refuse();
      break;
    case 'close':
      credit.refuse();
      void close();
  }
});
