// A pod moves whole: a container that does not run on the source would start anew in the replacement, or keep the
// others waiting there.
import { refuseAny, type CheckResult } from '#agent/preflight/check.ts';

export const allRunning = {
  check: 'containers',
  code: 'PREFLIGHT_CONTAINER_ENDED',
  about: 'A container of the pod does not run while others do: it has ended, or waits until it is started again.',
  /** Names of containers: those that the pod is made of, without its init containers, and those that run. */
  run(expected: readonly string[], running: readonly string[]): CheckResult {
    const ended = expected.filter((name) => !running.includes(name));
    return refuseAny(
      ended,
      `${running.length} containers, which all run`,
      'containers that do not run',
      'Wait until they run, or until the pod is done: in a replacement they would start anew.',
    );
  },
} as const;
