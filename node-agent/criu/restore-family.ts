// The processes of one restore: runc, CRIU below it, and what CRIU restores, which is runc's child too. When CRIU is
// killed the restored tasks wait for its word for ever. runc gives up once it has tried to remove their cgroups, for a
// second (cgroup v2) or ten (v1), and leaves them.
import { readFileSync, readlinkSync } from 'node:fs';
import { GodwitError } from '#core/errors.ts';
import { observe } from '#core/settled.ts';
import { pidsWhere } from '#agent/runtime/command-lines.ts';
import { allPids, killProcess, parentOf } from '#agent/runtime/processes.ts';

export interface RestoreFamily {
  /** Undefined when it has not begun yet, or was killed. */
  criu: number | undefined;
  /** First tasks of the container: CRIU makes one. */
  restored: number[];
}

/** Longer than a restore takes, so that nobody looks while all is well. */
const lookEveryMs = 200;

/** runc processes that dump to or restore from `images`. */
export function runcProcesses(images: string): number[] {
  return pidsWhere((args) => args.includes(images) && (args.includes('checkpoint') || args.includes('restore')));
}

/** What is below runc; CRIU is the child that lives in the agent's own PID namespace. */
export function restoreFamily(images: string): RestoreFamily {
  const runc = new Set(runcProcesses(images));
  const own = readlinkSync('/proc/self/ns/pid');
  const children = runc.size === 0 ? [] : allPids().filter((pid) => runc.has(parentOf(pid)));
  return {
    criu: children.find((pid) => namespaceOf(pid) === own),
    restored: children.filter((pid) => ![own, undefined].includes(namespaceOf(pid))),
  };
}

/**
 * Until `over` settles: tasks of a restore whose CRIU was killed are ended, which ends runc with an error; `ended` says
 * whether any was.
 *
 * @param which those that cannot have run: all before CRIU was told to let go, afterwards only those that still wait
 * for it
 */
export function endOrphans(
  images: string,
  over: Promise<unknown>,
  which: (pid: number) => boolean,
): { readonly ended: boolean } {
  const orphans = { ended: false };
  const restore = observe(over);
  const look = (): void => {
    if (restore.over) return;
    const { criu, restored } = restoreFamily(images);
    const left = criu === undefined ? restored.filter(which) : [];
    orphans.ended ||= left.length > 0;
    for (const pid of left) killProcess(pid);
    setTimeout(look, lookEveryMs);
  };
  setTimeout(look, lookEveryMs);
  return orphans;
}

export const criuKilled = (): GodwitError =>
  new GodwitError('ERR_CRIU_KILLED', 'CRIU was killed before it let go of what it had restored, which never ran');

/** runc's own record of such a container may stay for a while. */
export const neverRan = (error: unknown): boolean => error instanceof GodwitError && error.code === 'ERR_CRIU_KILLED';

/** Before CRIU has been told to let go, none of them has run. */
export const all = (): boolean => true;

/** Whether the task stands in CRIU's restorer, which it leaves when CRIU says so. */
export function waitsForCriu(pid: number): boolean {
  return standsInRestorer(read(`/proc/${pid}/syscall`), read(`/proc/${pid}/maps`));
}

/** The same, and CRIU is no more: the first task of a container is traced by it until then. */
export function waitsForNobody(pid: number): boolean {
  return waitsForCriu(pid) && /^TracerPid:\t0$/m.test(read(`/proc/${pid}/status`));
}

/**
 * A futex in memory that is shared with CRIU, waited for in code that no file backs: no program's C library looks like
 * that.
 *
 * @param syscall text of /proc/PID/syscall: number, arguments, stack pointer, program counter
 * @param maps text of /proc/PID/maps
 */
export function standsInRestorer(syscall: string, maps: string): boolean {
  const [, futex, counter] = /^\d+ (0x[\da-f]+) .* (0x[\da-f]+)$/.exec(syscall.trim()) ?? [];
  if (futex === undefined || counter === undefined) return false;
  return (
    /^...s .*\/dev\/zero \(deleted\)$/.test(mappingOf(maps, Number(futex))) &&
    /^..xp \S+ \S+ 0 *$/.test(mappingOf(maps, Number(counter)))
  );
}

/** Permissions and what follows them, of the mapping that holds the address. */
function mappingOf(maps: string, address: number): string {
  for (const line of maps.split('\n')) {
    const [, from = '', to = '', rest = ''] = /^([\da-f]+)-([\da-f]+) (.*)$/.exec(line) ?? [];
    if (Number.parseInt(from, 16) <= address && address < Number.parseInt(to, 16)) return rest;
  }
  return '';
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // it has ended
  }
}

/** Empty when the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
