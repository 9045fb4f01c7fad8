// What the controller writes when it claims a pod, in which order, and what is left when it is interrupted or
// overtaken.
import test, { type ExecutionContext } from 'ava';
import { runningCluster, type Seed } from '#controller/testing/running-cluster.ts';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { annotations, claimGate } from '#core/api/names.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import { migrations, pods } from '#core/kube/resources.ts';
import { at, condition, migration, node, pod } from '#core/testing/objects.ts';
import { Claims } from './claims.ts';

const set = { kind: 'StatefulSet', name: 'shop', uid: 'owner-uid' };
const shop = { namespace: 'default', name: 'shop-0' };
const move = { namespace: 'default', name: 'move' };

const moving = (
  status: MigrationStatus = {},
  metadata: Partial<Migration['metadata']> = {},
  spec: Partial<Migration['spec']> = {},
): Migration =>
  migration({
    metadata,
    spec,
    status: {
      conditions: [condition('Admitted'), condition('Held')],
      strategy: 'SameName',
      lineage: 'l1',
      generation: 3,
      source: { name: 'shop-0', uid: 'u1', nodeName: 'a', owner: set },
      ...status,
    },
  });
/** Came at second 60, and waits at the gate. */
const gated = (metadata: Partial<Pod['metadata']> = {}, spec: Partial<Pod['spec']> = {}): Pod =>
  pod({
    owner: 'StatefulSet',
    metadata: { uid: 'u2', creationTimestamp: at(60), ...metadata },
    spec: { nodeName: undefined, schedulingGates: [{ name: claimGate }, { name: 'queue' }], ...spec },
    status: { phase: 'Pending' },
  });
const unseen = (nodeName: string | undefined): Pod => gated({}, { schedulingGates: undefined, nodeName });

async function rig(t: ExecutionContext, seed: Seed) {
  const running = await runningCluster(t, seed);
  const { cluster, server, api } = running;
  const claims = new Claims(cluster, { perNode: 2, perCluster: 5 });
  /** What was written since the last look. */
  const writes = (): string[] =>
    server.received
      .splice(0)
      .filter(({ method }) => method !== 'GET')
      .map(({ method, path }) => `${method} ${path.split('/').slice(-2).join('/')}`);
  return {
    ...running,
    writes,
    look: (name = shop) => claims.reconcile(name),
    thePod: () => api.get(pods, shop),
    target: async () => (await api.get(migrations, move)).status?.target,
  };
}

const claimed = {
  [annotations.migration]: 'm1',
  [annotations.migrationName]: 'move',
  [annotations.lineage]: 'l1',
  [annotations.generation]: '3',
};

test('the Migration says whom it claims before the pod bears any sign of it; then the pod is let go to where it can be restored', async (t) => {
  const { look, writes, thePod, target } = await rig(t, { pods: [gated()], migrations: [moving()] });
  t.deepEqual(await look(), {});
  t.deepEqual(writes(), ['PUT move/status', 'PATCH pods/shop-0']);
  t.deepEqual(await target(), { name: 'shop-0', uid: 'u2' });
  const { metadata, spec } = await thePod();
  t.deepEqual(metadata.annotations, claimed);
  t.deepEqual(spec.schedulingGates, [{ name: 'queue' }]);
  t.true(JSON.stringify(spec.affinity).includes('"values":["b"]'));
});

test('a pod that nothing waits for loses its gate, and nothing else changes', async (t) => {
  const { look, writes, thePod } = await rig(t, { pods: [gated({}, { schedulingGates: [{ name: claimGate }] })] });
  t.deepEqual(await look(), {});
  t.deepEqual(writes(), ['PATCH pods/shop-0']);
  const { metadata, spec } = await thePod();
  t.deepEqual([metadata.annotations, spec.schedulingGates, spec.affinity], [undefined, undefined, undefined]);
});

