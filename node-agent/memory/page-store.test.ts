// Pages that come in any order are found again by the chain of page maps that CRIU reads, with their newest content.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as fc from 'fast-check';
import { pageBytes, parseRecord, type PageRun } from './page-records.ts';
import { PageStore } from './page-store.ts';
import { readChain } from './testing/read-chain.ts';

const base = 0x7f0000000000;

function rig(t: ExecutionContext) {
  const root = mkdtempSync(join(tmpdir(), 'store-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  const images = join(root, 'images');
  mkdirSync(images);
  return { images, store: new PageStore(join(root, 'memory')) };
}

/** Each page is full of one number. */
function recordOf(pid: number, runs: readonly PageRun[], value: number): Buffer {
  const pages = runs.reduce((sum, run) => sum + run.pages, 0);
  const bytes = Buffer.alloc(16 + 16 * runs.length + pages * pageBytes, value);
  bytes.fill(0, 0, 16);
  bytes.writeUInt32LE(pid, 0);
  bytes.writeUInt32LE(runs.length, 12);
  for (const [index, { start, pages: count }] of runs.entries()) {
    bytes.writeBigUInt64LE(BigInt(start), 16 + 16 * index);
    bytes.writeBigUInt64LE(BigInt(count), 24 + 16 * index);
  }
  return bytes;
}

const run = fc.record({ page: fc.nat({ max: 1200 }), pages: fc.integer({ min: 1, max: 40 }) });
/** What comes in a round is in order, as the kernel finds it. */
const round = fc.record({ pid: fc.constantFrom(1, 7), runs: fc.array(run, { minLength: 1, maxLength: 5 }) });

test('the newest content of each page is found', (t) => {
  fc.assert(
    fc.property(fc.array(round, { maxLength: 12 }), (rounds) => {
      const { images, store } = rig(t);
      const newest = new Map<string, number>();
      for (const [value, { pid, runs }] of rounds.entries()) {
        const sorted = runs.toSorted((one, other) => one.page - other.page);
        store.put(
          recordOf(
            pid,
            sorted.map(({ page, pages }) => ({ start: base + page * pageBytes, pages })),
            value + 1,
          ),
        );
        for (const { page, pages } of runs)
          for (let at = page; at < page + pages; at += 1) newest.set(`${pid} ${base + at * pageBytes}`, value + 1);
      }
      store.chain(images);
      store.close();
      const found = new Map<string, number>();
      for (const pid of [1, 7])
        for (const [address, content] of readChain(images, `${pid}`)) {
          t.true(content.every((byte) => byte === content[0]));
          found.set(`${pid} ${address}`, content[0] ?? 0);
        }
      t.deepEqual(Object.fromEntries(found), Object.fromEntries(newest));
    }),
    { numRuns: 40 },
  );
});

test('a page that comes again takes no more room', (t) => {
  const { store } = rig(t);
  for (let value = 0; value < 50; value += 1) store.put(recordOf(1, [{ start: base, pages: 3 }], value));
  t.is(store.bytes, 3 * pageBytes);
  t.true(store.has('1', base, base + 3 * pageBytes));
  t.false(store.has('1', base, base + 4 * pageBytes));
  t.false(store.has('2', base, base + pageBytes));
  store.close();
});

test('rounds without end are refused', (t) => {
  const { store } = rig(t);
  const error = t.throws(() => {
    for (let page = 100; page > 0; page -= 1) store.put(recordOf(1, [{ start: base + page * pageBytes, pages: 1 }], 1));
  });
  t.like(error, { code: 'ERR_IMAGES_INVALID' });
  store.close();
});

test('nothing is made where no memory comes', (t) => {
  const { images, store } = rig(t);
  t.is(store.chain(images).size, 0);
  t.false(existsSync(join(images, 'parent')));
});

for (const [what, bytes] of [
  ['nothing', Buffer.alloc(0)],
  ['no runs', Buffer.alloc(16)],
  ['fewer runs than it says', recordOf(1, [{ start: base, pages: 1 }], 1).subarray(0, 20)],
  ['less content than its runs', recordOf(1, [{ start: base, pages: 2 }], 1).subarray(0, -1)],
  ['more content than its runs', Buffer.concat([recordOf(1, [{ start: base, pages: 2 }], 1), Buffer.alloc(1)])],
  ['half a page', recordOf(1, [{ start: base + 1, pages: 1 }], 1)],
  ['pages beyond all addresses', recordOf(1, [{ start: 2 ** 52, pages: 1 }], 1)],
  ['a number of pages that is none', Buffer.concat([recordOf(1, [{ start: base, pages: 0 }], 1)])],
] as const)
  test(`a record with ${what} is refused`, (t) =>
    void t.throws(() => parseRecord(bytes), { code: 'ERR_IMAGES_INVALID' }));
