// Records survive their encoding, and no bytes whatever make the decoder do anything but decode or refuse.
import test from 'ava';
import * as fc from 'fast-check';
import { GodwitError } from '#core/errors.ts';
import { decodeFrame, encodeRecord, maxFrameBytes, type FileRecord, type Stamp } from '#agent/files/records.ts';
import { FileType } from '#agent/files/snapshot.ts';
import { packXattrs } from '#agent/files/xattrs.ts';

const bytes = (limits: fc.IntArrayConstraints): fc.Arbitrary<Buffer> =>
  fc.uint8Array(limits).map((array) => Buffer.from(array));
const nameByte = fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f);
const name = fc
  .array(nameByte, { minLength: 1, maxLength: 255 })
  .map((array) => Buffer.from(array))
  .filter((value) => !['.', '..'].includes(value.toString('latin1')));
const path = fc
  .array(name, { minLength: 1, maxLength: 5 })
  .map((names) => Buffer.concat(names.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from('/'), part]))));
const xattrs = fc
  .array(
    fc.record({
      name: fc.constantFrom('user.a', 'user.\xff', 'security.capability', 'system.posix_acl_access'),
      value: bytes({ maxLength: 100 }),
    }),
    { maxLength: 4 },
  )
  .map(packXattrs);
const u32 = fc.integer({ min: 0, max: 0xffff_fffe });
const stamp: fc.Arbitrary<Stamp> = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: u32,
  gid: u32,
  mtimeSeconds: fc.maxSafeInteger(),
  mtimeNanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
  xattrs,
});
const target = bytes({ minLength: 1, maxLength: 4095 }).filter((value) => !value.includes(0));
const extents = fc.array(
  fc.record({
    offset: fc.maxSafeNat().map((offset) => offset - (offset % 2 ** 20)),
    bytes: bytes({ minLength: 1, maxLength: 300 }),
  }),
  { maxLength: 4 },
);

const record: fc.Arbitrary<FileRecord> = fc.oneof(
  path.map((at): FileRecord => ({ kind: 'remove', path: at })),
  fc
    .tuple(fc.oneof(path, fc.constant(Buffer.alloc(0))), stamp, fc.boolean())
    .map(([at, set, emptied]): FileRecord => ({ kind: 'directory', path: at, stamp: set, emptied })),
  fc
    .tuple(path, fc.boolean(), fc.option(stamp, { nil: undefined }), extents)
    .map(([at, fresh, set, data]): FileRecord => ({
      kind: 'file',
      path: at,
      fresh,
      sizeBytes: Number.MAX_SAFE_INTEGER,
      stamp: set,
      extents: data.filter((extent) => extent.offset < 2 ** 52),
    })),
  fc
    .tuple(path, stamp, target)
    .map(([at, set, to]): FileRecord => ({ kind: 'symlink', path: at, stamp: set, target: to })),
  fc
    .tuple(
      path,
      stamp,
      fc.constantFrom(FileType.fifo, FileType.block, FileType.socket, FileType.char),
      fc.integer({ min: 1, max: 0xfff }),
      fc.integer({ min: 0, max: 0xf_ffff }),
    )
    .map(([at, set, type, rdevMajor, rdevMinor]): FileRecord => ({
      kind: 'node',
      path: at,
      stamp: set,
      type,
      rdevMajor,
      rdevMinor,
    })),
  fc.tuple(path, path).map(([at, to]): FileRecord => ({ kind: 'link', path: at, target: to })),
  bytes({ maxLength: 100 }).map((identity): FileRecord => ({ kind: 'origin', identity })),
);

test('what was encoded is decoded', (t) => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), (records) => {
      t.deepEqual(decodeFrame(Buffer.concat(records.map(encodeRecord))), records);
    }),
  );
});

/** Decodes, or fails as a decoder may; what it lets pass never leaves the root. */
function decodeOrRefuse(
  t: { true(value: boolean): void; is(actual: unknown, expected: unknown): void },
  frame: Buffer,
): void {
  let records: FileRecord[];
  try {
    records = decodeFrame(frame);
  } catch (error) {
    if (!(error instanceof GodwitError)) throw error;
    t.is(error.code, 'ERR_FILES_INVALID');
    return;
  }
  for (const found of records) {
    if (found.kind === 'origin' || found.path.length === 0) continue;
    const names = found.path.toString('latin1').split('/');
    t.true(
      names.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0') && part.length < 256),
    );
  }
}

test('any bytes are decoded or refused', (t) => {
  fc.assert(
    fc.property(bytes({ maxLength: 400 }), (frame) => decodeOrRefuse(t, frame)),
    { numRuns: 2000 },
  );
  t.pass();
});

test('a frame with bytes changed, cut or doubled is decoded or refused', (t) => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 3 }), edits, fc.nat(), (records, changes, cut) => {
      const frame = Buffer.concat(records.map(encodeRecord));
      for (const [at, value] of changes) frame[at % Math.min(frame.length, 64)] = value;
      decodeOrRefuse(t, frame);
      decodeOrRefuse(t, frame.subarray(0, cut % frame.length));
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

const plain: Stamp = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: Buffer.alloc(0) };
const at = Buffer.from('f');

const invalid: [string, FileRecord][] = [
  ['a mode with type bits', { kind: 'directory', path: at, emptied: false, stamp: { ...plain, mode: 0o100644 } }],
  [
    'a second of nanoseconds',
    { kind: 'directory', path: at, emptied: false, stamp: { ...plain, mtimeNanoseconds: 1e9 } },
  ],
  [
    'an owner that chown would ignore',
    { kind: 'directory', path: at, emptied: false, stamp: { ...plain, uid: 0xffff_ffff } },
  ],
  [
    'an attribute of the overlay',
    {
      kind: 'directory',
      path: at,
      emptied: false,
      stamp: { ...plain, xattrs: packXattrs([{ name: 'trusted.overlay.opaque', value: at }]) },
    },
  ],
  [
    'an attribute of a security module',
    {
      kind: 'directory',
      path: at,
      emptied: false,
      stamp: { ...plain, xattrs: packXattrs([{ name: 'security.selinux', value: at }]) },
    },
  ],
  [
    'attributes that are cut',
    {
      kind: 'directory',
      path: at,
      emptied: false,
      stamp: { ...plain, xattrs: packXattrs([{ name: 'user.a', value: at }]).subarray(0, -1) },
    },
  ],
  [
    'content behind the end of its file',
    { kind: 'file', path: at, fresh: true, sizeBytes: 3, stamp: plain, extents: [{ offset: 3, bytes: at }] },
  ],
  [
    'an empty extent',
    {
      kind: 'file',
      path: at,
      fresh: true,
      sizeBytes: 3,
      stamp: plain,
      extents: [{ offset: 0, bytes: Buffer.alloc(0) }],
    },
  ],
  ['an empty symlink', { kind: 'symlink', path: at, stamp: plain, target: Buffer.alloc(0) }],
  ['a path of 4096 bytes', { kind: 'remove', path: Buffer.alloc(4096, 'a/').fill('b', 4095) }],
];
for (const [what, wrong] of invalid) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => decodeFrame(encodeRecord(wrong)), { code: 'ERR_FILES_INVALID' });
  });
}

test('a frame beyond 1 MiB is refused before it is read', (t) => {
  t.throws(() => decodeFrame(Buffer.alloc(maxFrameBytes + 1)), { code: 'ERR_FILES_INVALID', message: /1 MiB/ });
});
