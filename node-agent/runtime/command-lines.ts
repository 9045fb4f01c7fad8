// Finds processes by what they were started with: how a restarted agent knows the programs of the one before it.
import { readdirSync, readFileSync } from 'node:fs';

/** Pids of the processes whose arguments (argv[0] first) pass `test`. */
export function pidsWhere(test: (args: readonly string[]) => boolean): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && test(argumentsOf(name))).map(Number);
}

function argumentsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it ended between listing and reading
  }
}
