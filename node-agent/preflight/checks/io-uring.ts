// CRIU cannot see what is under way in an io_uring.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors } from '#agent/preflight/inspection.ts';

export const ioUring: SourceCheck = {
  check: 'io_uring',
  code: 'PREFLIGHT_IO_URING',
  about: 'A process has an io_uring.',
  run: ({ inspection: { processes } }) =>
    refuseAny(
      heldDescriptors(processes, ({ target }) => target === 'anon_inode:[io_uring]'),
      'none',
      'open',
      "Deny it by seccomp (containerd's default profile does): libraries fall back. Or turn it off in the program (`UV_USE_IO_URING=0` for Node.js).",
    ),
};
