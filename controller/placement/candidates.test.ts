// Which nodes could take a pod, and in what words the others are ruled out.
import test from 'ava';
import { labels, nodeFactsAnnotation } from '#core/api/names.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import { node, pod } from '#core/testing/objects.ts';
import { affinityTo } from './claimed-affinity.ts';
import { candidates, type PlacementRequest } from './candidates.ts';
import { allocatableOf } from './room.ts';

const rooms = (used = new Map<string, bigint>()): PlacementRequest['rooms'] => ({
  of: (each) => ({ allocatable: allocatableOf(each), used }),
});
const ask = (target: Node, more: Partial<PlacementRequest> = {}) =>
  candidates({
    pod: pod(),
    source: node('a'),
    nodes: [node('a'), target],
    incoming: new Map(),
    maxIncoming: 2,
    rooms: rooms(),
    pods: [],
    ...more,
  });

test("a node like the source's can take the pod; the source itself cannot", (t) => {
  t.deepEqual(ask(node('b')), { names: ['b'], rejected: [{ node: 'a', reason: 'the pod runs there' }] });
});

const tainted = (effect: string, value?: string): Node =>
  node('b', { spec: { taints: [{ key: 'gpu', effect, ...(value === undefined ? {} : { value }) }] } });
const tolerating = (...tolerations: NonNullable<Pod['spec']['tolerations']>): Partial<PlacementRequest> => ({
  pod: pod({ spec: { tolerations } }),
});

const rejected: [string, Node, Partial<PlacementRequest>, RegExp][] = [
  ['another is named', node('b'), { targetNodeName: 'c' }, /names c/],
  [
    'no hostname to keep the replacement to',
    { ...node('b'), metadata: { ...node('b').metadata, labels: { [labels.agentReady]: 'true' } } },
    {},
    /no label kubernetes\.io\/hostname/,
  ],
  [
    'the hostname of the source',
    node('b', { labels: { 'kubernetes.io/hostname': 'a' } }),
    {},
    /label kubernetes\.io\/hostname is that of the pod's node/,
  ],
  ['not ready', node('b', { ready: { status: 'False' } }), {}, /not ready/],
  ['nobody knows whether it is ready', node('b', { ready: { status: 'Unknown' } }), {}, /not ready/],
  ['it has said nothing yet', { ...node('b'), status: {} }, {}, /not ready/],
  ['cordoned', node('b', { spec: { unschedulable: true } }), {}, /cordoned/],
  ['no agent', node('b', { labels: { [labels.agentReady]: '' } }), {}, /agent/],
  ['another architecture', node('b', { facts: { architecture: 'arm64' } }), {}, /arm64 instead of x64/],
  ['an older CPU', node('b', { facts: { cpuFlags: ['sse2'] } }), {}, /lacks avx/],
  ['another cgroup version', node('b', { facts: { cgroupVersion: 2 } }), {}, /cgroup v2/],
  ['its share of moves', node('b'), { incoming: new Map([['b', 2]]) }, /2 moves arrive/],
  ['nodeSelector', node('b'), { pod: pod({ spec: { nodeSelector: { disk: 'ssd' } } }) }, /nodeSelector disk=ssd/],
  ['no room', node('b', { allocatable: { pods: '3' } }), { rooms: rooms(new Map([['pods', 3n]])) }, /not enough pods/],
  ['a taint', tainted('NoSchedule'), {}, /taint gpu/],
  ['a taint that evicts', tainted('NoExecute'), {}, /taint gpu/],
  ['a toleration of another key', tainted('NoSchedule'), tolerating({ key: 'other', operator: 'Exists' }), /taint gpu/],
  [
    'a toleration of another effect',
    tainted('NoSchedule'),
    tolerating({ key: 'gpu', operator: 'Exists', effect: 'NoExecute' }),
    /taint gpu/,
  ],
  [
    'a toleration of another value',
    tainted('NoSchedule', 'x'),
    tolerating({ key: 'gpu', operator: 'Equal', value: 'y' }),
    /taint gpu/,
  ],
  ['a toleration of no value', tainted('NoSchedule', 'x'), tolerating({ key: 'gpu' }), /taint gpu/],
  ['an empty key that is to be equal', tainted('NoSchedule'), tolerating({ key: '', operator: 'Equal' }), /taint gpu/],
];
for (const [what, target, more, reason] of rejected) {
  test(`ruled out: ${what}`, (t) => {
    const { names, rejected: found } = ask(target, more);
    t.deepEqual(names, []);
    t.regex(found.find(({ node: name }) => name === 'b')?.reason ?? '', reason);
  });
}

const taken: [string, Node, Partial<PlacementRequest>][] = [
  ['it is the one that is named', node('b'), { targetNodeName: 'b' }],
  ['a taint that is only a wish', tainted('PreferNoSchedule'), {}],
  ['a taint whose key is tolerated', tainted('NoSchedule', 'x'), tolerating({ key: 'gpu', operator: 'Exists' })],
  ['a taint whose value is tolerated', tainted('NoSchedule', 'x'), tolerating({ key: 'gpu', value: 'x' })],
  ['a taint without a value', tainted('NoSchedule'), tolerating({ key: 'gpu', operator: 'Equal', value: '' })],
  [
    'a taint of the tolerated effect',
    tainted('NoExecute'),
    tolerating({ key: 'gpu', operator: 'Exists', effect: 'NoExecute' }),
  ],
  ['everything is tolerated', tainted('NoExecute', 'x'), tolerating({ operator: 'Exists' })],
  [
    'everything is tolerated, with an empty key',
    tainted('NoExecute', 'x'),
    tolerating({ key: '', operator: 'Exists', effect: '' }),
  ],
  ['more CPU features than the source', node('b', { facts: { cpuFlags: ['avx', 'avx2', 'sse2'] } }), {}],
  [
    'facts of another version, which the agents compare',
    { ...node('b'), metadata: { ...node('b').metadata, annotations: { [nodeFactsAnnotation]: '{"kernel":' } } },
    {},
  ],
  [
    'a source node that is gone',
    node('b', { facts: { architecture: 'arm64' } }),
    { source: undefined, nodes: [node('b')] },
  ],
  ['a hostname that is not its name', node('b', { labels: { 'kubernetes.io/hostname': 'ip-10-0-0-1' } }), {}],
  ['fewer moves than its share', node('b'), { incoming: new Map([['b', 1]]) }],
  [
    'what a former claim asked for does not count',
    node('b'),
    {
      pod: pod({
        metadata: { annotations: { 'godwit.dev/migration': 'm0' } },
        spec: { affinity: affinityTo(['c'], pod(), [node('c')]) },
      }),
    },
  ],
];
for (const [what, target, more] of taken)
  test(`can take it: ${what}`, (t) => t.deepEqual(ask(target, more).names, ['b']));

test('every node is a candidate or has a reason', (t) => {
  const { names, rejected: others } = ask(node('b'), {
    nodes: [node('a'), node('b'), node('c'), node('d', { spec: { unschedulable: true } })],
  });
  t.deepEqual(names, ['b', 'c']);
  t.deepEqual(
    others.map(({ node: name }) => name),
    ['a', 'd'],
  );
});
