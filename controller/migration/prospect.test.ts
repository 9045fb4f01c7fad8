// A held pod waits for a replacement only while there will be one in which its processes can go on.
import test from 'ava';
import type { Job, ReplicaSet, StatefulSet } from '#core/api/owners.ts';
import { claimGate } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { restoreHash } from '#core/api/restore-hash.ts';
import { jobs, replicaSets, statefulSets } from '#core/kube/resources.ts';
import { testCluster } from '#core/kube/testing/access.ts';
import { at, pod } from '#core/testing/objects.ts';
import { ownerOf } from './owner.ts';
import { prospectOf, type Owner, type Prospect, type ProspectFacts } from './prospect.ts';

const metadata = { name: 'shop', namespace: 'default', uid: 'owner-uid' };
const source = { name: 'shop-0', uid: 'u1', nodeName: 'a', restoreHash: restoreHash(pod()) };
const leaving = { ...metadata, deletionTimestamp: at(1) };

const ordered = (spec: StatefulSet['spec'] = {}, meta: StatefulSet['metadata'] = metadata): Owner => ({ kind: 'StatefulSet', object: { metadata: meta, spec } });
const replicated = (spec: ReplicaSet['spec'] = {}, meta: ReplicaSet['metadata'] = metadata): Owner => ({ kind: 'ReplicaSet', object: { metadata: meta, spec } });
const job = (more: Omit<Job, 'metadata'> = {}, meta: Job['metadata'] = metadata): Owner => ({ kind: 'Job', object: { metadata: meta, ...more } });
const ended = (type: string): Owner => job({ status: { conditions: [{ type, status: 'True' }] } });

const successor = (spec: Partial<Pod['spec']> = {}): Pod => pod({ owner: 'StatefulSet', metadata: { uid: 'u2' }, spec });
const sibling = (uid: string, more: Parameters<typeof pod>[0] = {}): Pod => pod({ owner: 'ReplicaSet', ...more, metadata: { name: `shop-${uid}`, uid, ...more.metadata } });
const own = sibling('u1');
const other = { containers: [{ name: 'app', image: 'new' }] };

const sameName: Partial<ProspectFacts> = { owner: ordered() };
const newName: Partial<ProspectFacts> = { status: { strategy: 'NewName', source }, podName: 'shop-u1' };
const afterDelete: Partial<ProspectFacts> = { status: { strategy: 'AfterDelete', source } };

const cases: [string, Partial<ProspectFacts>, Prospect][] = [
  ['a StatefulSet has the ordinal', sameName, 'coming'],
  ['a StatefulSet was scaled down', { owner: ordered({ replicas: 0 }) }, 'unwanted'],
  ['a StatefulSet begins with a later ordinal', { owner: ordered({ replicas: 2, ordinals: { start: 1 } }) }, 'unwanted'],
  ['a StatefulSet is being deleted', { owner: ordered({}, leaving) }, 'unwanted'],
  ['the owner is gone', { owner: 'gone' }, 'unwanted'],
  ['the source is there yet, whatever its owner wants', { pod: pod(), owner: ordered({ replicas: 0 }) }, 'coming'],
  ['the next incarnation has the template of the source', { ...sameName, pod: successor() }, 'coming'],
  ['the next incarnation has another template', { ...sameName, pod: successor(other) }, 'different'],
  ['the next incarnation of a source that nobody looked at closely', { ...sameName, status: { strategy: 'SameName', source: { name: 'shop-0', uid: 'u1' } }, pod: successor(other) }, 'coming'],
  ['a bare pod, its copy not made', {}, 'coming'],
  ['a bare pod, its copy made and deleted by somebody', { status: { strategy: 'SameName', source, copyMade: true } }, 'unwanted'],
  ['a bare pod, its copy made and waiting', { status: { strategy: 'SameName', source, copyMade: true }, pod: pod({ metadata: { uid: 'u2' } }) }, 'coming'],
  ['a ReplicaSet lacks the source', { ...newName, owner: replicated({ replicas: 2 }), siblings: [own, sibling('u2')] }, 'coming'],
  ['a ReplicaSet of one', { ...newName, owner: replicated(), siblings: [own] }, 'coming'],
  ['a ReplicaSet was scaled down to the others', { ...newName, owner: replicated({ replicas: 1 }), siblings: [own, sibling('u2')] }, 'unwanted'],
  ['a ReplicaSet has a pod at the gate', { ...newName, owner: replicated(), siblings: [own, sibling('u2', { spec: { schedulingGates: [{ name: claimGate }] } })] }, 'coming'],
  ['a ReplicaSet has a pod at another gate', { ...newName, owner: replicated(), siblings: [own, sibling('u2', { spec: { schedulingGates: [{ name: 'queue' }] } })] }, 'unwanted'],
  ['a ReplicaSet whose other pod is terminating', { ...newName, owner: replicated(), siblings: [own, sibling('u2', { metadata: { deletionTimestamp: at(1) } })] }, 'coming'],
  ['a ReplicaSet whose other pod has failed', { ...newName, owner: replicated(), siblings: [own, sibling('u2', { status: { phase: 'Failed' } })] }, 'coming'],
  ['a ReplicaSet is being deleted', { ...newName, owner: replicated({ replicas: 2 }, leaving) }, 'unwanted'],
  ['a Job runs', { ...afterDelete, owner: job() }, 'coming'],
  ['a Job is suspended', { ...afterDelete, owner: job({ spec: { suspend: true } }) }, 'unwanted'],
  ['a Job is complete', { ...afterDelete, owner: ended('Complete') }, 'unwanted'],
  ['a Job has failed', { ...afterDelete, owner: ended('Failed') }, 'unwanted'],
  ['a Job is being deleted', { ...afterDelete, owner: job({}, leaving) }, 'unwanted'],
];
for (const [what, facts, prospect] of cases) {
  test(`${what}: ${prospect}`, (t) => t.is(prospectOf({ status: { strategy: 'SameName', source }, podName: 'shop-0', pod: undefined, owner: undefined, siblings: [], ...facts }), prospect));
}

test('the owner is found by kind and name, and is another one when its UID is', async (t) => {
  const { api } = await testCluster(t);
  const { metadata: { uid: setUid = '' } } = await api.create(statefulSets, { metadata: { name: 'shop', namespace: 'default' } });
  await api.create(replicaSets, { metadata: { name: 'shop', namespace: 'default' } });
  await api.create(jobs, { metadata: { name: 'shop', namespace: 'default' } });
  const find = (kind: string, uid: string) => ownerOf(api, 'default', { source: { name: 'shop-0', owner: { kind, name: 'shop', uid } } });
  t.like(await find('StatefulSet', setUid), { kind: 'StatefulSet', object: { metadata: { uid: setUid } } });
  for (const kind of ['StatefulSet', 'ReplicaSet', 'Job']) t.is(await find(kind, 'another'), 'gone', kind);
  t.is(await ownerOf(api, 'default', { source: { name: 'shop-0', owner: { kind: 'StatefulSet', name: 'bank', uid: setUid } } }), 'gone');
  t.is(await ownerOf(api, 'default', { source: { name: 'shop-0' } }), undefined);
});
