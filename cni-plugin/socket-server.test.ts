import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import * as fc from 'fast-check';
import { decodeCall, encodeCall } from './call-frame.ts';
import { serveCni, type ServeLimits } from './socket-server.ts';
import type { HandleCni } from './verbs/dispatch.ts';

async function serve(
  t: ExecutionContext,
  handle: HandleCni,
  limits: ServeLimits = {},
): Promise<{ path: string; close(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'godwit-socket-'));
  const path = join(dir, 'run/cni.sock');
  const server = await serveCni(path, handle, limits);
  t.teardown(async () => {
    await server.close();
    await rm(dir, { recursive: true });
  });
  return { path, close: async () => server.close() };
}

async function ask(path: string, bytes: Buffer, end = true): Promise<{ exitCode: number | undefined; stdout: string }> {
  const socket: Socket = connect(path);
  if (end) socket.end(bytes);
  else socket.write(bytes);
  const reply = await buffer(socket);
  return { exitCode: reply[0], stdout: reply.toString('utf8', 1) };
}

const echo: HandleCni = async ({ env, stdin }) => ({
  exitCode: env.CODE === undefined ? 0 : Number(env.CODE),
  stdout: stdin,
});
const request = encodeCall({ env: { CNI_COMMAND: 'ADD', CODE: '3', EMPTY: '', WITH: 'a=b' }, stdin: '{"a":"ä"}' });

test('a call is answered with its exit code and output, whether or not the shim ends its half', async (t) => {
  const { path } = await serve(t, echo);
  t.deepEqual(await ask(path, request), { exitCode: 3, stdout: '{"a":"ä"}' });
  t.deepEqual(await ask(path, request, false), { exitCode: 3, stdout: '{"a":"ä"}' });
  t.is((await stat(path)).mode & 0o777, 0o600);
});

test('many calls at once', async (t) => {
  const { path } = await serve(t, echo);
  const replies = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => ask(path, encodeCall({ env: {}, stdin: `${index}` }))),
  );
  t.deepEqual(
    replies.map(({ stdout }) => stdout),
    Array.from({ length: 50 }, (_, index) => `${index}`),
  );
});

test('a request that is too long, cut short, late or nonsense gets an error in CNI form', async (t) => {
  const { path } = await serve(t, echo, { requestBytes: 100, receiveMs: 50 });
  const code = async (bytes: Buffer, end?: boolean): Promise<unknown> =>
    JSON.parse((await ask(path, bytes, end)).stdout).code;
  t.is(await code(encodeCall({ env: {}, stdin: 'x'.repeat(200) })), 6);
  t.is(await code(request.subarray(0, 9)), 6);
  t.is(await code(request.subarray(0, 9), false), 11);
  t.is(await code(Buffer.from('0800000009000000aaaaaaaa', 'hex')), 6);
});

test('a call that takes too long is answered with: try again', async (t) => {
  const { promise, resolve } = Promise.withResolvers<{ exitCode: number; stdout: string }>();
  const { path } = await serve(t, async () => promise, { callMs: 20 });
  t.is(JSON.parse((await ask(path, request)).stdout).code, 11);
  resolve({ exitCode: 0, stdout: '' });
});

test('a shim that goes away does no harm; a file in the way is replaced', async (t) => {
  const { path } = await serve(t, echo);
  const socket = connect(path);
  socket.write(request.subarray(0, 6));
  socket.destroy();
  t.is((await ask(path, request)).exitCode, 3);
  await writeFile(`${path}2`, 'left over');
  const second = await serveCni(`${path}2`, echo);
  t.is((await ask(`${path}2`, request)).exitCode, 3);
  await second.close();
});

test('what was encoded is decoded', (t) => {
  const key = fc.stringMatching(/^[A-Z_]{1,10}$/);
  const value = fc.string().filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.dictionary(key, value), fc.string(), (env, stdin) => {
      const decoded = decodeCall(encodeCall({ env, stdin }).subarray(4));
      return (
        decoded.stdin === stdin && JSON.stringify(Object.entries(decoded.env)) === JSON.stringify(Object.entries(env))
      );
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        decodeCall(Buffer.from(bytes));
        return true;
      } catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'ERR_CNI_DECODE';
      }
    }),
  );
  t.pass();
});
