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
      for (let offset = start; offset < end; ) {
        const bytes = Buffer.allocUnsafe(Math.min(maxExtentBytes, end - offset));
        const gotBytes = fs.readSync(fd, bytes, 0, bytes.length, offset);
        if (gotBytes === 0) return;
        yield { offset, bytes: bytes.subarray(0, gotBytes) };
        offset += gotBytes;
      }
    }
  } catch (error) {
    throw ioError(error, path);
  }
}

function* dataRanges(fd: number, { sizeBytes, allocatedBytes }: EntryStat): Generator<{ start: number; end: number }> {
  if (sizeBytes === 0) return;
  if (allocatedBytes >= sizeBytes) {
    yield { start: 0, end: sizeBytes };
    return;
  }
  for (let at = 0; at < sizeBytes; ) {
    const start = filesAddon.seek(fd, at, false);
    if (start < 0 || start >= sizeBytes) return;
    const hole = filesAddon.seek(fd, start, true);
    const end = hole < 0 ? sizeBytes : Math.min(hole, sizeBytes);
    yield { start, end };
    at = end;
  }
}
