// POSIX locks on files that their holder has mapped: CRIU takes them, and then closes the descriptors that it opened
// for the mappings, which drops all locks of that process on those files. Here they are taken anew, before any task of
// the container runs.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '#core/errors.ts';
import { processesBelow } from '#agent/attributes/numbers-in-container.ts';
import { entriesOf, fields, numberIn } from '#agent/criu/image-entries.ts';
import { inRestored } from '#agent/criu/restored-tasks.ts';
import { syscalls } from '#agent/native/tasks.ts';

/** A lock in CRIU's images. */
export interface PosixLock {
  /** In the container. */
  pid: number;
  fd: number;
  kind: 'READ' | 'WRITE';
  start: bigint;
  /** 0: to the end of the file, wherever that will be. */
  length: bigint;
}

/** Fields of CRIU's images/file-lock.proto, and its flag of POSIX locks. */
const field = { flag: 1, type: 2, pid: 3, fd: 4, start: 5, length: 6 };
const posixFlag = 1n;
const setLock = 6; // F_SETLK
const flockBytes = 32;
const busy: ReadonlySet<number> = new Set([-11, -13]); // EAGAIN, EACCES

/**
 * Takes those locks of the images that the restored processes below `init` lack; ERR_FILE_LOCK if somebody else has one
 * by now.
 */
export async function retakeLocks(images: string, init: number): Promise<void> {
  const file = join(images, 'filelocks.img');
  const locks = existsSync(file) ? posixLocksIn(readFileSync(file)) : [];
  if (locks.length === 0) return;
  const processes = processesBelow(init);
  for (const [pid, own] of Map.groupBy(locks, (lock) => processes.get(lock.pid))) {
    if (pid === undefined)
      throw new GodwitError(
        'ERR_FILE_LOCK',
        `process ${own[0]?.pid} of the container, which holds locks, was not restored`,
      );
    const lost = own.filter((lock) => !isHeld(readFileSync(`/proc/${pid}/fdinfo/${lock.fd}`, 'utf8'), lock));
    if (lost.length > 0) await take(pid, lost);
  }
}

async function take(pid: number, locks: readonly PosixLock[]): Promise<void> {
  const refused = await inRestored(pid, (task) => {
    for (const lock of locks) {
      const answer = task.call(syscalls.fcntl, [lock.fd, setLock, asFlock(lock)]);
      if (answer < 0) return { lock, answer };
    }
    return undefined;
  });
  if (refused === undefined) return;
  const why = busy.has(refused.answer) ? 'somebody else holds it' : `errno ${-refused.answer}`;
  throw new GodwitError(
    'ERR_FILE_LOCK',
    `process ${refused.lock.pid} of the container had a lock on descriptor ${refused.lock.fd} that it cannot have here: ${why}`,
  );
}

export function posixLocksIn(image: Buffer): PosixLock[] {
  return entriesOf(image)
    .map((entry) => fields(entry))
    .filter((lock) => numberIn(lock.get(field.flag)) === posixFlag)
    .map((lock) => ({
      pid: Number(numberIn(lock.get(field.pid))),
      fd: Number(numberIn(lock.get(field.fd))),
      kind: numberIn(lock.get(field.type)) === 0n ? 'READ' : 'WRITE',
      start: numberIn(lock.get(field.start)),
      length: numberIn(lock.get(field.length)),
    }));
}

/** Whether the text of /proc/PID/fdinfo/FD names the lock. */
export function isHeld(fdinfo: string, { kind, start, length }: PosixLock): boolean {
  const end = length === 0n ? 'EOF' : String(start + length - 1n);
  return fdinfo.split('\n').some((line) => {
    const [, type, from, to] = /^lock:\s+\d+: POSIX +\S+ +(READ|WRITE) \S+ \S+ (\d+) (\d+|EOF)$/.exec(line) ?? [];
    return type === kind && from === String(start) && to === end;
  });
}

/** A struct flock, counted from the beginning of the file. */
function asFlock({ kind, start, length }: PosixLock): Buffer {
  const flock = Buffer.alloc(flockBytes);
  flock.writeInt16LE(kind === 'READ' ? 0 : 1, 0);
  flock.writeBigInt64LE(start, 8);
  flock.writeBigInt64LE(length, 16);
  return flock;
}
