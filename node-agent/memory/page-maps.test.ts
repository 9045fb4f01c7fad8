// Page maps are written as CRIU reads them, and read as it writes them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { keyOfPageMap, pageFlags, presentRuns, readPageMap, takeFromParent, writePageMap } from './page-maps.ts';

const entry = fc.record({
  start: fc.nat({ max: 2 ** 36 }).map((page) => page * 4096),
  pages: fc.integer({ min: 1, max: 2 ** 33 }),
  flags: fc.constantFrom(pageFlags.present, pageFlags.present | pageFlags.lazy, pageFlags.parent),
});

test('a page map is read as it was written', (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.array(entry), (pagesId, entries) => {
      t.deepEqual(readPageMap(writePageMap({ pagesId, entries })), { pagesId, entries });
    }),
  );
});

test("CRIU's own: the head, then address, pages and flags", (t) => {
  const image = Buffer.from('19435654254008560200000008010a0000000880a004100020062802', 'hex');
  t.deepEqual(readPageMap(image), { pagesId: 1, entries: [{ start: 0x11000, pages: 2, flags: 6 }] });
});

test('the name of an image says whose page map it is', (t) => {
  t.is(keyOfPageMap('pagemap-17.img'), '17');
  t.is(keyOfPageMap('pagemap-shmem-363.img'), 'shmem-363');
  for (const other of ['pages-1.img', 'pagemap-x.img', 'pagemap-1.img.new', 'core-1.img'])
    t.is(keyOfPageMap(other), undefined);
});

for (const [what, content, held, flags] of [
  ['whose content came with the dump is left alone', 'content', false, 6],
  ['without content is looked for in the parent', '', true, 3],
] as const)
  test(`a page map ${what}`, (t) => {
    const images = mkdtempSync(join(tmpdir(), 'maps-'));
    t.teardown(() => rmSync(images, { recursive: true }));
    const path = join(images, 'pagemap-1.img');
    writeFileSync(path, writePageMap({ pagesId: 1, entries: [{ start: 4096, pages: 2, flags: 6 }] }));
    writeFileSync(join(images, 'pages-1.img'), content);
    takeFromParent(images, 'pagemap-1.img', '1', { has: () => held });
    t.deepEqual(readPageMap(readFileSync(path)).entries, [{ start: 4096, pages: 2, flags }]);
  });

test('pages that nobody has are refused before CRIU looks for them', (t) => {
  const images = mkdtempSync(join(tmpdir(), 'maps-'));
  t.teardown(() => rmSync(images, { recursive: true }));
  const map = { pagesId: 1, entries: [{ start: 4096, pages: 2, flags: 6 }] };
  t.deepEqual(presentRuns(map), [{ start: 4096, end: 12_288 }]);
  writeFileSync(join(images, 'pagemap-1.img'), writePageMap(map));
  writeFileSync(join(images, 'pages-1.img'), '');
  const error = t.throws(() => takeFromParent(images, 'pagemap-1.img', '1', { has: () => false }));
  t.like(error, { code: 'ERR_IMAGES_INVALID' });
});
