// What rules between pods leave open, as the scheduler would say.
import test from 'ava';
import type { Node, Pod } from '#core/api/pod.ts';
import { node, pod } from '#core/testing/objects.ts';
import { candidates } from './candidates.ts';
import { neighbourRules, type Neighbourhood } from './neighbours.ts';
import { allocatableOf } from './room.ts';

const host = 'kubernetes.io/hostname';
const zone = 'topology.kubernetes.io/zone';
/** a and b are in zone 1, c is in zone 2, d in none. */
const nodes = [
  node('a', { labels: { [host]: 'a', [zone]: '1' } }),
  node('b', { labels: { [host]: 'b', [zone]: '1' } }),
  node('c', { labels: { [host]: 'c', [zone]: '2' } }),
  node('d', { labels: { [host]: 'd' } }),
];
const shop = { labelSelector: { matchLabels: { app: 'shop' } } };

let made = 0;
function on(nodeName: string | undefined, spec: object = {}, metadata: object = {}): Pod {
  made += 1;
  return pod({
    metadata: { name: `p${made}`, uid: `p${made}`, labels: { app: 'shop' }, ...metadata },
    spec: { nodeName, ...spec },
  });
}

/** Names of the nodes that stay open. */
function open(moved: Pod, others: Pod[], more: Partial<Neighbourhood> = {}): string[] {
  const rule = neighbourRules({ pod: moved, others, nodes, selects: () => true, tolerates: () => true, ...more });
  return nodes.filter((each) => rule(each) === undefined).map(({ metadata }) => metadata.name);
}

