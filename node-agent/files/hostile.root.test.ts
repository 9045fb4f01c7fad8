// A source that lies: no record writes outside of the root, and every refusal has its code.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fileMover } from '#agent/files/mover.ts';
import { encodeRecord, type FileRecord, type Stamp } from '#agent/files/records.ts';
import { FileType } from '#agent/files/snapshot.ts';
import { listTree } from '#agent/files/testing/tree-listing.ts';

const limits = { maxEntries: 10, maxBytes: 1000 };
const stamp: Stamp = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 1, mtimeNanoseconds: 2, xattrs: Buffer.alloc(0) };
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

const file = (name: string, size = 4, fresh = true): FileRecord => ({
  kind: 'file',
  path: bytes(name),
  fresh,
  sizeBytes: size,
  stamp,
  extents: [{ offset: 0, bytes: Buffer.alloc(size, 'evil') }],
});
const more = (name: string): FileRecord => file(name, 4, false);
const directory = (name: string, emptied = false): FileRecord => ({
  kind: 'directory',
  path: bytes(name),
  stamp,
  emptied,
});
const symlink = (name: string, target: string): FileRecord => ({
  kind: 'symlink',
  path: bytes(name),
  stamp,
  target: bytes(target),
});
const link = (name: string, target: string): FileRecord => ({ kind: 'link', path: bytes(name), target: bytes(target) });
const remove = (name: string): FileRecord => ({ kind: 'remove', path: bytes(name) });

interface Place {
  base: string;
  root: string;
}

function makePlace(t: ExecutionContext): Place {
  const base = fs.mkdtempSync('/var/tmp/godwit-files-');
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }));
  const root = path.join(base, 'root');
  fs.mkdirSync(path.join(root, 'mounted'), { recursive: true });
  fs.mkdirSync(path.join(base, 'outside', 'below'), { recursive: true });
  fs.writeFileSync(path.join(base, 'outside', 'victim'), 'untouched');
  fs.writeFileSync(path.join(base, 'outside', 'below', 'victim'), 'untouched');
  fs.symlinkSync(path.join(base, 'outside'), path.join(root, 'way-out'));
  fs.symlinkSync('../outside/victim', path.join(root, 'file-out'));
  return { base, root };
}

const refused: [string, FileRecord[]][] = [
  ['a path with ..', [file('../outside/victim')]],
  ['a path with .. further down', [file('mounted/../../outside/victim')]],
  ['an absolute path', [file('/etc/godwit-files-test')]],
  ['a path with .', [file('./x')]],
  ['an empty name', [file('a//b')]],
  ['a trailing slash', [directory('a/')]],
  ['NUL in a name', [file('a\0b')]],
  ['a name of 256 bytes', [file('n'.repeat(256))]],
  ['the root as a file', [file('')]],
  ['the root removed', [remove('')]],
  ['a file below a symlink', [file('way-out/victim')]],
  ['a file below a directory below a symlink', [file('way-out/below/victim')]],
  ['a directory below a symlink', [directory('way-out/new')]],
  ['removal below a directory below a symlink', [remove('way-out/below/victim')]],
  ['a symlink made first', [symlink('mounted/s', '../../outside'), file('mounted/s/victim')]],
  [
    'a symlink made first that stays inside',
    [directory('mounted/real'), directory('mounted/real/deep'), symlink('mounted/s', 'real'), file('mounted/s/deep/x')],
  ],
  ['more content for a file behind a symlink', [more('file-out')]],
  ['more content for a file that is not there', [more('missing')]],
  ['more content for a directory', [more('mounted')]],
  ['a link to a file below a symlink', [link('mine', 'way-out/victim')]],
  ['a link out of the root', [link('mine', '../outside/victim')]],
  ['a link to itself', [file('own'), link('own', 'own')]],
  ['a link to a directory', [link('mine', 'mounted')]],
  ['a parent that is missing', [file('missing/x')]],
  ['a parent that is a file', [file('f'), file('f/x')]],
  ['a whiteout device', [{ kind: 'node', path: bytes('w'), stamp, type: FileType.char, rdevMajor: 0, rdevMinor: 0 }]],
  [
    'a node that is a regular file',
    [{ kind: 'node', path: bytes('w'), stamp, type: FileType.regular, rdevMajor: 0, rdevMinor: 0 }],
  ],
];

