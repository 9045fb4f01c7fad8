// Images are written to memory of the source first; a dump that runs out of it would freeze the container for nothing.
import type { SourceCheck } from '#agent/preflight/check.ts';

/** Room for the images that hold no memory: tasks, files, sockets. */
const smallImagesBytes = 16 * 2 ** 20;

export const imageMemory: SourceCheck = {
  check: 'image memory',
  code: 'PREFLIGHT_SOURCE_MEMORY',
  about: 'The images would not fit into the memory that the source sets aside for them.',
  run({ memoryBytes, imageFreeBytes }) {
    const needed = memoryBytes + smallImagesBytes;
    const fact = `about ${mebibytes(needed)} needed, ${mebibytes(imageFreeBytes)} set aside`;
    return needed <= imageFreeBytes
      ? { fact }
      : {
          verdict: 'refused',
          fact: `the images need about ${mebibytes(needed)}, the source has ${mebibytes(imageFreeBytes)} set aside`,
          remedy: 'Raise imageLimitBytes on the source, or wait until its other handovers are done.',
        };
  },
};

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
