// A Migration that is over goes in its time, and not while somebody still needs its word.
import test from 'ava';
import type { MigrationStatus } from '#core/api/migration.ts';
import { at, condition, migration, node, pod, time } from '#core/testing/objects.ts';
import { untried } from '#controller/replacement/trial.ts';
import { decide, type Observation } from './decide.ts';

const over = (succeeded: 'True' | 'False', more: MigrationStatus = {}, deleted = false) =>
  migration({
    metadata: deleted ? { deletionTimestamp: at(20) } : {},
    status: {
      conditions: [condition('Held'), condition('Succeeded', succeeded)],
      source: { name: 'shop-0', uid: 'u1', nodeName: 'a' },
      strategy: 'SameName',
      finishedAt: at(10),
      ...more,
    },
  });
const observe = (more: Partial<Observation> & Pick<Observation, 'migration'>): Observation => ({
  now: time(30),
  pod: undefined,
  replacement: undefined,
  prospect: 'coming',
  sourceNode: node('a'),
  admission: undefined,
  trial: untried,
  mayStay: false,
  outdated: [],
  ...more,
});

test('it goes when its time has come, and not before', (t) => {
  t.deepEqual(decide(observe({ migration: over('True') })), { action: 'none', requeueAfterMs: 40_000 });
  t.deepEqual(decide(observe({ migration: over('False') })), { action: 'none', requeueAfterMs: 40_000 });
  for (const seconds of [70, 700])
    t.deepEqual(decide(observe({ migration: over('True'), now: time(seconds) })), { action: 'delete-migration' });
});

const manifest: MigrationStatus = { podManifest: JSON.stringify(pod()) };
const bare: [string, Observation, 'create-copy' | 'none' | 'delete-migration'][] = [
  ['its pod was deleted in vain', observe({ migration: over('False', manifest) }), 'create-copy'],
  [
    'its pod was deleted in vain, and its time has come',
    observe({ migration: over('False', manifest), now: time(700) }),
    'create-copy',
  ],
  ['its pod was not deleted', observe({ migration: over('False', manifest), pod: pod() }), 'none'],
  ['its copy was made', observe({ migration: over('False', { ...manifest, copyMade: true }) }), 'none'],
  [
    'its copy was made, and its time has come',
    observe({ migration: over('False', { ...manifest, copyMade: true }), now: time(700) }),
    'delete-migration',
  ],
  [
    'its pod was kept, and deleted since',
    observe({ migration: over('False', { ...manifest, handover: { id: 'm1-1', state: 'kept' } }) }),
    'none',
  ],
  [
    'its pod was deleted in vain, and so is the Migration',
    observe({ migration: over('False', manifest, true) }),
    'create-copy',
  ],
  ['it has moved, and the replacement was deleted since', observe({ migration: over('True', manifest) }), 'none'],
];
for (const [what, observation, action] of bare)
  test(`a bare pod's Migration is over, and ${what}: ${action}`, (t) => t.is(decide(observation).action, action));

test('the copy is looked after until it is made', (t) =>
  t.is(decide(observe({ migration: over('False', manifest) })).requeueAfterMs, 1_000));

const started = pod({
  metadata: { uid: 'u2' },
  spec: { nodeName: 'b' },
  status: { containerStatuses: [{ name: 'app', state: { running: {} } }] },
});
const waiting = pod({
  metadata: { uid: 'u2' },
  spec: { nodeName: 'b' },
  status: { containerStatuses: [{ name: 'app', state: { waiting: {} } }] },
});
const released: MigrationStatus = { handover: { id: 'm1-1', state: 'released' } };
const outOfService = node('a', {
  spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
});

const deleted: [string, Observation, 'none' | 'forget'][] = [
  ['it has succeeded', observe({ migration: over('True', {}, true) }), 'forget'],
  ['its source may run without an object', observe({ migration: over('False', {}, true) }), 'none'],
  [
    'its source is terminating and may run',
    observe({ migration: over('False', {}, true), pod: pod({ metadata: { deletionTimestamp: at(15) } }) }),
    'none',
  ],
  [
    'its source may run beside the next incarnation of its name',
    observe({ migration: over('False', {}, true), pod: waiting }),
    'none',
  ],
  ['its source runs on as ever', observe({ migration: over('False', {}, true), pod: pod() }), 'forget'],
  ['its source has ended', observe({ migration: over('False', released, true) }), 'forget'],
  [
    'its source was kept, and deleted since',
    observe({ migration: over('False', { handover: { id: 'm1-1', state: 'kept' } }, true) }),
    'forget',
  ],
  ["its source's node was deleted", observe({ migration: over('False', {}, true), sourceNode: undefined }), 'forget'],
  [
    "its source's node is out of service",
    observe({ migration: over('False', {}, true), sourceNode: outOfService }),
    'forget',
  ],
  [
    'its source was never held',
    observe({ migration: over('False', { conditions: [condition('Succeeded', 'False')] }, true) }),
    'forget',
  ],
  [
    'its replacement waits to be told that it may start',
    observe({ migration: over('False', released, true), replacement: waiting }),
    'none',
  ],
  [
    'its replacement has not begun',
    observe({ migration: over('False', released, true), replacement: { ...waiting, status: {} } }),
    'none',
  ],
  [
    'its replacement has started',
    observe({ migration: over('False', released, true), replacement: started }),
    'forget',
  ],
];
for (const [what, observation, action] of deleted)
  test(`deleted, and ${what}: ${action}`, (t) => t.is(decide(observation).action, action));

test('while its word is needed it is looked at again', (t) =>
  t.is(decide(observe({ migration: over('False', {}, true) })).requeueAfterMs, 1_000));
