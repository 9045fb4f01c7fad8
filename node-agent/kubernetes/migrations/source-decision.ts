// What the agent of the node that a pod leaves does next for its Migration: a pure answer from object and node.
import { hasCondition } from '#core/api/conditions.ts';
import { isCancelled, isLetGo, maxAttempts, maxAttemptsInPlace, type Migration } from '#core/api/migration.ts';

export interface SourceObservation {
  migration: Migration;
  /** State of the newest attempt on this node, if there was one. */
  handover: { attempt: number; state: string; terminal: boolean } | undefined;
  /** Containers of the pod that run here. */
  runningContainers: number;
  /** Whether the object of the pod is gone, or being deleted: no container of it is started again. */
  isLeaving: boolean;
  /** Whether the hold's time is up. */
  holdExpired: boolean;
  /** Whether kills of the pod are held. */
  isKilled: boolean;
  /** Whether its object is there, and nobody deletes it or kills its containers. */
  isUnharmed: boolean;
}

export type SourceAction =
  /** Nothing to do until something changes. */
  | { action: 'wait' }
  /** Preflight of the node side, then hold. */
  | { action: 'prepare' }
  | { action: 'begin'; attempt: number; to: string }
  /** The handover that runs is to be rolled back. */
  | { action: 'cancel'; reason: string }
  /** The Migration is over without a commit: held signals reach the containers. */
  | { action: 'deliver'; reason: string }
  /** The source has ended without a handover, maybe by itself: its replacement may start afresh. */
  | { action: 'report-released' }
  /** The pod was not deleted, and is held no longer. */
  | { action: 'keep'; reason: string };

export function decideSource({
  migration,
  handover,
  runningContainers,
  isLeaving,
  holdExpired,
  isKilled,
  isUnharmed,
}: SourceObservation): SourceAction {
  const { status } = migration;
  const { conditions, commit, target, source, inPlace } = status ?? {};
  const running = handover !== undefined && !handover.terminal;
  const failed = hasCondition(conditions, 'Succeeded', 'False');
  if (commit?.decision === 'committed' || hasCondition(conditions, 'Succeeded', 'True')) return { action: 'wait' };
  const cancelled = isCancelled(migration);
  if (failed || cancelled || holdExpired) {
    const reason = failed ? 'the Migration has failed' : cancelled ? 'cancelled by the user' : 'the hold expired';
    if (running) return { action: 'cancel', reason };
    if (!failed) return { action: 'wait' }; // the controller ends the Migration first
    if (isLetGo(status)) return { action: 'wait' };
    if (!hasCondition(conditions, 'Held')) return isKilled ? { action: 'deliver', reason } : { action: 'wait' };
    if (runningContainers === 0) return { action: 'report-released' };
    return { action: isUnharmed ? 'keep' : 'deliver', reason };
  }
  if (running && inPlace !== undefined && handover.attempt <= inPlace.after)
    return { action: 'cancel', reason: 'no other node is tried any more' };
  if (running || !hasCondition(conditions, 'Admitted')) return { action: 'wait' };
  if (!hasCondition(conditions, 'Held', 'True'))
    return hasCondition(conditions, 'Held', 'False') ? { action: 'wait' } : { action: 'prepare' };
  if (isLetGo(status)) return { action: 'wait' };
  if (runningContainers === 0 && isLeaving && handover?.state !== 'succeeded') return { action: 'report-released' };
  const attempt = Math.max(status?.attempts ?? 0, handover?.attempt ?? 0) + 1;
  const most = inPlace === undefined ? maxAttempts : inPlace.after + maxAttemptsInPlace;
  if (!hasCondition(conditions, 'Claimed') || target?.nodeName === undefined || attempt > most)
    return { action: 'wait' };
  if ((target.nodeName === source?.nodeName) !== (inPlace !== undefined)) return { action: 'wait' };
  return { action: 'begin', attempt, to: target.nodeName };
}
