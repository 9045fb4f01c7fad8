// Processes of this node by their numbers; one that has ended meanwhile is no error.
import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

export function allPids(): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
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
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}
