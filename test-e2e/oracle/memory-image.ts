// What the memory of a container's processes holds, page by page: a checksum of each page that the kernel keeps for them.
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
  /** What the program asked of the kernel, as in the VmFlags of /proc/PID/smaps: `wf` (wiped on fork), `lo` (locked). */
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
  const image: MemoryImage = {};
  for (const pid of allPids()) {
    const memory = unlessGone(() => (readlinkSync(`/proc/${pid}/ns/pid`) === namespace ? readProcess(pid, ignored) : undefined));
    if (memory !== undefined) image[numberInContainer(pid)] = memory;
  }
  return image;
}

function numberInContainer(pid: number): string {
  return /^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? String(pid);
}

function readProcess(pid: number, ignored: readonly Area[]): ProcessMemory {
  const mappings = parseMappings(readFileSync(`/proc/${pid}/smaps`, 'latin1'));
  const [memory, pagemap] = [openSync(`/proc/${pid}/mem`, 'r'), openSync(`/proc/${pid}/pagemap`, 'r')];
  try {
    const pages = mappings.flatMap((mapping) => readMapping({ memory, pagemap, ignored }, mapping));
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { command, mappings, pages };
  } finally {
    closeSync(memory);
    closeSync(pagemap);
  }
}

interface KeptMapping extends Mapping {
  resident: boolean;
}

/** Those of /proc/PID/smaps whose content is the process's own: not what the kernel maps itself, nor devices. */
export function parseMappings(smaps: string): KeptMapping[] {
  const blocks = smaps.split(/^(?=[\da-f]+-[\da-f]+ )/m).filter((block) => block !== '');
  return blocks.flatMap((block) => {
    const header = /^([\da-f]+)-([\da-f]+) (\S{4}) \S+ \S+ (\d+) *(.*)$/m.exec(block);
    if (header === null) return [];
    const [, start = '', end = '', access = '', inode = '', name = ''] = header;
    const flags = /^VmFlags:(.*)$/m.exec(block)?.[1]?.trim().split(' ') ?? [];
    if (/^\[(vvar|vdso|vsyscall|uprobes)/.test(name) || ['io', 'pf', droppable].some((flag) => flags.includes(flag))) return [];
    const kibibytes = ['Rss', 'Swap'].map((key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(block)?.[1] ?? 0));
    const mapping = { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16), access, advice: flags.filter((flag) => advices.has(flag)).join(' '), name, anonymous: inode === '0' };
    return [{ ...mapping, resident: kibibytes.some((size) => size > 0) || access.endsWith('s') || inode !== '0' }];
  });
}

interface Sources {
  memory: number;
  pagemap: number;
  ignored: readonly Area[];
}

function readMapping(from: Sources, { start, end, access, anonymous, resident }: KeptMapping): [number, number][] {
  // A page that is not there reads as what lies behind it: as zeros only where that is nothing.
  const all = access.endsWith('s') || (!anonymous && access.includes('w'));
  if (!resident || (all && end - start > maxFileBytes)) return [];
  const found: [number, number][] = [];
  for (let at = start; at < end; at += chunkPages * pageBytes) {
    const count = Math.min(chunkPages, (end - at) / pageBytes);
    const wanted = all ? () => true : privatePages(from.pagemap, at, count);
    if (Array.from({ length: count }, (_, index) => index).some(wanted)) found.push(...readPages(from, at, count, wanted));
  }
  return found;
}

/** Which of the pages from `at` on the process has for itself. */
function privatePages(pagemap: number, at: number, count: number): (index: number) => boolean {
  const entries = Buffer.alloc(count * entryBytes);
  readSync(pagemap, entries, 0, entries.length, (at / pageBytes) * entryBytes);
  return (index) => {
    const entry = entries.readBigUInt64LE(index * entryBytes);
    const has = (bit: bigint): boolean => ((entry >> bit) & 1n) === 1n;
    return (has(present) || has(swapped)) && !has(ofFile);
  };
}

function readPages({ memory, ignored }: Sources, at: number, count: number, wanted: (index: number) => boolean): [number, number][] {
  const found: [number, number][] = [];
  const bytes = Buffer.alloc(pageBytes);
  for (let index = 0; index < count; index += 1) {
    const address = at + index * pageBytes;
    if (!wanted(index) || !readPage(memory, bytes, address)) continue;
    for (const area of ignored) if (Math.floor(area.start / pageBytes) * pageBytes === address) bytes.fill(0, area.start - address, area.start - address + area.bytes);
    found.push([address, crc32(bytes)]);
  }
  return found;
}

/** False for a page beyond the end of a file. */
function readPage(memory: number, bytes: Buffer, at: number): boolean {
  try {
    return readSync(memory, bytes, 0, pageBytes, at) === pageBytes;
  } catch (error) {
    if (hasErrno(error, ['EIO', 'EFAULT'])) return false;
    throw error;
  }
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ESRCH', 'EACCES'])) return undefined;
    throw error;
  }
}
