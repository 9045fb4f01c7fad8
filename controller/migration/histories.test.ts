// Whatever happens in whatever order: a pod is deleted only while it is held, a commit is never taken back, an end is
// an end, and a Migration stays while its word is needed.
import test from 'ava';
import * as fc from 'fast-check';
import { hasCondition, withCondition } from '#core/api/conditions.ts';
import { isCancelled, isUnderway, sourceMayRun, type Migration, type MigrationStatus } from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';
import { at, migration, node, pod, time } from '#core/testing/objects.ts';
import { untried, type Trial } from '#controller/replacement/trial.ts';
import { decide, type Decision, type Observation } from './decide.ts';
import type { Prospect } from './prospect.ts';

/** What agents, owners, users and time do between two looks of the controller. */
type Event =
  | {
      kind:
        | 'agent-holds'
        | 'agent-refuses'
        | 'agent-releases'
        | 'attempt-fails'
        | 'commit'
        | 'handover-succeeds'
        | 'cancel'
        | 'delete'
        | 'source-terminates'
        | 'object-goes'
        | 'own-node'
        | 'replacement-comes'
        | 'replacement-goes'
        | 'nothing';
    }
  | { kind: 'time'; seconds: number }
  | { kind: 'waits'; wait: boolean }
  | { kind: 'prospect'; prospect: Prospect }
  | { kind: 'trial'; trial: Trial };

interface World {
  migration: Migration;
  seconds: number;
  pod: Pod | undefined;
  replacement: Pod | undefined;
  /** Of those that were claimed and are no replacement any more. */
  outdated: Pod[];
  mayStay: boolean;
  prospect: Prospect;
  wait: boolean;
  trial: Trial;
}

const trials: Trial[] = [
  untried,
  { ...untried, needsItsPlace: true },
  { ...untried, wait: 'nobody knows' },
  { ...untried, refusals: [{ code: 'PREFLIGHT_QUOTA', fact: 'f', remedy: 'r' }] },
];

