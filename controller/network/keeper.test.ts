// An address is kept as long as anybody may speak with it, and no longer.
import test from 'ava';
import { lineageOf } from '#core/api/lineage.ts';
import type { Migration } from '#core/api/migration.ts';
import { annotations } from '#core/api/names.ts';
import type { StatefulSet } from '#core/api/owners.ts';
import { condition, migration, node, pod } from '#core/testing/objects.ts';
import { stableIP } from '#core/testing/stable-objects.ts';
import { addressCondition } from './address-condition.ts';
import { keeperOf, type Keeper, type KeeperFacts } from './keeper.ts';

const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'shop', uid: 'set-uid' };
const address = stableIP('198.18.0.10', { workload: { owner } });
const own = { [annotations.lineage]: 'l1' };
const set = (spec: StatefulSet['spec'], metadata: Partial<StatefulSet['metadata']> = {}): StatefulSet => ({
  metadata: { name: 'shop', uid: 'set-uid', ...metadata },
  spec,
});
const nodes = { a: node('a'), b: node('b') };
const lost = { ...nodes, a: node('a', { ready: { status: 'Unknown' } }) };
const outOfService = {
  a: node('a', {
    ready: { status: 'Unknown' },
    spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
  }),
};

function move(conditions: [string, 'True' | 'False' | 'Unknown'][], more: Migration['status'] = {}): Migration {
  return migration({
    status: {
      lineage: 'l1',
      source: { name: 'shop-0', uid: 'u1', nodeName: 'a' },
      conditions: conditions.map(([type, status]) => condition(type, status)),
      ...more,
    },
  });
}
const held: [string, 'True'][] = [
  ['Admitted', 'True'],
  ['Held', 'True'],
];

interface Case extends Partial<Omit<KeeperFacts, 'node'>> {
  nodes?: Record<string, ReturnType<typeof node>>;
}

function factsOf({ nodes: known = nodes, ...facts }: Case): KeeperFacts {
  return { address, pods: [], migrations: [], owner: undefined, node: (name) => known[name], ...facts };
}

/** Of a StatefulSet's pod, whose next incarnation has another UID. */
const next = pod({ owner: 'StatefulSet', metadata: { uid: 'u2' } });
const ofSet = stableIP('198.18.0.10', { workload: { lineage: lineageOf(next) } });

