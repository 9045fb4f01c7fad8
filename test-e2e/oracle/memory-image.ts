// What the memory of a container's processes holds, page by page: a checksum of each page that the kernel keeps for
// them.
import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { hasErrno } from '#core/errno.ts';
import { allPids } from '#agent/runtime/processes.ts';
import type { Area } from './rseq-areas.ts';

const pageBytes = 4096;
const chunkPages = 256;
/** Mappings of something beyond this size are left out. */
const maxFileBytes = 2 ** 30;
const entryBytes = 8;
/** The kernel may drop such a page at any time; glibc keeps the state of its random numbers in one. */
const droppable = 'dp';
const advices = new Set(['dc', 'dd', 'de', 'gd', 'hg', 'lo', 'mg', 'nh', 'nr', 'rr', 'sr', 'wf']);
const swapped = 62n;
const present = 63n;
const ofFile = 61n;

const mappingSchema = z.object({
  start: z.number(),
  end: z.number(),
  /** As /proc/PID/maps has them: `rw-p`. */
  access: z.string(),
  /**
   * What the program asked of the kernel, as in the VmFlags of /proc/PID/smaps: `wf` (wiped on fork), `lo` (locked).
   */
  advice: z.string(),
  /** What /proc/PID/maps says is behind it. */
  name: z.string(),
  /** Nothing but memory is. */
  anonymous: z.boolean(),
});
const processSchema = z.object({
  command: z.string(),
  mappings: z.array(mappingSchema),
  /** Address and checksum of each page. */
  pages: z.array(z.tuple([z.number(), z.number()])),
});
/** Processes by their numbers in the container. */
export const memoryImageSchema = z.record(z.string(), processSchema);

export type Mapping = z.infer<typeof mappingSchema>;
export type ProcessMemory = z.infer<typeof processSchema>;
export type MemoryImage = z.infer<typeof memoryImageSchema>;

export const zeroPage = crc32(Buffer.alloc(pageBytes));

/**
 * @param init the container's first process, seen from here; it and all in its PID namespace must stand still
 * @param ignored what the kernel writes there on its own
 */
export function readMemory(init: number, ignored: readonly Area[]): MemoryImage {
  const namespace = readlinkSync(`/proc/${init}/ns/pid`);
  const numbers = new Map<number, number>();
  for (const pid of allPids())
    unlessGone(() => readlinkSync(`/proc/${pid}/ns/pid`) === namespace && numbers.set(pid, numberInContainer(pid)));
  const image: MemoryImage = {};
  const shared = new Set<string>();
  for (const [pid, number] of [...numbers].toSorted(([, one], [, other]) => one - other)) {
    const memory = unlessGone(() => readProcess(pid, ignored, shared));
    if (memory !== undefined) image[number] = memory;
  }
  return image;
}

function numberInContainer(pid: number): number {
  return Number(/^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? pid);
}

function readProcess(pid: number, ignored: readonly Area[], shared: Set<string>): ProcessMemory {
  const mappings = parseMappings(readFileSync(`/proc/${pid}/smaps`, 'latin1'));
  const [memory, pagemap] = [openSync(`/proc/${pid}/mem`, 'r'), openSync(`/proc/${pid}/pagemap`, 'r')];
  try {
    const pages = mappings.flatMap((mapping) => readMapping({ pid, memory, pagemap, ignored, shared }, mapping));
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { command, mappings, pages };
  } finally {
    closeSync(memory);
    closeSync(pagemap);
  }
}

interface KeptMapping extends Mapping {
  resident: boolean;
  /** What is behind it: device, inode and where in it. */
  object: string;
  offset: number;
}

