// Entries as CRIU 4.2 writes them into filelocks.img, and lines of /proc/PID/fdinfo as kernel 6.18 writes them.
import test from 'ava';
import { isHeld, posixLocksIn, type PosixLock } from './posix-locks.ts';

const varint = (value: bigint): number[] => (value < 128n ? [Number(value)] : [Number(value % 128n) | 128, ...varint(value / 128n)]);
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
  t.deepEqual(posixLocksIn(image(entry(1n, 1n, 1n, 300n, 1n << 40n, 0n), flock, entry(1n, 0n, 7n, 5n, 1_073_741_826n, 510n))), [
    far,
    { pid: 7, fd: 5, kind: 'READ', start: 1_073_741_826n, length: 510n },
  ]);
  t.deepEqual(posixLocksIn(image()), []);
});

const fdinfo = (...locks: string[]): string => ['pos:\t0', 'flags:\t02100002', 'mnt_id:\t60', 'ino:\t131', ...locks, ''].join('\n');

test('a lock is held when its kind and its range are there', (t) => {
  const read: PosixLock = { pid: 7, fd: 5, kind: 'READ', start: 10n, length: 5n };
  t.true(isHeld(fdinfo('lock:\t1: POSIX  ADVISORY  READ 4711 fe:01:131 10 14'), read));
  t.true(isHeld(fdinfo('lock:\t1: FLOCK  ADVISORY  WRITE 4711 fe:01:131 0 EOF', `lock:\t2: POSIX  ADVISORY  WRITE 1 fe:01:131 ${1n << 40n} EOF`), far));
  t.false(isHeld(fdinfo('lock:\t1: POSIX  ADVISORY  WRITE 4711 fe:01:131 10 14'), read));
  t.false(isHeld(fdinfo('lock:\t1: POSIX  ADVISORY  READ 4711 fe:01:131 10 15'), read));
  t.false(isHeld(fdinfo('lock:\t1: FLOCK  ADVISORY  READ 4711 fe:01:131 10 14'), read));
  t.false(isHeld(fdinfo('lock:\t1: OFDLCK ADVISORY  READ -1 fe:01:131 10 14'), read));
  t.false(isHeld(fdinfo(), read));
});