const cases: [string, Case, Keeper | undefined, string | undefined][] = [
  ['its pod runs', { pods: [pod({ metadata: { annotations: own } })] }, 'pod', 'Held'],
  [
    'its pod is being deleted',
    { pods: [pod({ metadata: { annotations: own, deletionTimestamp: 'now' } })] },
    'pod',
    'Held',
  ],
  ['its pod lost its annotation', { pods: [pod()] }, 'pod', 'Held'],
  ['its next pod has come and does not hold it yet', { address: ofSet, pods: [next] }, 'pod', 'Waiting'],
  [
    'the replacement that its Migration names has come',
    {
      migrations: [
        move([...held, ['Succeeded', 'False']], {
          handover: { id: 'm1-1', state: 'released' },
          target: { name: 'shop-x', uid: 'u2' },
        }),
      ],
      pods: [pod({ metadata: { name: 'shop-x', uid: 'u2' } })],
    },
    'pod',
    'Waiting',
  ],
  [
    'another pod runs',
    { pods: [pod({ metadata: { name: 'bank-0', uid: 'u2', annotations: { [annotations.lineage]: 'l2' } } })] },
    undefined,
    'Released',
  ],
  [
    'the pod of a Job is completed',
    { pods: [pod({ metadata: { annotations: own }, status: { phase: 'Succeeded' } })] },
    undefined,
    'Released',
  ],
  [
    'a Deployment deleted the pod: the next one has another lineage',
    { pods: [pod({ owner: 'ReplicaSet', metadata: { name: 'shop-x', uid: 'u2' } })] },
    undefined,
    'Released',
  ],
  ['the namespace is gone', {}, undefined, 'Released'],
  ['it moves', { migrations: [move(held)] }, 'move', undefined],
  [
    'it moves, and the replacement is there',
    { migrations: [move(held)], pods: [pod({ metadata: { uid: 'u2', annotations: own } })] },
    'move',
    undefined,
  ],
  [
    'a dry run moves nothing',
    { migrations: [{ ...move([]), spec: { ...move([]).spec, dryRun: true } }] },
    undefined,
    'Released',
  ],
  ['another workload moves', { migrations: [move(held, { lineage: 'l2' })] }, undefined, 'Released'],
  [
    'its move failed, and nobody said that the source has ended',
    { migrations: [move([...held, ['Succeeded', 'False']])] },
    'source',
    'Waiting',
  ],
  [
    'its move failed, and the source has ended',
    { migrations: [move([...held, ['Succeeded', 'False']], { handover: { id: 'm1-1', state: 'released' } })] },
    undefined,
    'Released',
  ],
  [
    "its move failed, and the source's node is gone",
    { migrations: [move([...held, ['Succeeded', 'False']])], nodes: { b: node('b') } },
    undefined,
    'Released',
  ],
  [
    'its move failed before anything was held',
    {
      migrations: [
        move([
          ['Admitted', 'False'],
          ['Succeeded', 'False'],
        ]),
      ],
    },
    undefined,
    'Released',
  ],
  [
    'it has moved, and its pod is gone',
    { migrations: [move([...held, ['Succeeded', 'True']])] },
    undefined,
    'Released',
  ],
  ['the node of the holder does not report', { nodes: lost }, 'node', 'NodeNotReady'],
  [
    'its pod is on a node that does not report',
    { nodes: lost, pods: [pod({ metadata: { annotations: own } })] },
    'pod',
    'NodeNotReady',
  ],
  ['the node of the holder is out of service', { nodes: outOfService }, undefined, 'Released'],
  ['its StatefulSet makes it again', { owner: set({ replicas: 1 }) }, 'owner', 'Waiting'],
  ['its StatefulSet, which says no number, has one', { owner: set({}) }, 'owner', 'Waiting'],
  [
    'its failed pod is made again',
    { owner: set({ replicas: 1 }), pods: [pod({ owner: 'StatefulSet', status: { phase: 'Failed' } })] },
    'owner',
    'Waiting',
  ],
  ['its StatefulSet was scaled down', { owner: set({ replicas: 0 }) }, undefined, 'Released'],
  [
    'its StatefulSet begins with another ordinal',
    { owner: set({ replicas: 3, ordinals: { start: 1 } }) },
    undefined,
    'Released',
  ],
  [
    'its StatefulSet is being deleted',
    { owner: set({ replicas: 1 }, { deletionTimestamp: 'now' }) },
    undefined,
    'Released',
  ],
  ['another StatefulSet has the name now', { owner: set({ replicas: 1 }, { uid: 'other' }) }, undefined, 'Released'],
];
for (const [what, given, keeper, reason] of cases) {
  test(`${what}: ${keeper === undefined ? 'nobody keeps it' : `kept by the ${keeper}`}, ${reason ?? 'nothing new is told'}`, (t) => {
    const facts = factsOf(given);
    t.is(keeperOf(facts), keeper);
    t.is(addressCondition(facts, keeper)?.reason, reason);
  });
}

test('a pod that admission never saw keeps its address by its UID', (t) => {
  const plain = pod({ metadata: { uid: 'u9' } });
  t.is(lineageOf(plain), 'u9');
  t.is(
    keeperOf(
      factsOf({
        address: stableIP('198.18.0.10', { workload: { lineage: 'u9' }, status: { epoch: 1 } }),
        pods: [plain],
      }),
    ),
    'pod',
  );
});

test('scaled up again within the minute it is kept again', (t) => {
  t.is(keeperOf(factsOf({ owner: set({ replicas: 0 }) })), undefined);
  t.is(keeperOf(factsOf({ owner: set({ replicas: 1 }), address: ofSet, pods: [next] })), 'pod');
});

test('nothing is told before the agent has written who holds it', (t) => {
  const { status: _none, ...fresh } = address;
  t.is(addressCondition(factsOf({ address: fresh }), undefined), undefined);
});

test('an address is not kept for a pod that only says that it has its lineage', (t) => {
  t.is(keeperOf(factsOf({ pods: [pod({ metadata: { name: 'evil', uid: 'u2', annotations: own } })] })), undefined);
});
