// A drain of many pods never takes more of one budget than it allows, whatever else is not ready.
import test from 'ava';
import * as fc from 'fast-check';
import type { DisruptionBudget } from '#core/api/disruption-budget.ts';
import type { Pod } from '#core/api/pod.ts';
import { at, pod } from '#core/testing/objects.ts';
import { budgetWait, type BudgetFacts } from './budgets.ts';

type Spec = NonNullable<DisruptionBudget['spec']>;
const budget = (spec: Spec, name = 'b'): DisruptionBudget => ({
  metadata: { name, namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'shop' } }, ...spec },
});
const shop = (number: number, ready = true, metadata: Partial<Pod['metadata']> = {}): Pod =>
  pod({
    metadata: { name: `shop-${number}`, uid: `u${number}`, labels: { app: 'shop' }, ...metadata },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  });
const first = shop(0);
const three = [first, shop(1), shop(2)];
const facts = (more: Partial<BudgetFacts>): BudgetFacts => ({
  pod: first,
  trigger: 'Drain',
  mayUndercut: false,
  budgets: [budget({ minAvailable: 2 })],
  pods: three,
  leaving: new Set(),
  ...more,
});

const cases: [string, Partial<BudgetFacts>, RegExp | undefined][] = [
  ['enough are ready', {}, undefined],
  [
    'no budget is about it',
    { budgets: [budget({ selector: { matchLabels: { app: 'web' } }, minAvailable: 9 })] },
    undefined,
  ],
  [
    'another one moves',
    { leaving: new Set(['u1']) },
    /^PodDisruptionBudget b wants 2 of 3 pods ready, and 1 beside this one moves or is not ready$/,
  ],
  ['another one is not ready', { pods: [first, shop(1, false), shop(2)] }, /1 beside this one/],
  [
    'another one is being deleted',
    { pods: [first, shop(1, true, { deletionTimestamp: at(1) }), shop(2)] },
    /1 beside this one/,
  ],
  ['a pod of others is not ready', { pods: [...three, shop(3, false, { labels: { app: 'web' } })] }, undefined],
  [
    'one that has finished does not count',
    {
      budgets: [budget({ maxUnavailable: 1 })],
      pods: [...three, { ...shop(3, false), status: { phase: 'Succeeded' } }],
    },
    undefined,
  ],
  [
    'the second of two budgets',
    { budgets: [budget({ minAvailable: 1 }), budget({ maxUnavailable: 0 }, 'strict')] },
    /^PodDisruptionBudget strict wants 3 of 3 pods ready, and this one is needed$/,
  ],
  ['its own node shuts down', { trigger: 'NodeShutdown', leaving: new Set(['u1', 'u2']) }, undefined],
  ['it was preempted', { trigger: 'Preemption', leaving: new Set(['u1', 'u2']) }, undefined],
  ['one replica, respected', { budgets: [budget({ minAvailable: 1 })], pods: [first] }, /this one is needed/],
  [
    'one replica, a move may undercut it',
    { budgets: [budget({ minAvailable: 1 })], pods: [first], mayUndercut: true },
    undefined,
  ],
  [
    'one replica, a user moves it',
    { budgets: [budget({ minAvailable: '100%' })], pods: [first], trigger: 'User' },
    undefined,
  ],
  ['all of three, a move may undercut it', { budgets: [budget({ maxUnavailable: 0 })], mayUndercut: true }, undefined],
  [
    'all of three, another one moves already',
    { budgets: [budget({ maxUnavailable: 0 })], mayUndercut: true, leaving: new Set(['u2']) },
    /1 beside this one/,
  ],
  [
    'it is not ready itself, and too few others are',
    { pod: shop(0, false), pods: [shop(0, false), shop(1, false), shop(2)] },
    /1 beside this one/,
  ],
  [
    'it is not ready itself, and such may always go',
    {
      budgets: [budget({ minAvailable: 3, unhealthyPodEvictionPolicy: 'AlwaysAllow' })],
      pod: shop(0, false),
      pods: [shop(0, false), shop(1, false)],
    },
    undefined,
  ],
];
for (const [what, more, reason] of cases) {
  test(`${what}: ${reason === undefined ? 'it moves' : 'it waits'}`, (t) => {
    const wait = budgetWait(facts(more));
    if (reason === undefined) t.is(wait, undefined);
    else t.regex(wait ?? '', reason);
  });
}

const size = { minLength: 1, maxLength: 8 };
const spec: fc.Arbitrary<Spec> = fc.oneof(
  fc.record({
    minAvailable: fc.oneof(
      fc.nat({ max: 9 }),
      fc.nat({ max: 100 }).map((percent) => `${percent}%`),
    ),
  }),
  fc.record({
    maxUnavailable: fc.oneof(
      fc.nat({ max: 9 }),
      fc.nat({ max: 100 }).map((percent) => `${percent}%`),
    ),
  }),
);
const wantedBy = ({ minAvailable, maxUnavailable }: Spec, count: number): number => {
  const share = (amount: string | number): number =>
    typeof amount === 'number' ? amount : Math.ceil((Number.parseInt(amount, 10) * count) / 100);
  return minAvailable === undefined ? Math.max(0, count - share(maxUnavailable ?? 0)) : share(minAvailable);
};

test('any drain: moves that begin whenever they may leave as many ready as every budget wants, or all but one where moves may undercut it', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), size),
      fc.array(spec, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      fc.array(fc.tuple(fc.nat(), fc.boolean()), { maxLength: 30 }),
      (readiness, specs, mayUndercut, story) => {
        const pods = readiness.map((ready, number) => shop(number, ready));
        const budgets = specs.map((one, index) => budget(one, `b${index}`));
        const leaving = new Set<string>();
        const ready = (): number =>
          pods.filter(
            ({ metadata: { uid = '' }, status }) => !leaving.has(uid) && status?.conditions?.[0]?.status === 'True',
          ).length;
        for (const [choice, ends] of story) {
          const subject = pods[choice % pods.length];
          const uid = subject?.metadata.uid ?? '';
          if (subject === undefined) continue;
          if (ends) {
            leaving.delete(uid);
            continue;
          }
          if (
            leaving.has(uid) ||
            budgetWait(facts({ pod: subject, pods, budgets, mayUndercut, leaving })) !== undefined
          )
            continue;
          leaving.add(uid);
          for (const one of specs) {
            const wanted = wantedBy(one, pods.length);
            t.true(ready() >= (mayUndercut ? Math.min(wanted, pods.length - 1) : wanted));
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a budget that allows none lets one move at a time begin where moves may undercut it', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), (count) => {
      const pods = Array.from({ length: count }, (_, number) => shop(number));
      const asked = (leaving: string[]) =>
        budgetWait(
          facts({ pods, budgets: [budget({ minAvailable: '100%' })], mayUndercut: true, leaving: new Set(leaving) }),
        );
      t.is(asked([]), undefined);
      if (count > 1) t.not(asked(['u1']), undefined);
    }),
  );
});
