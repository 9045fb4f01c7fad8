// Entries as CRIU 4.2 writes them into filelocks.img, and lines of /proc/PID/fdinfo as kernel 6.18 writes them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { syscalls } from '#agent/native/tasks.ts';
import { isHeld, posixLocksIn, retakeLocks, type PosixLock } from './posix-locks.ts';

const varint = (value: bigint): number[] =>
  value < 128n ? [Number(value)] : [Number(value % 128n) | 128, ...varint(value / 128n)];
const entry = (...values: readonly bigint[]): Buffer => {
  const message = Buffer.from(values.flatMap((value, index) => varint(value).toSpliced(0, 0, (index + 1) << 3)));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(message.length);
  return Buffer.concat([size, message]);
};
const image = (...entries: Buffer[]): Buffer => Buffer.concat([Buffer.alloc(8), ...entries]);

const far: PosixLock = { pid: 1, fd: 300, kind: 'WRITE', start: 1n << 40n, length: 0n };

test('POSIX locks are read, others left out', (t) => {
  const flock = entry(2n, 1n, 1n, 5n, 0n, 0n);
  t.deepEqual(
    posixLocksIn(image(entry(1n, 1n, 1n, 300n, 1n << 40n, 0n), flock, entry(1n, 0n, 7n, 5n, 1_073_741_826n, 510n))),
    [far, { pid: 7, fd: 5, kind: 'READ', start: 1_073_741_826n, length: 510n }],
  );
  t.deepEqual(posixLocksIn(image()), []);
});

const fdinfo = (...locks: string[]): string =>
  ['pos:\t0', 'flags:\t02100002', 'mnt_id:\t60', 'ino:\t131', ...locks, ''].join('\n');

test('a lock is held when its kind and its range are there', (t) => {
  const read: PosixLock = { pid: 7, fd: 5, kind: 'READ', start: 10n, length: 5n };
  t.true(isHeld(fdinfo('lock:\t1: POSIX  ADVISORY  READ 4711 fe:01:131 10 14'), read));
  t.true(
    isHeld(
      fdinfo(
        'lock:\t1: FLOCK  ADVISORY  WRITE 4711 fe:01:131 0 EOF',
        `lock:\t2: POSIX  ADVISORY  WRITE 1 fe:01:131 ${1n << 40n} EOF`,
      ),
      far,
    ),
  );
  t.false(isHeld(fdinfo('lock:\t1: POSIX  ADVISORY  WRITE 4711 fe:01:131 10 14'), read));
  t.false(isHeld(fdinfo('lock:\t1: POSIX  ADVISORY  READ 4711 fe:01:131 10 15'), read));
  t.false(isHeld(fdinfo('lock:\t1: FLOCK  ADVISORY  READ 4711 fe:01:131 10 14'), read));
  t.false(isHeld(fdinfo('lock:\t1: OFDLCK ADVISORY  READ -1 fe:01:131 10 14'), read));
  t.false(isHeld(fdinfo(), read));
});

/** A process that has the file open as descriptor 3 and waits in a futex, as restored ones do. */
async function waiting(t: ExecutionContext, file: string): Promise<number> {
  const fd = openSync(file, 'r+');
  const child = spawn(
    process.execPath,
    ['-e', 'fs.writeSync(1, "ready"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'],
    { stdio: ['ignore', 'pipe', 'inherit', fd] },
  );
  closeSync(fd);
  t.teardown(() => child.kill());
  const pid = child.pid ?? 0;
  await once(child.stdout ?? child, 'data');
  while (!readFileSync(`/proc/${pid}/syscall`, 'utf8').startsWith(`${syscalls.futex} `)) await sleep(1);
  return pid;
}

const hasLock = (pid: number): boolean =>
  isHeld(readFileSync(`/proc/${pid}/fdinfo/3`, 'utf8'), { pid, fd: 3, kind: 'WRITE', start: 5n, length: 10n });

test('a lock that is lost is taken in the name of its process; one that somebody else has by now is an error', async (t) => {
  const images = mkdtempSync(join(tmpdir(), 'godwit-locks-'));
  t.teardown(() => rmSync(images, { recursive: true }));
  const file = join(images, 'locked');
  writeFileSync(file, '');
  const [first, second] = [await waiting(t, file), await waiting(t, file)];
  const lockOf = (pid: number): void =>
    writeFileSync(join(images, 'filelocks.img'), image(entry(1n, 1n, BigInt(pid), 3n, 5n, 10n)));
  await retakeLocks(images, first);
  t.false(hasLock(first));
  lockOf(first);
  await retakeLocks(images, first);
  t.true(hasLock(first));
  await retakeLocks(images, first);
  t.true(hasLock(first));
  lockOf(second);
  const { message } = (await t.throwsAsync(retakeLocks(images, second), { code: 'ERR_FILE_LOCK' })) ?? { message: '' };
  t.regex(message, /somebody else/);
  await t.throwsAsync(retakeLocks(images, first), { code: 'ERR_FILE_LOCK', message: /was not restored/ });
});
