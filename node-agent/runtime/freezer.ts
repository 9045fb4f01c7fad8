// Freezes a cgroup before CRIU does: CRIU's own polling costs 100 ms, this costs a few.
import { mkdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';

const pollMs = 0.5;

interface FreezerFiles {
  control: string;
  frozen: string;
  thawed: string;
  isFrozen: () => boolean;
}

function freezerFiles(cgroup: string, version: 1 | 2): FreezerFiles {
  if (version === 1) {
    const control = join(cgroup, 'freezer.state');
    return {
      control,
      frozen: 'FROZEN',
      thawed: 'THAWED',
      isFrozen: () => readFileSync(control, 'utf8').trim() === 'FROZEN',
    };
  }
  const events = join(cgroup, 'cgroup.events');
  return {
    control: join(cgroup, 'cgroup.freeze'),
    frozen: '1',
    thawed: '0',
    isFrozen: () => /^frozen 1$/m.test(readFileSync(events, 'utf8')),
  };
}

/**
 * Resolves when no task of the cgroup runs any more; rejects with ERR_FREEZE after `limitMs`, and the cgroup is thawed
 * then.
 */
export async function freezeCgroup(cgroup: string, version: 1 | 2, limitMs: number): Promise<void> {
  const files = freezerFiles(cgroup, version);
  const deadline = performance.now() + limitMs;
  try {
    writeFileSync(files.control, files.frozen);
    while (!files.isFrozen()) {
      if (performance.now() > deadline)
        throw new GodwitError('ERR_FREEZE', `cgroup ${cgroup} did not freeze within ${limitMs} ms`);
      await sleep(pollMs);
      // v1 looks again at tasks that were about to sleep only when told again
      writeFileSync(files.control, files.frozen);
    }
  } catch (cause) {
    thawCgroup(cgroup, version);
    if (cause instanceof GodwitError) throw cause;
    throw new GodwitError('ERR_FREEZE', `cgroup ${cgroup} cannot be frozen`, { cause });
  }
}

/** Asks for a freeze without waiting for it: tasks that a tracer has stopped freeze when they would go on. */
export function askToFreeze(cgroup: string, version: 1 | 2): void {
  const { control, frozen } = freezerFiles(cgroup, version);
  writeFileSync(control, frozen);
}

/**
 * Takes processes of this process's PID namespace out of a container's cgroup, into a new sibling that is returned:
 * runc puts CRIU and its action script there, and they would freeze with what they restore.
 */
export function separateFromContainer(cgroup: string): string {
  const host = readlinkSync('/proc/self/ns/pid');
  const sibling = join(dirname(cgroup), `godwit-${basename(cgroup)}`);
  mkdirSync(sibling, { recursive: true });
  for (const pid of readFileSync(join(cgroup, 'cgroup.procs'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')) {
    if (readlinkSync(`/proc/${pid}/ns/pid`) === host) writeFileSync(join(sibling, 'cgroup.procs'), pid);
  }
  return sibling;
}

/** Removes what `separateFromContainer` made; where a process still lingers, the pod's end takes it away. */
export function removeSibling(sibling: string): void {
  try {
    rmdirSync(sibling);
  } catch (error) {
    if (!hasErrno(error, ['EBUSY', 'ENOENT'])) throw error;
  }
}

/** Lets the tasks run again; a cgroup that is gone has none, which is fine. */
export function thawCgroup(cgroup: string, version: 1 | 2): void {
  const files = freezerFiles(cgroup, version);
  try {
    writeFileSync(files.control, files.thawed);
  } catch (cause) {
    if (!isMissing(cause)) throw new GodwitError('ERR_FREEZE', `cgroup ${cgroup} cannot be thawed`, { cause });
  }
}

export function isCgroupFrozen(cgroup: string, version: 1 | 2): boolean {
  try {
    return freezerFiles(cgroup, version).isFrozen();
  } catch (cause) {
    if (isMissing(cause)) return false;
    throw cause;
  }
}

function isMissing(error: unknown): boolean {
  return hasErrno(error, ['ENOENT', 'ENODEV']);
}
