// Numbers of processes and tasks in their own PID namespace.
import { readdirSync, readFileSync } from 'node:fs';

/** @param task a process, or `PROCESS/task/TASK` */
export function inContainer(task: number | string): number {
  return Number(/^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${task}/status`, 'utf8'))?.[1]);
}

/** It has ended, and its parent has not asked for it: all it has left is its number. */
export function isZombie(pid: number): boolean {
  return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

export function tasksOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

/**
 * Numbers of `init` and all processes below it, by their numbers in the container. Nothing of it runs, so none of them
 * ends.
 */
export function processesBelow(init: number): Map<number, number> {
  const found = [init];
  for (const pid of found) found.push(...childrenOf(pid));
  return new Map(found.map((pid) => [inContainer(pid), pid]));
}

function childrenOf(pid: number): number[] {
  const lists = tasksOf(pid).map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'));
  return lists.flatMap((list) =>
    list
      .split(' ')
      .filter((child) => child !== '')
      .map(Number),
  );
}
