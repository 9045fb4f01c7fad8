// Memory that the move before still brings in is not in the container yet: the next move waits for it.
import type { SourceCheck } from '#agent/preflight/check.ts';

const mebibyte = 2 ** 20;

export const memoryToCome: SourceCheck = {
  check: 'memory of the move before',
  code: 'PREFLIGHT_MEMORY_TO_COME',
  about: 'notes how much of the memory is still to come in from the move before, which this one waits for',
  run({ bytesToCome }) {
    if (bytesToCome === 0) return { fact: 'all memory is in' };
    return {
      verdict: 'note',
      fact: `${Math.ceil(bytesToCome / mebibyte)} MiB of the memory are still to come in from the move before`,
      remedy: 'Nothing: the move waits for it, at most for `deadlines.pagesMs`, while the container runs.',
    };
  },
};
