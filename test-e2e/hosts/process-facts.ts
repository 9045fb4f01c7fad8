// Identity of a process: a pid alone may have been given to another one since.
import { readFileSync } from 'node:fs';
import { hasErrno } from '#core/errno.ts';

export interface ProcessId {
  pid: number;
  /** Start time in clock ticks since boot (field 22 of /proc/PID/stat). */
  startTicks: number;
}

/**
 * The process that has `pid` now; undefined when there is none or only its zombie. `proc` is another /proc to look in.
 */
export function processWithPid(pid: number, proc = '/proc'): ProcessId | undefined {
  const stat = readOrUndefined(`${proc}/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { pid, startTicks: Number(fields[19]) };
}

export function isRunning(id: ProcessId): boolean {
  return processWithPid(id.pid)?.startTicks === id.startTicks;
}

/** Pids of the direct children, in the order of their birth. */
export function childrenOf(pid: number): number[] {
  return (readOrUndefined(`/proc/${pid}/task/${pid}/children`) ?? '').split(' ').filter(Boolean).map(Number);
}

function readOrUndefined(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ESRCH'])) return undefined;
    throw error;
  }
}
