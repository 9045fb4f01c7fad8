// A StatefulSet's pod is the same workload in every incarnation; any other pod is a workload of its own.
import test from 'ava';
import * as fc from 'fast-check';
import { migration, pod } from '#core/testing/objects.ts';
import { stableIP } from '#core/testing/stable-objects.ts';
import { annotations } from './names.ts';
import { bears, generationOf, knownLineage, lineageOf } from './lineage.ts';

const ordinal = pod({ owner: 'StatefulSet' });

test("of a StatefulSet's pod the lineage survives the incarnation", (t) => {
  t.is(lineageOf(pod({ owner: 'StatefulSet', metadata: { uid: 'u2', resourceVersion: '9' } })), lineageOf(ordinal));
});

test('another ordinal, set or namespace is another lineage', (t) => {
  const own = lineageOf(ordinal);
  const [owner] = ordinal.metadata.ownerReferences ?? [];
  t.not(lineageOf(pod({ owner: 'StatefulSet', metadata: { name: 'shop-1' } })), own);
  t.not(lineageOf(pod({ owner: 'StatefulSet', metadata: { namespace: 'other' } })), own);
  t.truthy(owner);
  if (owner !== undefined)
    t.not(lineageOf(pod({ metadata: { ownerReferences: [{ ...owner, uid: 'recreated' }] } })), own);
});

for (const owner of [undefined, 'ReplicaSet', 'Job']) {
  test(`a pod of ${owner ?? 'nobody'} has its UID as lineage`, (t) => t.is(lineageOf(pod({ owner })), 'u1'));
}

test('an owner that is not the controller does not count', (t) => {
  const ownerReferences = [
    { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'shop', uid: 'owner-uid', controller: false },
  ];
  t.is(lineageOf(pod({ metadata: { ownerReferences } })), 'u1');
});

test("it is a label's value", (t) => {
  fc.assert(
    fc.property(
      fc.string(),
      (namespace) => void t.regex(lineageOf(pod({ owner: 'StatefulSet', metadata: { namespace } })), /^[0-9a-f]{32}$/),
    ),
  );
});

test('what a pod says of its lineage does not count', (t) => {
  const metadata = { annotations: { [annotations.lineage]: 'of-another' } };
  t.is(lineageOf(pod({ metadata })), 'u1');
  t.is(lineageOf(pod({ owner: 'StatefulSet', metadata })), lineageOf(ordinal));
  t.is(knownLineage(pod({ metadata }), [], []), 'u1');
});

const move = migration({ status: { lineage: 'l1', target: { name: 'shop-0', uid: 'u1' } } });
const held = stableIP('198.18.0.10', { workload: { lineage: 'l1' } });

test('a replacement continues the lineage of its source: by the word of its Migration, and by the addresses that it holds when that is gone', (t) => {
  t.is(knownLineage(pod(), [move], []), 'l1');
  t.is(knownLineage(pod(), [], [held]), 'l1');
  t.true(bears(pod(), 'l1', [move]));
  t.false(bears(pod(), 'l1', []));
});

test('neither a Migration nor an address of another namespace says anything of a pod', (t) => {
  t.is(knownLineage(pod({ metadata: { namespace: 'other' } }), [move], [held]), 'u1');
  t.false(bears(pod({ metadata: { namespace: 'other' } }), 'l1', [move]));
});

const said = (generation: string): number =>
  generationOf(pod({ metadata: { annotations: { [annotations.generation]: generation } } }));

test('generations are whole numbers from 0', (t) => {
  t.is(generationOf(pod()), 0);
  t.deepEqual(['0', '3', '-1', '1.5', 'many', ''].map(said), [0, 3, 0, 0, 0, 0]);
});
