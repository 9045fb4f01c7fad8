// A pod is moved when something interrupts it, and never because a user deleted it.
import test from 'ava';
import { migrationSchema, type Migration, type Trigger } from '#core/api/migration.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import { at, condition, interrupted, migration, node, pod, policy, time } from '#core/testing/objects.ts';
import { asksForMove, drainedAgainIn, interruptionMigration, interruptionOf, newestOf } from './interruptions.ts';

const deleted = { metadata: { deletionTimestamp: at(5) } };
const healthy = node('a');
const leaving = node('a', { ready: { status: 'False', message: 'node is shutting down' } });
const broken = node('a', { ready: { status: 'False', message: 'container runtime is down' } });
const silent = node('a', { ready: { status: 'Unknown', message: 'node is shutting down' } });

const interruptions: [string, Pod, Node | undefined, Trigger | undefined][] = [
  ['preemption', interrupted('PreemptionByScheduler', deleted), healthy, 'Preemption'],
  ['eviction', interrupted('EvictionByEvictionAPI', deleted), healthy, 'Eviction'],
  ['a taint', interrupted('DeletionByTaintManager', deleted), healthy, 'Taint'],
  ["the kubelet's own", interrupted('TerminationByKubelet', deleted), healthy, 'NodeShutdown'],
  ['a reason of tomorrow', interrupted('DeletionByMoon', deleted), healthy, 'Disruption'],
  ['no reason at all', interrupted(undefined, deleted), healthy, 'Disruption'],
  ['a node that is shutting down', pod(), leaving, 'NodeShutdown'],
  [
    'preemption on a node that is shutting down',
    interrupted('PreemptionByScheduler', deleted),
    leaving,
    'NodeShutdown',
  ],
  ["a user's delete, a scale-down, a rollout", pod(deleted), healthy, undefined],
  ['nothing', pod(), healthy, undefined],
  ['a mark without a deletion yet', interrupted('EvictionByEvictionAPI'), healthy, undefined],
  [
    'a disruption that was taken back',
    pod({
      ...deleted,
      status: { conditions: [{ type: 'DisruptionTarget', status: 'False', reason: 'PreemptionByScheduler' }] },
    }),
    healthy,
    undefined,
  ],
  [
    'a pod whose node is gone, forgotten by the API server',
    interrupted('DeletionByPodGC', deleted),
    healthy,
    undefined,
  ],
  ['a node that is not ready for another reason', pod(), broken, undefined],
  ['preemption on a node that is not ready', interrupted('PreemptionByScheduler', deleted), broken, undefined],
  ['a taint of a node that nobody hears of', interrupted('DeletionByTaintManager', deleted), silent, undefined],
  ['preemption on a node that is unknown', interrupted('PreemptionByScheduler', deleted), undefined, undefined],
  ['a node that nobody hears of', pod(), silent, undefined],
  ['a node that is unknown', pod(), undefined, undefined],
  [
    'preemption of a pod that has ended',
    interrupted('PreemptionByScheduler', { ...deleted, status: { phase: 'Succeeded' } }),
    healthy,
    undefined,
  ],
  [
    'preemption of a pod that has failed',
    interrupted('PreemptionByScheduler', { ...deleted, status: { phase: 'Failed' } }),
    leaving,
    undefined,
  ],
  [
    'preemption of a pod without a node',
    interrupted('PreemptionByScheduler', { ...deleted, spec: { nodeName: undefined } }),
    undefined,
    undefined,
  ],
  [
    'preemption of a pod of another runtime class',
    interrupted('PreemptionByScheduler', { ...deleted, spec: { runtimeClassName: 'runc' } }),
    healthy,
    undefined,
  ],
];
for (const [what, subject, own, trigger] of interruptions)
  test(`${what}: ${trigger ?? 'no move'}`, (t) => t.is(interruptionOf(subject, policy(), own), trigger));

const stayed = (
  succeeded: 'False' | 'Unknown',
  reason: string,
  spec: Partial<Migration['spec']> = { trigger: 'Drain' },
  status: Migration['status'] = {},
): Migration =>
  migration({
    spec,
    status: {
      conditions: [condition('Succeeded', succeeded, reason)],
      inPlace: { after: 1, why: 'w' },
      target: { name: 'shop-0', uid: 'u1', nodeName: 'a' },
      finishedAt: at(10),
      ...status,
    },
  });
