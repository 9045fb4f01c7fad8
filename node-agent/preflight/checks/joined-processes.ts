// CRIU dumps the tree of the first process; who joined from outside is not in it.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named, type ProcessFacts } from '#agent/preflight/inspection.ts';

export const joinedProcesses: SourceCheck = {
  check: 'processes',
  code: 'PREFLIGHT_EXEC_SESSION',
  about: 'A process was started in the container from outside (`ctr task exec`, `kubectl exec`).',
  run({ inspection: { processes, init } }) {
    const parents = new Map(processes.map(({ pid, parent }) => [pid, parent]));
    const joined = processes.filter((process) => !descends(process, init, parents)).map(named);
    return refuseAny(joined, `${processes.length} processes of one tree`, 'not started by the container itself', 'End these sessions, or wait until they are done.');
  },
};

function descends({ pid }: ProcessFacts, ancestor: number, parents: ReadonlyMap<number, number>): boolean {
  const seen = new Set<number>();
  for (let at: number | undefined = pid; at !== undefined && !seen.has(at); at = parents.get(at)) {
    if (at === ancestor) return true;
    seen.add(at);
  }
  return false;
}
