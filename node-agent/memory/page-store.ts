// Memory that arrives while its program still runs: the newest content of each page, in as many files as CRIU needs to
// read it as a chain of dumps of which each is the parent of the next.
import { closeSync, linkSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join, relative } from 'node:path';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { pageFlags, writePageMap, type PageMapEntry } from '#agent/memory/page-maps.ts';
import { pageBytes, parseRecord, type MemoryKey, type PageRun } from '#agent/memory/page-records.ts';

/** Rounds of a handover, and two more for its freeze, make one at most each. */
const maxLayers = 32;
const chunkPages = 512;
const maxMemories = 16_384;

/** Pages in ascending order, as they lie in their file; what comes below begins another layer. */
interface Layer {
  path: string;
  fd: number;
  /** Number of its first page among all pages of the memory. */
  firstSlot: number;
  pages: number;
  runs: PageRun[];
}

interface StoredMemory {
  layers: Layer[];
  slots: number;
  /** By the number of a chunk of pages: the slot of each page, plus 1; 0 where there is none. */
  chunks: Map<number, Uint32Array>;
}

export class PageStore {
  readonly #directory: string;
  readonly #memories = new Map<MemoryKey, StoredMemory>();
  #bytes = 0;

  /** @param directory is made when the first page comes */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Memory that it takes. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#memories.size === 0;
  }

  /** Takes one whole record; throws ERR_IMAGES_INVALID or ERR_IMAGES_LIMIT. */
  put(bytes: Buffer): void {
    const { key, runs, content } = parseRecord(bytes);
    const memory = this.#memoryOf(key);
    let at = 0;
    for (const { start, pages } of runs) {
      this.#putRun(key, memory, start / pageBytes, content.subarray(at, at + pages * pageBytes));
      at += pages * pageBytes;
    }
  }

  /** Where each page of the run is already it is replaced there; the others are added. */
  #putRun(key: MemoryKey, memory: StoredMemory, firstPage: number, content: Buffer): void {
    const pages = content.length / pageBytes;
    for (let done = 0; done < pages;) {
      const slot = slotOf(memory, firstPage + done);
      const count = alike(memory, firstPage + done, pages - done, slot);
      const part = content.subarray(done * pageBytes, (done + count) * pageBytes);
      if (slot === 0) this.#add(key, memory, firstPage + done, part);
      else this.#replace(memory, slot - 1, part);
      done += count;
    }
  }

  #add(key: MemoryKey, memory: StoredMemory, firstPage: number, content: Buffer): void {
    const count = content.length / pageBytes;
    const layer = this.#layerFor(key, memory, firstPage);
    write(layer, layer.pages, content);
    const last = layer.runs.at(-1);
    const start = firstPage * pageBytes;
    if (last !== undefined && last.start + last.pages * pageBytes === start) last.pages += count;
    else layer.runs.push({ start, pages: count });
    layer.pages += count;
    for (let index = 0; index < count; index += 1) {
      memory.slots += 1;
      chunkOf(memory, firstPage + index)[(firstPage + index) % chunkPages] = memory.slots;
    }
    this.#bytes += content.length;
  }

  /** Slots that follow each other may lie in two layers. */
  #replace(memory: StoredMemory, firstSlot: number, content: Buffer): void {
    for (let done = 0; done < content.length;) {
      const slot = firstSlot + done / pageBytes;
      const layer = memory.layers.findLast((found) => found.firstSlot <= slot);
      if (layer === undefined) throw new GodwitError('ERR_INTERNAL', `page ${slot} lies in no layer`);
      const inLayer = slot - layer.firstSlot;
      const part = content.subarray(done, done + (layer.pages - inLayer) * pageBytes);
      write(layer, inLayer, part);
      done += part.length;
    }
  }

  #layerFor(key: MemoryKey, memory: StoredMemory, firstPage: number): Layer {
    const current = memory.layers.at(-1);
    const last = current?.runs.at(-1);
    if (current !== undefined && (last === undefined || last.start + last.pages * pageBytes <= firstPage * pageBytes))
      return current;
    if (memory.layers.length === maxLayers)
      throw new GodwitError('ERR_IMAGES_INVALID', `pages of ${key} came in more than ${maxLayers} rounds`);
    const path = join(this.#directory, `data-${key}-${memory.layers.length}`);
    const layer = { path, fd: openSync(path, 'wx', 0o600), firstSlot: memory.slots, pages: 0, runs: [] };
    memory.layers.push(layer);
    return layer;
  }

  #memoryOf(key: MemoryKey): StoredMemory {
    const known = this.#memories.get(key);
    if (known !== undefined) return known;
    if (this.#memories.size === maxMemories)
      throw new GodwitError('ERR_IMAGES_INVALID', `pages of more than ${maxMemories} processes`);
    if (this.isEmpty) mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const memory = { layers: [], slots: 0, chunks: new Map<number, Uint32Array>() };
    this.#memories.set(key, memory);
    return memory;
  }

  /** Whether it has each page of [start, end). */
  has(key: MemoryKey, start: number, end: number): boolean {
    const memory = this.#memories.get(key);
    if (memory === undefined) return false;
    for (let page = start / pageBytes; page < end / pageBytes; page += 1) if (slotOf(memory, page) === 0) return false;
    return true;
  }

  /**
   * Writes the page maps of all that it has, and links the newest directory of the chain as `parent` into `images`, the
   * directory beside its own. Which of the pages are wanted says the page map there.
   * @returns the files with content, by the name that the maps give them
   */
  chain(images: string): Map<string, string> {
    const levels = Math.max(0, ...[...this.#memories.values()].map(({ layers }) => layers.length));
    const directoryOf = (level: number) => join(this.#directory, String(level));
    const files = new Map<string, string>();
    for (let level = 1; level <= levels; level += 1) {
      mkdirSync(directoryOf(level), { mode: 0o700 });
      if (level > 1) symlinkSync(`../${level - 1}`, join(directoryOf(level), 'parent'));
    }
    for (const [number, [key, { layers }]] of [...this.#memories].entries()) {
      let below: PageRun[] = [];
      for (const [depth, layer] of layers.entries()) {
        const level = levels - layers.length + depth + 1;
        const pagesId = 1_000_000 + number * maxLayers + depth;
        const name = `pages-${pagesId}.img`;
        linkSync(layer.path, join(directoryOf(level), name));
        files.set(name, layer.path);
        const entries = mergeRuns(below, layer.runs);
        writeFileSync(join(directoryOf(level), `pagemap-${key}.img`), writePageMap({ pagesId, entries }));
        below = entries.map(({ start, pages }) => ({ start, pages }));
      }
    }
    if (levels > 0) symlinkSync(relative(images, directoryOf(levels)), join(images, 'parent'));
    return files;
  }

  close(): void {
    for (const { layers } of this.#memories.values())
      for (const layer of layers) {
        if (layer.fd >= 0) closeSync(layer.fd);
        layer.fd = -1;
      }
  }
}

/** Both are sorted, and have no page in common: those of `below` are found in the parent. */
function mergeRuns(below: readonly PageRun[], own: readonly PageRun[]): PageMapEntry[] {
  const entries = [
    ...below.map((run) => ({ ...run, flags: pageFlags.parent as number })),
    ...own.map((run) => ({ ...run, flags: pageFlags.present as number })),
  ];
  return entries.sort((one, other) => one.start - other.start);
}

function slotOf(memory: StoredMemory, page: number): number {
  return memory.chunks.get(Math.floor(page / chunkPages))?.[page % chunkPages] ?? 0;
}

function chunkOf(memory: StoredMemory, page: number): Uint32Array {
  const number = Math.floor(page / chunkPages);
  const known = memory.chunks.get(number);
  if (known !== undefined) return known;
  const chunk = new Uint32Array(chunkPages);
  memory.chunks.set(number, chunk);
  return chunk;
}

/** How many pages from `page` on, which has `slot`, have no slot either, or the slots that follow. */
function alike(memory: StoredMemory, page: number, limit: number, slot: number): number {
  let count = 1;
  while (count < limit && slotOf(memory, page + count) === (slot === 0 ? 0 : slot + count)) count += 1;
  return count;
}

function write({ fd, path }: Layer, page: number, content: Buffer): void {
  try {
    for (let written = 0; written < content.length;)
      written += writeSync(fd, content, written, content.length - written, page * pageBytes + written);
  } catch (cause) {
    const fact = `no memory left for pages in ${path}: ${asGodwitError(cause).message}`;
    throw new GodwitError('ERR_IMAGES_LIMIT', fact, { cause });
  }
}