/** Those of /proc/PID/smaps whose content is the process's own: not what the kernel maps itself, nor devices. */
export function parseMappings(smaps: string): KeptMapping[] {
  const blocks = smaps.split(/^(?=[\da-f]+-[\da-f]+ )/m).filter((block) => block !== '');
  return blocks.flatMap((block) => {
    const header = /^([\da-f]+)-([\da-f]+) (\S{4}) (\S+) (\S+) (\d+) *(.*)$/m.exec(block);
    if (header === null) return [];
    const [, start = '', end = '', access = '', offset = '', device = '', inode = '', name = ''] = header;
    const flags = /^VmFlags:(.*)$/m.exec(block)?.[1]?.trim().split(' ') ?? [];
    if (/^\[(vvar|vdso|vsyscall|uprobes)/.test(name) || ['io', 'pf', droppable].some((flag) => flags.includes(flag)))
      return [];
    const kibibytes = ['Rss', 'Swap'].map((key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(block)?.[1] ?? 0));
    const mapping = {
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      access,
      advice: flags.filter((flag) => advices.has(flag)).join(' '),
      name,
      anonymous: inode === '0',
    };
    const object = `${device}:${inode}:${offset}`;
    return [
      {
        ...mapping,
        object,
        offset: Number.parseInt(offset, 16),
        resident: kibibytes.some((size) => size > 0) || access.endsWith('s') || inode !== '0',
      },
    ];
  });
}

interface Sources {
  pid: number;
  memory: number;
  pagemap: number;
  ignored: readonly Area[];
  /** What is shared and was read already. */
  shared: Set<string>;
}

function readMapping(from: Sources, mapping: KeptMapping): [number, number][] {
  const { start, end, access, anonymous, resident } = mapping;
  const isShared = access.endsWith('s');
  const shared = isShared && end - start <= maxFileBytes ? readShared(from, mapping) : undefined;
  if (shared !== undefined) return shared;
  // A page that is not there reads as what lies behind it: as zeros only where that is nothing.
  const all = isShared || (!anonymous && access.includes('w'));
  if (!resident || (all && end - start > maxFileBytes)) return [];
  const found: [number, number][] = [];
  for (let at = start; at < end; at += chunkPages * pageBytes) {
    const count = Math.min(chunkPages, (end - at) / pageBytes);
    const wanted = all ? () => true : privatePages(from.pagemap, at, count);
    if (Array.from({ length: count }, (_, index) => index).some(wanted))
      found.push(...readPages(from, at, count, wanted));
  }
  return found;
}

/**
 * Pages with content of memory that may be shared, listed once: with the first process, by its number, that has it.
 * They are read from what is behind the mapping, since a look through the process at a page that was never written
 * would make the kernel keep one. Undefined where nothing can be opened there: rings of asynchronous I/O.
 */
function readShared(
  { pid, shared }: Sources,
  { start, end, object, offset }: KeptMapping,
): [number, number][] | undefined {
  const key = `${object}+${end - start}`;
  if (shared.has(key)) return [];
  shared.add(key);
  const file = unless(['ENXIO'], () =>
    openSync(`/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`, 'r'),
  );
  if (file === undefined) return undefined;
  try {
    const found: [number, number][] = [];
    const bytes = Buffer.alloc(chunkPages * pageBytes);
    for (let at = 0; at < end - start; at += bytes.length) {
      const count = readSync(file, bytes, 0, Math.min(bytes.length, end - start - at), offset + at);
      bytes.fill(0, count); // the rest of the last page
      for (let page = 0; page < count; page += pageBytes) {
        const checksum = crc32(bytes.subarray(page, page + pageBytes));
        if (checksum !== zeroPage) found.push([start + at + page, checksum]);
      }
    }
    return found;
  } finally {
    closeSync(file);
  }
}

/** Which of the pages from `at` on the process has for itself. */
export function privatePages(pagemap: number, at: number, count: number): (index: number) => boolean {
  const entries = Buffer.alloc(count * entryBytes);
  readSync(pagemap, entries, 0, entries.length, (at / pageBytes) * entryBytes);
  return (index) => {
    const entry = entries.readBigUInt64LE(index * entryBytes);
    const has = (bit: bigint): boolean => ((entry >> bit) & 1n) === 1n;
    return (has(present) || has(swapped)) && !has(ofFile);
  };
}

function readPages(
  { memory, ignored }: Sources,
  at: number,
  count: number,
  wanted: (index: number) => boolean,
): [number, number][] {
  const found: [number, number][] = [];
  const chunk = Buffer.alloc(count * pageBytes);
  for (const { first, pages } of runsOf(count, wanted)) {
    const bytes = chunk.subarray(0, pages * pageBytes);
    const whole = readAt(memory, bytes, at + first * pageBytes);
    for (let index = 0; index < pages; index += 1) {
      const address = at + (first + index) * pageBytes;
      const page = bytes.subarray(index * pageBytes, (index + 1) * pageBytes);
      if (!whole && !readAt(memory, page, address)) continue;
      for (const area of ignored)
        if (Math.floor(area.start / pageBytes) * pageBytes === address)
          page.fill(0, area.start - address, area.start - address + area.bytes);
      found.push([address, crc32(page)]);
    }
  }
  return found;
}

/** Pages that are wanted and lie side by side: to read each by itself would take several times as long. */
function runsOf(count: number, wanted: (index: number) => boolean): { first: number; pages: number }[] {
  const runs: { first: number; pages: number }[] = [];
  let last: { first: number; pages: number } | undefined;
  for (let index = 0; index < count; index += 1) {
    if (!wanted(index)) last = undefined;
    else if (last !== undefined) last.pages += 1;
    else runs.push((last = { first: index, pages: 1 }));
  }
  return runs;
}

/** False where there is not all of it: beyond the end of a file. */
function readAt(memory: number, bytes: Buffer, at: number): boolean {
  try {
    return readSync(memory, bytes, 0, bytes.length, at) === bytes.length;
  } catch (error) {
    if (hasErrno(error, ['EIO', 'EFAULT'])) return false;
    throw error;
  }
}

function unlessGone<T>(read: () => T): T | undefined {
  return unless(['ENOENT', 'ESRCH', 'EACCES'], read);
}

function unless<T>(errors: string[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (hasErrno(error, errors)) return undefined;
    throw error;
  }
}
