import test from 'ava';
import type { ContainerSummary, Diagnosis, Plan } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import { sampleRecord } from './render/sample.ts';
import { godwit, json, ndjson, testAgent, testTerminal } from './test-agent.ts';

const redis: ContainerSummary = {
  id: 'redis',
  namespace: 'default',
  image: 'redis:8',
  pid: 4711,
  addresses: ['198.18.0.7/24'],
  epoch: 4,
  startedAt: '2026-11-23T18:55:00.000Z',
};
const refusal = { code: 'PREFLIGHT_IO_URING', fact: 'pid 4711 has an io_uring', remedy: 'Start it without io_uring.' };
const plan: Plan = {
  container: 'redis',
  from: 'node-a',
  to: 'node-b',
  checks: [{ check: 'criu', ok: true, fact: '4.2.1 on both nodes' }],
  refusals: [],
  notes: [],
  estimate: { memoryBytes: 4_710_000, files: 3, fileBytes: 12_300, connections: 7 },
};
const failure = (code: ConstructorParameters<typeof GodwitError>[0], message: string) => ({
  error: new GodwitError(code, message).toRecord(),
});

test('ps lists containers as table, names and JSON', async (t) => {
  const socket = await testAgent(t, { 'GET /v1/containers': json([redis]) });
  t.regex(
    (await godwit(socket, ['ps'])).stdout,
    /^CONTAINER.*\nredis +default +redis:8 +4711 +198\.18\.0\.7\/24 +4 +5m +-\n$/,
  );
  t.is((await godwit(socket, ['ps', '-o', 'name'])).stdout, 'redis\n');
  t.deepEqual(JSON.parse((await godwit(socket, ['ps', '-o', 'json'])).stdout), [redis]);
});

test('plan prints the checks and sends what was asked', async (t) => {
  const asked: unknown[] = [];
  const socket = await testAgent(t, {
    'POST /v1/plans': (response, body) => {
      asked.push(JSON.parse(body));
      return json(plan)(response, body);
    },
  });
  const { code, stdout } = await godwit(socket, ['plan', 'redis', '--to', 'node-b']);
  t.is(code, 0);
  t.regex(stdout, /✓ criu {2}4\.2\.1 on both nodes/);
  t.deepEqual(asked, [{ container: 'redis', to: 'node-b' }]);
});

test('plan with a refusal exits with 3 and prints code, fact and remedy', async (t) => {
  const socket = await testAgent(t, { 'POST /v1/plans': json({ ...plan, refusals: [refusal] }) });
  const { code, stdout } = await godwit(socket, ['plan', 'redis', '--to', 'node-b']);
  t.is(code, 3);
  for (const text of Object.values(refusal)) t.true(stdout.includes(text));
});

test('migrate follows the handover and ends with the picture', async (t) => {
  const first = sampleRecord({ state: 'preparing', timeline: [], measures: {} });
  const socket = await testAgent(t, {
    'POST /v1/handovers': json(first, 201),
    [`GET /v1/handovers/${first.id}/events`]: ndjson([first, sampleRecord({ state: 'releasing' }), sampleRecord()]),
  });
  const { code, stdout, stderr } = await godwit(socket, ['migrate', 'redis', '--to', 'node-b']);
  t.is(code, 0);
  t.is(stderr, '');
  t.regex(stdout, /^redis: node-a → node-b, handover h-7f3k2m9q\n ▸ preparing\n ✓ prepare/);
  t.regex(stdout, / ✓ moved to node-b in 372 ms, frozen for 140 ms\n/);
});

test('migrate -o json prints one record a line', async (t) => {
  const first = sampleRecord({ state: 'preparing', timeline: [], measures: {} });
  const socket = await testAgent(t, {
    'POST /v1/handovers': json(first, 201),
    [`GET /v1/handovers/${first.id}/events`]: ndjson([sampleRecord()]),
  });
  const { stdout } = await godwit(socket, ['migrate', 'redis', '--to', 'node-b', '-o', 'json']);
  const states = stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  t.deepEqual(states, [first, sampleRecord()]);
});

