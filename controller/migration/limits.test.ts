// A drain moves a few pods at a time: a move waits for the moves before it, and for a node that can take its pod.
import test from 'ava';
import { condition, migration } from '#core/testing/objects.ts';
import type { Claimant } from './shares.ts';
import { incomingByNode, waitReason, type Limits } from './limits.ts';

const limits: Limits = { perNode: 2, perCluster: 3 };
const free = (): undefined => undefined;
const drain: Claimant = { trigger: 'Drain', namespace: 'default' };
const room = { names: ['b'], rejected: [] };

const moving = (from: string, to?: string) =>
  migration({
    spec: { trigger: 'Drain' },
    status: {
      conditions: [condition('Admitted')],
      source: { name: 'p', uid: 'u', nodeName: from },
      ...(to === undefined ? {} : { target: { name: 'p', nodeName: to } }),
    },
  });
const waiting = migration({
  status: { conditions: [condition('Admitted', 'False', 'Waiting')], source: { name: 'p', uid: 'u', nodeName: 'a' } },
});

const cases: [
  string,
  ReturnType<typeof migration>[],
  { names: string[]; rejected: { node: string; reason: string }[] },
  string | undefined,
][] = [
  ['nothing else moves', [], room, undefined],
  ['one other leaves the node', [moving('a')], room, undefined],
  ['two others leave the node', [moving('a'), moving('a')], room, '2 moves leave a, 2 are allowed'],
  ['two others leave other nodes', [moving('c'), moving('d')], room, undefined],
  [
    'three others move anywhere',
    [moving('c'), moving('c'), moving('d')],
    room,
    '3 moves are under way in the cluster, 3 are allowed',
  ],
  ['others wait as well', [waiting, waiting, migration(), moving('a')], room, undefined],
  [
    'no node can take it',
    [],
    {
      names: [],
      rejected: [
        { node: 'a', reason: 'the pod runs there' },
        { node: 'b', reason: 'cordoned' },
      ],
    },
    'no node can take the pod: a: the pod runs there; b: cordoned',
  ],
  ['there is no node', [], { names: [], rejected: [] }, 'no node can take the pod: there is none'],
];
for (const [what, others, placement, reason] of cases)
  test(`${what}: ${reason === undefined ? 'it begins' : 'it waits'}`, (t) =>
    t.is(waitReason(others, 'a', { budget: free, place: () => placement }, limits, drain), reason));

test('of a thousand nodes a few are named', (t) => {
  const rejected = Array.from({ length: 1000 }, (_, number) => ({ node: `n${number}`, reason: 'cordoned' }));
  t.regex(
    waitReason([], 'a', { budget: free, place: () => ({ names: [], rejected }) }, limits, drain) ?? '',
    /^no node can take the pod: n0: cordoned; .*; n9: cordoned; and 990 other nodes$/,
  );
});

test('a budget makes it wait, and is named', (t) => {
  t.is(
    waitReason([], 'a', { budget: () => 'PodDisruptionBudget shop', place: () => room }, limits, drain),
    'PodDisruptionBudget shop',
  );
});

test('neither budgets nor nodes are looked at before its turn has come', (t) => {
  t.notThrows(() =>
    waitReason([moving('a'), moving('a')], 'a', { budget: () => t.fail(), place: () => t.fail() }, limits, drain),
  );
});

test('moves that have a target are counted for its node', (t) => {
  t.deepEqual(
    incomingByNode([moving('a', 'b'), moving('c', 'b'), moving('a', 'd'), moving('a'), waiting, migration()], drain, 2),
    new Map([
      ['b', 2],
      ['d', 1],
    ]),
  );
});

const byUser = (namespace: string, from = 'c', to?: string) => {
  const move = moving(from, to);
  return { ...move, metadata: { ...move.metadata, namespace }, spec: { ...move.spec, trigger: 'User' as const } };
};
const five: Limits = { perNode: 2, perCluster: 5 };
const wait = (others: ReturnType<typeof migration>[], claimant: Claimant) =>
  waitReason(others, 'a', { budget: free, place: () => room }, five, claimant);

test('however many moves users ask for, half of the places are there for interruptions', (t) => {
  const many = Array.from({ length: 7 }, () => byUser('mallory'));
  t.is(wait(many, drain), undefined);
  t.is(wait([...many, moving('d'), moving('e')], drain), undefined);
  t.regex(wait([...many, moving('d'), moving('e'), moving('f')], drain) ?? '', /5 moves are under way/);
  t.is(wait([byUser('mallory', 'a'), byUser('mallory', 'a')], drain), undefined, 'also of a node');
  t.is(incomingByNode([byUser('mallory', 'c', 'b'), byUser('mallory', 'c', 'b')], drain, 2).get('b'), 1);
});

test('users of one namespace have no more than half of the places', (t) => {
  const mallory = Array.from({ length: 3 }, () => byUser('mallory'));
  t.is(
    wait(mallory, { trigger: 'User', namespace: 'mallory' }),
    '3 moves that users asked for in namespace mallory are under way, 3 are allowed to one',
  );
  t.is(wait(mallory, { trigger: 'User', namespace: 'bank' }), undefined);
  t.is(
    wait([moving('d'), moving('e'), moving('f')], { trigger: 'User', namespace: 'default' }),
    undefined,
    "interruptions are nobody's choice",
  );
});
