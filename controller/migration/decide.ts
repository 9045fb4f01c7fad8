// What becomes of a Migration next: a pure answer from the object and what is around it. See
// docs/kubernetes-protocol.md.
import { isDeepStrictEqual } from 'node:util';
import type { Note, Refusal } from '#core/api/handover.ts';
import { findCondition, hasCondition, withCondition, type Condition } from '#core/api/conditions.ts';
import { generationOf } from '#core/api/lineage.ts';
import {
  isCancelled,
  isLetGo,
  isNodeGone,
  isUnderway,
  keptState,
  sourceMayRun,
  type Migration,
  type MigrationPhase,
  type MigrationStatus,
  type ReplacementStrategy,
} from '#core/api/migration.ts';
import { controllerOf, isFinished, type Node, type Pod } from '#core/api/pod.ts';
import { restoreHash } from '#core/api/restore-hash.ts';
import { completionIndexLabel } from '#core/api/names.ts';
import { migrationReasons, type MigrationReason } from '#core/api/reasons.ts';
import { deadlineOf, isSpent, isToBeDeleted, isToStay, reserveMs } from '#controller/migration/last-resort.ts';
import type { Prospect } from '#controller/migration/prospect.ts';
import type { Trial } from '#controller/replacement/trial.ts';

export interface Observation {
  migration: Migration;
  now: Date;
  /** The pod of that name as it is now, whatever its UID. */
  pod: Pod | undefined;
  /** The live pod that bears this Migration's UID. */
  replacement: Pod | undefined;
  /** Whether there will be one; asked for while a held pod waits. */
  prospect: Prospect;
  sourceNode: Node | undefined;
  /** What the API server says of the replacement; asked before admission, and again before the pod's object goes. */
  trial: Trial;
  /**
   * Whether the node of the source could take the replacement, when no other does; asked for while a held pod waits.
   */
  mayStay: boolean;
  /** Live pods that were claimed for it and are of no use any more (outdated.ts). */
  outdated: readonly Pod[];
  /** What the API server told the owner, which made no replacement; asked for while a held pod waits. */
  setback?: string | undefined;
  /** Only asked for before admission. */
  admission:
    | {
        refusals: Refusal[];
        notes: Note[];
        lineage: string;
        /** Another Migration that moves the same pod, or whose replacement it is. */
        rival: string | undefined;
        /** Why no move may begin now; undefined: it may. */
        wait: string | undefined;
      }
    | undefined;
}

export type Action =
  | 'none'
  | 'adopt'
  | 'delete-pod'
  | 'delete-outdated'
  | 'create-copy'
  | 'delete-migration'
  | 'forget';

export interface Decision {
  /** Undefined: nothing to write. */
  status?: MigrationStatus;
  action: Action;
  requeueAfterMs?: number;
}

/** Of condition Claimed, while the API server refuses the replacement. */
export const refusedReplacement = 'ReplacementRefused';
/** The same, while nobody can tell whether the replacement would come, and to its gate. */
const awaitedAnswer = 'Waiting';
const lookAgainMs = 1_000;
const seldomMs = 10_000;

/** @param needsItsPlace no second pod has room beside it */
export function strategyOf(pod: Pod, needsItsPlace: boolean): ReplacementStrategy {
  const owner = controllerOf(pod);
  if (owner === undefined || owner.kind === 'StatefulSet') return 'SameName';
  return owner.kind === 'Job' || needsItsPlace ? 'AfterDelete' : 'NewName';
}

export function decide(observation: Observation): Decision {
  const { migration, now } = observation;
  const { conditions = [], commit } = migration.status ?? {};
  if (!isUnderway(migration) && observation.outdated.length > 0)
    return { action: 'delete-outdated', requeueAfterMs: lookAgainMs };
  if (!isUnderway(migration))
    return migration.metadata.deletionTimestamp === undefined ? retire(observation) : forget(observation);
  if (commit?.decision === 'committed')
    return isReleased(observation)
      ? finishMoved(observation)
      : { action: 'none', ...changed(migration, migration.status ?? {}), requeueAfterMs: lookAgainMs };
  if (isCancelled(migration)) return finish(observation, 'Cancelled');
  const leftMs = deadlineOf(migration, now) - now.getTime();
  if (leftMs <= 0) return expire(observation);
  const decision = hasCondition(conditions, 'Admitted') ? proceed(observation) : admit(observation);
  const untilReserveMs = leftMs - reserveMs(migration, now);
  return {
    ...decision,
    requeueAfterMs: Math.min(
      decision.requeueAfterMs ?? Infinity,
      observation.mayStay && untilReserveMs > 0 ? untilReserveMs : leftMs,
    ),
  };
}

