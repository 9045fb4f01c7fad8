// A dump whose pages go to nothing: CRIU writes them through links to /dev/null, and its page maps still say how many
// there are.
import { readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '#core/errno.ts';
import { presentRuns, readPageMap, type PageMap } from '#agent/memory/page-maps.ts';

const nowhere = '/dev/null';
/** Images of shared memory come on top of those of processes. */
const sharedImages = 512;

const imageOf = (images: string, number: number): string => join(images, `pages-${number}.img`);

/**
 * CRIU counts them from 1, one for each process and each shared memory; what is beyond what is made room for here is
 * written to the directory.
 */
export function discardPages(images: string, processes: number): void {
  for (let number = 1; number <= processes + sharedImages; number += 1) {
    try {
      symlinkSync(nowhere, imageOf(images, number));
    } catch (error) {
      if (!hasErrno(error, ['EEXIST'])) throw error;
    }
  }
}

/** Whether the content of a page map's pages went to nothing. */
export function isDiscarded(images: string, { pagesId }: PageMap): boolean {
  try {
    return readlinkSync(imageOf(images, pagesId)) === nowhere;
  } catch (error) {
    if (hasErrno(error, ['EINVAL', 'ENOENT'])) return false;
    throw error;
  }
}

/** How much memory the dump has gone through. */
export function discardedBytes(images: string): number {
  return readdirSync(images)
    .filter((name) => name.startsWith('pagemap-'))
    .flatMap((name) => presentRuns(readPageMap(readFileSync(join(images, name)))))
    .reduce((sum, { start, end }) => sum + end - start, 0);
}
