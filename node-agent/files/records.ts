/*
 * The records that carry files between two nodes, and their bytes. A frame is a run of records; each stands for itself.
 * All numbers are little endian. Every record: u8 kind, u32 length of what follows, then the fields in this order:
 *   remove     path
 *   directory  path, stamp, u8 emptied
 *   file       path, u8 fresh, u64 size, u8 finished [stamp], u32 extents, each: u64 offset, u32 length, bytes
 *   symlink    path, stamp, target
 *   node       path, stamp, u32 type, u32 rdev major, u32 rdev minor
 *   link       path, target
 *   origin     identity
 * path, target and identity: u16 length, bytes. stamp: u32 mode (12 bits), u32 uid, u32 gid, i64 mtime, u32
 * nanoseconds, u32 length, packed attributes (xattrs.ts). A path is relative to the root, empty for the root itself
 * (directory only).
 */
import { FrameReader, FrameWriter, malformed } from '#agent/files/frame-bytes.ts';
import { checkPath } from '#agent/files/paths.ts';
import { FileType } from '#agent/files/snapshot.ts';
import { isMoved, maxXattrBytes, unpackXattrs } from '#agent/files/xattrs.ts';

export const maxFrameBytes = 1024 * 1024;
/** Content in one file record: leaves room for the largest head. */
export const maxContentBytes = 384 * 1024;

/** Owner, mode, time and packed attributes of an entry. */
export interface Stamp {
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  xattrs: Buffer;
}

export interface Extent {
  offset: number;
  bytes: Buffer;
}

export type FileRecord =
  /** Nothing is at `path` afterwards; nothing there before is fine. */
  | { kind: 'remove'; path: Buffer }
  /** `emptied`: whatever a directory there held is removed first. */
  | { kind: 'directory'; path: Buffer; stamp: Stamp; emptied: boolean }
  /**
   * `fresh`: begins with a new, empty file. `stamp` is there when no more content follows. Between extents are holes.
   */
  | { kind: 'file'; path: Buffer; fresh: boolean; sizeBytes: number; stamp: Stamp | undefined; extents: Extent[] }
  | { kind: 'symlink'; path: Buffer; stamp: Stamp; target: Buffer }
  | { kind: 'node'; path: Buffer; stamp: Stamp; type: number; rdevMajor: number; rdevMinor: number }
  /** Another name for what is at `target`. */
  | { kind: 'link'; path: Buffer; target: Buffer }
  /** Which directory of which running kernel the records come from; it must not be mirrored into itself. */
  | { kind: 'origin'; identity: Buffer };

const kinds = ['remove', 'directory', 'file', 'symlink', 'node', 'link', 'origin'] as const;
const nodeTypes: ReadonlySet<number> = new Set([FileType.fifo, FileType.char, FileType.block, FileType.socket]);

/** Largest file: what a signed 64-bit offset of the kernel and an exact JavaScript number both hold. */
const maxFileBytes = Number.MAX_SAFE_INTEGER;
const permissionMask = 0o7777;

/** The bytes of one record. Its fields are taken as valid: they come from our own scan. */
export function encodeRecord(record: FileRecord): Buffer {
  const out = new FrameWriter();
  out.text16(record.kind === 'origin' ? record.identity : record.path);
  switch (record.kind) {
    case 'origin':
    case 'remove':
      break;
    case 'directory':
      writeStamp(out, record.stamp);
      out.u8(record.emptied ? 1 : 0);
      break;
    case 'file':
      writeFile(out, record);
      break;
    case 'symlink':
      writeStamp(out, record.stamp);
      out.text16(record.target);
      break;
    case 'node':
      writeStamp(out, record.stamp);
      for (const field of [record.type, record.rdevMajor, record.rdevMinor]) out.u32(field);
      break;
    case 'link':
      out.text16(record.target);
  }
  return out.finish(kinds.indexOf(record.kind));
}

function writeStamp(out: FrameWriter, stamp: Stamp): void {
  out.u32(stamp.mode);
  out.u32(stamp.uid);
  out.u32(stamp.gid);
  out.i64(stamp.mtimeSeconds);
  out.u32(stamp.mtimeNanoseconds);
  out.bytes32(stamp.xattrs);
}

