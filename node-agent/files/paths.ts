// Paths of records: bytes relative to a root, checked before anything is done with them.
import { malformed } from '#agent/files/frame-bytes.ts';

/** PATH_MAX without its NUL, NAME_MAX. */
const maxPathBytes = 4095;
const maxNameBytes = 255;

const slash = 0x2f;

/** The path itself when it can only mean something below the root; ERR_FILES_INVALID otherwise. */
export function checkPath(path: Buffer, rootAllowed: boolean): Buffer {
  if (path.length === 0) {
    if (rootAllowed) return path;
    throw malformed('the root in place of a path');
  }
  if (path.length > maxPathBytes) throw malformed('a path is too long');
  if (path.includes(0)) throw malformed('NUL in a path');
  let start = 0;
  while (start <= path.length) {
    const found = path.indexOf(slash, start);
    const end = found === -1 ? path.length : found;
    checkName(path.subarray(start, end));
    start = end + 1;
  }
  return path;
}

function checkName(name: Buffer): void {
  if (name.length === 0) throw malformed('an absolute path or an empty name');
  if (name.length > maxNameBytes) throw malformed('a name is too long');
  if (name.equals(dot) || name.equals(dotDot)) throw malformed('a path that leaves its directory');
}

const dot = Buffer.from('.');
const dotDot = Buffer.from('..');

/** A checked path as its parent (empty: the root) and its last name. */
export function splitPath(path: Buffer): { parent: Buffer; name: Buffer } {
  const at = path.lastIndexOf(slash);
  return at === -1
    ? { parent: path.subarray(0, 0), name: path }
    : { parent: path.subarray(0, at), name: path.subarray(at + 1) };
}