function finishMoved(observation: Observation): Decision {
  const { inPlace } = observation.migration.status ?? {};
  return inPlace === undefined ? finish(observation, 'Moved') : finish(observation, 'KeptInPlace', inPlace.why);
}

/** The source agent has said so, or will never say anything again. */
function isReleased({ migration: { status }, sourceNode }: Observation): boolean {
  return status?.handover?.state === 'succeeded' || isNodeGone(sourceNode);
}

/** What has waited for long is looked at less often, and later by a quarter of the time that it has waited. */
function patienceMs({ status }: Migration, now: Date): number {
  const admitted = findCondition(status?.conditions, 'Admitted');
  const waitedMs = now.getTime() - Date.parse(admitted?.lastTransitionTime ?? now.toISOString());
  return Math.min(Math.max(lookAgainMs, waitedMs / 4), seldomMs);
}

const wait = (): Decision => ({ action: 'none' });

/** A finished Migration goes when its time has come; a bare pod that it deleted comes back first. */
function retire(observation: Observation): Decision {
  if (owesCopy(observation)) return { action: 'create-copy', requeueAfterMs: lookAgainMs };
  const {
    migration: { spec, status },
    now,
  } = observation;
  const leftMs =
    Date.parse(status?.finishedAt ?? now.toISOString()) + spec.ttlSecondsAfterFinished * 1000 - now.getTime();
  return leftMs <= 0 ? { action: 'delete-migration' } : { action: 'none', requeueAfterMs: leftMs };
}

/**
 * A deleted Migration stays while its word is needed: the source may run without an object, or the replacement waits to
 * be told that it may start.
 */
function forget(observation: Observation): Decision {
  if (owesCopy(observation)) return { action: 'create-copy', requeueAfterMs: lookAgainMs };
  const { migration, pod, replacement, sourceNode } = observation;
  const objectIsThere =
    pod !== undefined &&
    pod.metadata.uid === migration.status?.source?.uid &&
    pod.metadata.deletionTimestamp === undefined;
  const sourceIsLoose = sourceMayRun(migration, sourceNode) && !objectIsThere;
  const isAwaited =
    hasCondition(migration.status?.conditions, 'Succeeded', 'False') &&
    replacement !== undefined &&
    !hasStarted(replacement);
  return sourceIsLoose || isAwaited ? { action: 'none', requeueAfterMs: lookAgainMs } : { action: 'forget' };
}

/** The move has deleted a bare pod, and failed: nobody else makes it again. */
function owesCopy({ migration: { status }, pod }: Observation): boolean {
  if (pod !== undefined || status?.podManifest === undefined || status.copyMade === true) return false;
  return hasCondition(status.conditions, 'Succeeded', 'False') && status.handover?.state !== keptState;
}

const hasStarted = ({ status }: Pod): boolean =>
  status?.containerStatuses?.some(({ state }) => state?.running !== undefined || state?.terminated !== undefined) ===
  true;

/** With what it waited for last, in the words of those who know. */
function expire(observation: Observation): Decision {
  const { migration, replacement, setback } = observation;
  const { conditions, handover } = migration.status ?? {};
  const admitted = findCondition(conditions, 'Admitted');
  if (admitted?.status !== 'True') return finish(observation, 'NoCandidate', admitted?.message);
  if (handover?.error !== undefined) return finish(observation, 'HandoverFailed');
  if (!hasCondition(conditions, 'Held') || replacement !== undefined) return finish(observation, 'DeadlineExceeded');
  const claimed = findCondition(conditions, 'Claimed');
  if (claimed?.reason === awaitedAnswer) return finish(observation, 'DeadlineExceeded', claimed.message);
  return finish(
    observation,
    'ReplacementMissing',
    setback ?? (claimed?.reason === refusedReplacement ? claimed.message : undefined),
  );
}

