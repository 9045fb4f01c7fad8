// Processes of this node by their numbers; one that has ended meanwhile is no error.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { hasErrno } from '#core/errno.ts';

export function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** A process that has ended counts as its own parent. */
export function parentOf(pid: number): number {
  return statOf(pid)?.parent ?? pid;
}

/** Whether the process is there and has not ended. */
export function isAlive(pid: number): boolean {
  return !['Z', 'X', undefined].includes(statOf(pid)?.state);
}

/** Of Kubernetes' critical pods; containerd and the kubelet have -999. */
const sparedScore = -997;

/**
 * The kernel, short of memory, ends others before this process and what it starts: CRIU that is killed at work in a
 * program may take it along. What CRIU restores has its own score again. Where it is not allowed nothing changes.
 */
export function spareFromOomKiller(): void {
  const file = '/proc/self/oom_score_adj';
  try {
    if (Number(readFileSync(file, 'utf8')) > sparedScore) writeFileSync(file, String(sparedScore));
  } catch (error) {
    if (!hasErrno(error, ['EACCES', 'EPERM'])) throw error;
  }
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return hasErrno(error, ['ENOENT', 'ESRCH']);
}
