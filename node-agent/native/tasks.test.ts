// A program that waits in a read makes other calls meanwhile, and its read goes on.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { syscalls, whileStopped } from './tasks.ts';

const read = 0;
const getpid = 39;

/** Resolves when the task waits in that system call. */
async function untilIn(task: number, number: number): Promise<void> {
  while (!readFileSync(`/proc/${task}/syscall`, 'utf8').startsWith(`${number} `)) await sleep(1);
}

test('calls are made in the name of the program, which notices nothing', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'godwit-tasks-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = openSync(join(directory, 'file'), 'w+');
  const child = spawn('cat', [], { stdio: ['pipe', 'pipe', 'inherit', file] });
  closeSync(file);
  const pid = child.pid ?? 0;
  await untilIn(pid, read);
  const flock = Buffer.alloc(32);
  flock.writeInt16LE(1, 0); // F_WRLCK
  flock.writeBigInt64LE(7n, 8);
  flock.writeBigInt64LE(2n, 16);
  const answers = whileStopped(pid, read, (task) => [
    task.call(getpid, []),
    task.call(syscalls.fcntl, [3, 6, flock]),
    task.call(syscalls.fcntl, [99, 6, flock]),
  ]);
  t.deepEqual(answers, [pid, 0, -9]);
  t.regex(readFileSync(`/proc/${pid}/fdinfo/3`, 'utf8'), /POSIX {2}ADVISORY {2}WRITE \d+ \S+ 7 8$/m);
  child.stdin?.end('read on\n');
  t.is(String((await once(child.stdout ?? child, 'data'))[0]), 'read on\n');
  await once(child, 'exit');
  t.is(child.exitCode, 0);
});

test('a program that waits elsewhere is left alone', async (t) => {
  const child = spawn('cat', [], { stdio: ['pipe', 'ignore', 'inherit'] });
  const pid = child.pid ?? 0;
  await untilIn(pid, read);
  t.throws(() => whileStopped(pid, syscalls.futex, () => t.fail()), { code: 'EAGAIN' });
  t.throws(() => whileStopped(0x3fff_ffff, syscalls.futex, () => t.fail()), { code: 'ESRCH' });
  child.stdin.end();
  await once(child, 'exit');
  t.is(child.exitCode, 0);
});
