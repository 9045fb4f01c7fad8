// Remembers what the target has of large files, by hashes of blocks, so that a change in one costs its blocks and not
// the file.
import { hash } from 'node:crypto';
import type { Extent } from '#agent/files/records.ts';

/** Smaller files are sent whole: a hash costs more than it saves. */
export const blockwiseFromBytes = 1024 * 1024;
export const blockBytes = 64 * 1024;

interface SentFile {
  ino: bigint;
  /** By block index; missing for a hole. */
  hashes: (string | undefined)[];
}

export class SentBlocks {
  #files = new Map<string, SentFile>();
  /** All directories above remembered files: most paths have none below them, and that is quick to tell. */
  #above = new Set<string>();

  /** What is at a path on the target is not what was remembered any more, nor what is below it. */
  forget(path: Buffer): void {
    const key = path.toString('latin1');
    this.#files.delete(key);
    if (!this.#above.has(key)) return;
    for (const file of this.#files.keys()) if (key === '' || file.startsWith(`${key}/`)) this.#files.delete(file);
  }

  /** Whether the target has this very file at this path from an earlier round. */
  has(path: Buffer, ino: bigint): boolean {
    return this.#files.get(path.toString('latin1'))?.ino === ino;
  }

  /**
   * Of all blocks of a file those that the target does not have; from now on it is taken to have them all.
   * `blocks` come in order and without holes; a hole in place of an earlier block is sent as zeros.
   */
  *difference(path: Buffer, ino: bigint, sizeBytes: number, blocks: Iterable<Extent>): Generator<Extent> {
    const key = path.toString('latin1');
    const known = this.#files.get(key);
    const before = known?.ino === ino ? known.hashes : [];
    const hashes: (string | undefined)[] = [];
    for (const block of blocks) {
      const index = block.offset / blockBytes;
      yield* zeros(before, hashes.length, index, sizeBytes);
      hashes.length = index;
      const found = hash('sha256', block.bytes, 'base64');
      hashes.push(found);
      if (found !== before[index]) yield block;
    }
    yield* zeros(before, hashes.length, Math.ceil(sizeBytes / blockBytes), sizeBytes);
    this.#files.set(key, { ino, hashes });
    for (let at = key.lastIndexOf('/'); at > 0; at = key.lastIndexOf('/', at - 1)) this.#above.add(key.slice(0, at));
    this.#above.add('');
  }
}

function* zeros(
  before: readonly (string | undefined)[],
  from: number,
  to: number,
  sizeBytes: number,
): Generator<Extent> {
  for (let index = from; index < Math.min(to, before.length); index += 1) {
    const offset = index * blockBytes;
    if (before[index] !== undefined) yield { offset, bytes: Buffer.alloc(Math.min(blockBytes, sizeBytes - offset)) };
  }
}
