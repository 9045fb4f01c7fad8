// Children of a container's processes in a state that CRIU gets wrong: being started by vfork, or ended with a status
// that it cannot restore.
import { readdirSync, readFileSync } from 'node:fs';
import { unlessGone } from '#core/errno.ts';

export interface OddChildren {
  /**
   * Parents that stand still until a child of vfork (posix_spawn, system) runs its program: no signal interrupts them,
   * and so CRIU waits in vain.
   */
  spawning: number[];
  /**
   * Children that ended with a status of 128 or more, and for which nobody has waited: CRIU restores the status without
   * its highest bit.
   */
  ended: EndedChild[];
}

export interface EndedChild {
  pid: number;
  /** Of the kernel, since numbers come again. */
  startTicks: number;
  name: string;
  status: number;
}

/** Where a task waits for its child of vfork; the first name is that of a kernel that has inlined the second. */
const spawningPlaces = new Set(['kernel_clone', 'wait_for_vfork_done']);

/** A task that ends meanwhile has no children. */
export function oddChildren(pids: readonly number[]): OddChildren {
  const found: OddChildren = { spawning: [], ended: [] };
  for (const pid of pids) {
    for (const task of unlessGone(() => readdirSync(`/proc/${pid}/task`)) ?? []) {
      const directory = `/proc/${pid}/task/${task}`;
      const children = (textOf(`${directory}/children`) ?? '').split(' ').filter((word) => word !== '');
      if (children.length === 0) continue;
      if (spawningPlaces.has(textOf(`${directory}/wchan`) ?? '')) found.spawning.push(Number(task));
      found.ended.push(...children.flatMap((child) => parseEnded(textOf(`/proc/${child}/stat`) ?? '') ?? []));
    }
  }
  return found;
}

/** What the text of /proc/PID/stat says of a child that ended with a status of 128 or more; undefined of any other. */
export function parseEnded(stat: string): EndedChild | undefined {
  const nameEnd = stat.lastIndexOf(')');
  const fields = stat
    .slice(nameEnd + 2)
    .trim()
    .split(' ');
  const waitStatus = Number(fields[49]);
  if (fields[0] !== 'Z' || (waitStatus & 0x7f) !== 0 || waitStatus >> 8 < 128) return undefined;
  return {
    pid: Number.parseInt(stat, 10),
    startTicks: Number(fields[19]),
    name: stat.slice(stat.indexOf('(') + 1, nameEnd),
    status: waitStatus >> 8,
  };
}

function textOf(file: string): string | undefined {
  return unlessGone(() => readFileSync(file, 'latin1'));
}
