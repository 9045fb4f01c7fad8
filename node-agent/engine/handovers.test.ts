// What may be asked of the engine, and what it answers to peers that ask too early, too late or for the first time.
import test from 'ava';
import { GodwitError } from '#core/errors.ts';
import type { Message } from '#core/wire/messages.ts';
import { PeerConnection } from '#agent/transfer/connection.ts';
import type { Handovers } from './handovers.ts';
import type { Arbiter, Decision } from './ports.ts';
import type { Story } from './simulation/faults.ts';
import { containerId, nodeFacts } from './simulation/fake-source.ts';
import { SimulatedNode } from './simulation/node.ts';
import { createWire } from './simulation/wire.ts';
import { World } from './simulation/world.ts';

const calm: Story = {
  faults: [],
  cutAtFrame: undefined,
  absentMs: [],
  cancelAtMs: undefined,
  killAtMs: undefined,
  reboot: undefined,
  arbiter: 'journal',
};
const request: Message = {
  type: 'prepare',
  claims: [],
  mounts: [],
  descriptors: [],
  foreignAddresses: [],
  memoryBytes: 1,
  facts: nodeFacts,
  container: {
    id: containerId,
    namespace: 'default',
    image: 'i',
    parentSnapshot: 'p',
    snapshotter: 's',
    runtime: 'r',
    labels: {},
    spec: '{}',
    stdio: { stdin: '', stdout: '', stderr: '' },
  },
};
const id = '00000000-0000-0000-0000-000000000001';

const arbiter = (): Arbiter => ({
  remembers: false,
  commit: () => Promise.resolve('committed'),
  revoke: () => Promise.resolve('revoked'),
  outcome: () => Promise.resolve('pending'),
});

function engine(node: SimulatedNode): Handovers {
  if (node.handovers === undefined) throw new Error('the node has no engine');
  return node.handovers;
}

function rig(
  story: Partial<Story> = {},
  { whose = arbiter, gone = () => false }: { whose?: () => Arbiter; gone?: () => boolean } = {},
) {
  const world = new World({ ...calm, ...story });
  const nodes = { a: new SimulatedNode('a', world, whose, gone), b: new SimulatedNode('b', world, whose, gone) };
  nodes.a.peers = { b: nodes.b };
  nodes.b.peers = { a: nodes.a };
  nodes.a.start();
  nodes.b.start();
  const over = (): boolean =>
    engine(nodes.a)
      .list()
      .every(({ finishedAt }) => finishedAt !== undefined);
  return { world, nodes, a: engine(nodes.a), b: engine(nodes.b), finish: () => world.clock.run(over, 3_600_000) };
}

const codeOf = (message: Message): Message | string => (message.type === 'failed' ? message.error.code : message);

/** What `handovers` answers to a peer that says hello and then `message`. */
async function ask(
  handovers: Handovers,
  node: string,
  purpose: 'settle' | 'outcome' | 'handover' | 'preflight',
  message?: Message,
  protocol = 1,
): Promise<Message | string> {
  const [ours, theirs] = createWire(() => undefined).ends;
  const [own, peer] = [new PeerConnection(ours), new PeerConnection(theirs)];
  const accepted = handovers.accept(node, own).catch((error: unknown) => {
    own.destroy();
    return error instanceof GodwitError ? error.code : 'ERR_OTHER';
  });
  await peer.send({ type: 'hello', protocol, handover: id, sentAt: 1, purpose });
  try {
    const first = await peer.receiveMessage();
    if (message === undefined || first.type !== 'welcome') return codeOf(first);
    await peer.send(message);
    return codeOf(await peer.receiveMessage());
  } catch {
    return (await accepted) ?? 'closed';
  }
}

test('a container leaves once at a time', async (t) => {
  const { a, finish } = rig();
  const { id: first } = a.begin({ container: containerId, to: 'b' });
  t.throws(() => a.begin({ container: containerId, to: 'b' }), { code: 'ERR_BUSY', message: new RegExp(first) });
  t.is(a.leaving(containerId)?.id, first);
  await finish();
  t.is(a.leaving(containerId), undefined);
  t.is(a.get(first).state, 'succeeded');
});

