// A process has one tracer, and to dump it CRIU must be it.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named } from '#agent/preflight/inspection.ts';

export const traced: SourceCheck = {
  check: 'debuggers',
  code: 'PREFLIGHT_TRACED',
  about: 'A debugger or a tracer like strace is attached to a process.',
  run: ({ inspection: { processes } }) =>
    refuseAny(
      processes.filter(({ tracer }) => tracer !== 0).map((process) => `${named(process)} by ${process.tracer}`),
      'none attached',
      'traced',
      'Detach the debugger.',
    ),
};
