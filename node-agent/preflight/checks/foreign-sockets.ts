// Sockets on addresses that stay behind.
import type { SourceCheck } from '#agent/preflight/check.ts';

export const foreignSockets: SourceCheck = {
  check: 'connections',
  code: 'PREFLIGHT_FOREIGN_SOCKETS',
  about:
    'A note, no refusal: of sockets on addresses that are not stable, connections are reset on the target, and ' +
    'listeners hear nobody there.',
  run: ({ foreign }) =>
    foreign.length === 0
      ? { fact: 'all sockets are on stable addresses' }
      : {
          verdict: 'note',
          fact: `sockets on ${foreign.join(', ')} cannot follow: connections will be reset, listeners will hear nobody`,
          remedy: 'Let clients use the stable address, and listeners listen on all addresses.',
        },
};