test('a handover that is rolled back exits with 1, one that is refused with 3', async (t) => {
  for (const [state, expected] of [
    ['rolled-back', 1],
    ['refused', 3],
  ] as const) {
    const socket = await testAgent(t, { 'POST /v1/handovers': json(sampleRecord({ state }), 201) });
    t.is((await godwit(socket, ['migrate', 'redis', '--to', 'node-b'])).code, expected);
  }
});

test('migrate that preflight refuses exits with 3 and prints the refusals, as JSON too', async (t) => {
  const body = { ...failure('ERR_REFUSED', 'preflight refused'), refusals: [refusal] };
  const socket = await testAgent(t, { 'POST /v1/handovers': json(body, 409) });
  const { code, stdout, stderr } = await godwit(socket, ['migrate', 'redis', '--to', 'node-b', '-o', 'json']);
  t.is(code, 3);
  t.deepEqual(JSON.parse(stdout), body);
  t.true(stderr.includes(refusal.fact) && stderr.includes(refusal.remedy));
});

test('migrate --detach returns at once with the id', async (t) => {
  const socket = await testAgent(t, { 'POST /v1/handovers': json(sampleRecord({ state: 'preparing' }), 201) });
  t.deepEqual(await godwit(socket, ['migrate', 'redis', '--to', 'node-b', '--detach', '-o', 'name']), {
    code: 0,
    stdout: 'h-7f3k2m9q\n',
    stderr: '',
  });
});

test('Ctrl-C leaves the handover alone and says how to cancel it', async (t) => {
  const terminal = testTerminal();
  const first = sampleRecord({ state: 'preparing', timeline: [], measures: {} });
  const socket = await testAgent(t, {
    'POST /v1/handovers': json(first, 201),
    [`GET /v1/handovers/${first.id}/events`]: (response) => {
      response.writeHead(200).flushHeaders();
      response.write(`${JSON.stringify(first)}\n`, () => terminal.interrupt());
    },
  });
  const { code, stderr } = await godwit(socket, ['migrate', 'redis', '--to', 'node-b'], terminal);
  t.is(code, 0);
  t.regex(stderr, /detached; h-7f3k2m9q goes on.*godwit cancel h-7f3k2m9q/);
});

test('on a terminal the view is drawn over, and what was drawn is erased before the picture', async (t) => {
  const terminal = testTerminal({ interactive: true });
  const first = sampleRecord({ state: 'preparing', timeline: [], measures: {} });
  const socket = await testAgent(t, {
    [`GET /v1/handovers/${first.id}`]: json(first),
    [`GET /v1/handovers/${first.id}/events`]: ndjson([first, sampleRecord()]),
  });
  const { stdout } = await godwit(socket, ['watch', first.id], terminal);
  const afterErase = stdout.slice(stdout.lastIndexOf('\u001B[0J') + 4);
  t.true(afterErase.startsWith(' redis   node-a → node-b'));
  t.false(afterErase.includes('preparing'));
});

test('watch without an id prints every change', async (t) => {
  const socket = await testAgent(t, {
    'GET /v1/events': ndjson([sampleRecord({ state: 'dumping', measures: {} }), sampleRecord()]),
  });
  const { stdout } = await godwit(socket, ['watch']);
  t.is(
    stdout,
    '19:00:00.000  h-7f3k2m9q  redis  node-a → node-b  dumping\n19:00:00.000  h-7f3k2m9q  redis  node-a → node-b  succeeded, frozen for 140 ms\n',
  );
});

test('get lists handovers, and shows one as the picture', async (t) => {
  const socket = await testAgent(t, {
    'GET /v1/handovers': json([sampleRecord()]),
    'GET /v1/handovers/h-7f3k2m9q': json(sampleRecord()),
  });
  t.regex(
    (await godwit(socket, ['get'])).stdout,
    /h-7f3k2m9q +redis +node-a +node-b +succeeded +140 ms +4\.9 MiB +- +1h/,
  );
  t.regex((await godwit(socket, ['get', 'h-7f3k2m9q'])).stdout, /━ frozen 140 ms ━/);
});