const events: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .constantFrom(
        'agent-holds',
        'agent-releases',
        'attempt-fails',
        'commit',
        'handover-succeeds',
        'source-terminates',
        'object-goes',
        'own-node',
        'replacement-comes',
        'replacement-goes',
        'nothing',
      )
      .map((kind) => ({ kind })),
  },
  { weight: 1, arbitrary: fc.constantFrom('agent-refuses', 'cancel', 'delete').map((kind) => ({ kind })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time'), seconds: fc.integer({ min: 1, max: 50 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('waits'), wait: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('prospect'),
      prospect: fc.constantFrom<Prospect>('coming', 'unwanted', 'different', 'misplaced'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trial'), trial: fc.constantFrom(...trials) }) },
);
const histories = fc.record({
  owner: fc.constantFrom('StatefulSet', 'ReplicaSet', 'Job', undefined),
  dryRun: fc.boolean(),
  story: fc.array(events, { maxLength: 30 }),
});

/** Kills are held no longer. */
const holdSeconds = 60;

function withStatus(world: World, change: (status: MigrationStatus) => MigrationStatus): World {
  return { ...world, migration: { ...world.migration, status: change(world.migration.status ?? {}) } };
}
function told(status: MigrationStatus, type: string, value: 'True' | 'False', seconds: number): MigrationStatus {
  return {
    ...status,
    conditions: withCondition(
      status.conditions ?? [],
      { type, status: value, reason: 'R', message: '' },
      time(seconds),
    ),
  };
}

/** Nobody does what the protocol forbids: the agent holds what is admitted, and commits what is claimed. */
function happens(world: World, event: Event): World {
  const { conditions, commit, attempts = 0 } = world.migration.status ?? {};
  const has = (type: string): boolean => hasCondition(conditions, type);
  const underway = isUnderway(world.migration);
  const asked = underway && has('Admitted') && conditions?.some(({ type }) => type === 'Held') === false;
  const running = underway && has('Claimed') && commit?.decision !== 'committed';
  switch (event.kind) {
    case 'agent-holds':
      return asked
        ? withStatus(world, (status) => ({
            ...told(status, 'Held', world.migration.spec.dryRun ? 'False' : 'True', world.seconds),
            holdUntil: at(world.seconds + holdSeconds),
          }))
        : world;
    case 'agent-refuses':
      return asked
        ? withStatus(world, (status) => ({
            ...told(status, 'Held', 'False', world.seconds),
            refusals: [{ code: 'PREFLIGHT_X', fact: 'f', remedy: 'r' }],
          }))
        : world;
    case 'agent-releases':
      return has('Held') && world.migration.status?.commit?.decision !== 'committed'
        ? withStatus(world, (status) => ({ ...status, handover: { id: 'm1', state: 'released' } }))
        : world;
    case 'attempt-fails':
      return running
        ? withStatus(world, (status) => ({
            ...status,
            attempts: attempts + 1,
            handover: { id: `m1-${attempts + 1}`, state: 'rolled-back' },
          }))
        : world;
    case 'commit':
      return running && !isCancelled(world.migration)
        ? withStatus(world, (status) => ({
            ...told(status, 'Committed', 'True', world.seconds),
            commit: { handover: 'm1-1', decision: 'committed', decidedAt: at(world.seconds) },
          }))
        : world;
    case 'handover-succeeds':
      return commit?.decision === 'committed' && underway
        ? withStatus(world, (status) => ({ ...status, handover: { id: 'm1-1', state: 'succeeded' } }))
        : world;
    case 'cancel':
      return { ...world, migration: { ...world.migration, spec: { ...world.migration.spec, cancel: true } } };
    case 'delete':
      return {
        ...world,
        migration: {
          ...world.migration,
          metadata: { ...world.migration.metadata, deletionTimestamp: at(world.seconds) },
        },
      };
    case 'source-terminates':
      return world.pod === undefined
        ? world
        : {
            ...world,
            pod: { ...world.pod, metadata: { ...world.pod.metadata, deletionTimestamp: at(world.seconds) } },
          };
    case 'object-goes':
      return { ...world, pod: undefined };
    case 'own-node':
      return { ...world, mayStay: !world.mayStay };
    case 'replacement-comes':
      return has('Held')
        ? {
            ...world,
            replacement: pod({
              metadata: { uid: 'u2' },
              spec: {
                nodeName:
                  world.replacement === undefined
                    ? undefined
                    : world.migration.status?.inPlace === undefined
                      ? 'b'
                      : 'a',
              },
            }),
          }
        : world;
    case 'replacement-goes':
      return { ...world, replacement: undefined };
    case 'time':
      return { ...world, seconds: world.seconds + event.seconds };
    case 'waits':
      return { ...world, wait: event.wait };
    case 'prospect':
      return { ...world, prospect: event.prospect };
    case 'trial':
      return { ...world, trial: event.trial };
    case 'nothing':
      return world;
    default:
      return event satisfies never;
  }
}

function seen({ migration: subject, seconds, wait, ...rest }: World): Observation {
  // as the controller asks
  const prospect = subject.status?.copyMade === true && rest.pod === undefined ? 'unwanted' : rest.prospect;
  const admission = {
    refusals: [],
    notes: [],
    lineage: 'l1',
    rival: undefined,
    wait: wait ? 'no node can take the pod' : undefined,
  };
  return { ...rest, prospect, migration: subject, now: time(seconds), sourceNode: node('a'), admission };
}

/** What is wrong with a decision about a world; undefined when nothing is. */
function fault(world: World, { action, status, requeueAfterMs }: Decision): string | undefined {
  const { status: before, spec } = world.migration;
  const committed = before?.commit?.decision === 'committed';
  if (
    action === 'delete-pod' &&
    (!hasCondition(before?.conditions, 'Held') || spec.dryRun || !isUnderway(world.migration) || committed)
  )
    return 'deleted a pod that is not held for a move';
  if (action === 'delete-pod' && (world.trial.refusals.length > 0 || world.trial.wait !== undefined))
    return 'deleted a pod that nobody would replace';
  if (action === 'delete-pod' && world.pod?.metadata.uid !== 'u1') return 'deleted another pod than the source';
  if (action === 'create-copy' && (world.pod !== undefined || !hasCondition(before?.conditions, 'Held')))
    return 'made a copy beside a pod';
  if (action === 'create-copy' && (before?.copyMade === true || hasCondition(before?.conditions, 'Succeeded')))
    return 'made a copy of a pod that has moved, or a second one';
  if (action === 'forget' && isUnderway(world.migration)) return 'forgot a Migration that is not over';
  if (action === 'forget' && world.pod === undefined && sourceMayRun(world.migration, node('a')))
    return 'forgot a source that may run';
  if (action === 'delete-outdated' && before?.inPlace === undefined) return 'deleted a pod that may be the replacement';
  if (
    status?.inPlace !== undefined &&
    before?.inPlace === undefined &&
    (committed ||
      !world.mayStay ||
      (world.pod?.metadata.uid === 'u1' && world.pod.metadata.deletionTimestamp === undefined))
  )
    return 'stays though it has moved, or was not asked to leave';
  if (
    committed &&
    status !== undefined &&
    before?.inPlace === undefined &&
    hasCondition(status.conditions, 'Succeeded', 'False')
  )
    return 'failed after the commit';
  if (!isUnderway(world.migration) && status !== undefined) return 'changed a Migration that is over';
  if (
    !committed &&
    action !== 'delete-migration' &&
    action !== 'forget' &&
    !(requeueAfterMs !== undefined && requeueAfterMs > 0)
  )
    return 'waits without a limit';
  return undefined;
}

test('any history', (t) => {
  fc.assert(
    fc.property(histories, ({ owner, dryRun, story }) => {
      let world: World = {
        migration: migration({ spec: { dryRun } }),
        seconds: 1,
        pod: pod({ owner }),
        replacement: undefined,
        outdated: [],
        mayStay: false,
        prospect: 'coming',
        wait: false,
        trial: untried,
      };
      for (const event of [{ kind: 'nothing' } as const, ...story]) {
        world = happens(world, event);
        const decision = decide(seen(world));
        t.is(fault(world, decision), undefined, JSON.stringify(event));
        const { status } = decision;
        const stays = status?.inPlace !== undefined && world.migration.status?.inPlace === undefined;
        if (status !== undefined) world = withStatus(world, () => status);
        if (stays && world.replacement !== undefined)
          world = { ...world, replacement: undefined, outdated: [world.replacement] };
        if (decision.action === 'delete-outdated') world = { ...world, outdated: [] };
        t.is(decide(seen(world)).status, undefined, 'the same world is decided in the same way');
        if (decision.action === 'delete-pod')
          world = {
            ...withStatus(world, (known) => (owner === undefined ? { ...known, podManifest: '{}' } : known)),
            pod: undefined,
          };
        if (decision.action === 'create-copy' && world.migration.status?.podManifest !== undefined)
          world = {
            ...withStatus(world, (known) => ({ ...known, copyMade: true })),
            pod: pod({ metadata: { uid: 'u2' } }),
          };
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a move that nothing stops succeeds', (t) => {
  let world: World = {
    migration: migration(),
    seconds: 1,
    pod: pod({ owner: 'StatefulSet' }),
    replacement: undefined,
    outdated: [],
    mayStay: false,
    prospect: 'coming',
    wait: false,
    trial: untried,
  };
  const phases = new Set<string | undefined>();
  for (const kind of [
    'nothing',
    'agent-holds',
    'object-goes',
    'replacement-comes',
    'replacement-comes',
    'commit',
    'handover-succeeds',
  ] as const) {
    world = happens(world, { kind });
    const { status } = decide(seen(world));
    if (status !== undefined) world = withStatus(world, () => status);
    phases.add(world.migration.status?.phase);
  }
  t.deepEqual(
    [...phases].filter((phase) => phase !== 'Releasing'),
    ['Holding', 'Replacing', 'HandingOver', 'Succeeded'],
  );
});
