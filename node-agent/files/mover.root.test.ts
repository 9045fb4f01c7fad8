// Whole trees through real overlays: what the container sees on the target is what it saw on the source.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { filesAddon } from '#agent/files/addon.ts';
import { fileMover } from '#agent/files/mover.ts';
import type { FileReceiver, FileRoot, FileSender } from '#agent/files/port.ts';
import { FileType } from '#agent/files/snapshot.ts';
import { mountTwoOverlays } from '#agent/files/testing/overlay.ts';
import { listTree } from '#agent/files/testing/tree-listing.ts';
import { packXattrs, type Xattr } from '#agent/files/xattrs.ts';

const limits = { maxEntries: 100_000, maxBytes: 1e9 };

async function round(sender: FileSender, receiver: FileReceiver, always: ReadonlySet<string> = new Set()) {
  const sent = await sender.send((frame) => receiver.apply(frame), { always, open: new Set(), last: false });
  return { sent, applied: await receiver.finish() };
}

/** Gives an entry owner, mode, time in ns and attributes. */
function stamp(
  file: string | Buffer,
  mode: number,
  xattrs: Xattr[] = [],
  seconds = 1_600_000_000,
  nanoseconds = 123_456_789,
): void {
  const root = fs.openSync('/', fs.constants.O_DIRECTORY);
  const parent = fs.openSync(path.dirname(file.toString('latin1')), fs.constants.O_DIRECTORY);
  const fd = filesAddon.openPath(parent, Buffer.from(path.basename(file.toString('latin1')), 'latin1'), 0n);
  filesAddon.stamp(fd, mode, 1234, 56_789, seconds, nanoseconds, packXattrs(xattrs));
  for (const open of [fd, parent, root]) fs.closeSync(open);
}

function node(directory: string, name: string, mode: number, major = 0, minor = 0): void {
  const fd = fs.openSync(directory, fs.constants.O_DIRECTORY);
  filesAddon.createNode(fd, Buffer.from(name), mode, major, minor);
  fs.closeSync(fd);
}

function fillImage(image: string): void {
  for (const name of ['kept', 'deleted', 'opaque', 'to-file', 'linked', 'moved', 'retimed', 'filled']) {
    fs.mkdirSync(path.join(image, name, 'sub'), { recursive: true });
    fs.writeFileSync(path.join(image, name, 'file'), `image ${name}`);
    fs.writeFileSync(path.join(image, name, 'sub', 'deep'), `image deep ${name}`);
  }
  fs.writeFileSync(path.join(image, 'to-directory'), 'was a file');
  fs.symlinkSync('kept', path.join(image, 'to-real-directory'));
}

const accessAcl = Buffer.from(
  '0200000001000700ffffffff0200060000040000040005 00ffffff ff10000700ffffffff20000000ffffffff'.replaceAll(' ', ''),
  'hex',
);
const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');

