// A drain moves a few pods at a time: a move waits for the moves before it, and for a node that can take its pod.
import test from 'ava';
import { condition, migration } from '#core/testing/objects.ts';
import { incomingByNode, waitReason, type Limits } from './limits.ts';

const limits: Limits = { perNode: 2, perCluster: 3 };
const free = (): undefined => undefined;
const room = { names: ['b'], rejected: [] };

const moving = (from: string, to?: string) =>
  migration({ status: { conditions: [condition('Admitted')], source: { name: 'p', uid: 'u', nodeName: from }, ...(to === undefined ? {} : { target: { name: 'p', nodeName: to } }) } });
const waiting = migration({ status: { conditions: [condition('Admitted', 'False', 'Waiting')], source: { name: 'p', uid: 'u', nodeName: 'a' } } });

const cases: [string, ReturnType<typeof migration>[], { names: string[]; rejected: { node: string; reason: string }[] }, string | undefined][] = [
  ['nothing else moves', [], room, undefined],
  ['one other leaves the node', [moving('a')], room, undefined],
  ['two others leave the node', [moving('a'), moving('a')], room, '2 moves leave a, 2 are allowed'],
  ['two others leave other nodes', [moving('c'), moving('d')], room, undefined],
  ['three others move anywhere', [moving('c'), moving('c'), moving('d')], room, '3 moves are under way in the cluster, 3 are allowed'],
  ['others wait as well', [waiting, waiting, migration(), moving('a')], room, undefined],
  ['no node can take it', [], { names: [], rejected: [{ node: 'a', reason: 'the pod runs there' }, { node: 'b', reason: 'cordoned' }] }, 'no node can take the pod: a: the pod runs there; b: cordoned'],
  ['there is no node', [], { names: [], rejected: [] }, 'no node can take the pod: there is none'],
];
for (const [what, others, placement, reason] of cases) test(`${what}: ${reason === undefined ? 'it begins' : 'it waits'}`, (t) => t.is(waitReason(others, 'a', { budget: free, place: () => placement }, limits), reason));

test('of a thousand nodes a few are named', (t) => {
  const rejected = Array.from({ length: 1000 }, (_, number) => ({ node: `n${number}`, reason: 'cordoned' }));
  t.regex(waitReason([], 'a', { budget: free, place: () => ({ names: [], rejected }) }, limits) ?? '', /^no node can take the pod: n0: cordoned; .*; n9: cordoned; and 990 other nodes$/);
});

test('a budget makes it wait, and is named', (t) => {
  t.is(waitReason([], 'a', { budget: () => 'PodDisruptionBudget shop', place: () => room }, limits), 'PodDisruptionBudget shop');
});

test('neither budgets nor nodes are looked at before its turn has come', (t) => {
  t.notThrows(() => waitReason([moving('a'), moving('a')], 'a', { budget: () => t.fail(), place: () => t.fail() }, limits));
});

test('moves that have a target are counted for its node', (t) => {
  t.deepEqual(incomingByNode([moving('a', 'b'), moving('c', 'b'), moving('a', 'd'), moving('a'), waiting, migration()]), new Map([['b', 2], ['d', 1]]));
});
