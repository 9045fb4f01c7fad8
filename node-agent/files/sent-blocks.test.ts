// A target that applies what is sent has the file, and gets nothing twice.
import test from 'ava';
import * as fc from 'fast-check';
import type { Extent } from '#agent/files/records.ts';
import { blockBytes, SentBlocks } from '#agent/files/sent-blocks.ts';

const path = Buffer.from('d/large');

/** A file of one letter a block, `.` for a hole; the last block is half as long. */
const sizeOf = (letters: string): number => Math.max(0, letters.length * blockBytes - blockBytes / 2);
function blocksOf(letters: string): Extent[] {
  return Array.from(letters).flatMap((letter, index) => {
    const offset = index * blockBytes;
    return letter === '.'
      ? []
      : [{ offset, bytes: Buffer.alloc(Math.min(blockBytes, sizeOf(letters) - offset), letter) }];
  });
}

function contentOf(letters: string): Buffer {
  const content = Buffer.alloc(sizeOf(letters));
  for (const { offset, bytes } of blocksOf(letters)) bytes.copy(content, offset);
  return content;
}

function apply(target: Buffer, sizeBytes: number, extents: readonly Extent[]): Buffer {
  const resized = Buffer.alloc(sizeBytes);
  target.copy(resized, 0, 0, Math.min(target.length, sizeBytes));
  for (const { offset, bytes } of extents) bytes.copy(resized, offset);
  return resized;
}

test('applying differences gives the file of every round', (t) => {
  const letters = fc.array(fc.constantFrom('a', 'b', '.'), { maxLength: 6 }).map((list) => list.join(''));
  fc.assert(
    fc.property(fc.array(letters, { minLength: 1, maxLength: 5 }), (rounds) => {
      const sent = new SentBlocks();
      let target: Buffer = Buffer.alloc(0);
      for (const text of rounds) {
        target = apply(target, sizeOf(text), [...sent.difference(path, 1n, sizeOf(text), blocksOf(text))]);
        t.true(target.equals(contentOf(text)));
        t.deepEqual([...sent.difference(path, 1n, sizeOf(text), blocksOf(text))], []);
      }
    }),
  );
});

test('another inode, a removed path and a removed directory above it are new files', (t) => {
  const sent = new SentBlocks();
  const count = (ino: bigint): number => [...sent.difference(path, ino, sizeOf('aa'), blocksOf('aa'))].length;
  t.is(count(1n), 2);
  t.true(sent.has(path, 1n));
  t.is(count(1n), 0);
  t.false(sent.has(path, 2n));
  t.is(count(2n), 2);
  for (const gone of ['d/large', 'd', '']) {
    sent.forget(Buffer.from(gone));
    t.false(sent.has(path, 2n));
    t.is(count(2n), 2);
  }
  for (const other of ['d/larg', 'd/large/x', 'e']) sent.forget(Buffer.from(other));
  t.is(count(2n), 0);
});
