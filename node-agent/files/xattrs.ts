// Extended attributes of one entry: their packed form, which ones move, and what an overlay says through them.
import { GodwitError } from '#core/errors.ts';

export interface Xattr {
  name: string;
  value: Buffer;
}

/** All attributes of one entry together, so that a record with them fits into a frame. */
export const maxXattrBytes = 512 * 1024;
/** Limit of the kernel for one value. */
const maxValueBytes = 64 * 1024;
const maxNameBytes = 255;
const headBytes = 6;

const movedNames = new Set(['security.capability', 'system.posix_acl_access', 'system.posix_acl_default']);

/** Whether an attribute moves with its file; names of trusted.* and of security modules belong to one node. */
export function isMoved(name: string): boolean {
  return movedNames.has(name) || name.startsWith('user.');
}

/** Packed: u16 name length, u32 value length, name, value; native/files/xattrs.h reads and writes the same. */
export function packXattrs(xattrs: readonly Xattr[]): Buffer {
  return Buffer.concat(
    xattrs.flatMap(({ name, value }) => {
      const nameBytes = Buffer.from(name, 'latin1');
      const head = Buffer.alloc(headBytes);
      head.writeUInt16LE(nameBytes.length, 0);
      head.writeUInt32LE(value.length, 2);
      return [head, nameBytes, value];
    }),
  );
}

/** Undoes packXattrs; names are latin1 text. Undefined when the bytes are not a packed list within the limits. */
export function unpackXattrs(packed: Buffer): Xattr[] | undefined {
  const xattrs: Xattr[] = [];
  let at = 0;
  while (at < packed.length) {
    if (at + headBytes > packed.length) return undefined;
    const nameEnd = at + headBytes + packed.readUInt16LE(at);
    const end = nameEnd + packed.readUInt32LE(at + 2);
    if (end > packed.length || end - nameEnd > maxValueBytes || nameEnd - at - headBytes > maxNameBytes)
      return undefined;
    const name = packed.toString('latin1', at + headBytes, nameEnd);
    if (name === '' || name.includes('\0')) return undefined;
    xattrs.push({ name, value: packed.subarray(nameEnd, end) });
    at = end;
  }
  return xattrs;
}

const none = Buffer.alloc(0);

/** What moves of an entry's packed attributes, and which marks its overlay has put on it. */
export interface EntryXattrs {
  moved: Buffer;
  opaque: boolean;
  whiteout: boolean;
}

/** Reads packed attributes of a layer's entry; ERR_FILES_OVERLAY when the entry means more than it shows. */
export function readEntryXattrs(packed: Buffer | undefined, path: Buffer): EntryXattrs {
  if (packed === undefined) return { moved: none, opaque: false, whiteout: false };
  const xattrs = unpackXattrs(packed);
  if (xattrs === undefined || packed.length > maxXattrBytes) {
    throw new GodwitError('ERR_FILES_LIMIT', 'a file has more extended attributes than can be moved', {
      details: { path: path.toString() },
    });
  }
  const marks = new Map(xattrs.map(({ name, value }) => [name, value]));
  const unsupported = [
    'trusted.overlay.redirect',
    'trusted.overlay.metacopy',
    'user.overlay.redirect',
    'user.overlay.metacopy',
    'user.overlay.opaque',
  ].find((name) => marks.has(name));
  if (unsupported !== undefined) {
    throw new GodwitError('ERR_FILES_OVERLAY', `the overlay uses ${unsupported}`, {
      details: { path: path.toString(), attribute: unsupported },
    });
  }
  return {
    moved: packXattrs(xattrs.filter(({ name }) => isMoved(name))),
    opaque: marks.get('trusted.overlay.opaque')?.toString('latin1') === 'y',
    whiteout: marks.has('trusted.overlay.whiteout'),
  };
}
