// What a rehearsal's result depends on: the container's first process, and the programs that run in it.
import { readFileSync, readlinkSync } from 'node:fs';

/** The same as long as neither changes; workers that come and go do not count. */
export function programsOf(init: number, pids: readonly number[]): string {
  return [`${init} since ${startOf(init)}`, ...new Set(pids.map(programOf))].toSorted().join('\n');
}

/** In clock ticks since the boot; empty for a process that has ended. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function programOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return ''; // it has ended
  }
}
