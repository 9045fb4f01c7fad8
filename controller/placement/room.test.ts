// Room on a node is counted as the scheduler counts it, so that a claimed pod does not wait for a node that cannot take it.
import test from 'ava';
import { node, pod } from '#core/testing/objects.ts';
import { quantity, requestsOf, shortage, usedByNode } from './room.ts';

const quantities: [string, number][] = [
  ['0', 0], ['1', 1], ['250m', 0.25], ['1.5', 1.5], ['.5', 0.5], ['-1', -1], ['+2', 2],
  ['5n', 5e-9], ['2u', 2e-6], ['1k', 1e3], ['1.5k', 1500], ['100M', 1e8], ['2G', 2e9], ['1T', 1e12], ['1P', 1e15], ['1E', 1e18],
  ['1Ki', 2 ** 10], ['1Mi', 2 ** 20], ['1Gi', 2 ** 30], ['1.5Gi', 1.5 * 2 ** 30], ['1Ti', 2 ** 40], ['1Pi', 2 ** 50], ['1Ei', 2 ** 60],
  ['1e3', 1000], ['1E3', 1000], ['12e-1', 1.2],
];
for (const [text, value] of quantities) test(`quantity ${text}`, (t) => t.is(quantity(text), value));

test('what is no quantity is no number', (t) => {
  for (const text of ['', 'a lot', '1ki', '1KB', '1 Gi', 'Gi', '1.2.3', '1e', '--1', '1constructor']) t.is(quantity(text), Number.NaN, text);
});

const cpu = (name: string, value: string | number, more = {}) => ({ name, resources: { requests: { cpu: value } }, ...more });
const sidecar = { restartPolicy: 'Always' };

test('containers and sidecars count together', (t) => {
  t.deepEqual(requestsOf(pod({ spec: { containers: [cpu('a', '1'), cpu('b', '500m')], initContainers: [cpu('side', '250m', sidecar)] } })), { cpu: 1.75, pods: 1 });
});

test('the largest init container counts where it takes more than they', (t) => {
  const containers = [cpu('a', '1')];
  t.deepEqual(requestsOf(pod({ spec: { containers, initContainers: [cpu('i', '3'), cpu('j', '2')] } })), { cpu: 3, pods: 1 });
  t.deepEqual(requestsOf(pod({ spec: { containers, initContainers: [cpu('i', '500m')] } })), { cpu: 1, pods: 1 });
});

test('each resource is counted by itself', (t) => {
  const containers = [{ name: 'a', resources: { requests: { cpu: 2, memory: '1Gi' } } }];
  const initContainers = [{ name: 'i', resources: { requests: { cpu: '1', memory: '2Gi', 'hugepages-2Mi': '4Mi' } } }];
  t.deepEqual(requestsOf(pod({ spec: { containers, initContainers } })), { cpu: 2, memory: 2 ** 31, 'hugepages-2Mi': 2 ** 22, pods: 1 });
});

test('limits stand in for requests that are left out; a pod without either takes a place', (t) => {
  t.deepEqual(requestsOf(pod({ spec: { containers: [{ name: 'a', resources: { limits: { cpu: '2', memory: '1k' }, requests: { cpu: '1' } } }] } })), { cpu: 1, memory: 1000, pods: 1 });
  t.deepEqual(requestsOf(pod()), { pods: 1 });
});

test('pods of a node add up; those that have finished, or have no node, take nothing', (t) => {
  const running = pod({ spec: { containers: [cpu('a', '500m')] } });
  const finished = ['Succeeded', 'Failed'].map((phase) => pod({ spec: running.spec, status: { phase } }));
  const gated = pod({ spec: { ...running.spec, nodeName: undefined } });
  const elsewhere = pod({ spec: { ...running.spec, nodeName: 'b' } });
  t.deepEqual(usedByNode([running, running, ...finished, gated, elsewhere]), new Map([['a', { cpu: 1, pods: 2 }], ['b', { cpu: 0.5, pods: 1 }]]));
});

test('one that is terminating still takes its room', (t) => {
  t.deepEqual(usedByNode([pod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })]).get('a'), { pods: 1 });
});

const wanting = pod({ spec: { containers: [{ name: 'a', resources: { requests: { cpu: '500m', memory: '1Gi' } } }] } });
const rooms: [string, Record<string, number> | undefined, Record<string, string>, string | undefined][] = [
  ['an empty node', undefined, { cpu: '2', memory: '4Gi', pods: '110' }, undefined],
  ['just enough of everything', { cpu: 1.5, memory: 3 * 2 ** 30, pods: 109 }, { cpu: '2', memory: '4Gi', pods: '110' }, undefined],
  ['too little CPU', { cpu: 1.6 }, { cpu: '2', memory: '4Gi', pods: '110' }, 'not enough cpu'],
  ['too little memory', {}, { cpu: '2', memory: '1000Mi', pods: '110' }, 'not enough memory'],
  ['a place too few', { pods: 110 }, { cpu: '2', memory: '4Gi', pods: '110' }, 'not enough pods'],
];
for (const [what, used, allocatable, short] of rooms) test(`${what}: ${short ?? 'there is room'}`, (t) => t.is(shortage(node('b', { allocatable }), used, wanting), short));

test('a pod that asks for nothing fits where a place is left', (t) => {
  const zero = pod({ spec: { containers: [cpu('a', '0')] } });
  t.is(shortage(node('b'), { cpu: 5 }, zero), undefined);
  t.is(shortage(node('b'), { pods: 110 }, zero), 'not enough pods');
});
