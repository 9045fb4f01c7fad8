// Finds processes by what they were started with: how a restarted agent knows the programs of the one before it.
import { readFileSync } from 'node:fs';
import { allPids } from '#agent/runtime/processes.ts';

/** Pids of the processes whose arguments (argv[0] first) pass `test`. */
export function pidsWhere(test: (args: readonly string[]) => boolean): number[] {
  return allPids().filter((pid) => test(argumentsOf(pid)));
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it ended between listing and reading
  }
}