function changeEveryKind(root: string): void {
  const at = (...names: string[]): string => path.join(root, ...names);
  fs.rmSync(at('deleted'), { recursive: true });
  fs.rmSync(at('kept', 'sub', 'deep'));
  fs.rmSync(at('opaque'), { recursive: true });
  fs.mkdirSync(at('opaque'));
  fs.writeFileSync(at('opaque', 'new'), 'only this');
  fs.rmSync(at('to-file'), { recursive: true });
  fs.writeFileSync(at('to-file'), 'now a file');
  fs.rmSync(at('to-directory'));
  fs.mkdirSync(at('to-directory'));
  fs.writeFileSync(at('to-directory', 'inside'), '');
  fs.rmSync(at('to-real-directory'));
  fs.mkdirSync(at('to-real-directory'));
  fs.linkSync(at('linked', 'file'), at('linked', 'second'));
  fs.linkSync(at('linked', 'file'), at('kept', 'third'));
  fs.symlinkSync('/etc/passwd', at('absolute-link'));
  fs.symlinkSync('../../..', at('kept', 'dots'));
  node(root, 'fifo', FileType.fifo);
  node(root, 'null', FileType.char, 1, 3);
  node(root, 'disk', FileType.block, 254, 70_000);
  node(root, 'socket', FileType.socket);
  fs.writeFileSync(at('setuid'), 'program');
  stamp(at('setuid'), 0o6755, [{ name: 'security.capability', value: capability }]);
  fs.mkdirSync(at('sticky'));
  stamp(at('sticky'), 0o1777);
  fs.writeFileSync(at('attributes'), 'x');
  stamp(at('attributes'), 0o674, [
    { name: 'user.empty', value: Buffer.alloc(0) },
    { name: 'user.binary', value: Buffer.from([0, 255, 10]) },
    { name: 'system.posix_acl_access', value: accessAcl },
  ]);
  stamp(at('fifo'), 0o640, [], -5, 7);
  fs.mkdirSync(at('inheriting'));
  stamp(at('inheriting'), 0o750, [{ name: 'system.posix_acl_default', value: accessAcl }]);
  fs.mkdirSync(at('plain-source'));
  fs.writeFileSync(at('plain-source', 'no-acl'), 'made where no list is inherited');
  fs.renameSync(at('plain-source', 'no-acl'), at('inheriting', 'no-acl'));
  fs.writeFileSync(Buffer.from(`${root}/bytes-\xff\xfe\n`, 'latin1'), 'any bytes');
  fs.writeFileSync(at('n'.repeat(255)), 'long');
  const sparse = fs.openSync(at('sparse'), 'w');
  fs.ftruncateSync(sparse, 50_000_000);
  fs.writeSync(sparse, Buffer.from('island'), 0, 6, 20_000_000);
  fs.closeSync(sparse);
  fs.writeFileSync(at('large'), Buffer.alloc(3_000_001, 'large'));
  fs.appendFileSync(at('filled', 'file'), ' appended');
  fs.chmodSync(at('retimed', 'sub'), 0o700);
  fs.utimesSync(at('retimed'), 1, 2);
  let deep = root;
  for (let level = 0; level < 60; level += 1) {
    deep = path.join(deep, 'deeper-and-deeper-and-deeper');
    fs.mkdirSync(deep);
  }
  fs.writeFileSync(path.join(deep, 'bottom'), 'far down');
}

for (const parent of ['/var/tmp', '/dev/shm']) {
  test.serial(`an overlay of every kind of change arrives as it was, on ${parent}`, async (t) => {
    await using overlays = mountTwoOverlays(fillImage, parent);
    changeEveryKind(overlays.source.merged);
    await using sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
    await using receiver = fileMover.receiver(overlays.target.merged, { limits });
    const measured = await sender.measure();
    const { sent, applied } = await round(sender, receiver);
    t.deepEqual(applied, sent);
    t.true(measured.entries >= sent.entries);
    t.deepEqual(listTree(overlays.target.merged), listTree(overlays.source.merged));
    t.true(fs.statSync(path.join(overlays.target.merged, 'sparse')).blocks < 1000, 'holes stay holes');

    fs.rmSync(path.join(overlays.source.merged, 'opaque', 'new'));
    fs.writeFileSync(path.join(overlays.source.merged, 'opaque', 'newer'), 'second');
    fs.renameSync(path.join(overlays.source.merged, 'to-directory'), path.join(overlays.source.merged, 'renamed'));
    fs.appendFileSync(path.join(overlays.source.merged, 'linked', 'second'), 'one inode');
    fs.truncateSync(path.join(overlays.source.merged, 'large'), 1_000_000);
    await round(sender, receiver);
    t.deepEqual(listTree(overlays.target.merged), listTree(overlays.source.merged));
    await waitPastClockTick();
    await round(sender, receiver);
    t.deepEqual((await round(sender, receiver)).sent, { entries: 0, bytes: 0 }, 'nothing is left to send');
  });
}

/** Until a new file gets a time that is clearly later than everything before. */
async function waitPastClockTick(): Promise<void> {
  const start = Date.now();
  while (Date.now() < start + 60) await new Promise(setImmediate);
}

