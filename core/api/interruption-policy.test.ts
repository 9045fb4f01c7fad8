// Of the policies of a namespace exactly one counts for a pod, whichever order they come in.
import test from 'ava';
import * as fc from 'fast-check';
import { policy } from '#core/testing/objects.ts';
import { interruptionPolicySchema, policyFor, selects, type LabelSelector } from './interruption-policy.ts';

const labels = { app: 'shop', tier: 'db' };
const expression = (
  key: string,
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist',
  values?: string[],
): LabelSelector => ({ matchExpressions: [{ key, operator, ...(values === undefined ? {} : { values }) }] });

const cases: [string, LabelSelector, boolean][] = [
  ['an empty selector', {}, true],
  ['a label', { matchLabels: { app: 'shop' } }, true],
  ['another value of the label', { matchLabels: { app: 'bank' } }, false],
  ['labels of which one is missing', { matchLabels: { app: 'shop', zone: 'z' } }, false],
  ['In', expression('tier', 'In', ['web', 'db']), true],
  ['In without the value', expression('tier', 'In', ['web']), false],
  ['In of a missing label', expression('zone', 'In', ['z']), false],
  ['In without values', expression('tier', 'In'), false],
  ['NotIn', expression('tier', 'NotIn', ['web']), true],
  ['NotIn with the value', expression('tier', 'NotIn', ['db']), false],
  ['NotIn of a missing label', expression('zone', 'NotIn', ['z']), true],
  ['Exists', expression('tier', 'Exists'), true],
  ['Exists of a missing label', expression('zone', 'Exists'), false],
  ['DoesNotExist', expression('zone', 'DoesNotExist'), true],
  ['Exists of a label that only every object has', expression('constructor', 'Exists'), false],
  ['DoesNotExist of a label that only every object has', expression('constructor', 'DoesNotExist'), true],
  ['DoesNotExist of a label that is there', expression('tier', 'DoesNotExist'), false],
  [
    'labels that match and an expression that does not',
    { matchLabels: { app: 'shop' }, ...expression('tier', 'DoesNotExist') },
    false,
  ],
];
for (const [what, selector, selected] of cases)
  test(`${what} ${selected ? 'selects' : 'does not select'} the pod`, (t) => t.is(selects(selector, labels), selected));

test('a pod without labels is selected by what asks for none', (t) => {
  t.true(selects({}));
  t.false(selects({ matchLabels: { app: 'shop' } }));
  t.true(selects(expression('app', 'DoesNotExist')));
});

test('no policy selects the pod: none counts', (t) => {
  t.is(policyFor([], labels), undefined);
  t.is(policyFor([policy({ selector: { matchLabels: { app: 'bank' } } })], labels), undefined);
});

test('the highest precedence counts, and of equal ones the first by name', (t) => {
  const [low, high, twin] = [
    policy({ precedence: -1 }, 'a'),
    policy({ precedence: 5 }, 'c'),
    policy({ precedence: 5 }, 'b'),
  ];
  const foreign = policy({ precedence: 9, selector: { matchLabels: { app: 'bank' } } }, 'd');
  fc.assert(
    fc.property(
      fc.shuffledSubarray([low, high, twin, foreign], { minLength: 4 }),
      (policies) => policyFor(policies, labels) === twin,
    ),
  );
  t.is(policyFor([low, high], labels), high);
});

test('what a policy leaves out is filled in', (t) => {
  const { spec } = interruptionPolicySchema.parse({ ...policy(), spec: { selector: {} } });
  t.deepEqual(spec, policy().spec);
});
