// Whose pods a budget is about, and how many of them it wants ready, counted by the API server or by us.
import test from 'ava';
import { pod } from '#core/testing/objects.ts';
import { demandOf, isBudgetOf, type DisruptionBudget } from './disruption-budget.ts';

type Spec = NonNullable<DisruptionBudget['spec']>;
const budget = (spec: Spec, status?: DisruptionBudget['status'], namespace = 'default'): DisruptionBudget => ({
  metadata: { name: 'b', namespace, generation: 2 },
  spec,
  ...(status === undefined ? {} : { status }),
});
const shop = pod({ metadata: { labels: { app: 'shop' } } });

const selections: [string, DisruptionBudget, boolean][] = [
  ['its labels', budget({ selector: { matchLabels: { app: 'shop' } } }), true],
  ['other labels', budget({ selector: { matchLabels: { app: 'web' } } }), false],
  ['an empty selector', budget({ selector: {} }), true],
  ['no selector', budget({}), false],
  ['a selector that is null', budget({ selector: null }), false],
  ['another namespace', budget({ selector: {} }, undefined, 'other'), false],
];
for (const [what, of, is] of selections)
  test(`${what}: ${is ? 'it is' : 'it is not'} about the pod`, (t) => t.is(isBudgetOf(of, shop), is));

const demands: [string, DisruptionBudget, number, { wanted: number; expected: number }][] = [
  [
    'counted by the API server',
    budget({ minAvailable: '50%' }, { observedGeneration: 2, desiredHealthy: 3, expectedPods: 6 }),
    4,
    { wanted: 3, expected: 6 },
  ],
  [
    'counted for an earlier spec',
    budget({ minAvailable: 2 }, { observedGeneration: 1, desiredHealthy: 3, expectedPods: 6 }),
    4,
    { wanted: 2, expected: 4 },
  ],
  ['a number that has to stay', budget({ minAvailable: 2 }), 3, { wanted: 2, expected: 3 }],
  ['a share that has to stay, rounded up', budget({ minAvailable: '50%' }), 5, { wanted: 3, expected: 5 }],
  ['a number that may go', budget({ maxUnavailable: 1 }), 3, { wanted: 2, expected: 3 }],
  ['a share that may go, rounded up', budget({ maxUnavailable: '30%' }), 4, { wanted: 2, expected: 4 }],
  ['all may go', budget({ maxUnavailable: '100%' }), 3, { wanted: 0, expected: 3 }],
  ['more may go than there are', budget({ maxUnavailable: 5 }), 3, { wanted: 0, expected: 3 }],
];
for (const [what, of, present, demand] of demands)
  test(`${what}: ${demand.wanted} of ${demand.expected}`, (t) => t.deepEqual(demandOf(of, present), demand));
