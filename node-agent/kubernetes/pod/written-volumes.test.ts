// Entries as CRIU 4.2 writes them into files.img.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { followInEntry, followWrittenVolumes, writtenVolumes } from './written-volumes.ts';

const number = (field: number, value: number): number[] => [field << 3, value];
const text = (field: number, content: string): number[] => [
  (field << 3) | 2,
  Buffer.byteLength(content),
  ...Buffer.from(content),
];
const message = (field: number, content: number[]): number[] => [(field << 3) | 2, content.length, ...content];

const timed = '..2026_11_27_06_01_22.1234567890';
const linked = `..data${'/'.repeat(timed.length - 6)}`;

const regular = (name: string, size: number[] = number(8, 13)): number[] => [
  ...number(1, 1),
  ...number(2, 3),
  ...message(3, [...number(1, 3), ...number(3, 5), ...text(6, name), ...number(7, 40), ...size, ...number(10, 4)]),
];
const watches = (...paths: string[]): number[] => [
  ...number(1, 8),
  ...number(2, 3),
  ...message(13, [
    ...number(1, 3),
    ...paths.flatMap((path) => message(5, [...number(1, 3), ...message(7, text(3, path))])),
  ]),
];

test('an open file follows the link of its volume, whatever its size is there', (t) => {
  const entry = Buffer.from(regular(`/etc/config/${timed}/app.conf`));
  t.is(followInEntry(entry, ['data', 'config']), 1);
  t.deepEqual([...entry], regular(`/etc/config/${linked}/app.conf`, number(15, 13)));
});

test('so does the directory itself, and one below a link of the image', (t) => {
  const directory = Buffer.from(regular(`/run/secrets/kubernetes.io/serviceaccount/${timed}`, []));
  t.is(followInEntry(directory, ['serviceaccount']), 1);
  t.deepEqual([...directory], regular(`/run/secrets/kubernetes.io/serviceaccount/${linked}`, []));
});

test('so does each watch', (t) => {
  const entry = Buffer.from(watches(`/etc/config/${timed}/a`, '/etc/config', `/etc/config/${timed}`));
  t.is(followInEntry(entry, ['config']), 2);
  t.deepEqual([...entry], watches(`/etc/config/${linked}/a`, '/etc/config', `/etc/config/${linked}`));
});

for (const [what, name] of Object.entries({
  'of another volume': `/etc/other/${timed}/app.conf`,
  'in a directory of the program that is named alike': `/etc/config/deep/${timed}/app.conf`,
  'without a time in its path': '/etc/config/app.conf',
  'with half a time': '/etc/config/..2026_11_27/app.conf',
  'whose name only begins like one': `/etc/config/${timed}x/app.conf`,
})) {
  test(`a file ${what} stays as it is`, (t) => {
    const entry = Buffer.from(regular(name));
    t.is(followInEntry(entry, ['config']), 0);
    t.deepEqual([...entry], regular(name));
  });
}

const at = (plugin: string) => ({
  source: `/var/lib/kubelet/pods/u1/volumes/kubernetes.io~${plugin}/x`,
  destination: `/v/${plugin}`,
});

test('volumes that the kubelet writes are known by where they lie', (t) => {
  const mounts = [
    ...['configmap', 'secret', 'projected', 'downward-api', 'empty-dir', 'csi'].map(at),
    { destination: '/proc' },
    { source: '/srv/configmap', destination: '/srv' },
  ];
  t.deepEqual(writtenVolumes({ mounts }), ['configmap', 'secret', 'projected', 'downward-api']);
  t.deepEqual(writtenVolumes({}), []);
});

test('an image is changed where it lies, and a broken one does no harm', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'files-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'files.img');
  const [before, after] = [
    regular(`/etc/config/${timed}/app.conf`),
    regular(`/etc/config/${linked}/app.conf`, number(15, 13)),
  ];
  writeFileSync(path, image(before, regular('/var/x')));
  t.is(followWrittenVolumes(path, []), 0);
  t.is(followWrittenVolumes(path, ['config']), 1);
  t.deepEqual(readFileSync(path), image(after, regular('/var/x')));
  for (let length = 0; length < 90; length += 1) {
    writeFileSync(path, image(before).subarray(0, length));
    t.notThrows(() => followWrittenVolumes(path, ['config']));
  }
});

const image = (...entries: number[][]): Buffer =>
  Buffer.concat([Buffer.alloc(8, 0xab), ...entries.map((entry) => Buffer.from([entry.length, 0, 0, 0, ...entry]))]);
