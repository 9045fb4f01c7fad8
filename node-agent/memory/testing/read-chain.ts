// Reads memory as CRIU does: by the page maps of a dump and of its parents.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageFlags, readPageMap } from '#agent/memory/page-maps.ts';
import { pageBytes } from '#agent/memory/page-records.ts';

/** All pages that the newest parent of `images` says there are, with their content. */
export function readChain(images: string, key: string): Map<number, Buffer> {
  const directory = join(images, 'parent');
  const found = new Map<number, Buffer>();
  if (!existsSync(join(directory, `pagemap-${key}.img`))) return found;
  const { pagesId, entries } = readPageMap(readFileSync(join(directory, `pagemap-${key}.img`)));
  const content = readFileSync(join(directory, `pages-${pagesId}.img`));
  const above = readChain(directory, key);
  let offset = 0;
  let last = 0;
  for (const { start, pages, flags } of entries) {
    if (start < last) throw new Error(`page map ${key} is not in order at ${start}`);
    last = start + pages * pageBytes;
    for (let page = 0; page < pages; page += 1) {
      const address = start + page * pageBytes;
      const own = (flags & pageFlags.present) !== 0;
      const bytes = own ? content.subarray(offset, offset + pageBytes) : above.get(address);
      if (bytes === undefined || bytes.length < pageBytes) throw new Error(`page ${address} is nowhere`);
      if (own) offset += pageBytes;
      found.set(address, bytes);
    }
  }
  return found;
}