const apart = (topologyKey: string, more: object = {}) => ({
  affinity: {
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...shop, topologyKey, ...more }] },
  },
});
const together = (topologyKey: string, more: object = {}) => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...shop, topologyKey, ...more }] } },
});
const both = {
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { ...shop, topologyKey: zone },
        { labelSelector: { matchLabels: { tier: 'front' } }, topologyKey: zone },
      ],
    },
  },
};
const spread = (topologyKey: string, more: object = {}) => ({
  topologySpreadConstraints: [{ ...shop, topologyKey, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', ...more }],
});
const port = (hostPort: number, more: object = {}) => ({
  containers: [{ name: 'app', ports: [{ containerPort: 80, hostPort, ...more }] }],
});
const ofOther = { metadata: { namespace: 'other' } };

const cases: [string, Pod, Pod[], string[], Partial<Neighbourhood>?][] = [
  ['no rules', on('a'), [on('b')], ['a', 'b', 'c', 'd']],
  ['anti-affinity by host', on('a', apart(host)), [on('b')], ['a', 'c', 'd']],
  ['anti-affinity by zone', on('a', apart(zone)), [on('b')], ['c', 'd']],
  ['anti-affinity of the other', on('a'), [on('b', apart(zone))], ['c', 'd']],
  [
    'anti-affinity to other labels',
    on('a', apart(host)),
    [on('b', {}, { labels: { app: 'web' } })],
    ['a', 'b', 'c', 'd'],
  ],
  ['anti-affinity in another namespace', on('a', apart(host)), [on('b', {}, ofOther.metadata)], ['a', 'b', 'c', 'd']],
  [
    'anti-affinity to a named namespace',
    on('a', apart(host, { namespaces: ['other'] })),
    [on('b', {}, ofOther.metadata), on('c')],
    ['a', 'c', 'd'],
  ],
  [
    'anti-affinity to all namespaces',
    on('a', apart(host, { namespaceSelector: {} })),
    [on('b', {}, ofOther.metadata), on('c')],
    ['a', 'd'],
  ],
  [
    'anti-affinity to namespaces by label is left to the scheduler',
    on('a', apart(host, { namespaceSelector: { matchLabels: { team: 'x' } } })),
    [on('b')],
    ['a', 'b', 'c', 'd'],
  ],
  ['anti-affinity to nobody', on('a', apart(host, { labelSelector: null })), [on('b')], ['a', 'b', 'c', 'd']],
  ['anti-affinity to itself while it is still there', on('a', apart(zone)), [], ['c', 'd'], { leaving: on('a') }],
  ['affinity', on('a', together(zone)), [on('c')], ['c']],
  ['affinity, the first of its group', on('a', together(zone)), [], ['a', 'b', 'c']],
  ['affinity to itself while it is still there', on('a', together(zone)), [], ['a', 'b'], { leaving: on('a') }],
  [
    'affinity by two terms, to those that both are about',
    on('a', both, { labels: { app: 'shop', tier: 'front' } }),
    [on('a'), on('c', {}, { labels: { app: 'shop', tier: 'front' } })],
    ['c'],
  ],
  [
    'affinity by two terms, of which each is about another',
    on('a', both, { labels: { app: 'web' } }),
    [on('a'), on('c', {}, { labels: { app: 'x', tier: 'front' } })],
    [],
  ],
  ['affinity to others that are nowhere', on('a', together(zone), { labels: { app: 'web' } }), [], []],
  ['spread by host', on('a', spread(host)), [on('b'), on('c')], ['a', 'd']],
  ['spread by zone', on('a', spread(zone)), [on('b')], ['c']],
  ['spread that another node would break less', on('a', spread(zone, { maxSkew: 2 })), [on('b')], ['a', 'b', 'c']],
  [
    'spread does not count what is being deleted',
    on('a', spread(zone)),
    [on('b', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' })],
    ['a', 'b', 'c'],
  ],
  ['spread over more domains than there are', on('a', spread(zone, { minDomains: 3 })), [on('b')], ['c']],
  [
    'spread over nodes that the pod may use',
    on('a', spread(zone)),
    [on('b')],
    ['a', 'b', 'c'],
    { selects: ({ metadata }: Node) => metadata.name !== 'c' },
  ],
  [
    'spread of one revision',
    on('a', spread(host, { matchLabelKeys: ['rev'] }), { labels: { app: 'shop', rev: '2' } }),
    [on('b', {}, { labels: { app: 'shop', rev: '1' } })],
    ['a', 'b', 'c', 'd'],
  ],
  [
    'a spread that is only wished',
    on('a', spread(host, { whenUnsatisfiable: 'ScheduleAnyway' })),
    [on('b')],
    ['a', 'b', 'c', 'd'],
  ],
  ['a port of the node', on('a', port(80)), [on('b', port(80)), on('c', port(81))], ['a', 'c', 'd']],
  ['a port of another protocol', on('a', port(80)), [on('b', port(80, { protocol: 'UDP' }))], ['a', 'b', 'c', 'd']],
  [
    'a port of one address',
    on('a', port(80, { hostIP: '10.0.0.1' })),
    [on('b', port(80)), on('c', port(80, { hostIP: '10.0.0.2' }))],
    ['a', 'c', 'd'],
  ],
  [
    'rules that nobody knows',
    on('a', {
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: 7 } },
      topologySpreadConstraints: [{}],
    }),
    [on('b')],
    ['a', 'b', 'c', 'd'],
  ],
];
for (const [what, moved, others, expected, more] of cases)
  test(what, (t) => t.deepEqual(open(moved, others, more), expected));

test('a set of two on two nodes that keeps them apart has no candidate, and the rule is named', (t) => {
  const [first, second] = [on('a', apart(host)), on('b', apart(host))];
  const { names, rejected } = candidates({
    pod: first,
    leaving: first.metadata.uid,
    pods: [first, second],
    source: nodes[0],
    nodes: nodes.slice(0, 2),
    incoming: new Map(),
    maxIncoming: 2,
    rooms: { of: (each) => ({ allocatable: allocatableOf(each), used: new Map() }) },
  });
  t.deepEqual(names, []);
  t.regex(rejected.at(-1)?.reason ?? '', /anti-affinity/);
});
