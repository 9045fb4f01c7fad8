// A claim tightens what the pod asks for, as the API server allows for a gated pod, and can be taken back.
import test from 'ava';
import * as fc from 'fast-check';
import { annotations } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { node, pod } from '#core/testing/objects.ts';
import { affinityTo, affinityWithout } from './claimed-affinity.ts';
import { unselected } from './node-selection.ts';

type Affinity = Pod['spec']['affinity'];
type Required = NonNullable<
  NonNullable<NonNullable<Affinity>['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>;
type Term = Required['nodeSelectorTerms'][number];
type Expression = NonNullable<Term['matchExpressions']>[number];

const expression: fc.Arbitrary<Expression> = fc.record({
  key: fc.constantFrom('zone', 'kubernetes.io/hostname'),
  operator: fc.constantFrom('In', 'NotIn'),
  values: fc.array(fc.constantFrom('a', 'b', 'c', 'ip-a', 'ip-b'), { minLength: 1 }),
});
const field: Expression = { key: 'metadata.name', operator: 'In', values: ['b'] };
const term: fc.Arbitrary<Term> = fc.oneof(
  fc.record({ matchExpressions: fc.array(expression, { minLength: 1, maxLength: 3 }) }),
  fc.array(expression, { maxLength: 2 }).map((matchExpressions) => ({ matchExpressions, matchFields: [field] })),
  fc.constantFrom<Term[]>({}, { matchExpressions: [] }),
);
const required: fc.Arbitrary<Required> = fc.record({
  nodeSelectorTerms: fc.array(term, { minLength: 1, maxLength: 3 }),
});
const wish = { weight: 1, preference: { matchExpressions: [{ key: 'zone', operator: 'Exists' }] } };
const affinity: fc.Arbitrary<NonNullable<Affinity>> = fc.record(
  {
    nodeAffinity: fc.record(
      {
        requiredDuringSchedulingIgnoredDuringExecution: required,
        preferredDuringSchedulingIgnoredDuringExecution: fc.constant([wish]),
      },
      { requiredKeys: ['preferredDuringSchedulingIgnoredDuringExecution'] },
    ),
    podAntiAffinity: fc.constant({ some: 'rule' }),
  },
  { requiredKeys: ['nodeAffinity'] },
);

/** As on a cloud whose nodes are called otherwise than their machines. */
const hostOf = (name: string): string => `ip-${name}`;
const nodes = ['a', 'b', 'c'].map((name) =>
  node(name, { labels: { zone: name, 'kubernetes.io/hostname': hostOf(name) } }),
);
const claimed = (own: Affinity, names: readonly string[]): Pod =>
  pod({
    metadata: { annotations: { [annotations.migration]: 'm1' } },
    spec: { affinity: affinityTo(names, pod({ spec: { affinity: own } }), nodes) },
  });

test('taking a claim back gives what the user wrote', (t) => {
  fc.assert(
    fc.property(
      affinity,
      fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
      (own, names) => void t.deepEqual(affinityWithout(claimed(own, names)), own),
    ),
  );
});

test('a claimed pod may go to the named nodes that it could go to before, and nowhere else', (t) => {
  fc.assert(
    fc.property(affinity, fc.subarray(['a', 'b', 'c'], { minLength: 1 }), (own, names) => {
      for (const each of nodes) {
        const wanted = names.includes(each.metadata.name) && unselected(each, { affinity: own }) === undefined;
        t.is(unselected(each, { affinity: claimed(own, names).spec.affinity }) === undefined, wanted);
      }
    }),
  );
});

test('of a gated pod requirements are only added to, term by term, and never to a term without any', (t) => {
  fc.assert(
    fc.property(required, (own) => {
      const terms =
        claimed({ nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: own } }, ['b']).spec.affinity
          ?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
      t.is(terms.length, own.nodeSelectorTerms.length);
      for (const [index, before] of own.nodeSelectorTerms.entries()) {
        const { matchExpressions = [], matchFields = [] } = before;
        const added = { key: 'kubernetes.io/hostname', operator: 'In', values: ['ip-b'] };
        t.deepEqual(
          terms[index],
          matchExpressions.length + matchFields.length === 0
            ? before
            : { ...before, matchExpressions: [...matchExpressions, added] },
        );
      }
    }),
  );
});

test('a pod that asked for nothing is claimed by one term, and asks for nothing again', (t) => {
  const one = {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['ip-b', 'ip-c'] }] },
    ],
  };
  t.deepEqual(affinityTo(['c', 'b'], pod(), nodes), {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: one },
  });
  t.deepEqual(affinityWithout(claimed(undefined, ['b'])), { nodeAffinity: {} });
});

test('a pod that was never claimed keeps its affinity, also to a node', (t) => {
  const own = affinityTo(['b'], pod(), nodes);
  t.is(affinityWithout(pod({ spec: { affinity: own } })), own);
  t.is(affinityWithout(pod()), undefined);
});
