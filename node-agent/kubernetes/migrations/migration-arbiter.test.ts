// Each attempt is decided once, by whoever writes first; who asks again hears the same.
import test from 'ava';
import { condition, at, migration, node } from '#core/testing/objects.ts';
import { GodwitError } from '#core/errors.ts';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import type { Node } from '#core/api/pod.ts';
import type { KubeApi, ObjectCache, KubeObject } from '#core/kube/port.ts';
import { VirtualClock } from '#agent/engine/simulation/virtual-clock.ts';
import { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import { MigrationArbiter } from './migration-arbiter.ts';

const uid = '00000000-0000-4000-8000-000000000001';
const [first, second] = [`${uid}-1`, `${uid}-2`];

const cacheOf = <T extends KubeObject>(...objects: T[]): ObjectCache<T> => ({
  get: ({ name }) => objects.find(({ metadata }) => metadata.name === name),
  list: () => objects,
  onChange: () => () => undefined,
});

const notHere = (): Promise<never> => Promise.reject(new Error('an arbiter does not ask for this'));
const failure = (code: 'ERR_KUBE_CONFLICT' | 'ERR_KUBE_NOT_FOUND' | 'ERR_KUBE_UNAVAILABLE'): GodwitError =>
  new GodwitError(code, 'from the server');

/** One Migration on the server; `meanwhile` is what others do to it just before a write. */
function rig({
  object = moving(),
  known = object,
  meanwhile = [],
  nodes = [node('a')],
}: { object?: Migration; known?: Migration; meanwhile?: (() => Migration | undefined)[]; nodes?: Node[] } = {}) {
  let stored: Migration | undefined = { ...object, metadata: { ...object.metadata, resourceVersion: '1' } };
  const writes: string[] = [];
  const api: KubeApi = {
    get: (resource) =>
      stored === undefined ? Promise.reject(failure('ERR_KUBE_NOT_FOUND')) : Promise.resolve(resource.parse(stored)),
    replace: async (resource, given, subresource) => {
      const other = meanwhile.shift();
      if (other !== undefined) stored = other();
      if (stored === undefined) throw failure('ERR_KUBE_NOT_FOUND');
      const next = resource.parse(given);
      if (next.metadata.resourceVersion !== stored.metadata.resourceVersion) throw failure('ERR_KUBE_CONFLICT');
      writes.push(subresource ?? 'object');
      stored = {
        ...stored,
        ...next,
        metadata: { ...stored.metadata, resourceVersion: String(Number(stored.metadata.resourceVersion) + 1) },
      };
      return next;
    },
    find: (resource) => Promise.resolve(stored === undefined ? undefined : resource.parse(stored)),
    list: notHere,
    create: notHere,
    patch: notHere,
    delete: notHere,
    evict: notHere,
  };
  const view = new ClusterView('a', api, {
    pods: cacheOf(),
    nodes: cacheOf(...nodes),
    migrations: cacheOf(known),
    policies: cacheOf(),
  });
  return {
    arbiter: new MigrationArbiter(api, view, new VirtualClock()),
    writes,
    stored: () => stored,
    status: () => stored?.status,
  };
}

function moving(parts: Parameters<typeof migration>[0] = {}): Migration {
  return migration({
    ...parts,
    metadata: { uid, ...parts.metadata },
    status: {
      conditions: [condition('Admitted'), condition('Held'), condition('Claimed')],
      attempts: 1,
      ...parts.status,
    },
  });
}
const elsewhere =
  (change: Partial<Migration>, resourceVersion = '7') =>
  (): Migration => ({
    ...moving(),
    ...change,
    metadata: { ...moving().metadata, ...change.metadata, resourceVersion },
  });

test('a commit is written once, with its epoch and the condition', async (t) => {
  const { arbiter, status, writes } = rig();
  t.is(await arbiter.commit(first, 4), 'committed');
  t.deepEqual(status()?.commit, {
    handover: first,
    decision: 'committed',
    decidedAt: '2030-01-01T00:00:00.000Z',
    epoch: 4,
  });
  t.is(status()?.conditions?.find(({ type }) => type === 'Committed')?.status, 'True');
  t.is(status()?.attempts, 1, 'what others wrote stays');
  t.deepEqual(writes, ['status']);
});

test('attempts at other nodes commit no more when no other node is tried; the next one does', async (t) => {
  const { arbiter } = rig({ object: moving({ status: { inPlace: { after: 1, why: 'nobody answers' } } }) });
  t.is(await arbiter.commit(first, 4), 'revoked');
  t.is(await arbiter.commit(second, 4), 'committed');
});

test('who asks again hears what was decided, and writes nothing', async (t) => {
  const { arbiter, writes, status } = rig();
  await arbiter.commit(first, 4);
  const decided = status();
  t.is(await arbiter.commit(first, 5), 'committed');
  t.is(await arbiter.revoke(first), 'committed');
  t.is(status(), decided);
  t.is(writes.length, 1);
});

test('what is revoked is not committed any more', async (t) => {
  const { arbiter, status, writes } = rig();
  t.is(await arbiter.revoke(first), 'revoked');
  t.is(await arbiter.commit(first, 4), 'revoked');
  t.like(status()?.commit, { handover: first, decision: 'revoked' });
  t.is(status()?.conditions?.find(({ type }) => type === 'Committed')?.status, 'False');
  t.is(writes.length, 1);
});

test('after a revoked attempt the next one is decided anew', async (t) => {
  const { arbiter, status } = rig();
  await arbiter.revoke(first);
  t.is(await arbiter.commit(second, 4), 'committed');
  t.like(status()?.commit, { handover: second, decision: 'committed' });
});

const unwanted: [string, Migration][] = [
  ['cancelled', moving({ spec: { cancel: true } })],
  ['being deleted', moving({ metadata: { deletionTimestamp: at(1) } })],
  ['failed', moving({ status: { conditions: [condition('Held'), condition('Succeeded', 'False')] } })],
  ['over', moving({ status: { conditions: [condition('Held'), condition('Succeeded', 'True')] } })],
];
for (const [what, object] of unwanted) {
  test(`a Migration that is ${what} commits nothing`, async (t) => {
    const { arbiter, status } = rig({ object });
    t.is(await arbiter.commit(first, 4), 'revoked');
    t.like(status()?.commit, { handover: first, decision: 'revoked' });
  });
}

test('who loses the race decides on what is there by then', async (t) => {
  const calm = rig({ meanwhile: [elsewhere({})] });
  t.is(await calm.arbiter.commit(first, 4), 'committed');
  t.like(calm.stored(), { metadata: { resourceVersion: '8' }, status: { commit: { decision: 'committed' } } });
  const cancelled = rig({ meanwhile: [elsewhere({ spec: { ...moving().spec, cancel: true } })] });
  t.is(await cancelled.arbiter.commit(first, 4), 'revoked');
  const revoked = rig({
    meanwhile: [elsewhere({ status: { commit: { handover: first, decision: 'revoked', decidedAt: at(1) } } })],
  });
  t.is(await revoked.arbiter.commit(first, 4), 'revoked');
  t.deepEqual(revoked.writes, []);
});

test('a revocation that comes after the commit of another hears of it', async (t) => {
  const { arbiter } = rig({
    meanwhile: [elsewhere({ status: { commit: { handover: first, decision: 'committed', decidedAt: at(1) } } })],
  });
  t.is(await arbiter.revoke(first), 'committed');
});

test('a Migration that is deleted commits nothing, also when it goes in between', async (t) => {
  const { arbiter, writes } = rig({ meanwhile: [() => undefined] });
  t.is(await arbiter.commit(first, 4), 'revoked');
  t.is(await arbiter.revoke(first), 'revoked');
  t.is(await rig({ known: migration({ metadata: { uid: 'other' } }) }).arbiter.commit(first, 4), 'revoked');
  t.is(await rig().arbiter.commit('no-migration', 4), 'revoked');
  t.deepEqual(writes, []);
});

const decidedBy = (attempt: number, decision: 'committed' | 'revoked'): MigrationStatus => ({
  attempts: attempt,
  commit: { handover: `${uid}-${attempt}`, decision, decidedAt: at(1) },
});

test('of an attempt before one that was decided nothing is written: it is revoked', async (t) => {
  for (const decision of ['committed', 'revoked'] as const) {
    const { arbiter, status, writes } = rig({ object: moving({ status: decidedBy(2, decision) }) });
    t.is(await arbiter.revoke(first), 'revoked');
    t.is(await arbiter.commit(first, 4), 'revoked');
    t.like(status()?.commit, { handover: second, decision });
    t.deepEqual(writes, []);
  }
});

test('attempts are numbers: the tenth comes after the ninth', async (t) => {
  const { arbiter, status } = rig({ object: moving({ status: decidedBy(9, 'revoked') }) });
  t.is(await arbiter.commit(`${uid}-10`, 4), 'committed');
  t.like(status()?.commit, { handover: `${uid}-10`, decision: 'committed' });
});

test('what is committed stays so, whatever becomes of the attempts after it', async (t) => {
  const { arbiter, status, writes } = rig({ object: moving({ status: decidedBy(1, 'committed') }) });
  t.is(await arbiter.revoke(second), 'revoked');
  t.is(await arbiter.commit(second, 5), 'revoked');
  t.is(await arbiter.commit(first, 4), 'committed');
  t.like(status()?.commit, { handover: first, decision: 'committed' });
  t.deepEqual(writes, []);
});

test('a Migration that was made anew under the same name knows nothing of the handover', async (t) => {
  const anew = moving({ metadata: { uid: '00000000-0000-4000-8000-000000000002' } });
  const { arbiter, status, writes } = rig({ object: anew, known: moving() });
  t.is(await arbiter.commit(first, 4), 'revoked');
  t.is(await arbiter.revoke(first), 'revoked');
  t.is(status()?.commit, undefined);
  t.deepEqual(writes, []);
});

test('a server that does not answer has decided nothing', async (t) => {
  const { arbiter } = rig({
    meanwhile: [
      () => {
        throw failure('ERR_KUBE_UNAVAILABLE');
      },
    ],
  });
  await t.throwsAsync(arbiter.commit(first, 4), { code: 'ERR_KUBE_UNAVAILABLE' });
  t.is(await arbiter.revoke(first), 'revoked');
});

const onNodeA = { source: { name: 'shop-0', nodeName: 'a', uid: 'u1' } };
const outOfService = node('a', {
  spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
});
const said = (handover: string, decision: 'committed' | 'revoked') =>
  moving({ status: { ...onNodeA, commit: { handover, decision, decidedAt: at(1) } } });

type Outcome = Awaited<ReturnType<MigrationArbiter['outcome']>>;
const outcomes: [string, Partial<NonNullable<Parameters<typeof rig>[0]>>, Outcome][] = [
  ['nothing was decided yet', {}, 'pending'],
  ['it is committed', { object: said(first, 'committed') }, 'committed'],
  ['it is revoked', { object: said(first, 'revoked') }, 'revoked'],
  ['a later attempt was decided', { object: said(second, 'committed') }, 'revoked'],
  ['its node does not come back', { nodes: [outOfService] }, 'revoked'],
  ['its node was deleted', { nodes: [] }, 'revoked'],
  [
    'it is committed, and its node does not come back',
    { object: said(first, 'committed'), nodes: [outOfService] },
    'committed',
  ],
  [
    'the Migration was made anew under its name',
    { object: moving({ status: onNodeA, metadata: { uid: '00000000-0000-4000-8000-000000000002' } }), known: moving() },
    'revoked',
  ],
];
for (const [what, { object = moving({ status: onNodeA }), ...others }, wanted] of outcomes) {
  test(`a target that cannot ask the source: ${what}`, async (t) => {
    const { arbiter, status } = rig({ object, ...others });
    t.is(await arbiter.outcome(first), wanted);
    if (wanted === 'pending') t.is(status()?.commit, undefined);
    else t.is(await arbiter.outcome(first), wanted, 'the same for ever');
  });
}

test('a Migration that the node has not seen yet decides nothing', async (t) => {
  const { arbiter } = rig({ known: migration({ metadata: { uid: 'another' } }) });
  t.is(await arbiter.outcome(first), 'pending');
});

test('a commit comes too late for a target that was told that there will be none', async (t) => {
  const { arbiter } = rig({ object: moving({ status: onNodeA }), nodes: [outOfService] });
  t.is(await arbiter.outcome(first), 'revoked');
  t.is(await arbiter.commit(first, 4), 'revoked');
});
