// Sockets can only be rebuilt in a namespace that the target can make before.
import type { SourceCheck } from '#agent/preflight/check.ts';

export const networkNamespace: SourceCheck = {
  check: 'network namespace',
  code: 'PREFLIGHT_HOST_NETWORK',
  about: "The container is in the host's network namespace, or in one without a name.",
  run: ({ facts }) =>
    facts.spec.netns === undefined
      ? {
          verdict: 'refused',
          fact: 'the container has no named network namespace of its own',
          remedy: 'Start it in one (`--with-ns network:/run/netns/NAME`), with a stable link in it.',
        }
      : { fact: facts.spec.netns },
};