test('cancel says where the container goes on; after the commit it fails', async (t) => {
  const socket = await testAgent(t, {
    'POST /v1/handovers/a/cancel': json(sampleRecord({ id: 'a', state: 'rolling-back' })),
    'POST /v1/handovers/b/cancel': json(failure('ERR_TOO_LATE', 'committed already'), 409),
  });
  t.regex((await godwit(socket, ['cancel', 'a'])).stdout, /redis goes on at node-a/);
  const { code, stderr } = await godwit(socket, ['cancel', 'b']);
  t.is(code, 1);
  t.regex(stderr, /^ERR_TOO_LATE: committed already\n {2}→ /);
});

test('doctor exits with 1 when a check failed, and prints its remedy', async (t) => {
  const diagnosis: Diagnosis = {
    node: 'node-a',
    checks: [{ check: 'criu', ok: false, fact: 'not found', remedy: 'Install CRIU 4.2 or later.' }],
  };
  const socket = await testAgent(t, { 'GET /v1/doctor': json(diagnosis) });
  const { code, stdout } = await godwit(socket, ['doctor']);
  t.is(code, 1);
  t.regex(stdout, /✗ criu {2}not found\n +→ Install CRIU 4\.2 or later\.\n/);
});

test('what the agent says cannot steer the terminal', async (t) => {
  const socket = await testAgent(t, {
    'GET /v1/containers': json([{ ...redis, image: 'x\u001B]0;owned\u0007y\u009B2J' }]),
  });
  const { stdout } = await godwit(socket, ['ps']);
  t.false(['\u001B', '\u0007', '\u009B'].some((control) => stdout.includes(control)));
  t.true(stdout.includes('owned'));
});

test('no agent exits with 4', async (t) => {
  const { code, stdout, stderr } = await godwit('/nowhere/control.sock', ['ps', '-o', 'json']);
  t.is(code, 4);
  t.like(JSON.parse(stdout), { error: { code: 'ERR_AGENT_UNREACHABLE' } });
  t.regex(stderr, /^ERR_AGENT_UNREACHABLE: \/nowhere\/control\.sock/);
});

test('an answer of something else is not trusted', async (t) => {
  const socket = await testAgent(t, {
    'GET /v1/containers': json([{ id: 7 }]),
    'GET /v1/handovers': (response) => void response.end('<html>'),
  });
  for (const command of ['ps', 'get']) {
    const { code, stderr } = await godwit(socket, [command]);
    t.is(code, 1);
    t.regex(stderr, /^ERR_AGENT_REPLY: /);
  }
});

for (const code of ['ERR_CONTAINER_UNKNOWN', 'ERR_CONTAINER_AMBIGUOUS', 'ERR_PEER_UNKNOWN'] as const) {
  test(`${code} is bad input`, async (t) => {
    const socket = await testAgent(t, { 'POST /v1/plans': json(failure(code, 'not here'), 404) });
    t.is((await godwit(socket, ['plan', 'x', '--to', 'node-b'])).code, 2);
  });
}

for (const args of [
  ['plan', 'redis'],
  ['migrate', '--to', 'b'],
  ['nonsense'],
  ['ps', '-o', 'yaml'],
  ['plan', 'redis', '--to', 'b', '-o', 'name'],
  [],
]) {
  test(`wrong usage exits with 2: godwit ${args.join(' ')}`, async (t) => {
    t.is((await godwit('/nowhere/control.sock', args)).code, 2);
  });
}

test('help exits with 0 and tells the exit codes', async (t) => {
  const { code, stdout } = await godwit('/nowhere/control.sock', ['--help']);
  t.is(code, 0);
  t.regex(stdout, /Exit codes:\n {2}0 {2}.*\n {2}1 {2}.*\n {2}2 {2}.*\n {2}3 {2}.*\n {2}4 {2}/);
});
