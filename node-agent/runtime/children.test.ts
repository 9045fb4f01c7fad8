// Which children CRIU gets wrong, by what the kernel says of real ones.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { oddChildren, parseEnded } from './children.ts';

const stat = (state: string, waitStatus: number): string =>
  `77 (a (b) c) ${state} 1 ${Array.from({ length: 47 }, (_, index) => (index === 17 ? 4711 : 0)).join(' ')} ${waitStatus}\n`;

test('a status of 128 or more is odd, also behind a name with brackets', (t) => {
  t.deepEqual(parseEnded(stat('Z', 143 << 8)), { pid: 77, startTicks: 4711, name: 'a (b) c', status: 143 });
});

test('smaller ones, ends by a signal, and children that run are restored as they are', (t) => {
  for (const ordinary of [stat('Z', 127 << 8), stat('Z', 9), stat('Z', 139), stat('S', 143 << 8), ''])
    t.is(parseEnded(ordinary), undefined);
});

/** Runs Python until its first line on stdout. */
async function python(t: { teardown(end: () => void): void }, program: string): Promise<number> {
  const child = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

test('a child that ended with 200 and was not waited for is found with its thread; one with 3 is not', async (t) => {
  const pid = await python(
    t,
    `
import os, threading, time
def leave():
    for status in (3, 200):
        if (child := os.fork()) == 0: os._exit(status)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    print("left", flush=True)
    time.sleep(60)
threading.Thread(target=leave).start()`,
  );
  const { spawning, ended } = oddChildren([pid]);
  t.deepEqual(spawning, []);
  t.deepEqual(
    ended.map(({ status }) => status),
    [200],
  );
  t.is(Number(readFileSync(`/proc/${ended[0]?.pid}/stat`, 'latin1').split(' ')[3]), pid);
});

test('a process without children is not odd, nor one that is gone', (t) => {
  t.deepEqual(oddChildren([2 ** 22 + 1]), { spawning: [], ended: [] });
});