function admit(observation: Observation): Decision {
  const { migration, pod, admission, trial, now } = observation;
  const { spec, metadata, status = {} } = migration;
  const uid = spec.podUID ?? status.source?.uid;
  if (pod === undefined || (uid !== undefined && pod.metadata.uid !== uid)) return finish(observation, 'PodNotFound');
  if (isFinished(pod)) return finish(observation, 'PodFinished');
  if (admission === undefined) return { action: 'none', requeueAfterMs: lookAgainMs };
  const { notes, lineage, rival } = admission;
  const refusals = [...admission.refusals, ...trial.refusals];
  const waitsFor = admission.wait ?? trial.wait;
  if (rival !== undefined) return finish(observation, 'AlreadyMigrating', `Migration ${rival} moves the pod`);
  if (pod.spec.nodeName === undefined) return { action: 'none', requeueAfterMs: lookAgainMs };
  if (refusals.length > 0)
    return finish(
      { ...observation, migration: { ...migration, status: { ...status, refusals } } },
      'PreflightRefused',
      listed(refusals),
    );
  const source = sourceOf(pod);
  const common = { ...status, source, observedGeneration: metadata.generation };
  if (waitsFor !== undefined && spec.dryRun) {
    const refusal = {
      code: 'PREFLIGHT_NO_CANDIDATE',
      fact: waitsFor,
      remedy: 'Make room on a node that the pod may run on, or wait for the moves that are under way.',
    };
    return finish(
      { ...observation, migration: { ...migration, status: { ...common, refusals: [refusal] } } },
      'PreflightRefused',
      listed([refusal]),
    );
  }
  if (waitsFor !== undefined) {
    const waiting = set(migration, common, 'Admitted', 'False', 'Waiting', waitsFor, now);
    return { action: 'none', requeueAfterMs: patienceMs(migration, now), ...changed(migration, waiting) };
  }
  const admitted = set(
    migration,
    {
      ...common,
      notes,
      lineage,
      generation: generationOf(pod) + 1,
      strategy: strategyOf(pod, trial.needsItsPlace),
      startedAt: now.toISOString(),
    },
    'Admitted',
    'True',
    'Admitted',
    'Nothing in the API is in the way',
    now,
  );
  return { action: 'adopt', status: withPhase(running(migration, admitted, now)) };
}

