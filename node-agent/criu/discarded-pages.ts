// A dump whose pages go to nothing: CRIU writes them through links to /dev/null, and its page maps still say how many
// there are.
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '#core/errno.ts';
import { entriesOf, fields, numberIn } from '#agent/criu/image-entries.ts';

const pageBytes = 4096;

/**
 * CRIU counts them from 1, one for each process and each shared memory; what is beyond `count` is written to the
 * directory.
 */
export function discardPages(images: string, count: number): void {
  for (let number = 1; number <= count; number += 1) {
    try {
      symlinkSync('/dev/null', join(images, `pages-${number}.img`));
    } catch (error) {
      if (!hasErrno(error, ['EEXIST'])) throw error;
    }
  }
}

/** How much memory the dump has gone through. */
export function discardedBytes(images: string): number {
  const maps = readdirSync(images).filter((name) => name.startsWith('pagemap-'));
  return maps.reduce((sum, name) => sum + pageBytes * pagesOf(readFileSync(join(images, name))), 0);
}

const presentFlag = 4n;
/** Of a page map's entry; `compatPages` was its number of pages before CRIU counted in 64 bits. */
const field = { compatPages: 2, flags: 4, pages: 5 };

function pagesOf(image: Buffer): number {
  return entriesOf(image)
    .slice(1)
    .reduce((sum, entry) => {
      const of = fields(entry);
      const present = !of.has(field.flags) || (numberIn(of.get(field.flags)) & presentFlag) !== 0n;
      return present ? sum + Number(numberIn(of.get(field.pages) ?? of.get(field.compatPages))) : sum;
    }, 0);
}