const cordoned = node('a', { spec: { unschedulable: true } });
const drains: [string, Pod, Migration | undefined, Node | undefined, number | undefined][] = [
  ['its move has just ended where it began', pod(), stayed('False', 'KeptInPlace'), cordoned, 5_000],
  [
    'that was a while ago',
    pod(),
    stayed('False', 'KeptInPlace', { trigger: 'Drain' }, { finishedAt: at(1) }),
    cordoned,
    0,
  ],
  ['its move is not over', pod(), stayed('Unknown', 'Running'), cordoned, 5_000],
  ['its node is uncordoned', pod(), stayed('False', 'KeptInPlace'), healthy, undefined],
  ['it is deleted', pod(deleted), stayed('False', 'KeptInPlace'), cordoned, undefined],
  ['it has ended', pod({ status: { phase: 'Succeeded' } }), stayed('False', 'KeptInPlace'), cordoned, undefined],
  ['a user moved it', pod(), stayed('False', 'KeptInPlace', { trigger: 'User' }), cordoned, undefined],
  ['its move failed', pod(), stayed('False', 'HandoverFailed'), cordoned, undefined],
  [
    'it has come from another node',
    pod(),
    stayed('False', 'KeptInPlace', { trigger: 'Drain' }, { inPlace: undefined }),
    cordoned,
    undefined,
  ],
  [
    'another pod was the replacement',
    pod({ metadata: { uid: 'u9' } }),
    stayed('False', 'KeptInPlace'),
    cordoned,
    undefined,
  ],
  ['nothing has moved it', pod(), undefined, cordoned, undefined],
];
for (const [what, subject, arrivedBy, own, waitMs] of drains)
  test(`of a drained node, ${what}`, (t) => t.is(drainedAgainIn(subject, arrivedBy, own, time(20)), waitMs));

test('without a policy, or with one that says Never, nothing is moved', (t) => {
  const subject = interrupted('PreemptionByScheduler', deleted);
  t.is(interruptionOf(subject, undefined, leaving), undefined);
  t.is(interruptionOf(subject, policy({ action: 'Never' }), leaving), undefined);
});

test('two who see one interruption make the same Migration; the next interruption gets another', (t) => {
  const first = interruptionMigration(pod(), 'Drain', 900, undefined);
  t.deepEqual(interruptionMigration(pod({ metadata: { resourceVersion: '9' } }), 'Drain', 900, undefined), first);
  t.not(
    interruptionMigration(pod({ metadata: { uid: 'u2' } }), 'Drain', 900, undefined).metadata.name,
    first.metadata.name,
  );
  t.not(interruptionMigration(pod(), 'Drain', 900, migration()).metadata.name, first.metadata.name);
});

test('it is one that the API server takes, and names this incarnation', (t) => {
  const made = interruptionMigration(pod(), 'Preemption', 60, undefined);
  t.deepEqual(migrationSchema.parse(JSON.parse(JSON.stringify(made))), made);
  t.like(made, {
    metadata: { namespace: 'default' },
    spec: { podName: 'shop-0', podUID: 'u1', trigger: 'Preemption', deadlineSeconds: 60, dryRun: false, cancel: false },
  });
});

const madeAt = (uid: string, seconds: number, podUID = 'u1', dryRun = false) =>
  migration({ metadata: { uid, creationTimestamp: at(seconds) }, spec: { podUID, dryRun } });

test("of a pod's Migrations the newest counts; dry runs and those of other pods do not", (t) => {
  const all = [
    madeAt('m1', 1),
    madeAt('m3', 3),
    madeAt('m2', 2),
    madeAt('other', 9, 'u2'),
    madeAt('dry', 8, 'u1', true),
  ];
  t.is(newestOf(all, 'u1')?.metadata.uid, 'm3');
  t.is(newestOf(all, 'u3'), undefined);
  t.is(newestOf([migration()], undefined), undefined);
});

const ended = (status: 'True' | 'False', reason: string, finishedAt: number, trigger: Trigger = 'Drain') =>
  migration({
    spec: { trigger },
    status: { conditions: [condition('Succeeded', status, reason)], finishedAt: at(finishedAt) },
  });

const asked: [string, ReturnType<typeof migration> | undefined, boolean][] = [
  ['no move before', undefined, true],
  ['a move under way', migration(), false],
  ['a pod that has moved', ended('True', 'Moved', 0), false],
  ['a move that was just given up', ended('False', 'NoCandidate', 100), false],
  ['a move that was given up long ago', ended('False', 'NoCandidate', -900), true],
  ['a move that was cancelled', ended('False', 'Cancelled', 100), true],
  ["a user's move that failed", ended('False', 'HandoverFailed', 100, 'User'), true],
];
for (const [what, newest, wanted] of asked)
  test(`${what}: ${wanted ? 'it asks for a move' : 'it asks for none'}`, (t) =>
    t.is(asksForMove(newest, policy(), time(101)), wanted));