const waiting: [string, Seed][] = [
  ['no node can take it', { pods: [gated()], migrations: [moving()], nodes: [] }],
  ['its Migration is not held yet', { pods: [gated()], migrations: [moving({ conditions: [condition('Admitted')] })] }],
  [
    'its former self may run though its move has failed',
    { pods: [gated()], migrations: [moving({ conditions: [condition('Held'), condition('Succeeded', 'False')] })] },
  ],
  ['it came past the gate and has no node yet', { pods: [unseen(undefined)], migrations: [moving()] }],
];
for (const [what, seed] of waiting) {
  test(`while ${what} nothing is written, and it is looked at again`, async (t) => {
    const { look, writes } = await rig(t, seed);
    t.deepEqual(await look(), { requeueAfterMs: 300 });
    t.deepEqual(writes(), []);
  });
}

test('a controller that dies in between claims the same pod again', async (t) => {
  const { look, writes, thePod, target, server, caughtUp } = await rig(t, { pods: [gated()], migrations: [moving()] });
  server.fail('PATCH', /pods/, { status: 409, body: { reason: 'Conflict' } }, 1);
  t.deepEqual(await look(), { requeueAfterMs: 300 });
  t.is((await thePod()).metadata.annotations, undefined);
  writes();
  await caughtUp();
  t.deepEqual(await look(), {});
  t.deepEqual(writes(), ['PATCH pods/shop-0']);
  t.deepEqual((await thePod()).metadata.annotations, claimed);
  t.is((await target())?.uid, 'u2');
});

test('of two pods that come for one move the second is not claimed', async (t) => {
  const both = ['x', 'y'].map((name) =>
    gated({
      name,
      uid: name,
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'shop', uid: 'owner-uid', controller: true }],
    }),
  );
  const { look, api, target } = await rig(t, { pods: both, migrations: [moving({ strategy: 'AfterDelete' })] });
  await Promise.all([look({ namespace: 'default', name: 'x' }), look({ namespace: 'default', name: 'y' })]);
  const { items } = await api.list(pods);
  const bearers = items.filter(({ metadata }) => metadata.annotations?.[annotations.migration] !== undefined);
  t.deepEqual(
    bearers.map(({ metadata }) => metadata.uid),
    [(await target())?.uid],
  );
});

test('no more are claimed for a node than may arrive there, though none has been placed yet', async (t) => {
  const each = ['x', 'y', 'z'];
  const [first = move, second, third] = each.map((name) => ({ namespace: 'default', name }));
  const { look, api, put, caughtUp } = await rig(t, {
    pods: each.map((name) => gated({ name, uid: name })),
    migrations: each.map((name) =>
      moving(
        { source: { name, uid: `old-${name}`, nodeName: 'a', owner: set } },
        { name, uid: `move-${name}` },
        { podName: name },
      ),
    ),
  });
  t.deepEqual(await Promise.all([look(first), look(second), look(third)]), [{}, {}, { requeueAfterMs: 300 }]);
  await caughtUp();
  t.deepEqual(await look(third), { requeueAfterMs: 300 });
  const placed = await api.get(migrations, first);
  put({ ...placed, status: { ...placed.status, conditions: [condition('Succeeded')] } });
  await caughtUp();
  t.deepEqual(await look(third), {}, 'one has arrived, and is over');
});

test('who was claimed and is gone makes room for the next', async (t) => {
  const { look, target } = await rig(t, {
    pods: [gated()],
    migrations: [moving({ target: { name: 'shop-0', uid: 'gone' } })],
  });
  t.deepEqual(await look(), {});
  t.deepEqual(await target(), { name: 'shop-0', uid: 'u2' });
});

