// The control API answers bad input with a code, and nothing is changed by it.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { request } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import type { HandoverRecord } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import { silentLog } from '#core/log.ts';
import { serveControl, type ControlPort } from './server.ts';

const record = (state: HandoverRecord['state']): HandoverRecord => ({
  id: 'h1',
  role: 'source',
  container: 'shop',
  from: 'a',
  to: 'b',
  state,
  startedAt: '2030-01-01T00:00:00.000Z',
  timeline: [],
  measures: {},
  refusals: [],
  notes: [],
});

function unknown(id: string): never {
  throw new GodwitError('ERR_HANDOVER_UNKNOWN', `no handover ${id}`);
}

async function* changing(...records: HandoverRecord[]): AsyncGenerator<HandoverRecord> {
  yield* records;
}

interface Answer {
  status: number | undefined;
  body: string;
}

async function serve(t: ExecutionContext, port: Partial<ControlPort> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'control-'));
  const socketPath = join(directory, 'control.sock');
  const calls: string[] = [];
  const server = await serveControl(
    socketPath,
    {
      containers: () => Promise.resolve([]),
      plan: () => Promise.reject(new Error('the disk is on fire')),
      begin: ({ container, to }) => (calls.push(`begin ${container} ${to}`), record('preparing')),
      list: () => [record('copying')],
      get: (id) => (id === 'h1' ? record('copying') : unknown(id)),
      cancel: (id) => (id === 'h1' ? (calls.push('cancel'), record('rolling-back')) : unknown(id)),
      changes: () => changing(),
      diagnose: () => Promise.resolve({ node: 'a', checks: [] }),
      ...port,
    },
    silentLog,
  );
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });
  const ask = async (method: string, path: string, body?: string | Buffer): Promise<Answer> => {
    const sent = request({ socketPath, method, path });
    sent.end(body);
    const [response] = await once(sent, 'response');
    return { status: response.statusCode, body: await text(response) };
  };
  return { ask, calls, socketPath };
}

const codeOf = ({ body }: Answer): string => JSON.parse(body).error.code;

for (const [what, body] of [
  ['no JSON', '{'],
  ['nothing', ''],
  ['a list', '[]'],
  ['an unknown field', '{"container":"a","to":"b","force":true}'],
  ['no target', '{"container":"a"}'],
  ['an empty name', '{"container":"","to":"b"}'],
  ['a number for a name', '{"container":1,"to":"b"}'],
  ['too long a name', JSON.stringify({ container: 'x'.repeat(257), to: 'b' })],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00])],
  ['too large a body', JSON.stringify({ container: 'a', to: 'b', pad: 'x'.repeat(70_000) })],
] as const) {
  test(`${what} is refused and begins nothing`, async (t) => {
    const { ask, calls } = await serve(t);
    for (const path of ['/v1/handovers', '/v1/plans']) {
      const answer = await ask('POST', path, body);
      t.is(answer.status, 400);
      t.is(codeOf(answer), 'ERR_REQUEST_INVALID');
    }
    t.deepEqual(calls, []);
  });
}

test('what there is not has no route', async (t) => {
  const { ask, calls } = await serve(t);
  for (const [method, path] of [
    ['GET', '/'],
    ['DELETE', '/v1/handovers/h1'],
    ['POST', '/v1/handovers/h1'],
    ['GET', '/v1/handovers/h1/cancel'],
    ['GET', '/v1/../etc/passwd'],
    ['PUT', '/v1/handovers'],
  ] as const) {
    const answer = await ask(method, path);
    t.is(answer.status, 404, path);
    t.is(codeOf(answer), 'ERR_NO_SUCH_ROUTE', path);
  }
  t.deepEqual(calls, []);
});

test('errors of the engine keep their code, status and remedy', async (t) => {
  const { ask } = await serve(t, {
    begin: () => {
      throw new GodwitError('ERR_BUSY', 'busy');
    },
  });
  const busy = await ask('POST', '/v1/handovers', '{"container":"a","to":"b"}');
  t.is(busy.status, 409);
  t.like(JSON.parse(busy.body).error, { code: 'ERR_BUSY', reason: 'Busy', message: 'busy', retryable: true });
  t.truthy(JSON.parse(busy.body).error.remedy);
  t.is((await ask('GET', '/v1/handovers/h2')).status, 404);
  t.is((await ask('POST', '/v1/handovers/h2/cancel')).status, 404);
  const fire = await ask('POST', '/v1/plans', '{"container":"a","to":"b"}');
  t.is(fire.status, 500);
  t.is(codeOf(fire), 'ERR_INTERNAL');
});

test('good requests reach the engine', async (t) => {
  const { ask, calls } = await serve(t);
  t.is((await ask('POST', '/v1/handovers', '{"container":"a","to":"b"}')).status, 201);
  t.is((await ask('POST', '/v1/handovers/h1/cancel')).status, 200);
  t.is((await ask('GET', '/v1/handovers')).status, 200);
  t.is((await ask('GET', '/v1/containers')).status, 200);
  t.is((await ask('GET', '/v1/doctor')).status, 200);
  t.deepEqual(calls, ['begin a b', 'cancel']);
});

test('the events of a handover end with it', async (t) => {
  const { ask } = await serve(t, {
    changes: () =>
      changing({ ...record('freezing'), id: 'other' }, record('freezing'), record('succeeded'), record('preparing')),
  });
  const { status, body } = await ask('GET', '/v1/handovers/h1/events');
  t.is(status, 200);
  t.deepEqual(
    body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).state),
    ['copying', 'freezing', 'succeeded'],
  );
});

test('the events of a handover that is over are its end', async (t) => {
  const { ask } = await serve(t, { get: () => record('rolled-back') });
  t.deepEqual(
    (await ask('GET', '/v1/handovers/h1/events')).body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).state),
    ['rolled-back'],
  );
  const { ask: other } = await serve(t);
  t.is((await other('GET', '/v1/handovers/h2/events')).status, 404);
});

test('noise on the socket ends its own connection only', async (t) => {
  const { ask, socketPath } = await serve(t);
  const noisy = createConnection(socketPath);
  noisy.on('error', () => undefined);
  noisy.write(Buffer.alloc(1_000, 0xff));
  noisy.resume();
  await new Promise<void>((resolve) => void noisy.once('close', () => resolve()));
  t.is((await ask('GET', '/v1/handovers')).status, 200);
});

test('only its owner can open the socket', async (t) => {
  const { socketPath } = await serve(t);
  t.is(statSync(socketPath).mode & 0o777, 0o600);
});
