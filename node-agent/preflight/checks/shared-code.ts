// CRIU runs its own code in every process, and writes it for a moment over the start of the first executable mapping.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named } from '#agent/preflight/inspection.ts';

export const sharedCode: SourceCheck = {
  check: 'shared code',
  code: 'PREFLIGHT_SHARED_CODE',
  about:
    "The first executable memory of a process is shared and cannot be written, as the code buffer of PHP-FPM's JIT is: CRIU cannot enter such a process.",
  run: ({ inspection: { processes } }) =>
    refuseAny(
      processes.flatMap((process) =>
        process.firstCode?.shared === true && !process.firstCode.writable
          ? [`${process.firstCode.path || 'memory'} of ${named(process)}`]
          : [],
      ),
      'the first executable memory is private or writable',
      'the first executable memory is shared and cannot be written',
      'Turn off the shared code buffer: for PHP set opcache.jit_buffer_size=0.',
    ),
};
