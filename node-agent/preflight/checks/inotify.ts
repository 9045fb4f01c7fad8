// A watch can only be set again on something that has a name.
import type { SourceCheck } from '#agent/preflight/check.ts';

export const inotify: SourceCheck = {
  check: 'inotify',
  code: 'PREFLIGHT_INOTIFY',
  about: 'An inotify watches something that has no path in the container any more, or one with blanks or quotes in it.',
  run: ({ inspection: { watchedPaths, lostWatches } }) =>
    lostWatches === 0
      ? { fact: `${watchedPaths.length} watched paths to look up` }
      : {
          verdict: 'refused',
          fact: `${lostWatches} inotify watches on something without a usable path in the container`,
          remedy: 'Let the program remove these watches.',
        },
};
