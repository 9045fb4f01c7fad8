// CRIU restores the status of a child that ended as seven bits. Who is waited for soon is waited for before the freeze;
// of the others the owner may know.
import type { SourceCheck } from '#agent/preflight/check.ts';

export const exitStatuses: SourceCheck = {
  check: 'exit statuses',
  code: 'PREFLIGHT_EXIT_STATUS',
  about:
    'A note, no refusal: children ended with a status of 128 or more, and nobody has waited for them. Who does so after the move gets 128 less.',
  run: ({ inspection: { endedChildren } }) =>
    endedChildren.length === 0
      ? { fact: 'none that a move would change' }
      : {
          verdict: 'note',
          fact: `children that ended with a status of 128 or more and were not waited for, which would get 128 less: ${endedChildren.map(({ pid, name, status }) => `process ${pid} (${name}) with ${status}`).join(', ')}`,
          remedy: 'Nothing, if nobody asks for these statuses. Else let the parent wait for its children as they end.',
        },
};
