// The copy of a bare pod is the pod again: what the API server and a former claim added is gone, everything else is
// there.
import test from 'ava';
import { annotations, claimGate } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { restoreHash } from '#core/api/restore-hash.ts';
import { at, node, pod } from '#core/testing/objects.ts';
import { affinityTo } from '#controller/placement/claimed-affinity.ts';
import { copyOf } from './bare-pod.ts';

const token = { name: 'kube-api-access-x7k2p' };
const tokenMount = { ...token, mountPath: '/var/run/secrets' };
const cache = { name: 'cache', emptyDir: {} };
const cacheMount = { name: 'cache', mountPath: '/cache' };

/** Not its controller: the garbage collector alone asks. */
const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'settings', uid: 'settings-uid' }];

const lonely = pod({
  metadata: {
    name: 'lonely',
    resourceVersion: '7',
    labels: { app: 'lonely' },
    finalizers: ['example.com/wait'],
    deletionTimestamp: at(1),
    deletionGracePeriodSeconds: 30,
    ownerReferences,
    annotations: {
      [annotations.migration]: 'm0',
      [annotations.migrationName]: 'move',
      [annotations.lineage]: 'l1',
      [annotations.generation]: '2',
      mine: 'x',
    },
  },
  spec: {
    schedulingGates: [{ name: claimGate }],
    ephemeralContainers: [{ name: 'debugger' }],
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
    terminationGracePeriodSeconds: 5,
    serviceAccountName: 'shop',
    containers: [{ name: 'app', image: 'i', volumeMounts: [cacheMount, tokenMount] }, { name: 'plain' }],
    initContainers: [{ name: 'init', volumeMounts: [tokenMount] }],
    volumes: [cache, token],
  },
});
const copy = copyOf(lonely);

test('name, labels, lineage and owners stay; identity, deletion and the former claim go', (t) => {
  t.deepEqual(copy.metadata, {
    name: 'lonely',
    namespace: 'default',
    labels: { app: 'lonely' },
    ownerReferences,
    annotations: { [annotations.lineage]: 'l1', [annotations.generation]: '2', mine: 'x' },
  });
  t.is(copy.status, undefined);
});

test('it can be scheduled anew, under the rules of the user', (t) => {
  t.is(copy.spec.nodeName, undefined);
  t.is(copy.spec.schedulingGates, undefined);
  t.false('ephemeralContainers' in copy.spec, 'the API takes none at creation');
  t.like(copy.spec, {
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
    terminationGracePeriodSeconds: 5,
    serviceAccountName: 'shop',
    runtimeClassName: 'godwit',
  });
});

test('the token that admission adds to every pod is left out everywhere, other volumes stay', (t) => {
  t.deepEqual(copy.spec.volumes, [cache]);
  t.deepEqual(
    copy.spec.containers.map(({ volumeMounts }) => volumeMounts),
    [[cacheMount], undefined],
  );
  t.deepEqual(
    copy.spec.initContainers?.map(({ volumeMounts }) => volumeMounts),
    [[]],
  );
});

test('a pod without volumes, init containers and annotations gets none', (t) => {
  const { spec, metadata } = copyOf(pod());
  t.deepEqual(spec.volumes, []);
  t.false('initContainers' in spec);
  t.deepEqual(metadata.annotations, {});
});

test('the processes can go on in it, and a copy of the copy is the same', (t) => {
  t.is(restoreHash(copy), restoreHash(lonely));
  t.deepEqual(copyOf(copy), copy);
});

test('the pod that is copied stays as it was', (t) => {
  t.is(lonely.spec.nodeName, 'a');
  t.is(lonely.spec.volumes?.length, 2);
});

const claimed = (own: Pod['spec']['affinity']): Pod =>
  pod({
    metadata: { annotations: { [annotations.migration]: 'm0' } },
    spec: { affinity: affinityTo(['b'], pod({ spec: { affinity: own } }), [node('b')]) },
  });

test('what a former claim added to the affinity goes, what the user wrote stays', (t) => {
  const wished: Pod['spec']['affinity'] = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['z'] }] }],
      },
    },
  };
  t.deepEqual(copyOf(claimed(undefined)).spec.affinity?.nodeAffinity, {});
  t.deepEqual(copyOf(claimed(wished)).spec.affinity, wished);
  t.deepEqual(copyOf(pod({ spec: { affinity: wished } })).spec.affinity, wished);
});
