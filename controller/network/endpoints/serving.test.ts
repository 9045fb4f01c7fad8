// Who looks from outside sees an endpoint that serves, before, during and after a move; and one that is gone when it
// is.
import test from 'ava';
import type { Migration } from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';
import { at, condition, migration, pod, time } from '#core/testing/objects.ts';
import { stableIP } from '#core/testing/stable-objects.ts';
import { moveOf, servingOf, settlingMs, type Serving, type ServingFacts } from './serving.ts';

const deleted = { deletionTimestamp: at(1) };
const ready = (status: string, since = 0) => ({
  conditions: [{ type: 'Ready', status, lastTransitionTime: at(since) }],
});
const running = (startedAt: number) => ({
  containerStatuses: [{ name: 'app', state: { running: { startedAt: at(startedAt) } } }],
});
const crashed = { containerStatuses: [{ name: 'app', state: { terminated: {} } }] };
const source = (status: Pod['status'], metadata: Partial<Pod['metadata']> = {}): Pod => pod({ status, metadata });
const replacement = (status: Pod['status'], metadata: Partial<Pod['metadata']> = {}): Pod =>
  pod({ status, metadata: { uid: 'u2', ...metadata } });
const moving = migration({
  status: { lineage: 'l1', source: { name: 'shop-0', uid: 'u1', nodeName: 'a' }, conditions: [condition('Held')] },
});
const moved = migration({ status: { ...moving.status, finishedAt: at(50), conditions: [condition('Succeeded')] } });
const stayed = migration({
  status: { ...moving.status, finishedAt: at(50), conditions: [condition('Succeeded', 'False', 'KeptInPlace')] },
});
const failed = migration({
  status: { ...moving.status, finishedAt: at(50), conditions: [condition('Succeeded', 'False')] },
});

const serves: Serving = { serving: true, terminating: false };
const not: Serving = { serving: false, terminating: false };

const cases: [string, Partial<ServingFacts>, Serving | undefined][] = [
  ['a ready pod', { holder: source(ready('True')) }, serves],
  ['a pod that is not ready', { holder: source(ready('False')) }, not],
  ['a pod without conditions', { holder: source({}) }, not],
  ['a pod that is being deleted', { holder: source(ready('True'), deleted) }, { serving: true, terminating: true }],
  ['a pod that has come to its end', { holder: source({ phase: 'Succeeded', ...ready('False') }) }, undefined],
  ['no pod', {}, undefined],
  ['an interrupted source that runs on', { holder: source(ready('True'), deleted), move: moving }, serves],
  ['an interrupted source that does not serve', { holder: source(ready('False'), deleted), move: moving }, not],
  ['a source whose object is gone', { move: moving, served: true }, serves],
  ['a source whose object is gone, told by a controller that has just started', { move: moving }, serves],
  ['a source that did not serve when its object went', { move: moving, served: false }, not],
  [
    'a source that has ended while its address was handed on',
    { holder: source({ phase: 'Succeeded' }, deleted), move: moving, served: true },
    serves,
  ],
  [
    'a replacement that nobody has probed yet',
    { holder: replacement({ ...ready('False', 40), ...running(45) }), move: moving, served: true },
    serves,
  ],
  [
    'the same after the move',
    { holder: replacement({ ...ready('False', 40), ...running(45) }), move: moved, served: true },
    serves,
  ],
  [
    'the same before its kubelet has seen it run',
    {
      holder: replacement({ ...ready('False', 40), containerStatuses: [{ name: 'app', state: { waiting: {} } }] }),
      move: moved,
      served: true,
    },
    serves,
  ],
  [
    'a replacement that did not serve before',
    { holder: replacement({ ...ready('False', 40), ...running(45) }), move: moved, served: false },
    not,
  ],
  [
    'a replacement that was ready and is no more',
    { holder: replacement({ ...ready('False', 52), ...running(45) }), move: moved, served: true },
    not,
  ],
  [
    'a replacement that has crashed',
    { holder: replacement({ ...ready('False', 40), ...crashed }), move: moved, served: true },
    not,
  ],
  [
    'a replacement that is deleted',
    { holder: replacement(ready('True'), deleted), move: moved, served: true },
    { serving: true, terminating: true },
  ],
  [
    'a replacement that never got ready',
    { holder: replacement({ ...ready('False', 40), ...running(45) }), move: moved, served: true, now: time(120) },
    not,
  ],
  [
    'a replacement that started afresh after a failed move',
    { holder: replacement({ ...ready('False', 40), ...running(55) }), move: failed, served: true },
    not,
  ],
  ['a source whose object is gone after a failed move', { move: failed, served: true }, undefined],
];
for (const [what, facts, wanted] of cases) {
  test(`${what}: ${wanted === undefined ? 'no endpoint' : JSON.stringify(wanted)}`, (t) => {
    t.deepEqual(servingOf({ holder: undefined, move: undefined, served: undefined, now: time(60), ...facts }), wanted);
  });
}

const named = (name: string, one: Migration, created: number): Migration => ({
  ...one,
  metadata: { ...one.metadata, name, creationTimestamp: at(created) },
});

test('the move underway counts, else the newest, and dry runs do not', (t) => {
  const address = stableIP();
  const dry = named('dry', { ...moving, spec: { ...moving.spec, dryRun: true } }, 9);
  t.is(moveOf(address, [named('old', moving, 1), named('new', failed, 2), dry])?.metadata.name, 'old');
  t.is(moveOf(address, [named('old', failed, 1), named('new', moved, 2), dry])?.metadata.name, 'new');
  t.is(moveOf(address, [dry]), undefined);
  t.is(moveOf(address, [migration({ status: { lineage: 'l2' } })]), undefined);
});

test('a Migration that nobody has looked at yet is known by the pod that it names', (t) => {
  t.truthy(moveOf(stableIP(), [migration({ spec: { podUID: 'u1' } })]));
  t.is(moveOf(stableIP(), [migration({ spec: { podUID: 'u7' } })]), undefined);
});

test('a move counts for a minute after its success', (t) => {
  t.is(settlingMs(moved, time(60)), 50_000);
  t.is(settlingMs(moved, time(110)), 0);
  t.is(settlingMs(stayed, time(60)), 50_000);
  t.is(settlingMs(failed, time(60)), 0);
  t.is(settlingMs(moving, time(60)), 0);
});