function writeFile(out: FrameWriter, record: FileRecord & { kind: 'file' }): void {
  out.u8(record.fresh ? 1 : 0);
  out.u64(record.sizeBytes);
  out.u8(record.stamp === undefined ? 0 : 1);
  if (record.stamp !== undefined) writeStamp(out, record.stamp);
  out.u32(record.extents.length);
  for (const { offset, bytes } of record.extents) {
    out.u64(offset);
    out.bytes32(bytes);
  }
}

/** All records of a frame, or ERR_FILES_INVALID; bytes in the records are views of the frame. */
export function decodeFrame(frame: Buffer): FileRecord[] {
  if (frame.length > maxFrameBytes) throw malformed('a frame is longer than 1 MiB');
  const records: FileRecord[] = [];
  const frames = new FrameReader(frame);
  while (!frames.atEnd) {
    const kind = kinds[frames.u8()];
    const fields = new FrameReader(frames.bytes32());
    records.push(readRecord(kind, fields));
    if (!fields.atEnd) throw malformed('a record is longer than its fields');
  }
  return records;
}

function readRecord(kind: (typeof kinds)[number] | undefined, fields: FrameReader): FileRecord {
  if (kind === undefined) throw malformed('unknown kind of record');
  if (kind === 'origin') return { kind, identity: fields.text16() };
  const path = checkPath(fields.text16(), kind === 'directory');
  switch (kind) {
    case 'remove':
      return { kind, path };
    case 'directory':
      return { kind, path, stamp: readStamp(fields), emptied: fields.flag() };
    case 'file':
      return readFile(path, fields);
    case 'symlink':
      return { kind, path, stamp: readStamp(fields), target: readLinkTarget(fields) };
    case 'node':
      return readNode(path, fields);
    case 'link':
      return { kind, path, target: checkPath(fields.text16(), false) };
    default:
      return kind satisfies never;
  }
}

function readStamp(fields: FrameReader): Stamp {
  const stamp = {
    mode: fields.u32(),
    uid: fields.u32(),
    gid: fields.u32(),
    mtimeSeconds: fields.i64(),
    mtimeNanoseconds: fields.u32(),
    xattrs: fields.bytes32(),
  };
  if (stamp.mode > permissionMask || stamp.mtimeNanoseconds > 999_999_999) throw malformed('mode or time out of range');
  // To chown(2), the highest number means "leave the owner as it is".
  if (stamp.uid === 0xffff_ffff || stamp.gid === 0xffff_ffff) throw malformed('owner out of range');
  const xattrs = stamp.xattrs.length > maxXattrBytes ? undefined : unpackXattrs(stamp.xattrs);
  if (xattrs === undefined || !xattrs.every(({ name }) => isMoved(name)))
    throw malformed('extended attributes that do not move');
  return stamp;
}

function readFile(path: Buffer, fields: FrameReader): FileRecord {
  const fresh = fields.flag();
  const sizeBytes = fields.u64(maxFileBytes);
  const stamp = fields.flag() ? readStamp(fields) : undefined;
  const extents: Extent[] = [];
  for (let left = fields.u32(); left > 0; left -= 1) {
    const extent = { offset: fields.u64(maxFileBytes), bytes: fields.bytes32() };
    if (extent.bytes.length === 0 || extent.offset + extent.bytes.length > sizeBytes)
      throw malformed('content outside of its file');
    extents.push(extent);
  }
  return { kind: 'file', path, fresh, sizeBytes, stamp, extents };
}

function readLinkTarget(fields: FrameReader): Buffer {
  const target = fields.text16();
  if (target.length === 0 || target.length > 4095 || target.includes(0)) throw malformed('symlink target out of range');
  return target;
}

function readNode(path: Buffer, fields: FrameReader): FileRecord {
  const record = {
    kind: 'node' as const,
    path,
    stamp: readStamp(fields),
    type: fields.u32(),
    rdevMajor: fields.u32(),
    rdevMinor: fields.u32(),
  };
  if (!nodeTypes.has(record.type)) throw malformed('unknown type of node');
  // 12 and 20 bits are what the kernel has; a character device 0/0 is a whiteout to an overlay.
  if (record.rdevMajor > 0xfff || record.rdevMinor > 0xf_ffff) throw malformed('device number out of range');
  if (record.type === FileType.char && record.rdevMajor === 0 && record.rdevMinor === 0)
    throw malformed('a device that is a whiteout');
  return record;
}
