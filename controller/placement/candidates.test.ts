// Which nodes could take a pod, and in what words the others are ruled out.
import test from 'ava';
import { labels, nodeFactsAnnotation } from '#core/api/names.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import { candidates, type PlacementRequest } from './candidates.ts';
import { quantity, requestsOf, usedByNode } from './room.ts';

const facts = { architecture: 'x64', cgroupVersion: 1, kernel: '6.1', criu: '4.2', runc: '1.3', lazyPages: true, cpuFlags: ['avx', 'sse2'] };

function node(name: string, more: { spec?: Node['spec']; labels?: Record<string, string>; ready?: boolean; facts?: object; allocatable?: Record<string, string> } = {}): Node {
  return {
    metadata: { name, labels: { [labels.agentReady]: 'true', 'kubernetes.io/hostname': name, ...more.labels }, annotations: { [nodeFactsAnnotation]: JSON.stringify({ ...facts, ...more.facts }) } },
    spec: more.spec ?? {},
    status: { conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True' }], allocatable: more.allocatable ?? { cpu: '2', memory: '4Gi', pods: '110' } },
  };
}

function pod(spec: Partial<Pod['spec']> = {}): Pod {
  return { metadata: { name: 'shop-0', uid: 'u1' }, spec: { nodeName: 'a', containers: [{ name: 'app', resources: { requests: { cpu: '500m', memory: '1Gi' } } }], ...spec } };
}

const ask = (target: Node, more: Partial<PlacementRequest> = {}) =>
  candidates({ pod: pod(), source: node('a'), nodes: [node('a'), target], incoming: new Map(), maxIncoming: 2, used: new Map(), ...more });

test('a node like the source\'s can take the pod; the source itself cannot', (t) => {
  t.deepEqual(ask(node('b')), { names: ['b'], rejected: [{ node: 'a', reason: 'the pod runs there' }] });
});

const required = (...matchExpressions: { key: string; operator: string; values?: string[] }[]): Partial<Pod['spec']> =>
  ({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } } } });

const rejected: [string, Node, Partial<PlacementRequest>, RegExp][] = [
  ['another is named', node('b'), { targetNodeName: 'c' }, /names c/],
  ['not ready', node('b', { ready: false }), {}, /not ready/],
  ['cordoned', node('b', { spec: { unschedulable: true } }), {}, /cordoned/],
  ['a taint', node('b', { spec: { taints: [{ key: 'gpu', effect: 'NoSchedule' }] } }), {}, /taint gpu/],
  ['no agent', node('b', { labels: { [labels.agentReady]: '' } }), {}, /agent/],
  ['another architecture', node('b', { facts: { architecture: 'arm64' } }), {}, /arm64 instead of x64/],
  ['an older CPU', node('b', { facts: { cpuFlags: ['sse2'] } }), {}, /lacks avx/],
  ['another cgroup version', node('b', { facts: { cgroupVersion: 2 } }), {}, /cgroup v2/],
  ['its share of moves', node('b'), { incoming: new Map([['b', 2]]) }, /2 moves arrive/],
  ['nodeSelector', node('b'), { pod: pod({ nodeSelector: { disk: 'ssd' } }) }, /nodeSelector disk=ssd/],
  ['In', node('b'), { pod: pod(required({ key: 'zone', operator: 'In', values: ['z1'] })) }, /affinity/],
  ['NotIn', node('b', { labels: { zone: 'z1' } }), { pod: pod(required({ key: 'zone', operator: 'NotIn', values: ['z1'] })) }, /affinity/],
  ['Exists', node('b'), { pod: pod(required({ key: 'zone', operator: 'Exists' })) }, /affinity/],
  ['DoesNotExist', node('b', { labels: { zone: 'z1' } }), { pod: pod(required({ key: 'zone', operator: 'DoesNotExist' })) }, /affinity/],
  ['Gt', node('b', { labels: { cores: '4' } }), { pod: pod(required({ key: 'cores', operator: 'Gt', values: ['4'] })) }, /affinity/],
  ['Lt', node('b', { labels: { cores: '4' } }), { pod: pod(required({ key: 'cores', operator: 'Lt', values: ['4'] })) }, /affinity/],
  ['too little CPU', node('b'), { used: new Map([['b', { cpu: 1.6 }]]) }, /not enough cpu/],
  ['too little memory', node('b', { allocatable: { memory: '1000Mi' } }), {}, /not enough memory/],
  ['too many pods', node('b', { allocatable: { pods: '3' } }), { used: new Map([['b', { pods: 3 }]]) }, /not enough pods/],
];
for (const [what, target, more, reason] of rejected) {
  test(`ruled out: ${what}`, (t) => {
    const { names, rejected: found } = ask(target, more);
    t.deepEqual(names, []);
    t.regex(found.find(({ node: name }) => name === 'b')?.reason ?? '', reason);
  });
}

const taken: [string, Node, Partial<PlacementRequest>][] = [
  ['a taint that is tolerated', node('b', { spec: { taints: [{ key: 'gpu', value: 'x', effect: 'NoSchedule' }] } }), { pod: pod({ tolerations: [{ key: 'gpu', operator: 'Exists' }] }) }],
  ['one of several terms', node('b', { labels: { zone: 'z2' } }), { pod: pod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['z1'] }] }, { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }] } } } }) }],
  ['just enough room', node('b'), { used: new Map([['b', { cpu: 1.5, memory: 3 * 2 ** 30, pods: 109 }]]) }],
];
for (const [what, target, more] of taken) test(`can take it: ${what}`, (t) => t.deepEqual(ask(target, more).names, ['b']));

test('quantities', (t) => {
  t.deepEqual(['250m', '1', '1Gi', '1e3', '1.5k', '100M'].map(quantity), [0.25, 1, 2 ** 30, 1000, 1500, 1e8]);
  t.true(Number.isNaN(quantity('a lot')));
});

const cpu = (name: string, value: string, more = {}) => ({ name, resources: { requests: { cpu: value } }, ...more });

test('a pod takes the sum of containers and sidecars, or what its largest init container takes', (t) => {
  t.deepEqual(requestsOf(pod({ containers: [cpu('a', '1'), cpu('b', '500m')], initContainers: [cpu('side', '250m', { restartPolicy: 'Always' })] })), { cpu: 1.75, pods: 1 });
  t.deepEqual(requestsOf(pod({ containers: [cpu('a', '1')], initContainers: [cpu('init', '3')] })), { cpu: 3, pods: 1 });
  t.deepEqual(requestsOf(pod({ containers: [{ name: 'a', resources: { limits: { cpu: '2' } } }] })), { cpu: 2, pods: 1 });
});

test('pods that have finished, or have no node, take nothing', (t) => {
  const running = pod();
  const finished: Pod = { ...pod(), status: { phase: 'Succeeded' } };
  const { nodeName: _none, ...gated } = pod().spec;
  t.deepEqual(usedByNode([running, running, finished, { ...pod(), spec: gated }]).get('a'), { cpu: 1, memory: 2 * 2 ** 30, pods: 2 });
});
