// CRIU's page maps: which pages a process has, and where their content is. Each entry is a run of neighbouring pages.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '#core/errors.ts';
import { entriesOf, fields, mendImage, numberIn } from '#agent/criu/image-entries.ts';
import { memoryKey, pageBytes, type MemoryKey, type PageRun } from '#agent/memory/page-records.ts';

export const pageFlags = { parent: 1, lazy: 2, present: 4 } as const;
const head = Buffer.from('1943565425400856', 'hex');
/** Of an entry; `compatPages` was its number of pages before CRIU counted in 64 bits, `inParent` came before flags. */
const field = { address: 1, compatPages: 2, inParent: 3, flags: 4, pages: 5 } as const;

export interface PageMapEntry extends PageRun {
  flags: number;
}

export interface PageMap {
  /** Number in the name of the file that has the content. */
  pagesId: number;
  entries: PageMapEntry[];
}

/** Whose page map it is, by the name of the image; undefined for other images. */
export function keyOfPageMap(name: string): MemoryKey | undefined {
  const [, shared, id] = /^pagemap-(shmem-)?(\d+)\.img$/.exec(name) ?? [];
  return id === undefined ? undefined : memoryKey(Number(id), shared !== undefined);
}

export function readPageMap(image: Buffer): PageMap {
  const [first, ...entries] = entriesOf(image);
  const pagesId = first === undefined ? 0 : Number(numberIn(fields(first).get(1)));
  return { pagesId, entries: entries.map(readEntry) };
}

function readEntry(entry: Buffer): PageMapEntry {
  const of = fields(entry);
  const number = (name: number) => Number(numberIn(of.get(name)));
  const older = number(field.inParent) > 0 ? pageFlags.parent : pageFlags.present;
  return {
    start: number(field.address),
    pages: of.has(field.pages) ? number(field.pages) : number(field.compatPages),
    flags: of.has(field.flags) ? number(field.flags) : older,
  };
}

export function writePageMap({ pagesId, entries }: PageMap): Buffer {
  return Buffer.concat([
    head,
    sized(varintField(1, pagesId)),
    ...entries.map(({ start, pages, flags }) =>
      sized([
        ...varintField(field.address, start),
        ...varintField(field.compatPages, Math.min(pages, 0xffffffff)),
        ...varintField(field.flags, flags),
        ...varintField(field.pages, pages),
      ]),
    ),
  ]);
}

function sized(message: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + message.length);
  bytes.writeUInt32LE(message.length);
  bytes.set(message, 4);
  return bytes;
}

function varintField(number: number, value: number): number[] {
  const bytes = [number << 3];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** Its pages that have content. */
export function presentRuns({ entries }: PageMap): { start: number; end: number }[] {
  return entries
    .filter(({ flags }) => (flags & pageFlags.present) !== 0)
    .map(({ start, pages }) => ({ start, end: start + pages * pageBytes }));
}

/**
 * Where the content of a page map was not dumped, its pages are looked for in the parent of the images; throws
 * ERR_IMAGES_INVALID unless `held` has all of them.
 */
export function takeFromParent(
  images: string,
  name: string,
  key: MemoryKey,
  held: { has(key: MemoryKey, start: number, end: number): boolean },
): void {
  const path = join(images, name);
  const map = readPageMap(readFileSync(path));
  const runs = presentRuns(map);
  if (runs.length === 0 || statSync(join(images, `pages-${map.pagesId}.img`)).size > 0) return;
  const lost = runs.find(({ start, end }) => !held.has(key, start, end));
  if (lost !== undefined)
    throw new GodwitError('ERR_IMAGES_INVALID', `pages of ${key} from ${lost.start} on did not arrive`);
  mendImage(path, (entry) => {
    const flags = fields(entry).get(field.flags);
    const value = flags?.[0] ?? 0;
    if (flags === undefined || (value & pageFlags.present) === 0) return 0;
    flags[0] = (value & ~pageFlags.present) | pageFlags.parent;
    return 1;
  });
}