test.serial('a plain directory is mirrored: what the target had besides is gone', async (t) => {
  await using overlays = mountTwoOverlays(() => {});
  const [from, to] = [path.join(overlays.image, '../from'), path.join(overlays.image, '../to')];
  for (const root of [from, to]) {
    fs.mkdirSync(root);
    fillImage(root);
  }
  changeEveryKind(from);
  fs.writeFileSync(path.join(to, 'left from before'), 'x');
  await using sender = fileMover.sender({ kind: 'directory', path: from });
  await using receiver = fileMover.receiver(to, { limits });
  await round(sender, receiver);
  t.deepEqual(listTree(to), listTree(from));
  await waitPastClockTick();
  await round(sender, receiver);
  fs.writeFileSync(path.join(from, 'one more'), 'x');
  t.is((await round(sender, receiver)).sent.entries, 2, 'the file and its directory, which is emptied only once');
  t.deepEqual(listTree(to), listTree(from));
});

test.serial('a directory that is mounted elsewhere stays the one it is, with the contents of the source', async (t) => {
  await using overlays = mountTwoOverlays(() => {});
  const [from, to] = [path.join(overlays.image, '../from'), path.join(overlays.image, '../to')];
  for (const root of [from, to]) fs.mkdirSync(path.join(root, 'deep/in it/mounted/sub'), { recursive: true });
  fs.writeFileSync(path.join(from, 'deep/in it/mounted/file'), 'of the source');
  fs.mkdirSync(path.join(to, 'deep/in it/mounted too'));
  fs.mkdirSync(path.join(to, 'was mounted'));
  for (const stale of ['stale', 'deep/stale', 'deep/in it/mounted/stale', 'deep/in it/mounted/sub/stale'])
    fs.writeFileSync(path.join(to, stale), 'x');
  const inodes = (): number[] => ['deep', 'deep/in it/mounted'].map((name) => fs.statSync(path.join(to, name)).ino);
  const before = inodes();
  await using sender = fileMover.sender({ kind: 'directory', path: from });
  await using receiver = fileMover.receiver(to, { limits, mounted: ['deep/in it/mounted', 'gone'] });
  await round(sender, receiver);
  t.deepEqual(listTree(to), listTree(from));
  t.deepEqual(inodes(), before);
});

test.serial('a directory is not mirrored into itself', async (t) => {
  await using overlays = mountTwoOverlays(fillImage);
  await using sender = fileMover.sender({ kind: 'directory', path: overlays.image });
  await using receiver = fileMover.receiver(overlays.image, { limits });
  const before = listTree(overlays.image);
  await t.throwsAsync(round(sender, receiver), { code: 'ERR_FILES_SAME_ROOT' });
  t.deepEqual(listTree(overlays.image), before);
});

test.serial('a file in `always` is sent again although it looks unchanged', async (t) => {
  await using overlays = mountTwoOverlays(fillImage);
  const file = path.join(overlays.source.merged, 'kept', 'file');
  fs.writeFileSync(file, 'mapped');
  await waitPastClockTick();
  await using sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
  await using receiver = fileMover.receiver(overlays.target.merged, { limits });
  await round(sender, receiver);
  t.is((await round(sender, receiver)).sent.entries, 0);
  t.is((await round(sender, receiver, new Set(['kept/file', 'kept/sub', 'missing']))).sent.entries, 1);
  t.deepEqual(listTree(overlays.target.merged), listTree(overlays.source.merged));
});

test.serial('of a large file only the blocks that changed are sent again', async (t) => {
  await using overlays = mountTwoOverlays(() => {});
  const at = (name: string): string => path.join(overlays.source.merged, name);
  const sizeBytes = 5_000_001;
  fs.writeFileSync(at('large'), Buffer.alloc(sizeBytes, 'large'));
  await waitPastClockTick();
  await using sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
  await using receiver = fileMover.receiver(overlays.target.merged, { limits });
  const change = (what: (fd: number) => void): void => {
    const fd = fs.openSync(at('large'), 'r+');
    what(fd);
    fs.closeSync(fd);
  };
  const steps: [string, number, () => void][] = [
    ['first', sizeBytes, () => {}],
    ['a byte', 65_536, () => change((fd) => fs.writeSync(fd, 'X', 1_000_000))],
    ['an appended line', 65_536, () => fs.appendFileSync(at('large'), 'line')],
    ['cut', 65_536, () => fs.truncateSync(at('large'), 3_000_000)],
    [
      'cut, then longer again: zeros in place of content',
      2 * 65_536,
      () =>
        change((fd) => {
          fs.ftruncateSync(fd, 2_900_000);
          fs.ftruncateSync(fd, 4_000_000);
        }),
    ],
    [
      'a hole in the middle',
      300_000,
      () => {
        execFileSync('fallocate', ['-p', '-o', '1100000', '-l', '200000', at('large')]);
      },
    ],
    [
      'another file of that name',
      4_000_000,
      () => {
        fs.copyFileSync(at('large'), at('copy'));
        fs.renameSync(at('copy'), at('large'));
      },
    ],
    ['renamed away', 4_000_000, () => fs.renameSync(at('large'), at('away'))],
    ['renamed back', 4_000_000, () => fs.renameSync(at('away'), at('large'))],
    ['a second name', 4_000_000, () => fs.linkSync(at('large'), at('second'))],
    ['one name again', 4_000_000, () => fs.rmSync(at('second'))],
  ];
  for (const [what, atMostBytes, make] of steps) {
    make();
    await waitPastClockTick();
    const { sent } = await round(sender, receiver);
    t.true(sent.bytes <= atMostBytes, `${what}: ${sent.bytes}`);
    t.deepEqual(listTree(overlays.target.merged), listTree(overlays.source.merged), what);
  }
});

