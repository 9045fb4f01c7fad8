// Who uncordons a node keeps the pods that a drain has not moved; a watch that is late cancels nothing.
import test, { type ExecutionContext } from 'ava';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import type { Node } from '#core/api/pod.ts';
import { migrations } from '#core/kube/resources.ts';
import { at, condition, migration, node, pod } from '#core/testing/objects.ts';
import { runningCluster, type Seed } from '#controller/testing/running-cluster.ts';
import { Uncordons } from './uncordons.ts';

const cordoned = node('a', { spec: { unschedulable: true } });
const open = node('a');
const drained = (
  status: MigrationStatus = { source: { name: 'shop-0', nodeName: 'a' } },
  spec: Partial<Migration['spec']> = {},
): Migration => migration({ spec: { trigger: 'Drain', ...spec }, status });

/** Whether the Migration is cancelled when somebody looks at node `a`. */
async function isCancelled(t: ExecutionContext, nodeA: Node, moving: Migration, seed: Seed = {}): Promise<boolean> {
  const { cluster, api } = await runningCluster(t, { nodes: [nodeA, node('b')], migrations: [moving], ...seed });
  t.deepEqual(await new Uncordons(cluster).reconcile({ name: 'a' }), {});
  return (await api.get(migrations, { namespace: 'default', name: 'move' })).spec.cancel;
}

const stories: [string, Node, Migration, boolean][] = [
  ['it waits, and its node is not cordoned any more', open, drained(), true],
  ['its node is cordoned', cordoned, drained(), false],
  ['a user moves it', open, drained(undefined, { trigger: 'User' }), false],
  ['it leaves another node', open, drained({ source: { name: 'shop-0', nodeName: 'b' } }), false],
  [
    'it is held, so that its program would be ended',
    open,
    drained({ source: { name: 'shop-0', nodeName: 'a' }, conditions: [condition('Held')] }),
    false,
  ],
  [
    'it is committed',
    open,
    drained({
      source: { name: 'shop-0', nodeName: 'a' },
      conditions: [condition('Held')],
      commit: { handover: 'h1', decision: 'committed', decidedAt: at(1) },
    }),
    false,
  ],
  [
    'it goes on where it is',
    open,
    drained({ source: { name: 'shop-0', nodeName: 'a' }, inPlace: { after: 1, why: 'w' } }),
    false,
  ],
  [
    'it is over',
    open,
    drained({ source: { name: 'shop-0', nodeName: 'a' }, conditions: [condition('Succeeded', 'False')] }),
    false,
  ],
];
for (const [what, nodeA, moving, wanted] of stories)
  test(`${what}: ${wanted ? 'cancelled' : 'it goes on'}`, async (t) =>
    t.is(await isCancelled(t, nodeA, moving), wanted));

test("a Migration that nobody has looked at yet is cancelled by its pod's node", async (t) => {
  t.true(await isCancelled(t, open, drained({}), { pods: [pod({ spec: { nodeName: 'a' } })] }));
});

test('a watch that has not heard of the cordon cancels nothing', async (t) => {
  const { cluster, server, api } = await runningCluster(t, { nodes: [open, node('b')], migrations: [drained()] });
  await cluster.close();
  server.store.write('/api/v1/nodes', cordoned);
  await new Uncordons(cluster).reconcile({ name: 'a' });
  t.false((await api.get(migrations, { namespace: 'default', name: 'move' })).spec.cancel);
});
