// The copy of a bare pod may go anywhere the pod itself may.
import test from 'ava';
import type { Pod } from '#core/api/pod.ts';
import { affinityTo } from '#controller/placement/claimed-affinity.ts';
import { copyOf } from './bare-pod.ts';

const zone = { key: 'zone', operator: 'In', values: ['z'] };
const pod = (affinity?: Pod['spec']['affinity']): Pod => ({
  metadata: { name: 'lonely', uid: 'u1', resourceVersion: '7', annotations: { 'godwit.dev/migration': 'm', 'godwit.dev/lineage': 'l' } },
  spec: {
    nodeName: 'a', containers: [{ name: 'app', volumeMounts: [{ name: 'kube-api-access-x', mountPath: '/t' }] }], volumes: [{ name: 'kube-api-access-x' }],
    ...(affinity === undefined ? {} : { affinity }),
  },
});

test('identity, node and token go; lineage stays', (t) => {
  const copy = copyOf(pod());
  t.deepEqual(copy.metadata, { name: 'lonely', namespace: undefined, labels: undefined, annotations: { 'godwit.dev/lineage': 'l' } });
  t.is(copy.spec.nodeName, undefined);
  t.deepEqual(copy.spec.volumes, []);
  t.deepEqual(copy.spec.containers[0]?.volumeMounts, []);
});

test('what a former claim added to the affinity goes, what the user wrote stays', (t) => {
  t.deepEqual(copyOf(pod(affinityTo(['b'], pod()))).spec.affinity?.nodeAffinity, {});
  const wished: Pod['spec']['affinity'] = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [zone] }] } } };
  t.deepEqual(copyOf(pod(affinityTo(['b'], pod(wished)))).spec.affinity, wished);
});
