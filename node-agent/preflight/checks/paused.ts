// A container that somebody froze must not run on the target just because it moved.
import type { SourceCheck } from '#agent/preflight/check.ts';

export const paused: SourceCheck = {
  check: 'running',
  code: 'PREFLIGHT_PAUSED',
  about: 'The container is paused.',
  run: ({ inspection }) =>
    inspection.frozen
      ? { verdict: 'refused', fact: 'the container is paused', remedy: 'Resume it first (`ctr task resume`).' }
      : { fact: 'not paused' },
};
