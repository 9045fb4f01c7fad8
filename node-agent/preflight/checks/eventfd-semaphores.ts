// CRIU makes eventfds anew without the flag that lets a read take one instead of all.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors } from '#agent/preflight/inspection.ts';

export const eventfdSemaphores: SourceCheck = {
  check: 'eventfd semaphores',
  code: 'PREFLIGHT_EVENTFD_SEMAPHORE',
  about:
    'A process has an eventfd that counts as a semaphore (EFD_SEMAPHORE): after a move one read would take the whole counter.',
  acceptable: true,
  run: ({ inspection: { processes } }) =>
    refuseAny(
      heldDescriptors(
        processes,
        ({ semaphore = false }) => semaphore,
        ({ fd }) => `descriptor ${fd}`,
      ),
      'none',
      'one read would take the whole counter after the move',
      'Use an eventfd without EFD_SEMAPHORE, or another kind of semaphore.',
    ),
};
