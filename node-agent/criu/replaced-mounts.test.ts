// Entries as CRIU 4.2 writes them into mountpoints-*.img.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { bindReplacedMount, bindReplacedMounts, isMountsImage } from './replaced-mounts.ts';

const key = (number: number, type: number): number[] =>
  number < 16 ? [(number << 3) | type] : [((number << 3) & 0x7f) | type | 0x80, number >> 4];
const text = (number: number, content: string): number[] => [
  ...key(number, 2),
  content.length,
  ...Buffer.from(content),
];
const flag = (number: number, value: 0 | 1): number[] => [...key(number, 0), value];

const settings = [...text(6, '/pods/1/settings/..2026/b.conf'), ...text(7, '/c/b.conf')];
const mount = (deleted: 0 | 1, external: string | undefined): number[] => [
  ...settings,
  ...flag(16, deleted),
  ...(external === undefined ? [] : text(18, external)),
];
const image = (...entries: number[][]): Buffer =>
  Buffer.concat([Buffer.alloc(8, 0xab), ...entries.map((entry) => Buffer.from([entry.length, 0, 0, 0, ...entry]))]);

test('a mount of the runtime whose file was replaced becomes an ordinary one, and nothing else changes', (t) => {
  const entry = Buffer.from(mount(1, '/c/b.conf'));
  t.true(bindReplacedMount(entry));
  t.deepEqual([...entry], mount(0, '/c/b.conf'));
});

for (const [what, entry] of Object.entries({
  'of the program itself, whose file CRIU makes anew': mount(1, undefined),
  'whose file is there': mount(0, '/c/b.conf'),
  'as CRIU writes most': settings,
})) {
  test(`a mount ${what} stays as it is`, (t) => {
    const bytes = Buffer.from(entry);
    t.false(bindReplacedMount(bytes));
    t.deepEqual([...bytes], entry);
  });
}

test('an image is changed where it lies, and a broken one does no harm', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'mounts-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'mountpoints-12.img');
  writeFileSync(path, image(settings, mount(1, '/c/b.conf'), mount(1, undefined)));
  t.is(bindReplacedMounts(path), 1);
  t.deepEqual(readFileSync(path), image(settings, mount(0, '/c/b.conf'), mount(1, undefined)));
  for (let length = 0; length < 60; length += 1) {
    writeFileSync(path, image(mount(1, '/c/b.conf')).subarray(0, length));
    t.notThrows(() => bindReplacedMounts(path));
  }
});

test('the images of mounts are known by their names', (t) => {
  t.deepEqual(['mountpoints-12.img', 'mountpoints.img', 'files.img', 'mountpoints-12.img.tmp'].map(isMountsImage), [
    true,
    false,
    false,
    false,
  ]);
});
