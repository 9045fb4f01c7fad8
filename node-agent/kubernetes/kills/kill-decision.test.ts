// Every kill is judged by what is known of its pod; whatever is unknown is delivered.
import test from 'ava';
import * as fc from 'fast-check';
import type { Migration } from '#core/api/migration.ts';
import { at, condition, interrupted, migration, pod, policy, time } from '#core/testing/objects.ts';
import { decideKill, defaultHoldSeconds, type KillFacts } from './kill-decision.ts';

const now = time(100);
const preempted = interrupted('PreemptionByScheduler');

const holding = (holdUntil?: string, ...more: ReturnType<typeof condition>[]): Migration =>
  migration({
    spec: { trigger: 'Drain' },
    status: { conditions: [condition('Held'), ...more], ...(holdUntil === undefined ? {} : { holdUntil }) },
  });
const ended = (
  status: 'True' | 'False',
  reason: string,
  finishedAt: number,
  trigger: 'User' | 'Drain' = 'Drain',
): Migration =>
  migration({
    spec: { trigger },
    status: {
      conditions: [condition('Held'), condition('Succeeded', status, reason)],
      holdUntil: at(900),
      finishedAt: at(finishedAt),
    },
  });

const deliver = (reason: string) => ({ decision: 'deliver', reason });
const hold = (reason: string, seconds: number) => ({ decision: 'hold', reason, holdMs: seconds * 1000 });