const overtaken: [string, Migration][] = [
  ['has ended', moving({ conditions: [condition('Admitted'), condition('Held'), condition('Succeeded', 'False')] })],
  ['was made anew', moving({}, { uid: 'm2' })],
];
for (const [what, meanwhile] of overtaken) {
  test(`a Migration that ${what} while the watch was late claims nobody`, async (t) => {
    const { look, writes, put, server } = await rig(t, { pods: [gated()], migrations: [moving()] });
    server.store.remove('/apis/godwit.dev/v1alpha1/migrations', 'default', 'move');
    put(meanwhile);
    t.deepEqual(await look(), { requeueAfterMs: 300 });
    t.deepEqual(writes(), []);
  });
}

test('a replacement that came past the gate is claimed where it is', async (t) => {
  const { look, writes, thePod, target } = await rig(t, { pods: [unseen('b')], migrations: [moving()] });
  t.deepEqual(await look(), {});
  t.deepEqual(writes(), ['PUT move/status', 'PATCH pods/shop-0']);
  t.deepEqual((await thePod()).metadata.annotations, claimed);
  t.is((await target())?.uid, 'u2');
});

test('one that came past the gate to the node of its source is left alone', async (t) => {
  const { look, writes } = await rig(t, { pods: [unseen('a')], migrations: [moving()] });
  t.deepEqual(await look(), {});
  t.deepEqual(writes(), []);
});

const staying: MigrationStatus = { inPlace: { after: 2, why: 'nobody answers' } };
const cordonedNode = node('a', {
  spec: { unschedulable: true, taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] },
});

test('when no other node is tried any more the pod is let go to where its source runs, though that is cordoned', async (t) => {
  const { look, thePod, target } = await rig(t, {
    pods: [gated({}, { tolerations: [{ key: 'own', operator: 'Exists' }] })],
    migrations: [moving(staying)],
    nodes: [cordonedNode, node('b')],
  });
  t.deepEqual(await look(), {});
  t.is((await target())?.uid, 'u2');
  const { metadata, spec } = await thePod();
  t.deepEqual(metadata.annotations, claimed);
  t.true(JSON.stringify(spec.affinity).includes('"values":["a"]'));
  t.deepEqual(spec.tolerations, [
    { key: 'own', operator: 'Exists' },
    { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
  ]);
});

const unfit: [string, Node[]][] = [
  ['has another taint', [node('a', { spec: { taints: [{ key: 'other', effect: 'NoSchedule' }] } }), node('b')]],
  ['has no agent', [node('a', { labels: { 'godwit.dev/agent-ready': '' } }), node('b')]],
  ['is not ready', [node('a', { ready: { status: 'Unknown' } }), node('b')]],
  ['has no room', [node('a', { allocatable: { pods: '0' } }), node('b')]],
  ['has its hostname from another', [node('a'), node('b', { labels: { 'kubernetes.io/hostname': 'a' } })]],
  ['is gone', [node('b')]],
];
for (const [what, nodes] of unfit) {
  test(`a node of the source that ${what} is no last resort`, async (t) => {
    const { look, writes } = await rig(t, { pods: [gated()], migrations: [moving(staying)], nodes });
    t.deepEqual(await look(), { requeueAfterMs: 300 });
    t.deepEqual(writes(), []);
  });
}

test('a pod is not claimed for other nodes when the Migration has given them up meanwhile', async (t) => {
  const { look, writes, put } = await rig(t, { pods: [gated()], migrations: [moving()] });
  put(moving(staying));
  t.deepEqual(await look(), { requeueAfterMs: 300 });
  t.deepEqual(writes(), []);
});

test('one that came past the gate is claimed on the node of its source when no other is tried, and nowhere else', async (t) => {
  const here = await rig(t, { pods: [unseen('a')], migrations: [moving(staying)] });
  t.deepEqual(await here.look(), {});
  t.is((await here.target())?.uid, 'u2');
  const elsewhere = await rig(t, { pods: [unseen('b')], migrations: [moving(staying)] });
  t.deepEqual(await elsewhere.look(), {});
  t.deepEqual(elsewhere.writes(), []);
});
