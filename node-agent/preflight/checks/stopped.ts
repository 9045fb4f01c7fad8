// CRIU waits without an end for a process that a signal stopped before its cgroup was frozen.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named } from '#agent/preflight/inspection.ts';

export const stopped: SourceCheck = {
  check: 'stopped processes',
  code: 'PREFLIGHT_STOPPED',
  about: 'A process was stopped by a signal (SIGSTOP, Ctrl-Z).',
  run: ({ inspection: { processes } }) =>
    refuseAny(
      processes.filter(({ state }) => state === 'T').map(named),
      'none',
      'stopped by a signal',
      'Continue them (`kill -CONT`), or end them.',
    ),
};
