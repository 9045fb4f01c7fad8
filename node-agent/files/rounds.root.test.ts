// Random work on the source between rounds, and work that goes on while a round is read: after the last round both ends
// are equal.
import fs from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import * as fc from 'fast-check';
import { Undo } from '#core/undo.ts';
import { fileMover } from '#agent/files/mover.ts';
import { mountTwoOverlays } from '#agent/files/testing/overlay.ts';
import { listTree } from '#agent/files/testing/tree-listing.ts';

const limits = { maxEntries: 1e6, maxBytes: 1e10 };

type Step = (root: string) => void;

const names = fc.constantFrom(
  'a',
  'b',
  'c',
  'a/a',
  'a/b',
  'b/a',
  'b/b',
  'c/a/b',
  'image',
  'image/a',
  'image/sub',
  'image/sub/x',
);
const content = fc.constantFrom('', 'one', 'two', 'three three', 'x'.repeat(5000));

/** One change of a file system; what it does not allow at that moment is left undone. */
const step: fc.Arbitrary<{ text: string; run: Step }> = fc.oneof(
  fc
    .tuple(names, content)
    .map(([name, text]) => named(`write ${name} ${text.length}`, (at) => fs.writeFileSync(at(name), text))),
  fc
    .tuple(names, content)
    .map(([name, text]) => named(`append ${name} ${text.length}`, (at) => fs.appendFileSync(at(name), text))),
  fc
    .tuple(names, fc.nat(9000))
    .map(([name, size]) => named(`truncate ${name} ${size}`, (at) => fs.truncateSync(at(name), size))),
  names.map((name) => named(`mkdir ${name}`, (at) => fs.mkdirSync(at(name)))),
  names.map((name) => named(`rm ${name}`, (at) => fs.rmSync(at(name), { recursive: true }))),
  fc.tuple(names, names).map(([from, to]) => named(`rename ${from} ${to}`, (at) => fs.renameSync(at(from), at(to)))),
  fc.tuple(names, names).map(([from, to]) => named(`link ${from} ${to}`, (at) => fs.linkSync(at(from), at(to)))),
  fc.tuple(names, names).map(([from, to]) => named(`symlink ${from} ${to}`, (at) => fs.symlinkSync(from, at(to)))),
  fc
    .tuple(names, fc.constantFrom(0o400, 0o755, 0o4711))
    .map(([name, mode]) => named(`chmod ${name} ${mode}`, (at) => fs.chmodSync(at(name), mode))),
  fc
    .tuple(names, fc.nat(5))
    .map(([name, uid]) => named(`chown ${name} ${uid}`, (at) => fs.lchownSync(at(name), uid, uid))),
  fc
    .tuple(names, fc.nat(1e9))
    .map(([name, time]) => named(`touch ${name} ${time}`, (at) => fs.lutimesSync(at(name), time, time))),
);

function named(
  text: string,
  change: (at: (name: string) => string) => void,
): { text: string; run: Step; toString(): string } {
  const run = (root: string): void => {
    try {
      change((name) => path.join(root, name));
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
    }
  };
  return { text, run, toString: () => text };
}

function fillImage(image: string): void {
  fs.mkdirSync(path.join(image, 'image/sub'), { recursive: true });
  for (const name of ['image/a', 'image/b', 'image/sub/x', 'image/sub/y', 'c'])
    fs.writeFileSync(path.join(image, name), `image ${name}`);
}

test('after every round of random changes both overlays show the same', async (t) => {
  const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(rounds, async (steps) => {
      await using overlays = mountTwoOverlays(fillImage);
      await using sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
      await using receiver = fileMover.receiver(overlays.target.merged, { limits });
      for (const changes of steps) {
        for (const { run } of changes) run(overlays.source.merged);
        await sender.send((frame) => receiver.apply(frame));
        await receiver.finish();
        t.deepEqual(listTree(overlays.target.merged), listTree(overlays.source.merged));
      }
    }),
    { numRuns: 60 },
  );
});

/**
 * Runs in a thread of its own until it is told to stop: makes, grows, replaces, renames and removes as fast as it can.
 */
const restless = `
const fs = require('node:fs');
const { parentPort, workerData: root } = require('node:worker_threads');
let stop = false;
parentPort.on('message', () => { stop = true; });
const attempt = (change) => { try { change(); } catch (error) { if (!('syscall' in error)) throw error; } };
function burst(n) {
  for (let i = 0; i < 50; i++) {
    const name = root + '/d' + (n * 7 + i) % 20;
    attempt(() => fs.mkdirSync(name));
    attempt(() => fs.writeFileSync(name + '/f' + i, 'x'.repeat((n * 37 + i) % 9000)));
    attempt(() => fs.appendFileSync(root + '/log', 'line ' + n + '\\n'));
    attempt(() => fs.renameSync(name + '/f' + i, name + '/g' + (i % 5)));
    if (i % 9 === 0) attempt(() => fs.rmSync(name, { recursive: true }));
    if (i % 13 === 0) attempt(() => fs.renameSync(name, root + '/other' + i));
    if (i % 11 === 0) attempt(() => fs.renameSync(root + '/other' + i, name));
    if (i % 17 === 0) attempt(() => { fs.rmSync(root + '/other' + i, { recursive: true, force: true }); fs.symlinkSync('/etc', root + '/other' + i); });
    attempt(() => fs.truncateSync(root + '/shrinking', (n * 101 + i * 1000003) % 4000000));
  }
  if (stop) { parentPort.postMessage('stopped'); parentPort.close(); } else setImmediate(burst, n + 1);
}
burst(0);
`;

test('changes while rounds are read are corrected by the round after them', async (t) => {
  await using overlays = mountTwoOverlays(fillImage);
  fs.writeFileSync(path.join(overlays.source.merged, 'shrinking'), Buffer.alloc(4_000_000, 'abc'));
  const writer = new Worker(restless, { eval: true, workerData: overlays.source.merged });
  await using undo = new Undo();
  undo.push(async () => {
    await writer.terminate();
  });
  const stopped = new Promise((resolve) => writer.once('message', resolve));
  await using sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
  await using receiver = fileMover.receiver(overlays.target.merged, { limits });
  const round = async (): Promise<void> => {
    await sender.send((frame) => receiver.apply(frame));
    await receiver.finish();
  };
  for (let count = 0; count < 12; count += 1) await round();
  writer.postMessage('stop', []);
  await stopped;
  await round();
  t.deepEqual(listTree(overlays.target.merged), listTree(overlays.source.merged));
});
