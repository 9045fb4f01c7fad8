// The content of a regular file as extents: holes stay holes, and a file that shrinks meanwhile just ends early.
import fs from 'node:fs';
import { filesAddon } from '#agent/files/addon.ts';
import { ioError } from '#agent/files/io-error.ts';
import type { Extent } from '#agent/files/records.ts';
import type { EntryStat } from '#agent/files/snapshot.ts';

/** Largest extent; a record holds one of them, or several small ones. */
const maxExtentBytes = 256 * 1024;

/** Extents in order, within the size the scan saw. */
export function* contentOf(fd: number, stat: EntryStat, path: Buffer): Generator<Extent> {
  try {
    for (const { start, end } of dataRanges(fd, stat)) {
      for (let offset = start; offset < end; offset += maxExtentBytes) {
        const bytes = readFully(fd, offset, Math.min(maxExtentBytes, end - offset));
        if (bytes.length > 0) yield { offset, bytes };
      }
    }
  } catch (error) {
    throw ioError(error, path);
  }
}

/** The same in whole blocks: each starts at a multiple of `blockBytes`, and only the last may be shorter. */
export function* blocksOf(fd: number, stat: EntryStat, path: Buffer, blockBytes: number): Generator<Extent> {
  try {
    let offset = 0;
    for (const { start, end } of dataRanges(fd, stat)) {
      offset = Math.max(offset, start - (start % blockBytes));
      for (; offset < end; offset += blockBytes) {
        const bytes = readFully(fd, offset, Math.min(blockBytes, stat.sizeBytes - offset));
        if (bytes.length > 0) yield { offset, bytes };
      }
    }
  } catch (error) {
    throw ioError(error, path);
  }
}

/** Fewer bytes than asked for only where the file ends. */
function readFully(fd: number, offset: number, lengthBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(lengthBytes);
  let at = 0;
  while (at < lengthBytes) {
    const gotBytes = fs.readSync(fd, bytes, at, lengthBytes - at, offset + at);
    if (gotBytes === 0) break;
    at += gotBytes;
  }
  return bytes.subarray(0, at);
}

function* dataRanges(fd: number, { sizeBytes, allocatedBytes }: EntryStat): Generator<{ start: number; end: number }> {
  if (sizeBytes === 0) return;
  if (allocatedBytes >= sizeBytes) {
    yield { start: 0, end: sizeBytes };
    return;
  }
  for (let at = 0; at < sizeBytes;) {
    const start = filesAddon.seek(fd, at, false);
    if (start < 0 || start >= sizeBytes) return;
    const hole = filesAddon.seek(fd, start, true);
    const end = hole < 0 ? sizeBytes : Math.min(hole, sizeBytes);
    yield { start, end };
    at = end;
  }
}
