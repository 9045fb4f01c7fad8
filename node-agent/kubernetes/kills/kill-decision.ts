// Is this kill an interruption? A pure answer from what the agent knows of the pod.
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import { hasCondition } from '#core/api/conditions.ts';
import { gaveUpLately, isUnderway, type Migration } from '#core/api/migration.ts';
import { runtimeClassName } from '#core/api/names.ts';
import { disruptionReason, gracePeriodSeconds, isFinished, type Pod } from '#core/api/pod.ts';

export interface KillFacts {
  /** The pod as it was last seen; undefined when this node never saw it. */
  pod: Pod | undefined;
  /** The Migration by which that very pod (UID) leaves: the one underway, else the newest. */
  migration: Migration | undefined;
  /** The policy that counts for the pod. */
  policy: InterruptionPolicy | undefined;
  nodeIsShuttingDown: boolean;
  /** What is left of the time that an earlier kill of the container was given: later ones get no more. */
  heldForMs: number | undefined;
  now: Date;
}

export type KillDecision =
  | {
      decision: 'deliver';
      reason:
        | 'UnknownPod'
        | 'Finished'
        | 'NotOptedIn'
        | 'PolicyNever'
        | 'NotInterrupted'
        | 'HoldExpired'
        | 'MoveFailed';
    }
  | { decision: 'hold'; reason: string; holdMs: number };

/** Where no policy says otherwise. */
export const defaultHoldSeconds = 60;
const nodeShutdown = 'NodeShutdown';

export function decideKill({ pod, migration, policy, nodeIsShuttingDown, heldForMs, now }: KillFacts): KillDecision {
  if (heldForMs !== undefined && heldForMs <= 0) return { decision: 'deliver', reason: 'HoldExpired' };
  if (migration !== undefined && isUnderway(migration) && hasCondition(migration.status?.conditions, 'Held'))
    return holdUntil(migration, policy, now);
  if (pod === undefined) return { decision: 'deliver', reason: 'UnknownPod' };
  if (isFinished(pod)) return { decision: 'deliver', reason: 'Finished' };
  if (pod.spec.runtimeClassName !== runtimeClassName || policy === undefined)
    return { decision: 'deliver', reason: 'NotOptedIn' };
  if (policy.spec.action === 'Never') return { decision: 'deliver', reason: 'PolicyNever' };
  const reason = nodeIsShuttingDown ? nodeShutdown : disruptionReason(pod);
  if (reason === undefined) return { decision: 'deliver', reason: 'NotInterrupted' };
  if (migration !== undefined && gaveUpLately(migration, now, policy.spec.evictionDeadlineSeconds))
    return { decision: 'deliver', reason: 'MoveFailed' };
  return hold(reason, heldForMs ?? holdSecondsOf(reason, policy, pod) * 1000);
}

/**
 * For how long the pod may be held for an interruption (trigger of a Migration, or reason of DisruptionTarget). A node
 * that goes down does not wait: half of the grace period is for the move, the other half for the program if there is
 * none.
 */
export function holdSecondsOf(reason: string, policy: InterruptionPolicy | undefined, pod: Pod): number {
  const { holdSeconds } = policy?.spec ?? { holdSeconds: defaultHoldSeconds };
  return reason === nodeShutdown ? Math.min(holdSeconds, gracePeriodSeconds(pod) / 2) : holdSeconds;
}

function holdUntil({ status }: Migration, policy: InterruptionPolicy | undefined, now: Date): KillDecision {
  const until = status?.holdUntil;
  return hold(
    'Migration',
    until === undefined ? (policy?.spec.holdSeconds ?? defaultHoldSeconds) * 1000 : Date.parse(until) - now.getTime(),
  );
}

const hold = (reason: string, holdMs: number): KillDecision =>
  holdMs > 0 ? { decision: 'hold', reason, holdMs } : { decision: 'deliver', reason: 'HoldExpired' };
