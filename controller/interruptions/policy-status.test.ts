// What `kubectl get ipol` says: how many pods a policy selects, and whether it has a say about them.
import test from 'ava';
import type { InterruptionPolicy, LabelSelector } from '#core/api/interruption-policy.ts';
import type { Pod } from '#core/api/pod.ts';
import { pod, policy, time } from '#core/testing/objects.ts';
import { policyStatus, type PolicyStatus } from './policy-status.ts';

const shop = (index: number, more: Parameters<typeof pod>[0] = {}): Pod =>
  pod({ ...more, metadata: { name: `shop-${index}`, labels: { app: 'shop', index: String(index) } } });
const own = (selector: LabelSelector = { matchLabels: { app: 'shop' } }, precedence = 0): InterruptionPolicy =>
  policy({ selector, precedence }, 'own');
const statusOf = (one: InterruptionPolicy, pods: Pod[], others: InterruptionPolicy[] = []): PolicyStatus =>
  policyStatus({ policy: one, policies: [one, ...others], pods, now: time(0) });
const reasonOf = ({ conditions }: PolicyStatus, type: string): string | undefined =>
  conditions?.find((one) => one.type === type)?.reason;

test('pods are counted that it selects and that opted in', (t) => {
  const pods = [
    shop(0),
    shop(1),
    shop(2, { status: { phase: 'Succeeded' } }),
    shop(3, { spec: { runtimeClassName: 'runc' } }),
    pod({ metadata: { labels: { app: 'bank' } } }),
  ];
  t.is(statusOf(own(), pods).pods, 2);
  t.is(statusOf(own({}), pods).pods, 3);
});

const expression = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', ...values: string[]): LabelSelector => ({
  matchExpressions: [{ key: 'app', operator, values }],
});
const selectors: [string, LabelSelector, string][] = [
  ['labels', { matchLabels: { app: 'shop' } }, 'Active'],
  ['In with values', expression('In', 'shop'), 'Active'],
  ['In without values', expression('In'), 'SelectorInvalid'],
  ['NotIn without values', expression('NotIn'), 'SelectorInvalid'],
  ['Exists', expression('Exists'), 'Active'],
  ['Exists with values', expression('Exists', 'shop'), 'SelectorInvalid'],
  ['DoesNotExist with values', expression('DoesNotExist', 'shop'), 'SelectorInvalid'],
];
for (const [what, selector, reason] of selectors)
  test(`a selector of ${what}: ${reason}`, (t) => t.is(reasonOf(statusOf(own(selector), []), 'Ready'), reason));

const shadows: [string, InterruptionPolicy[], Pod[], string | undefined][] = [
  ['alone', [], [shop(0)], undefined],
  [
    'one of higher precedence for all of its pods',
    [policy({ precedence: 5 }, 'all')],
    [shop(0), shop(1)],
    'HigherPrecedence',
  ],
  ['one of lower precedence', [policy({ precedence: -5 }, 'all')], [shop(0)], undefined],
  ['one of the same precedence and an earlier name', [policy({}, 'all')], [shop(0)], 'HigherPrecedence'],
  [
    'one for some of its pods',
    [policy({ selector: { matchLabels: { index: '0' } }, precedence: 5 }, 'some')],
    [shop(0), shop(1)],
    undefined,
  ],
  [
    'two that share its pods',
    [0, 1].map((index) => policy({ selector: { matchLabels: { index: String(index) } }, precedence: 5 }, `p${index}`)),
    [shop(0), shop(1)],
    'HigherPrecedence',
  ],
  ['no pods', [policy({ precedence: 5 }, 'all')], [], undefined],
];
for (const [what, others, pods, reason] of shadows)
  test(`${what}: ${reason ?? 'not shadowed'}`, (t) =>
    t.is(reasonOf(statusOf(own(), pods, others), 'Shadowed'), reason));

test('who comes out of the shadow says so', (t) => {
  const shadowed = statusOf(own(), [shop(0)], [policy({ precedence: 5 }, 'all')]);
  t.like(shadowed.conditions?.[1], {
    status: 'True',
    message: 'For every pod that it selects all wins by precedence or name',
  });
  t.like(statusOf({ ...own(), status: shadowed }, [shop(0)]).conditions?.[1], {
    type: 'Shadowed',
    status: 'False',
    reason: 'Effective',
  });
});
