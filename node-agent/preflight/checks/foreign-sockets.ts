// Connections over addresses that stay behind.
import type { SourceCheck } from '#agent/preflight/check.ts';

export const foreignSockets: SourceCheck = {
  check: 'connections',
  code: 'PREFLIGHT_FOREIGN_SOCKETS',
  about: 'A note, no refusal: connections over addresses that are not stable are reset on the target.',
  run: ({ foreign }) =>
    foreign.length === 0
      ? { fact: 'all connections are on stable addresses' }
      : {
          verdict: 'note',
          fact: `connections on ${foreign.join(', ')} cannot follow and will be reset on the target`,
          remedy: 'Let clients use the stable address.',
        },
};
