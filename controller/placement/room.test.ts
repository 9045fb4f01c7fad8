// Room on a node is counted as the scheduler counts it, so that a claimed pod does not wait for a node that cannot take
// it.
import test from 'ava';
import type { Pod } from '#core/api/pod.ts';
import { node, pod } from '#core/testing/objects.ts';
import { allocatableOf, requestsOf, shortage, usedBy } from './room.ts';

const cpu = (name: string, value: string | number, more = {}) => ({
  name,
  resources: { requests: { cpu: value } },
  ...more,
});
const sidecar = { restartPolicy: 'Always' };
const asked = (spec: Partial<Pod['spec']>) => Object.fromEntries(requestsOf(pod({ spec })));

const inits: [string, Pod['spec']['initContainers'], bigint][] = [
  ['none', [], 1000n],
  ['a smaller one', [cpu('i', '500m')], 1000n],
  ['the largest of several', [cpu('i', '3'), cpu('j', '2')], 3000n],
  ['a sidecar, which stays', [cpu('side', '250m', sidecar)], 1250n],
  ['one before a sidecar runs without it', [cpu('i', '1200m'), cpu('side', '250m', sidecar)], 1250n],
  ['one after a sidecar runs beside it', [cpu('side', '250m', sidecar), cpu('i', '1200m')], 1450n],
  [
    'one between sidecars runs beside the first',
    [cpu('s', '100m', sidecar), cpu('i', '2'), cpu('t', '200m', sidecar)],
    2100n,
  ],
  [
    'one after two sidecars runs beside both',
    [cpu('s', '100m', sidecar), cpu('t', '200m', sidecar), cpu('i', '2')],
    2300n,
  ],
];
for (const [what, initContainers, expected] of inits) {
  test(`init containers: ${what}`, (t) =>
    t.deepEqual(asked({ containers: [cpu('a', '700m'), cpu('b', '300m')], initContainers }), {
      cpu: expected,
      pods: 1n,
    }));
}

test('each resource is counted by itself', (t) => {
  const containers = [{ name: 'a', resources: { requests: { cpu: 2, memory: '1Gi' } } }];
  const initContainers = [{ name: 'i', resources: { requests: { cpu: '1', memory: '2Gi', 'hugepages-2Mi': '4Mi' } } }];
  t.deepEqual(asked({ containers, initContainers }), {
    cpu: 2000n,
    memory: 2n ** 31n,
    'hugepages-2Mi': 2n ** 22n,
    pods: 1n,
  });
});

test('limits stand in for requests that are left out; a pod without either takes a place', (t) => {
  t.deepEqual(
    asked({ containers: [{ name: 'a', resources: { limits: { cpu: '2', memory: '1k' }, requests: { cpu: '1' } } }] }),
    { cpu: 1000n, memory: 1000n, pods: 1n },
  );
  t.deepEqual(asked({}), { pods: 1n });
});

const wholes: [string, Partial<Pod['spec']>, Record<string, bigint>][] = [
  [
    'overhead is added',
    { containers: [cpu('a', '1')], overhead: { cpu: '250m', memory: '120Mi' } },
    { cpu: 1250n, memory: 120n * 2n ** 20n },
  ],
  [
    'overhead is added to the largest init container',
    { initContainers: [cpu('i', '2')], overhead: { cpu: '250m' } },
    { cpu: 2250n },
  ],
  [
    'what the pod asks for as a whole counts instead of what its containers do',
    { containers: [cpu('a', '1'), cpu('b', '1')], resources: { requests: { cpu: '1500m', memory: '1Ki' } } },
    { cpu: 1500n, memory: 1024n },
  ],
  [
    'and of its init containers',
    { initContainers: [cpu('i', '3')], resources: { requests: { cpu: '1' } } },
    { cpu: 1000n },
  ],
  [
    'what it does not ask for as a whole stays as it was',
    { containers: [cpu('a', '1')], resources: { requests: { memory: '1Ki' } } },
    { cpu: 1000n, memory: 1024n },
  ],
  [
    'of some resources only',
    {
      containers: [{ name: 'a', resources: { requests: { 'ephemeral-storage': '5', 'example.com/nic': '1' } } }],
      resources: { requests: { 'ephemeral-storage': '1', 'example.com/nic': '9', 'hugepages-2Mi': '2Mi' } },
    },
    { 'ephemeral-storage': 5n, 'example.com/nic': 1n, 'hugepages-2Mi': 2n ** 21n },
  ],
  ['its overhead comes on top', { resources: { requests: { cpu: '1' } }, overhead: { cpu: '100m' } }, { cpu: 1100n }],
  [
    'fractions add up before they are rounded up',
    { containers: [cpu('a', '100500u'), cpu('b', '100500u')] },
    { cpu: 201n },
  ],
  [
    'a rest takes a whole unit',
    { containers: [{ name: 'a', resources: { requests: { cpu: '1n', memory: '1m' } } }] },
    { cpu: 1n, memory: 1n },
  ],
];
for (const [what, spec, expected] of wholes)
  test(`a pod as a whole: ${what}`, (t) => t.deepEqual(asked(spec), { ...expected, pods: 1n }));