const cases: [string, Partial<KillFacts>, ReturnType<typeof deliver> | ReturnType<typeof hold>][] = [
  ['an unknown pod', { pod: undefined }, deliver('UnknownPod')],
  [
    'an unknown pod on a node that is shutting down',
    { pod: undefined, nodeIsShuttingDown: true },
    deliver('UnknownPod'),
  ],
  [
    'a pod of another runtime class',
    { pod: interrupted('PreemptionByScheduler', { spec: { runtimeClassName: 'runc' } }) },
    deliver('NotOptedIn'),
  ],
  [
    'a pod of no runtime class',
    { pod: interrupted('PreemptionByScheduler', { spec: { runtimeClassName: undefined } }) },
    deliver('NotOptedIn'),
  ],
  ['a pod that no policy selects', { pod: preempted, policy: undefined }, deliver('NotOptedIn')],
  [
    'policy Never',
    { pod: preempted, policy: policy({ action: 'Never' }), nodeIsShuttingDown: true },
    deliver('PolicyNever'),
  ],
  [
    "a user's delete, a scale-down, a rollout",
    { pod: pod({ metadata: { deletionTimestamp: at(99) } }) },
    deliver('NotInterrupted'),
  ],
  ['a pod that nobody deletes', {}, deliver('NotInterrupted')],
  [
    'a disruption that was taken back',
    { pod: pod({ status: { conditions: [{ type: 'DisruptionTarget', status: 'False', reason: 'R' }] } }) },
    deliver('NotInterrupted'),
  ],
  [
    'a pod that has completed',
    { pod: interrupted('PreemptionByScheduler', { status: { phase: 'Succeeded' } }) },
    deliver('Finished'),
  ],
  [
    'a pod that has failed',
    { pod: interrupted('PreemptionByScheduler', { status: { phase: 'Failed' } }), nodeIsShuttingDown: true },
    deliver('Finished'),
  ],
  ['preemption', { pod: preempted }, hold('PreemptionByScheduler', 60)],
  ['eviction', { pod: interrupted('EvictionByEvictionAPI') }, hold('EvictionByEvictionAPI', 60)],
  ['a taint', { pod: interrupted('DeletionByTaintManager') }, hold('DeletionByTaintManager', 60)],
  ['a disruption without a reason', { pod: interrupted(undefined) }, hold('Unknown', 60)],
  ['another patience', { pod: preempted, policy: policy({ holdSeconds: 5 }) }, hold('PreemptionByScheduler', 5)],
  ['a node that is shutting down', { nodeIsShuttingDown: true }, hold('NodeShutdown', 15)],
  [
    'a node that is shutting down, and a patient program',
    { nodeIsShuttingDown: true, pod: pod({ spec: { terminationGracePeriodSeconds: 600 } }) },
    hold('NodeShutdown', 60),
  ],
  [
    'a node that is shutting down, and a program without grace',
    { nodeIsShuttingDown: true, pod: pod({ spec: { terminationGracePeriodSeconds: 0 } }) },
    deliver('HoldExpired'),
  ],
  [
    'preemption on a node that is shutting down',
    { nodeIsShuttingDown: true, pod: preempted },
    hold('NodeShutdown', 15),
  ],
  [
    'a pod that the API server forgets with its node',
    { pod: interrupted('DeletionByPodGC') },
    deliver('NotInterrupted'),
  ],
  ['a kill after the hold, of an unknown pod', { pod: undefined, heldForMs: 0 }, deliver('HoldExpired')],
  [
    'a kill after the hold, while a Migration holds',
    { pod: preempted, heldForMs: 0, migration: holding(at(130)) },
    deliver('HoldExpired'),
  ],
  [
    'a second kill, while a Migration holds for longer',
    { pod: preempted, heldForMs: 10_000, migration: holding(at(130)) },
    hold('Migration', 30),
  ],
  ['a second kill', { pod: preempted, heldForMs: 10_000 }, hold('PreemptionByScheduler', 10)],
  ['a kill after the hold', { pod: preempted, heldForMs: -1_000 }, deliver('HoldExpired')],
  ['a kill at the very end of the hold', { pod: preempted, heldForMs: 0 }, deliver('HoldExpired')],
  ['a Migration that holds', { migration: holding(at(130)) }, hold('Migration', 30)],
  [
    "a Migration that holds, its pod's object gone",
    { pod: undefined, policy: undefined, migration: holding(at(130)) },
    hold('Migration', 30),
  ],
  [
    'a Migration that holds, in words of the policy',
    { migration: holding(), policy: policy({ holdSeconds: 7 }) },
    hold('Migration', 7),
  ],
  [
    'a Migration that holds, without a word on how long',
    { migration: holding(), policy: undefined },
    hold('Migration', defaultHoldSeconds),
  ],
  ['a Migration whose hold is over', { migration: holding(at(99)) }, deliver('HoldExpired')],
  [
    'a Migration whose hold is over, of a preempted pod',
    { pod: preempted, migration: holding(at(100)) },
    deliver('HoldExpired'),
  ],
  ['a Migration with a time that is none', { migration: holding('soon') }, deliver('HoldExpired')],
  [
    'a Migration that does not hold yet',
    { migration: migration({ status: { conditions: [condition('Admitted')] } }) },
    deliver('NotInterrupted'),
  ],
  [
    'a Migration that does not hold yet, of a preempted pod',
    { pod: preempted, migration: migration({ status: { conditions: [condition('Admitted')] } }) },
    hold('PreemptionByScheduler', 60),
  ],
  [
    'a Migration that holds and is over',
    { migration: ended('False', 'HandoverFailed', 90), policy: undefined },
    deliver('NotOptedIn'),
  ],
  [
    'a Migration that was refused',
    { migration: migration({ status: { conditions: [condition('Held', 'False')] } }) },
    deliver('NotInterrupted'),
  ],
  ['a Migration that has failed', { migration: ended('False', 'HandoverFailed', 90) }, deliver('NotInterrupted')],
  [
    'a Migration of a preempted pod that has just failed',
    { pod: preempted, migration: ended('False', 'HandoverFailed', 90) },
    deliver('MoveFailed'),
  ],
  [
    'a Migration of a preempted pod that failed long ago',
    { pod: preempted, migration: ended('False', 'HandoverFailed', -900) },
    hold('PreemptionByScheduler', 60),
  ],
  [
    'a Migration of a preempted pod that was cancelled',
    { pod: preempted, migration: ended('False', 'Cancelled', 90) },
    hold('PreemptionByScheduler', 60),
  ],
  [
    'a Migration that has just failed, of a pod whose node is shutting down',
    { nodeIsShuttingDown: true, migration: ended('False', 'HandoverFailed', 90) },
    deliver('MoveFailed'),
  ],
  [
    "a user's Migration that has failed, and now preemption",
    { pod: preempted, migration: ended('False', 'HandoverFailed', 90, 'User') },
    hold('PreemptionByScheduler', 60),
  ],
  ['a Migration that has succeeded', { migration: ended('True', 'Moved', 90) }, deliver('NotInterrupted')],
];

const facts: KillFacts = {
  pod: pod(),
  migration: undefined,
  policy: policy(),
  nodeIsShuttingDown: false,
  heldForMs: undefined,
  now,
};

for (const [what, more, wanted] of cases)
  test(`${what}: ${wanted.decision}`, (t) => t.deepEqual(decideKill({ ...facts, ...more }), wanted));

test('no kill is held past the deadline that its first one set, whatever else is known', (t) => {
  const anything = fc.record({
    pod: fc.constantFrom(undefined, pod(), preempted, interrupted('EvictionByEvictionAPI')),
    policy: fc.constantFrom(undefined, policy(), policy({ holdSeconds: 3600 }), policy({ action: 'Never' })),
    migration: fc.constantFrom(
      undefined,
      migration(),
      ended('False', 'NoCandidate', 90),
      ended('True', 'Moved', 90),
      migration({ status: { conditions: [condition('Admitted')] } }),
    ),
    nodeIsShuttingDown: fc.boolean(),
    heldForMs: fc.integer({ min: -100_000, max: 100_000 }),
  });
  fc.assert(
    fc.property(anything, (known) => {
      const decision = decideKill({ ...known, now });
      t.true(decision.decision === 'deliver' || decision.holdMs <= known.heldForMs);
    }),
  );
});
