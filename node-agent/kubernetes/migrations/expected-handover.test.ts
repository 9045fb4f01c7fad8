// A node takes a handover only from the source that its Migration names, in the attempt that it names.
import test from 'ava';
import type { Migration } from '#core/api/migration.ts';
import type { KubeApi, KubeObject, ObjectCache } from '#core/kube/port.ts';
import { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import { handoverId } from './handover-id.ts';
import { mustBeExpected } from './expected-handover.ts';

const uid = '01234567-89ab-cdef-0123-456789abcdef';
const id = handoverId(uid, 2);
const migration = (handover: string, nodeName = 'a'): Migration => ({
  apiVersion: 'godwit.dev/v1alpha1', kind: 'Migration', metadata: { name: 'move', namespace: 'bank', uid }, spec: { podName: 'db-0' },
  status: { source: { uid: 'u1', nodeName }, handover: { id: handover, state: 'preparing' } },
} as Migration);
const none = <T extends KubeObject>(): ObjectCache<T> => ({ get: () => undefined, list: () => [], onChange: () => () => undefined }) as never;
const view = (watched: Migration[], live: Migration | undefined): ClusterView => new ClusterView(
  'b', { find: () => Promise.resolve(live) } as Partial<KubeApi> as KubeApi,
  { pods: none(), nodes: none(), policies: none(), migrations: { ...none<Migration>(), list: () => watched } },
);

test('the source that the status names is taken, also when the watch is late', async (t) => {
  await t.notThrowsAsync(mustBeExpected(view([migration(id)], undefined), 'a', id));
  await t.notThrowsAsync(mustBeExpected(view([migration(handoverId(uid, 1))], migration(id)), 'a', id));
});

test('another node, another attempt, a Migration that nobody knows: refused', async (t) => {
  for (const [watched, node, handover] of [
    [[migration(id)], 'c', id],
    [[migration(id)], 'a', handoverId(uid, 3)],
    [[migration(id)], 'a', 'no-migration'],
    [[], 'a', id],
  ] as const) {
    await t.throwsAsync(mustBeExpected(view([...watched], migration(id)), node, handover), { code: 'ERR_NOT_CLAIMED' });
  }
});
