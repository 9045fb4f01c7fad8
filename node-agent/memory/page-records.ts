// Pages on their way: a record has runs of neighbouring pages of one process, or of memory that several share, and
// their content behind all of them. u64 LE id, u32 LE 1 for shared memory, u32 LE number of runs, for each u64 LE
// address and u64 LE number of pages, then the pages.
import { GodwitError } from '#core/errors.ts';

export const pageBytes = 4096;
/** The name under which records are among the images of a container. */
export const memoryImage = 'memory';
const headBytes = 16;
const runBytes = 16;
/** No address of a program is as high on any architecture with pages of 4 KiB. */
const addressLimit = 2 ** 52;

export interface PageRun {
  start: number;
  pages: number;
}

/** Whose memory it is, as CRIU names it: `pagemap-KEY.img`. */
export type MemoryKey = `${number}` | `shmem-${number}`;

export interface PageRecord {
  key: MemoryKey;
  runs: PageRun[];
  /** Of all runs, one behind the other. */
  content: Buffer;
}

/** Throws ERR_IMAGES_INVALID for what is not a whole record. */
export function parseRecord(bytes: Buffer): PageRecord {
  const count = bytes.length < headBytes ? 0 : bytes.readUInt32LE(12);
  const content = bytes.subarray(headBytes + count * runBytes);
  if (count === 0 || headBytes + count * runBytes > bytes.length) throw damaged('has no runs');
  const runs = Array.from({ length: count }, (_, index) => runAt(bytes, headBytes + index * runBytes));
  const pages = runs.reduce((sum, run) => sum + run.pages, 0);
  if (content.length !== pages * pageBytes) throw damaged(`has ${content.length} bytes for ${pages} pages`);
  return { key: memoryKey(Number(bytes.readBigUInt64LE(0)), bytes.readUInt32LE(8) !== 0), runs, content };
}

export function memoryKey(id: number, shared: boolean): MemoryKey {
  return shared ? `shmem-${id}` : `${id}`;
}

function runAt(bytes: Buffer, at: number): PageRun {
  const start = Number(bytes.readBigUInt64LE(at));
  const pages = Number(bytes.readBigUInt64LE(at + 8));
  if (start % pageBytes !== 0 || pages === 0 || start + pages * pageBytes > addressLimit)
    throw damaged(`has ${pages} pages at ${start}`);
  return { start, pages };
}

function damaged(fact: string): GodwitError {
  return new GodwitError('ERR_IMAGES_INVALID', `a record of pages ${fact}`);
}
