// A StatefulSet's pod is the same workload in every incarnation; any other pod is a workload of its own.
import test from 'ava';
import * as fc from 'fast-check';
import { pod } from '#core/testing/objects.ts';
import { annotations } from './names.ts';
import { generationOf, lineageOf, newLineage } from './lineage.ts';

const ordinal = pod({ owner: 'StatefulSet' });

test('of a StatefulSet\'s pod the lineage survives the incarnation, whatever the seed', (t) => {
  const next = pod({ owner: 'StatefulSet', metadata: { uid: 'u2', resourceVersion: '9' } });
  t.is(newLineage(next, 'default', 'seed-2'), newLineage(ordinal, 'default', 'seed-1'));
});

test('another ordinal, set or namespace is another lineage', (t) => {
  const own = newLineage(ordinal, 'default', 's');
  const [owner] = ordinal.metadata.ownerReferences ?? [];
  t.not(newLineage(pod({ owner: 'StatefulSet', metadata: { name: 'shop-1' } }), 'default', 's'), own);
  t.not(newLineage(ordinal, 'other', 's'), own);
  t.truthy(owner);
  if (owner !== undefined) t.not(newLineage(pod({ metadata: { ownerReferences: [{ ...owner, uid: 'recreated' }] } }), 'default', 's'), own);
});

for (const owner of [undefined, 'ReplicaSet', 'Job']) {
  test(`a pod of ${owner ?? 'nobody'} has the lineage of its seed`, (t) => {
    t.not(newLineage(pod({ owner }), 'default', 'seed-1'), newLineage(pod({ owner }), 'default', 'seed-2'));
    t.is(newLineage(pod({ owner }), 'default', 'seed'), newLineage(pod({ owner, metadata: { name: 'other' } }), 'other', 'seed'));
  });
}

test('an owner that is not the controller does not count', (t) => {
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'shop', uid: 'owner-uid', controller: false }];
  t.not(newLineage(pod({ metadata: { ownerReferences } }), 'default', 'seed-1'), newLineage(pod({ metadata: { ownerReferences } }), 'default', 'seed-2'));
});

test('it is a label\'s value', (t) => {
  fc.assert(fc.property(fc.string(), fc.string(), (namespace, seed) => {
    for (const made of [newLineage(ordinal, namespace, seed), newLineage(pod(), namespace, seed)]) t.regex(made, /^[0-9a-f]{32}$/);
  }));
});

test('what admission wrote counts; without it the UID of a pod that nobody names again', (t) => {
  t.is(lineageOf(pod({ owner: 'StatefulSet', metadata: { annotations: { [annotations.lineage]: 'written' } } })), 'written');
  t.is(lineageOf(pod()), 'u1');
});

const said = (generation: string): number => generationOf(pod({ metadata: { annotations: { [annotations.generation]: generation } } }));

test('generations are whole numbers from 0', (t) => {
  t.is(generationOf(pod()), 0);
  t.deepEqual(['0', '3', '-1', '1.5', 'many', ''].map(said), [0, 3, 0, 0, 0, 0]);
});
