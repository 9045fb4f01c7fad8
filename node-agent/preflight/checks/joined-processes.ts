// CRIU dumps the tree of the first process; who joined from outside is not in it.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named } from '#agent/preflight/inspection.ts';
import { outsiders } from '#agent/runtime/process-tree.ts';

export const joinedProcesses: SourceCheck = {
  check: 'processes',
  code: 'PREFLIGHT_EXEC_SESSION',
  about: 'A process was started in the container from outside (`ctr task exec`, `kubectl exec`).',
  run({ inspection: { processes, init } }) {
    const outside = new Set(outsiders(init, new Map(processes.map(({ pid, parent }) => [pid, parent]))));
    const joined = processes.filter(({ pid }) => outside.has(pid)).map(named);
    return refuseAny(
      joined,
      `${processes.length} processes of one tree`,
      'not started by the container itself',
      'End these sessions, or wait until they are done.',
    );
  },
};
