// Files that came before their container are written as if they came after it: byte for byte, round for round.
import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as fc from 'fast-check';
import type { FileReceiver } from '#agent/files/port.ts';
import { SpooledReceiver } from './spooled-receiver.ts';

function place(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'spool-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'files');
}

/** What a receiver was told, in order. */
function recorder(): FileReceiver & { told: string[] } {
  const told: string[] = [];
  return {
    told,
    apply: (frame) => Promise.resolve(void told.push(`frame ${frame.toString('hex')}`)),
    finish: () => Promise.resolve({ entries: told.push('end'), bytes: 0 }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Empty, or larger than what a file is read by at a time, now and then. */
const frame = fc
  .oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constant(new Uint8Array(0)),
    fc.constantFrom(65_532, 65_536, 200_000).map((size) => new Uint8Array(size).fill(size % 251)),
  )
  .map((bytes) => Buffer.from(bytes));
const rounds = fc.array(fc.array(frame, { maxLength: 4 }), { maxLength: 4 });

test('every frame and every end of a round comes out as it went in', async (t) => {
  const path = place(t);
  await fc.assert(
    fc.asyncProperty(rounds, async (sent) => {
      await using spool = new SpooledReceiver(path);
      for (const frames of sent) {
        for (const each of frames) await spool.apply(each);
        await spool.finish();
      }
      const receiver = recorder();
      await spool.unpack(receiver);
      t.deepEqual(
        receiver.told,
        sent.flatMap((frames) => [...frames.map((bytes) => `frame ${bytes.toString('hex')}`), 'end']),
      );
    }),
    { numRuns: 50 },
  );
});

test('counts are of one round', async (t) => {
  await using spool = new SpooledReceiver(place(t));
  await spool.apply(Buffer.from('abc'));
  await spool.apply(Buffer.from('de'));
  t.deepEqual(await spool.finish(), { entries: 2, bytes: 5 });
  t.deepEqual(await spool.finish(), { entries: 0, bytes: 0 });
});

test("the file is the agent's alone, new, and gone with the receiver", async (t) => {
  const path = place(t);
  const spool = new SpooledReceiver(path);
  t.is(statSync(path).mode & 0o777, 0o600);
  t.throws(() => new SpooledReceiver(path), { code: 'EEXIST' });
  await spool[Symbol.asyncDispose]();
  t.false(existsSync(path));
});

test('it may be disposed of twice, and takes nothing of what came in its place', async (t) => {
  const path = place(t);
  const spool = new SpooledReceiver(path);
  await spool[Symbol.asyncDispose]();
  const other = openSync(path, 'wx'); // has the number that the spool's file had
  t.teardown(() => closeSync(other));
  await t.notThrowsAsync(async () => spool[Symbol.asyncDispose]());
  t.notThrows(() => fstatSync(other));
  t.true(existsSync(path));
});

test('a receiver that fails ends the unpacking', async (t) => {
  await using spool = new SpooledReceiver(place(t));
  await spool.apply(Buffer.from('a'));
  await spool.finish();
  await t.throwsAsync(spool.unpack({ ...recorder(), apply: () => Promise.reject(new Error('the disk is full')) }), {
    message: 'the disk is full',
  });
});