test('pods add up; those that have finished take nothing', (t) => {
  const running = pod({ spec: { containers: [cpu('a', '500m')] } });
  const finished = ['Succeeded', 'Failed'].map((phase) => pod({ spec: running.spec, status: { phase } }));
  t.deepEqual(
    usedBy([running, running, ...finished]),
    new Map([
      ['cpu', 1000n],
      ['pods', 2n],
    ]),
  );
});

test('one that is terminating still takes its room', (t) => {
  t.deepEqual(usedBy([pod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })]), new Map([['pods', 1n]]));
});

type Given = Record<string, string>;
const wanting = (resources: Given) =>
  pod({ spec: { containers: [{ name: 'a', resources: { requests: resources } }] } });
/** What is short on a node of which a pod takes `used`. */
const lacking = (resources: Given, used: Given | undefined, allocatable?: Given) =>
  shortage(
    {
      allocatable: allocatableOf(node('b', allocatable && { allocatable })),
      used: usedBy(used === undefined ? [] : [wanting(used)]),
    },
    requestsOf(wanting(resources)),
  );
const rooms: [string, Given, Given | undefined, Given, string | undefined][] = [
  ['an empty node', { cpu: '500m', memory: '1Gi' }, undefined, { cpu: '2', memory: '4Gi', pods: '110' }, undefined],
  [
    'just enough of everything',
    { cpu: '500m', memory: '1Gi' },
    { cpu: '1500m', memory: '3Gi' },
    { cpu: '2', memory: '4Gi', pods: '2' },
    undefined,
  ],
  [
    'tenths that a double does not add up exactly',
    { cpu: '200m' },
    { cpu: '100m' },
    { cpu: '300m', pods: '2' },
    undefined,
  ],
  [
    'a thousandth too little',
    { cpu: '200m' },
    { cpu: '101m' },
    { cpu: '300m', pods: '2' },
    'not enough cpu: 1m missing',
  ],
  [
    'more than a double counts',
    { memory: '1' },
    { memory: '8Ei' },
    { memory: '8Ei', pods: '2' },
    'not enough memory: 1 missing',
  ],
  ['too little CPU', { cpu: '500m' }, { cpu: '2500m' }, { cpu: '2', pods: '2' }, 'not enough cpu: 1 missing'],
  ['too little memory', { memory: '1Gi' }, {}, { memory: '1000Mi', pods: '2' }, 'not enough memory: 24Mi missing'],
  [
    'too little memory by a part',
    { memory: '1000001Ki' },
    {},
    { memory: '1G', pods: '2' },
    'not enough memory: 22.9Mi missing',
  ],
  [
    'too little storage',
    { 'ephemeral-storage': '3Gi' },
    {},
    { 'ephemeral-storage': '1Gi', pods: '2' },
    'not enough ephemeral-storage: 2Gi missing',
  ],
  [
    'too few devices',
    { 'example.com/nic': '2' },
    { 'example.com/nic': '1' },
    { 'example.com/nic': '2', pods: '2' },
    'not enough example.com/nic: 1 missing',
  ],
  [
    'a device that the node does not have',
    { 'example.com/nic': '1' },
    undefined,
    { cpu: '2', pods: '2' },
    'not enough example.com/nic: the node has none',
  ],
  [
    'storage of which the node says nothing',
    { 'ephemeral-storage': '1' },
    undefined,
    { cpu: '2', pods: '2' },
    'not enough ephemeral-storage: the node has none',
  ],
  [
    'none of a device that the node does not have',
    { 'example.com/nic': '0' },
    undefined,
    { cpu: '2', pods: '2' },
    undefined,
  ],
  ['a place too few', {}, {}, { cpu: '2', pods: '1' }, 'not enough pods: all 1 places are taken'],
  ['no place at all', {}, undefined, { cpu: '2' }, 'not enough pods: the node has none'],
];
for (const [what, resources, used, allocatable, short] of rooms) {
  test(`${what}: ${short ?? 'there is room'}`, (t) => t.is(lacking(resources, used, allocatable), short));
}

test('a pod that asks for nothing fits where a place is left, also where others take too much', (t) => {
  t.is(lacking({ cpu: '0' }, { cpu: '5' }), undefined);
});
