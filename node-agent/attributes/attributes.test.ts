// What a process has is read as it set it, and put back where it differs; what comes from a peer is not believed.
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import process from 'node:process';
import test from 'ava';
import { attributes } from '#agent/native/attributes.ts';
import { readAttributes, writeAttributes } from './attributes-image.ts';
import { readAttributesOf } from './read-attributes.ts';
import { packedOptions, putBackSocket, socketsOf, unpackOptions } from './socket-attributes.ts';
import { putBackTask, readTask } from './task-attributes.ts';

const readSocket = (pid: number, fd: number) => unpackOptions(packedOptions(pid, fd));
const allCpus = Buffer.from('ff'.repeat(128), 'hex');

test('options of a socket are read and put back', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const listener = socketsOf(process.pid).find(
    ({ fd }) => readSocket(process.pid, fd)['TCP_DEFER_ACCEPT'] !== undefined,
  );
  const { fd = -1 } = listener ?? {};
  const before = readSocket(process.pid, fd);
  const wanted = { ...before, IP_TTL: '21000000', SO_PRIORITY: '05000000' };
  t.notDeepEqual(before, wanted);
  t.deepEqual(putBackSocket(process.pid, fd, wanted), []);
  t.deepEqual(readSocket(process.pid, fd), wanted);
  t.deepEqual(
    putBackSocket(process.pid, fd, {
      TCP_CONGESTION: Buffer.from('nonsense').toString('hex').padEnd(32, '0'),
      NOT_KNOWN: '01',
    }),
    ['TCP_CONGESTION', 'NOT_KNOWN'],
  );
  server.close();
});

test('a task gets back its slack and its CPUs, and keeps what it has where it cannot', async (t) => {
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const task = child.pid ?? 0;
  const first = attributes.getCpus(task).findIndex((byte) => byte !== 0);
  const one = Buffer.alloc(first + 1);
  const bits = attributes.getCpus(task)[first] ?? 0;
  one[first] = bits & -bits;
  const wanted = { cpus: one.toString('hex'), ioPriority: (2 << 13) | 6, timerSlackNs: '777777' };
  t.deepEqual(putBackTask(task, wanted), []);
  const found = readTask(task, allCpus);
  t.deepEqual(found, wanted);
  const [lost = ''] = putBackTask(task, { ...wanted, cpus: `${'00'.repeat(100)}01` });
  t.true(lost.includes('800'));
  t.deepEqual(readTask(task, allCpus), wanted);
  child.kill();
});

test('what is alike is written once, and read again', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'godwit-attributes-'));
  t.is(readAttributes(directory), undefined);
  const image = readAttributesOf([process.pid], undefined);
  t.true(image.tasks.length > image.taskKinds.length);
  writeAttributes(directory, image);
  t.deepEqual(readAttributes(directory), image);
  writeFileSync(join(directory, 'godwit-attributes.json'), '{"tasks": 1}');
  t.throws(() => readAttributes(directory), { code: 'ERR_IMAGES_INVALID' });
});
