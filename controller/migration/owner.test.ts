// The owner of a pod that moves is asked for by name, and believed by UID.
import test from 'ava';
import { jobs, replicaSets, statefulSets } from '#core/kube/resources.ts';
import { testCluster } from '#core/kube/testing/access.ts';
import { ownerOf } from './owner.ts';

const metadata = { name: 'shop', namespace: 'default' };

test('an owner is found by kind and name; it is gone when another one has its name', async (t) => {
  const { api } = await testCluster(t);
  const owners = [
    ['StatefulSet', await api.create(statefulSets, { metadata })],
    ['ReplicaSet', await api.create(replicaSets, { metadata })],
    ['Job', await api.create(jobs, { metadata })],
  ] as const;
  const find = (kind: string, name: string, uid: string) =>
    ownerOf(api, 'default', { source: { name: 'shop-0', owner: { kind, name, uid } } });
  for (const [
    kind,
    {
      metadata: { uid = '' },
    },
  ] of owners) {
    t.like(await find(kind, 'shop', uid), { kind, object: { metadata: { uid } } });
    t.is(await find(kind, 'shop', 'former'), 'gone');
    t.is(await find(kind, 'bank', uid), 'gone');
  }
});

test('a bare pod has none', async (t) => {
  const { api } = await testCluster(t);
  t.is(await ownerOf(api, 'default', { source: { name: 'shop-0' } }), undefined);
});
