// A new pod waits at the gate with its lineage, and is a replacement only when the controller says so.
import test from 'ava';
import * as fc from 'fast-check';
import { applyPatch } from '#controller/testing/json-patch.ts';
import { lineageOf } from '#core/api/lineage.ts';
import { annotations, claimGate } from '#core/api/names.ts';
import { podSchema, type Pod } from '#core/api/pod.ts';
import { pod } from '#core/testing/objects.ts';
import { mutatePod } from './pod-mutation.ts';

/** As it is before it has a node, and before anybody has looked at it. */
const fresh = (metadata: Partial<Pod['metadata']> = {}, spec: Partial<Pod['spec']> = {}, owner?: string): Pod =>
  pod({ owner, metadata, spec: { nodeName: undefined, ...spec } });

const controller = 'system:serviceaccount:godwit-system:godwit-controller';

function patchOf(object: unknown, uid = 'request-1', username = 'alice') {
  const verdict = mutatePod({ uid, namespace: 'default', operation: 'CREATE', object, userInfo: { username } }, [
    controller,
  ]);
  if (!verdict.allowed) throw new Error(verdict.message);
  return verdict.patch ?? [];
}
function admitted(object: object, uid?: string, username?: string): Pod {
  return podSchema.parse(applyPatch(object, patchOf(object, uid, username)));
}
const annotationsOf = (object: object, uid?: string, username?: string): Record<string, string> =>
  admitted(object, uid, username).metadata.annotations ?? {};

test('a pod gets the gate and generation 0', (t) => {
  const { metadata, spec } = admitted(fresh());
  t.deepEqual(spec.schedulingGates, [{ name: claimGate }]);
  t.is(metadata.annotations?.[annotations.generation], '0');
});

test('what is there already stays', (t) => {
  const { metadata, spec } = admitted(fresh({ annotations: { mine: 'x' } }, { schedulingGates: [{ name: 'queue' }] }));
  t.is(metadata.annotations?.['mine'], 'x');
  t.deepEqual(spec.schedulingGates, [{ name: 'queue' }, { name: claimGate }]);
});

const foreign: [string, Pod][] = [
  ['another runtime class', fresh({}, { runtimeClassName: 'runc' })],
  ['no runtime class', fresh({}, { runtimeClassName: undefined })],
];
for (const [what, object] of foreign) test(`a pod of ${what} is left alone`, (t) => t.deepEqual(patchOf(object), []));

const claimed = {
  [annotations.migration]: 'm1',
  [annotations.migrationName]: 'move',
  [annotations.lineage]: 'stolen',
  [annotations.generation]: '7',
  mine: 'x',
};

test('a pod that has its node already cannot wait for one, and is not believed either', (t) => {
  const { metadata, spec } = admitted(fresh({ annotations: claimed }, { nodeName: 'a' }));
  t.is(spec.schedulingGates, undefined);
  t.deepEqual(metadata.annotations, annotationsOf(fresh({ annotations: { mine: 'x' } })));
});

test('a pod that says itself whose replacement it is, and which lineage it continues, is not believed', (t) => {
  for (const username of ['alice', 'system:serviceaccount:default:godwit-controller', '']) {
    const given = annotationsOf(fresh({ annotations: claimed }), 'request-1', username);
    t.deepEqual(Object.keys(given).toSorted(), ['mine', annotations.generation].toSorted());
    t.like(given, { [annotations.generation]: '0', mine: 'x' });
  }
});

test('a pod that the controller makes keeps lineage and generation; whom it replaces is said at the gate', (t) => {
  t.deepEqual(annotationsOf(fresh({ annotations: claimed }), 'request-1', controller), {
    [annotations.lineage]: 'stolen',
    [annotations.generation]: '7',
    mine: 'x',
  });
  t.is(annotationsOf(fresh(), 'request-1', controller)[annotations.generation], '0');
});

const lineage = (owner: string | undefined, uid: string): string | undefined =>
  annotationsOf(fresh({ uid: undefined }, {}, owner), uid)[annotations.lineage];

test("a StatefulSet's pod shows the lineage of every incarnation, any other pod none", (t) => {
  t.is(lineage('StatefulSet', 'request-1'), lineageOf(pod({ owner: 'StatefulSet' })));
  for (const owner of ['ReplicaSet', 'Job', undefined]) t.is(lineage(owner, 'request-1'), undefined, owner);
});

test('a pod that has only the beginning of a name is admitted too', (t) => {
  const { name: _none, ...metadata } = fresh({ generateName: 'shop-' }).metadata;
  const object = { ...fresh(), metadata };
  const patched = podSchema.parse({ ...Object(applyPatch(object, patchOf(object))), metadata: { name: 'shop-x1' } });
  t.deepEqual(patched.spec.schedulingGates, [{ name: claimGate }]);
});

test('what is no pod is not judged', (t) => {
  t.throws(() => patchOf({ metadata: { name: 'x' } }));
});

const annotationSets = fc.dictionary(
  fc.constantFrom(...Object.values(annotations), 'mine'),
  fc.string({ minLength: 1 }),
);
const gates = fc.subarray([{ name: 'queue' }, { name: claimGate }]);

test('a second look changes nothing, and exactly one gate is ours', (t) => {
  fc.assert(
    fc.property(
      fc.option(annotationSets, { nil: undefined }),
      fc.option(gates, { nil: undefined }),
      fc.constantFrom('StatefulSet', undefined),
      fc.constantFrom('alice', controller),
      (given, schedulingGates, owner, username) => {
        const once = admitted(fresh({ annotations: given }, { schedulingGates }, owner), 'request-1', username);
        t.deepEqual(patchOf(once, 'request-1', username), []);
        t.deepEqual(patchOf(once, 'request-2', username), []);
        t.is(once.spec.schedulingGates?.filter(({ name }) => name === claimGate).length, 1);
        t.is(once.metadata.annotations?.[annotations.migration], undefined);
      },
    ),
  );
});
