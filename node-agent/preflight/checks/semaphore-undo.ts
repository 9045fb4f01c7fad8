// What a process wants undone when it ends stands nowhere outside of the kernel; that there are semaphores it could be
// about, does.
import type { SourceCheck } from '#agent/preflight/check.ts';

export const semaphoreUndo: SourceCheck = {
  check: 'semaphore sets',
  code: 'PREFLIGHT_SEM_UNDO',
  about:
    'A note, no refusal: System V semaphores keep their values, but what a process did with SEM_UNDO before is not undone when it ends after the move.',
  run: ({ inspection: { semaphoreSets } }) =>
    semaphoreSets === 0
      ? { fact: 'none of System V' }
      : {
          verdict: 'note',
          fact: `${semaphoreSets} System V semaphore sets: what was done with SEM_UNDO before the move is not undone when a process ends after it`,
          remedy: 'Nothing, if the program does not use SEM_UNDO. Else let it use robust mutexes or file locks.',
        },
};