for (const [what, records] of refused) {
  test.serial(`refused: ${what}`, async (t) => {
    const { base, root } = makePlace(t);
    const before = listTree(path.join(base, 'outside'));
    await using receiver = fileMover.receiver(root, { limits });
    await t.throwsAsync(receiver.apply(Buffer.concat(records.map(encodeRecord))), { code: 'ERR_FILES_INVALID' });
    t.deepEqual(listTree(path.join(base, 'outside')), before);
    await t.throwsAsync(
      receiver.apply(encodeRecord(file('later'))),
      { code: 'ERR_FILES_INVALID' },
      'nothing more is taken',
    );
  });
}

test.serial('what is replaced or removed is the symlink, never what it leads to', async (t) => {
  const { base, root } = makePlace(t);
  const before = listTree(path.join(base, 'outside'));
  await using receiver = fileMover.receiver(root, { limits });
  const records = [
    file('file-out'),
    directory('way-out', true),
    symlink('mounted/again', '/'),
    directory('mounted/again', true),
    link('alias', 'file-out'),
    remove('mounted'),
  ];
  await receiver.apply(Buffer.concat(records.map(encodeRecord)));
  await receiver.finish();
  t.deepEqual(listTree(path.join(base, 'outside')), before);
  t.deepEqual(Object.keys(listTree(root)).sort(), ['.', 'alias', 'file-out', 'way-out']);
});

test.serial('a directory that is removed after it was written stays removed', async (t) => {
  const { root } = makePlace(t);
  await using receiver = fileMover.receiver(root, { limits });
  await receiver.apply(Buffer.concat([directory('d'), file('d/f'), symlink('d', '/etc')].map(encodeRecord)));
  await receiver.finish();
  t.is(fs.readlinkSync(path.join(root, 'd')), '/etc');
});

for (const records of [
  [file('mounted/x')],
  [remove('mounted')],
  [directory('.'.repeat(3)), directory('mounted', true)],
]) {
  test.serial(`another mount below the root is left alone: ${records.map(({ kind }) => kind).join(' ')}`, async (t) => {
    const { base, root } = makePlace(t);
    execFileSync('mount', ['--bind', path.join(base, 'outside'), path.join(root, 'mounted')]);
    t.teardown(() => {
      execFileSync('umount', [path.join(root, 'mounted')]);
    });
    const before = listTree(path.join(base, 'outside'));
    await using receiver = fileMover.receiver(root, { limits });
    await t.throwsAsync(receiver.apply(Buffer.concat(records.map(encodeRecord))), { code: 'ERR_FILES_INVALID' });
    t.deepEqual(listTree(path.join(base, 'outside')), before);
  });
}

test.serial('a malformed frame changes nothing', async (t) => {
  const { root } = makePlace(t);
  const before = listTree(root);
  await using receiver = fileMover.receiver(root, { limits });
  await t.throwsAsync(receiver.apply(Buffer.concat([encodeRecord(file('good')), Buffer.from([99, 0, 0, 0, 0])])), {
    code: 'ERR_FILES_INVALID',
  });
  t.deepEqual(listTree(root), before);
});

for (const [what, records] of [
  ['entries', Array.from({ length: 11 }, (_, index) => directory(`d${index}`))],
  ['bytes', [file('a', 600), file('b', 600)]],
] as const) {
  test.serial(`the limit of ${what} holds for a round, over all its frames`, async (t) => {
    const { root } = makePlace(t);
    await using receiver = fileMover.receiver(root, { limits });
    for (const record of records.slice(0, -1)) await receiver.apply(encodeRecord(record));
    const before = listTree(root);
    await t.throwsAsync(receiver.apply(Buffer.concat(records.slice(-1).map(encodeRecord))), {
      code: 'ERR_FILES_LIMIT',
    });
    t.deepEqual(listTree(root), before);
  });
}
