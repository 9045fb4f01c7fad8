// nodeSelector and required node affinity keep a pod from a node exactly where the scheduler would.
import test from 'ava';
import type { Pod } from '#core/api/pod.ts';
import { node } from '#core/testing/objects.ts';
import { unselected } from './node-selection.ts';

type Terms = NonNullable<
  NonNullable<NonNullable<Pod['spec']['affinity']>['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'];

const own = node('b', {
  labels: {
    zone: 'z1',
    cores: '8',
    minus: '-3',
    half: '8.5',
    blank: '',
    vast: '9223372036854775808',
    wide: '9007199254740993',
  },
});
const required = (...nodeSelectorTerms: Terms): Pod['spec']['affinity'] => ({
  nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
});
const label = (key: string, operator: string, ...values: string[]): Terms[number] => ({
  matchExpressions: [{ key, operator, values }],
});
const field = (operator: string, ...values: string[]): Terms[number] => ({
  matchFields: [{ key: 'metadata.name', operator, values }],
});

const cases: [string, Terms, boolean][] = [
  ['In', [label('zone', 'In', 'z0', 'z1')], true],
  ['In without the value', [label('zone', 'In', 'z0')], false],
  ['In of a missing label', [label('rack', 'In', 'r')], false],
  ['NotIn', [label('zone', 'NotIn', 'z0')], true],
  ['NotIn with the value', [label('zone', 'NotIn', 'z1')], false],
  ['NotIn of a missing label', [label('rack', 'NotIn', 'r')], true],
  ['Exists', [label('zone', 'Exists')], true],
  ['Exists of a missing label', [label('rack', 'Exists')], false],
  ['DoesNotExist', [label('rack', 'DoesNotExist')], true],
  ['DoesNotExist of a label that is there', [label('zone', 'DoesNotExist')], false],
  ['Gt', [label('cores', 'Gt', '7')], true],
  ['Gt of the same number', [label('cores', 'Gt', '8')], false],
  ['Gt by number, not by letter', [label('cores', 'Gt', '10')], false],
  ['Lt', [label('cores', 'Lt', '10')], true],
  ['Lt of the same number', [label('cores', 'Lt', '8')], false],
  ['Gt of a missing label', [label('rack', 'Gt', '0')], false],
  ['Lt of a missing label', [label('rack', 'Lt', '9')], false],
  ['Gt of what is no number', [label('zone', 'Gt', '0')], false],
  ['Lt without a value', [label('cores', 'Lt')], false],
  ['Gt of numbers below zero', [label('minus', 'Gt', '-4')], true],
  ['Lt with a sign', [label('minus', 'Lt', '+1')], true],
  ['Gt of more than a double tells apart', [label('wide', 'Gt', '9007199254740992')], true],
  ['Gt than what is written in powers of ten', [label('cores', 'Gt', '1e0')], false],
  ['Gt than what is written in hexadecimal digits', [label('cores', 'Gt', '0x1')], false],
  ['Gt than a fraction', [label('cores', 'Gt', '7.5')], false],
  ['Gt than a blank', [label('cores', 'Gt', ' 7')], false],
  ['Gt than nothing', [label('cores', 'Gt', '')], false],
  ['Gt of a fraction', [label('half', 'Gt', '8')], false],
  ['Lt of nothing', [label('blank', 'Lt', '1')], false],
  ['Gt of what 64 bits do not hold', [label('vast', 'Gt', '1')], false],
  ['Gt than two numbers', [label('cores', 'Gt', '1', '2')], false],
  ['Exists of a label that only every object has', [label('constructor', 'Exists')], false],
  ['DoesNotExist of a label that only every object has', [label('constructor', 'DoesNotExist')], true],
  ['NotIn of a label that only every object has', [label('toString', 'NotIn', 'x')], true],
  ['an operator that nobody knows', [label('zone', 'Like', 'z1')], false],
  ["the node's name", [field('In', 'b')], true],
  ["another node's name", [field('In', 'a')], false],
  ["not another node's name", [field('NotIn', 'a')], true],
  ['a field that nobody knows', [{ matchFields: [{ key: 'metadata.uid', operator: 'In', values: ['b'] }] }], false],
  [
    'two expressions of one term',
    [
      {
        matchExpressions: [
          { key: 'zone', operator: 'Exists' },
          { key: 'cores', operator: 'Exists' },
        ],
      },
    ],
    true,
  ],
  [
    'two expressions of which one fails',
    [
      {
        matchExpressions: [
          { key: 'zone', operator: 'Exists' },
          { key: 'rack', operator: 'Exists' },
        ],
      },
    ],
    false,
  ],
  ['a label that fits and a name that does not', [{ ...label('zone', 'Exists'), ...field('In', 'a') }], false],
  ['one of several terms', [label('rack', 'Exists'), field('In', 'b')], true],
  ['an empty term', [{}], false],
  ['an empty term beside one that fits', [{}, label('zone', 'Exists')], true],
  ['no term at all', [], false],
];
for (const [what, terms, selected] of cases) {
  test(`${what}: ${selected ? 'allowed' : 'kept away'}`, (t) =>
    t.is(
      unselected(own, { affinity: required(...terms) }),
      selected ? undefined : 'not selected by the required node affinity',
    ));
}

test('nothing that is required keeps the pod from no node', (t) => {
  t.is(unselected(own, {}), undefined);
  t.is(unselected(own, { affinity: { nodeAffinity: {} } }), undefined);
  t.is(unselected({ metadata: { name: 'bare' } }, { nodeSelector: {} }), undefined);
});

test('nodeSelector wants every one of its labels', (t) => {
  t.is(unselected(own, { nodeSelector: { zone: 'z1', cores: '8' } }), undefined);
  t.is(unselected(own, { nodeSelector: { zone: 'z1', cores: '4' } }), 'not selected by nodeSelector cores=4');
  t.is(
    unselected({ metadata: { name: 'bare' } }, { nodeSelector: { zone: 'z1' } }),
    'not selected by nodeSelector zone=z1',
  );
});

test('nodeSelector and affinity both have to allow it', (t) => {
  t.is(
    unselected(own, { nodeSelector: { zone: 'z1' }, affinity: required(label('rack', 'Exists')) }),
    'not selected by the required node affinity',
  );
});
