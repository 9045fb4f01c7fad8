import test from 'ava';
import { compareMemory } from './compare.ts';
import { parseMappings, zeroPage, type MemoryImage } from './memory-image.ts';

const mapping = { start: 0x1000, end: 0x5000, access: 'rw-p', advice: '', name: '', anonymous: true };
const imageOf = (pages: [number, number][], changes = {}): MemoryImage => ({
  1: { command: 'redis', mappings: [{ ...mapping, ...changes }], pages },
});
const frozen = imageOf([
  [0x1000, 7],
  [0x2000, zeroPage],
]);

test('equal memory has no differences, and a page of zeros may be absent', (t) => {
  t.deepEqual(compareMemory(frozen, imageOf([[0x1000, 7]]), false), { pages: 2, differences: [] });
});

test('a page with other content, a missing page and a new page are told', (t) => {
  t.regex(compareMemory(frozen, imageOf([[0x1000, 8]]), false).differences[0] ?? '', /page 1000/);
  t.regex(compareMemory(frozen, imageOf([]), false).differences[0] ?? '', /page 1000 .*missing/);
  t.regex(
    compareMemory(
      frozen,
      imageOf([
        [0x1000, 7],
        [0x4000, 9],
      ]),
      false,
    ).differences[0] ?? '',
    /page 4000 is new/,
  );
});

test('a page of shared memory with content where there was none is told, too', (t) => {
  const shared = { access: 'rw-s', anonymous: false };
  t.deepEqual(compareMemory(imageOf([], shared), imageOf([], shared), false).differences, []);
  t.regex(
    compareMemory(imageOf([], shared), imageOf([[0x2000, 9]], shared), false).differences[0] ?? '',
    /page 2000 is new/,
  );
});

test('pages that are still to come are not missing, but those that are there must be right', (t) => {
  t.deepEqual(compareMemory(frozen, imageOf([]), true).differences, []);
  t.is(compareMemory(frozen, imageOf([[0x1000, 8]]), true).differences.length, 1);
});

test('a process, a mapping or its advice that is gone is told', (t) => {
  t.regex(compareMemory(frozen, {}, false).differences[0] ?? '', /process 1 \(redis\) is gone/);
  t.regex(
    compareMemory(frozen, imageOf([[0x1000, 7]], { end: 0x4000 }), false).differences[0] ?? '',
    /mapping 1000-5000/,
  );
  t.regex(compareMemory(frozen, imageOf([[0x1000, 7]], { advice: 'wf' }), false).differences[0] ?? '', /no advice/);
});

test('mappings that the kernel has cut elsewhere are the same', (t) => {
  const cut = imageOf([[0x1000, 7]]);
  cut['1']?.mappings.splice(0, 1, { ...mapping, end: 0x3000 }, { ...mapping, start: 0x3000 });
  t.deepEqual(compareMemory(frozen, cut, false).differences, []);
});

const block = (name: string, flags: string): string =>
  `7f00-7f01 rw-p 00000000 00:00 0    ${name}\nRss: 4 kB\nSwap: 0 kB\nVmFlags: ${flags}\n`;

test('what the kernel maps or may drop by itself is left out', (t) => {
  t.deepEqual(parseMappings(block('[vvar]', 'rd')), []);
  t.deepEqual(parseMappings(block('', 'rd wr dp')), []);
  t.like(parseMappings(block('[heap]', 'rd wr wf'))[0], { name: '[heap]', advice: 'wf', anonymous: true });
});