function sourceOf(pod: Pod): NonNullable<MigrationStatus['source']> {
  const {
    metadata: { name, uid, labels = {} },
    spec: { nodeName },
  } = pod;
  const owner = controllerOf(pod);
  const completionIndex = labels[completionIndexLabel];
  return {
    name,
    restoreHash: restoreHash(pod),
    ...(uid === undefined ? {} : { uid }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(owner === undefined ? {} : { owner: { kind: owner.kind, name: owner.name, uid: owner.uid } }),
    ...(completionIndex === undefined ? {} : { completionIndex }),
  };
}

/** What the owner itself says; the other reasons speak for themselves. */
const hopes: Partial<Record<Prospect, string>> = { unwanted: 'It was scaled down or deleted, or has come to its end.' };

const hopeless = {
  unwanted: 'ReplacementMissing',
  different: 'ReplacementDiffers',
  misplaced: 'ReplacementMisplaced',
} as const satisfies Record<Exclude<Prospect, 'coming'>, MigrationReason>;

/** The source agent has the word first; then the source's object goes, and the replacement is waited for. */
function proceed(observation: Observation): Decision {
  const { migration, pod, replacement } = observation;
  const { status = {} } = migration;
  const { conditions = [], strategy, target } = status;
  const refusals = status.refusals ?? [];
  if (hasCondition(conditions, 'Held', 'False'))
    return migration.spec.dryRun && refusals.length === 0
      ? finish(observation, 'Planned')
      : finish(observation, 'PreflightRefused', listed(refusals));
  if (!hasCondition(conditions, 'Held')) return wait();
  if (isLetGo(status)) return finish(observation, 'SourceEnded');
  if (status.inPlace !== undefined && observation.outdated.length > 0)
    return { action: 'delete-outdated', requeueAfterMs: lookAgainMs };
  if (observation.mayStay && isToStay(observation)) return stay(observation);
  if (isSpent(status)) return finish(observation, 'HandoverFailed');
  if (replacement === undefined && observation.prospect !== 'coming')
    return finish(observation, hopeless[observation.prospect], hopes[observation.prospect]);
  if (isToBeDeleted(migration, pod)) return releaseObject(observation);
  const next = withTarget(observation);
  const update = changed(migration, next);
  if (strategy === 'SameName' && pod === undefined && target === undefined)
    return { action: 'create-copy', requeueAfterMs: lookAgainMs, ...update };
  return { action: 'none', ...(replacement === undefined ? { requeueAfterMs: lookAgainMs } : {}), ...update };
}

/** The replacement that was to run elsewhere is none any more; the next one may come to the node of the source only. */
function stay({ migration, replacement, now }: Observation): Decision {
  const { target: _former, ...status } = migration.status ?? {};
  const why =
    status.handover?.error?.message ??
    (replacement?.spec.nodeName === undefined
      ? 'No other node could take it in time.'
      : 'It could not be handed over in time.');
  const claimed = `No other node has taken it: the replacement may come to ${status.source?.nodeName ?? 'its node'}`;
  const next = set(
    migration,
    { ...status, inPlace: { after: status.attempts ?? 0, why } },
    'Claimed',
    'False',
    'StaysInPlace',
    claimed,
    now,
  );
  return { action: 'none', status: withPhase(next), requeueAfterMs: lookAgainMs };
}

/** The point from which the program depends on its replacement: not before the API server would take one. */
function releaseObject(observation: Observation): Decision {
  const { migration, trial } = observation;
  const status = migration.status ?? {};
  if (trial.refusals.length > 0)
    return finish(
      { ...observation, migration: { ...migration, status: { ...status, refusals: trial.refusals } } },
      'PreflightRefused',
      listed(trial.refusals),
    );
  if (trial.wait !== undefined)
    return {
      action: 'none',
      requeueAfterMs: lookAgainMs,
      ...changed(migration, set(migration, status, 'Claimed', 'False', awaitedAnswer, trial.wait, observation.now)),
    };
  const next = withTarget(observation);
  return {
    action: 'delete-pod',
    ...changed(
      migration,
      trial.needsItsPlace && next.strategy === 'NewName' ? { ...next, strategy: 'AfterDelete' } : next,
    ),
  };
}

/** A claimed replacement that is gone is forgotten: the next one can be claimed. */
function withTarget({ migration, replacement, setback, now }: Observation): MigrationStatus {
  const { target: _former, ...status } = migration.status ?? {};
  if (replacement === undefined) {
    if (setback !== undefined) return set(migration, status, 'Claimed', 'False', refusedReplacement, setback, now);
    if (findCondition(status.conditions, 'Claimed')?.reason === awaitedAnswer)
      return set(migration, status, 'Claimed', 'False', 'Awaited', 'The replacement is waited for', now);
    return hasCondition(status.conditions, 'Claimed')
      ? set(
          migration,
          status,
          'Claimed',
          'False',
          'ReplacementGone',
          'The replacement is gone; another one is waited for',
          now,
        )
      : status;
  }
  const { nodeName } = replacement.spec;
  const target = {
    name: replacement.metadata.name,
    uid: replacement.metadata.uid,
    ...(nodeName === undefined ? {} : { nodeName }),
  };
  if (nodeName === undefined) return { ...status, target };
  return set(
    migration,
    { ...status, target },
    'Claimed',
    'True',
    'Scheduled',
    `The replacement ${target.name} runs on ${nodeName}`,
    now,
  );
}

function finish({ migration, now }: Observation, reason: MigrationReason, detail?: string): Decision {
  const succeeded = reason === 'Moved' || reason === 'Planned';
  const message =
    detail === undefined || detail === '' ? migrationReasons[reason] : `${migrationReasons[reason]} ${detail}`;
  const status = set(
    migration,
    { ...migration.status, finishedAt: now.toISOString() },
    'Succeeded',
    succeeded ? 'True' : 'False',
    reason,
    message,
    now,
  );
  return { action: 'none', status: withPhase(status), requeueAfterMs: migration.spec.ttlSecondsAfterFinished * 1000 };
}

function set(
  { metadata }: Migration,
  status: MigrationStatus,
  type: string,
  value: Condition['status'],
  reason: string,
  message: string,
  now: Date,
): MigrationStatus {
  return {
    ...status,
    conditions: withCondition(
      status.conditions ?? [],
      { type, status: value, reason, message, observedGeneration: metadata.generation },
      now,
    ),
  };
}

function running(migration: Migration, status: MigrationStatus, now: Date): MigrationStatus {
  return set(migration, status, 'Succeeded', 'Unknown', 'Running', migrationReasons.Running, now);
}

const listed = (refusals: readonly Refusal[]): string =>
  refusals.map(({ code, fact }) => `${code}: ${fact}`).join('; ');

function changed({ status }: Migration, wanted: MigrationStatus): { status?: MigrationStatus } {
  const next = withPhase(wanted);
  return isDeepStrictEqual(status, next) ? {} : { status: next };
}

export function withPhase(status: MigrationStatus): MigrationStatus {
  return { ...status, phase: phaseOf(status) };
}

/** For printing: the furthest condition that holds. */
export function phaseOf({ conditions, handover }: MigrationStatus): MigrationPhase {
  const succeeded = conditions?.find(({ type }) => type === 'Succeeded');
  if (succeeded?.status === 'True') return 'Succeeded';
  if (succeeded?.status === 'False') return succeeded.reason === 'Cancelled' ? 'Cancelled' : 'Failed';
  if (hasCondition(conditions, 'Committed')) return 'Releasing';
  if (hasCondition(conditions, 'Claimed') || handover !== undefined) return 'HandingOver';
  if (hasCondition(conditions, 'Held')) return 'Replacing';
  return hasCondition(conditions, 'Admitted') ? 'Holding' : 'Pending';
}