for (const [attribute, value] of [
  ['trusted.overlay.redirect', '/elsewhere'],
  ['trusted.overlay.metacopy', ''],
] as const) {
  test.serial(`a layer with ${attribute} is refused`, async (t) => {
    await using overlays = mountTwoOverlays(() => {});
    const file = path.join(overlays.source.upper, 'entry');
    fs.writeFileSync(file, 'x');
    execFileSync('python3', [
      '-c',
      'import os,sys; os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())',
      file,
      attribute,
      value,
    ]);
    await using sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
    await t.throwsAsync(
      sender.send(async () => {}),
      { code: 'ERR_FILES_OVERLAY' },
    );
  });
}

test.serial('a whiteout that is an attribute deletes as well', async (t) => {
  await using overlays = mountTwoOverlays(fillImage);
  const file = path.join(overlays.source.upper, 'to-directory');
  fs.writeFileSync(file, '');
  execFileSync('python3', ['-c', 'import os,sys; os.setxattr(sys.argv[1], "trusted.overlay.whiteout", b"y")', file]);
  await using sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
  await using receiver = fileMover.receiver(overlays.target.merged, { limits });
  await round(sender, receiver);
  t.false(fs.existsSync(path.join(overlays.target.merged, 'to-directory')));
});

const roots: FileRoot[] = [
  { kind: 'directory', path: '/var/tmp/godwit-files-missing' },
  { kind: 'directory', path: '/etc/hostname' },
];
for (const root of roots) {
  test.serial(`a root that cannot be opened is the error of the first call: ${root.path}`, async (t) => {
    await using sender = fileMover.sender(root);
    await t.throwsAsync(sender.measure(), { code: 'ERR_FILES_IO' });
  });
}

test.serial('a sink that fails ends the round with its error', async (t) => {
  await using overlays = mountTwoOverlays(() => {});
  fs.writeFileSync(path.join(overlays.source.upper, 'large'), Buffer.alloc(20_000_000, 1));
  await using sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
  let frames = 0;
  await t.throwsAsync(
    sender.send(async () => {
      frames += 1;
      if (frames === 3) throw new Error('the peer is gone');
    }),
    { message: 'the peer is gone' },
  );
  t.is(frames, 3);
  await t.throwsAsync(
    sender.send(async () => {}),
    { code: 'ERR_ABORTED' },
  );
});

test.serial('a sink that does not take frames stops the reading', async (t) => {
  await using overlays = mountTwoOverlays(() => {});
  fs.writeFileSync(path.join(overlays.source.upper, 'large'), Buffer.alloc(30_000_000, 1));
  const sender = fileMover.sender({ kind: 'overlay-upper', path: overlays.source.upper });
  const { promise: called, resolve } = Promise.withResolvers<void>();
  const sending = sender.send(() => {
    resolve();
    return new Promise<void>(() => {});
  });
  const refused = t.throwsAsync(sending, { code: 'ERR_ABORTED' });
  await called;
  // The end of the sender must not wait for a sink that never answers.
  await sender[Symbol.asyncDispose]();
  await refused;
});
