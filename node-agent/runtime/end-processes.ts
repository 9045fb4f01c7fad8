// Ends a container that stands still, without letting it run once more.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';
import { thawCgroup } from '#agent/runtime/freezer.ts';
import { killProcess } from '#agent/runtime/processes.ts';
import type { RuncState } from '#agent/runtime/runc-state.ts';

const pollMs = 2;

/** Every process gets its SIGKILL before the cgroup is thawed: what a frozen process does first is to die. */
export function killFrozen(state: RuncState): void {
  for (const pid of membersOf(state)) killProcess(pid);
  thawCgroup(state.freezerCgroup, state.cgroupVersion);
}

/** Resolves when the cgroup has no process any more; ERR_DEADLINE after `limitMs`. */
export async function awaitEmpty(state: RuncState, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (let pids = membersOf(state); pids.length > 0; pids = membersOf(state)) {
    if (performance.now() > deadline)
      throw new GodwitError(
        'ERR_DEADLINE',
        `processes ${pids.join(', ')} of the source did not end within ${limitMs} ms`,
      );
    await sleep(pollMs);
  }
}

function membersOf({ freezerCgroup }: RuncState): number[] {
  try {
    return readFileSync(join(freezerCgroup, 'cgroup.procs'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ENODEV'])) return []; // the cgroup is gone
    throw error;
  }
}
