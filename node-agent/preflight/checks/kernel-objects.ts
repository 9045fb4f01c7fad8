// Descriptors of objects that live in the kernel only: CRIU rebuilds the kinds it knows.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors } from '#agent/preflight/inspection.ts';

const prefix = 'anon_inode:';
/** Kinds that CRIU 4.2 rebuilds; io_uring has a check of its own. */
const rebuilt: ReadonlySet<string> = new Set([
  '[eventfd]',
  '[eventpoll]',
  'inotify',
  '[pidfd]',
  '[signalfd]',
  '[timerfd]',
  '[io_uring]',
]);

export const kernelObjects: SourceCheck = {
  check: 'kernel objects',
  code: 'PREFLIGHT_KERNEL_OBJECT',
  about: 'A process has a descriptor of perf, BPF, userfaultfd, fanotify, Landlock, KVM or of seccomp notifications.',
  run: ({ inspection: { processes } }) =>
    refuseAny(
      heldDescriptors(
        processes,
        ({ target }) => target.startsWith(prefix) && !rebuilt.has(target.slice(prefix.length)),
        ({ target }) => target.slice(prefix.length),
      ),
      'only kinds that CRIU rebuilds',
      'open',
      'Close them before the move, or run the program without this feature.',
    ),
};
