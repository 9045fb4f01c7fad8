// Is this kill an interruption? A pure answer from what the agent knows of the pod.
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import { hasCondition } from '#core/api/conditions.ts';
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { runtimeClassName } from '#core/api/names.ts';
import { disruptionReason, isFinished, type Pod } from '#core/api/pod.ts';

export interface KillFacts {
  /** The pod as it was last seen; undefined when this node never saw it. */
  pod: Pod | undefined;
  /** The unfinished Migration of that very pod (UID), if any. */
  migration: Migration | undefined;
  /** The policy that counts for the pod. */
  policy: InterruptionPolicy | undefined;
  nodeIsShuttingDown: boolean;
  now: Date;
}

export type KillDecision =
  | { decision: 'deliver'; reason: 'UnknownPod' | 'Finished' | 'NotOptedIn' | 'PolicyNever' | 'NotInterrupted' | 'HoldExpired' }
  | { decision: 'hold'; reason: string; holdMs: number };

/** Where no policy says otherwise. */
export const defaultHoldSeconds = 60;

export function decideKill({ pod, migration, policy, nodeIsShuttingDown, now }: KillFacts): KillDecision {
  if (migration !== undefined && isUnderway(migration) && hasCondition(migration.status?.conditions, 'Held')) return holdUntil(migration, policy, now);
  if (pod === undefined) return { decision: 'deliver', reason: 'UnknownPod' };
  if (isFinished(pod)) return { decision: 'deliver', reason: 'Finished' };
  if (pod.spec.runtimeClassName !== runtimeClassName || policy === undefined) return { decision: 'deliver', reason: 'NotOptedIn' };
  if (policy.spec.action === 'Never') return { decision: 'deliver', reason: 'PolicyNever' };
  const reason = disruptionReason(pod) ?? (nodeIsShuttingDown ? 'NodeShutdown' : undefined);
  if (reason === undefined) return { decision: 'deliver', reason: 'NotInterrupted' };
  return { decision: 'hold', reason, holdMs: policy.spec.holdSeconds * 1000 };
}

function holdUntil({ status }: Migration, policy: InterruptionPolicy | undefined, now: Date): KillDecision {
  const until = status?.holdUntil;
  const holdMs = until === undefined ? (policy?.spec.holdSeconds ?? defaultHoldSeconds) * 1000 : Date.parse(until) - now.getTime();
  return holdMs > 0 ? { decision: 'hold', reason: 'Migration', holdMs } : { decision: 'deliver', reason: 'HoldExpired' };
}
