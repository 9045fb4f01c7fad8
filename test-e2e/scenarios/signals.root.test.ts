// Signals by `ctr task kill` during a move: those that end the container cancel it, all others arrive or are refused.
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { HandoverRecord } from '#core/api/handover.ts';
import type { CommandResult } from '#hosts/command.ts';
import type { Host } from '#hosts/host.ts';
import { hasStruck, order, type Fault } from '#pair/fault.ts';
import { follow } from '#pair/move.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import { startStable, type StableContainer } from '#pair/stable-container.ts';
import { images } from '#workloads/images.ts';

const counter = `
import collections, json, signal, socket
counts = collections.Counter()
def count(number, frame): counts[signal.Signals(number).name] += 1
for one in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM): signal.signal(one, count)
server = socket.create_server(('', 9000), reuse_port=False)
while True:
  one, _ = server.accept()
  one.sendall(json.dumps(counts).encode()); one.close()`;
const args = ['python3', '-c', counter];
const workload = {
  name: 'signals',
  image: images.python,
  args,
  port: 9000,
  memoryBytes: 2 ** 23,
  client: '',
  options: {},
};

let pair: Pair;
let container: StableContainer;

test.before(async () => {
  pair = await upPair({ name: `signals-${process.pid}`, main: 'test-e2e/pair/faulty-agent.ts' });
  container = await startStable(pair, pair.hosts.a, workload, pair.hosts.stableIp(50));
  await sleep(500);
});

test.after.always(async () => {
  await pair[Symbol.asyncDispose]();
});

async function counts(): Promise<Record<string, number>> {
  const ask = `import socket; s=socket.create_connection(('${container.address}',9000)); print(s.makefile().read())`;
  return JSON.parse(await pair.hosts.client.must(['python3', '-c', ask]));
}

const kill = (host: Host, signal: string): Promise<CommandResult> =>
  host.exec(['ctr', 'tasks', 'kill', '--signal', signal, container.id]);

/** Moves from a to b; `signals` are sent while `step` is held up. */
async function during(
  t: ExecutionContext,
  step: string,
  signals: readonly string[],
  fault?: Fault,
): Promise<[HandoverRecord, CommandResult[]]> {
  const { a, b } = pair.hosts;
  if (fault !== undefined) await order(b, fault);
  await order(a, { step, action: { kind: 'delay', delayMs: 4_000 } });
  const { id } = await pair.control(a).start({ container: container.id, to: b.name });
  while (!hasStruck(a)) await sleep(5);
  const sent = signals.map((signal) => kill(a, signal));
  const record = await follow(pair, id, a);
  t.log(record.state, record.error?.message ?? '');
  return [record, await Promise.all(sent)];
}

const fails = { step: 'target.restore', action: { kind: 'throw' } } as const;

async function arrived(
  t: ExecutionContext,
  record: HandoverRecord,
  sent: readonly CommandResult[],
  before: Record<string, number>,
): Promise<void> {
  t.is(record.state, 'rolled-back');
  t.not(record.error?.code, 'ERR_ABORTED', record.error?.message);
  t.deepEqual(
    sent.map(({ code }) => code),
    sent.map(() => 0),
  );
  const after = await counts();
  for (const signal of ['SIGUSR1', 'SIGHUP']) t.is(after[signal], (before[signal] ?? 0) + 1, signal);
}

for (const step of ['source.startDump', 'source.dump', 'links.gate'] as const) {
  test.serial(`signals that do not end it reach it after a roll-back: ${step}`, async (t) => {
    const before = await counts();
    const [record, sent] = await during(t, step, ['SIGUSR1', 'SIGHUP', 'SIGWINCH'], fails);
    await arrived(t, record, sent, before);
  });
}

test.serial('signals that do not end it reach it when the commit is refused', async (t) => {
  const { a, b } = pair.hosts;
  const before = await counts();
  await order(b, { step: 'target.restore', when: 'after', action: { kind: 'delay', delayMs: 1_500 } });
  const { id } = await pair.control(a).start({ container: container.id, to: b.name });
  while (!hasStruck(b)) await sleep(5);
  await order(a, { step: 'arbiter.commit', action: { kind: 'pretend', result: 'revoked' } });
  const signals = ['SIGUSR1', 'SIGHUP'].map((signal) => kill(a, signal));
  await arrived(t, await follow(pair, id, a), await Promise.all(signals), before);
});

test.serial('a signal that ends it cancels the move', async (t) => {
  const before = await counts();
  const [record] = await during(t, 'source.dump', ['SIGTERM']);
  t.is(record.state, 'rolled-back');
  t.is(record.error?.code, 'ERR_ABORTED');
  t.is((await counts())['SIGTERM'], (before['SIGTERM'] ?? 0) + 1, 'this one counts it instead');
});

test.serial('a signal for a container that has moved is refused, with the reason', async (t) => {
  const before = await counts();
  const [record, sent] = await during(t, 'source.dump', ['SIGUSR1', 'SIGWINCH']);
  t.is(record.state, 'succeeded', JSON.stringify(record.error));
  for (const { code, stderr } of sent) {
    t.not(code, 0);
    t.regex(stderr, /has moved to another node/);
  }
  t.deepEqual(await counts(), before);
});
