// How long a move is tried elsewhere, and when its pod is to go on where it runs instead, in its owner's next pod.
import {
  maxAttempts,
  maxAttemptsInPlace,
  type Migration,
  type MigrationStatus,
  type Trigger,
} from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';

/** The last part of the time is for the node where the source runs: it takes a new pod, its sandbox and a handover. */
const longestReserveMs = 20_000;
const leastReserveMs = 8_000;
/** Else its node has no place for the pod any more: another one has it, a taint forbids it, or the node goes down. */
const staying: ReadonlySet<Trigger> = new Set(['User', 'Drain', 'Eviction']);

/** Nothing is held after `holdUntil`: then the move is over as well. */
export function deadlineOf({ metadata, spec, status }: Migration, now: Date): number {
  const byItself = Date.parse(metadata.creationTimestamp ?? now.toISOString()) + spec.deadlineSeconds * 1000;
  return status?.holdUntil === undefined ? byItself : Math.min(byItself, Date.parse(status.holdUntil));
}

/** None of a time that is too short for both. */
export function reserveMs(migration: Migration, now: Date): number {
  const beganAt = Date.parse(migration.status?.startedAt ?? migration.metadata.creationTimestamp ?? now.toISOString());
  const thirdMs = (deadlineOf(migration, now) - beganAt) / 3;
  return thirdMs < leastReserveMs ? 0 : Math.min(thirdMs, longestReserveMs);
}

/** Whether the object of a held pod still has to go. */
export function isToBeDeleted({ status }: Migration, pod: Pod | undefined): boolean {
  if (pod === undefined || pod.metadata.uid !== status?.source?.uid) return false;
  return status?.strategy !== 'NewName' || pod.metadata.deletionTimestamp === undefined;
}

export function isSpent(status: MigrationStatus): boolean {
  const { attempts = 0, inPlace } = status;
  const made = attempts - (inPlace?.after ?? 0);
  return isRolledBack(status) && made >= (inPlace === undefined ? maxAttempts : maxAttemptsInPlace);
}

/** Whether the node of the source is the last resort now. An attempt that runs is let go on. */
export function isToStay({ migration, pod, now }: { migration: Migration; pod: Pod | undefined; now: Date }): boolean {
  const { spec, status = {} } = migration;
  const isRunning = status.handover !== undefined && !isRolledBack(status);
  if (status.inPlace !== undefined || isRunning || !staying.has(spec.trigger) || isToBeDeleted(migration, pod))
    return false;
  // of one more pod a Job counts a failure, and nobody makes a bare one
  if (status.source?.owner === undefined || status.source.owner.kind === 'Job') return false;
  const leftMs = deadlineOf(migration, now) - now.getTime();
  return leftMs >= leastReserveMs && (isSpent(status) || leftMs <= reserveMs(migration, now));
}

function isRolledBack({ handover }: MigrationStatus): boolean {
  return handover?.state === 'rolled-back' || handover?.state === 'refused';
}