test('only peers can be moved to, and only what is known can be told', (t) => {
  const { a } = rig();
  t.throws(() => a.begin({ container: containerId, to: 'z' }), { code: 'ERR_PEER_UNKNOWN', message: /peers: b/ });
  t.throws(() => a.begin({ container: containerId, to: 'constructor' }), { code: 'ERR_PEER_UNKNOWN' });
  t.throws(() => a.get('h'), { code: 'ERR_HANDOVER_UNKNOWN' });
  t.throws(() => a.cancel('h', ''), { code: 'ERR_HANDOVER_UNKNOWN' });
  t.deepEqual(a.list(), []);
});

test("what is over, or another node's, is too late to cancel", async (t) => {
  const { a, b, finish } = rig();
  const { id: handover } = a.begin({ container: containerId, to: 'b' });
  await finish();
  t.throws(() => a.cancel(handover, ''), { code: 'ERR_TOO_LATE', message: /succeeded/ });
  t.throws(() => b.cancel(handover, ''), { code: 'ERR_TOO_LATE', message: /another node/ });
});

test('a cancelled handover is rolled back and says why', async (t) => {
  const { a, world, finish } = rig();
  const { id: handover } = a.begin({ container: containerId, to: 'b' });
  a.cancel(handover, 'changed my mind');
  await finish();
  t.is(a.get(handover).state, 'rolled-back');
  t.like(a.get(handover).error, { code: 'ERR_ABORTED', message: 'changed my mind' });
  t.false(world.steps.includes('a freeze'), 'nothing was frozen for it');
});

test('changes are told while somebody listens', async (t) => {
  const { a, finish } = rig();
  const abort = new AbortController();
  const seen: string[] = [];
  const listening = (async () => {
    for await (const { state } of a.changes(abort.signal)) seen.push(state);
  })();
  a.begin({ container: containerId, to: 'b' });
  await finish();
  abort.abort();
  await listening;
  t.deepEqual([...new Set(seen)].slice(-3), ['activating', 'releasing', 'succeeded']);
});

test('a handover that never was here is lost, and was never committed', async (t) => {
  const { a, b } = rig();
  t.like(await ask(b, 'a', 'settle', { type: 'commit', epoch: 2 }), { type: 'lost' });
  t.deepEqual(await ask(a, 'b', 'outcome'), { type: 'outcome', outcome: 'revoked' });
});

test('a container does not come back while it is still leaving', async (t) => {
  const { a, finish } = rig();
  a.begin({ container: containerId, to: 'b' });
  t.is(await ask(a, 'b', 'handover', request), 'ERR_BUSY');
  t.true(await finish());
});

test('a stranger to a handover learns nothing of it', async (t) => {
  const { a, finish } = rig();
  a.begin({ container: containerId, to: 'b' });
  await finish();
  t.deepEqual(await ask(a, 'c', 'outcome'), { type: 'outcome', outcome: 'revoked' });
});

test('another protocol, and words out of turn, end the connection', async (t) => {
  const { b } = rig();
  t.is(await ask(b, 'a', 'handover', undefined, 2), 'ERR_PEER_PROTOCOL');
  t.is(await ask(b, 'a', 'settle', { type: 'ready' }), 'ERR_PEER_PROTOCOL');
  t.is(await ask(b, 'a', 'handover', { type: 'commit', epoch: 1 }), 'ERR_PEER_PROTOCOL');
});

test('a journal that cannot be understood stops its own handover and nothing is said about it', async (t) => {
  const { nodes, b } = rig();
  nodes.b.writeJournal(id, [{ at: '2030-01-01', state: 'activating', facts: { from: 'the future' } }]);
  b.recover();
  t.is(await ask(b, 'a', 'settle', { type: 'commit', epoch: 2 }), 'ERR_JOURNAL');
  t.is(await ask(b, 'a', 'outcome'), 'ERR_JOURNAL');
  t.is(await ask(b, 'a', 'handover', { type: 'ready' }), 'ERR_PEER_PROTOCOL');
  t.deepEqual(b.list(), []);
});

test('a restarted agent still knows how its handovers ended', async (t) => {
  const { nodes, a, world, finish } = rig();
  const { id: handover } = a.begin({ container: containerId, to: 'b' });
  a.cancel(handover, 'changed my mind');
  await finish();
  const before = a.get(handover);
  nodes.a.crash();
  await world.clock.run(() => nodes.a.alive, 10_000);
  t.like(nodes.a.handovers?.get(handover), { state: 'rolled-back', startedAt: before.startedAt, error: before.error });
});

/** An object in the cluster. */
function remembering(): Arbiter {
  let decision: Decision | undefined;
  return {
    remembers: true,
    commit: () => Promise.resolve((decision ??= 'committed')),
    revoke: () => Promise.resolve((decision ??= 'revoked')),
    outcome: () => Promise.resolve(decision ?? 'pending'),
  };
}

const yearMs = 365 * 24 * 3_600_000;

test('a source that dies right after its commit is not waited for, where the arbiter can be asked', async (t) => {
  const told = remembering();
  const { a, b, nodes, world } = rig(
    { absentMs: [yearMs] },
    {
      whose: () => ({
        ...told,
        commit: async (...args) => {
          const decision = await told.commit(...args);
          nodes.a.crash();
          return decision;
        },
      }),
    },
  );
  a.begin({ container: containerId, to: 'b' });
  t.true(await world.clock.run(() => b.list()[0]?.state === 'succeeded', 300_000));
  t.false(nodes.a.alive);
  t.is(world.copy, 'running');
});

test('a source that says it has committed runs nothing, where the arbiter can be asked and does not say so', async (t) => {
  const asked: string[] = [];
  const lying = (): Arbiter => ({
    remembers: true,
    commit: () => Promise.resolve('committed'),
    revoke: () => Promise.resolve('revoked'),
    outcome: (handover) => (asked.push(handover), Promise.resolve(asked.length < 4 ? 'pending' : 'revoked')),
  });
  const { a, b, world } = rig({}, { whose: lying });
  a.begin({ container: containerId, to: 'b' });
  t.true(await world.clock.run(() => b.list()[0]?.state === 'rolled-back', 300_000));
  t.false(world.ranAtTarget);
  t.true(asked.length >= 4);
});

test('a source that dies before its commit is waited for', async (t) => {
  const told = remembering();
  const { a, b, nodes, world } = rig(
    { absentMs: [yearMs] },
    {
      whose: () => ({
        ...told,
        commit: () => {
          nodes.a.crash();
          return Promise.withResolvers<Decision>().promise;
        },
      }),
    },
  );
  a.begin({ container: containerId, to: 'b' });
  t.false(await world.clock.run(() => b.list()[0]?.finishedAt !== undefined, 300_000));
  t.is(b.list()[0]?.state, 'awaiting-commit');
  t.is(world.copy, 'held');
});

for (const isGone of [true, false]) {
  test(`a target that dies after the commit, ${isGone ? 'and is declared gone: the source lets go' : 'may come back: the source waits'}`, async (t) => {
    const told = remembering();
    const { a, nodes, world } = rig(
      { absentMs: [yearMs] },
      {
        gone: () => isGone,
        whose: () => ({
          ...told,
          commit: async (...args) => {
            const decision = await told.commit(...args);
            nodes.b.crash();
            return decision;
          },
        }),
      },
    );
    a.begin({ container: containerId, to: 'b' });
    await world.clock.run(() => a.list()[0]?.finishedAt !== undefined, 3_600_000);
    t.is(a.list()[0]?.state, isGone ? 'succeeded' : 'activating');
    t.false(world.sourceRuns);
  });
}
