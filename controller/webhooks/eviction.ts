// An eviction of a pod that can move becomes a move: 429 until it has moved, for a bounded time, so that `kubectl
// drain` waits and tries again.
import { findCondition } from '#core/api/conditions.ts';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import { gaveUpLately, isUnderway, type Migration } from '#core/api/migration.ts';
import { runtimeClassName } from '#core/api/names.ts';
import { isFinished, type Pod } from '#core/api/pod.ts';
import { allowed, type Verdict } from '#controller/webhooks/admission.ts';

export interface EvictionFacts {
  pod: Pod | undefined;
  policy: InterruptionPolicy | undefined;
  /** The newest Migration of that very pod. */
  migration: Migration | undefined;
  /** The Migration whose replacement the pod is. */
  arrivedBy: Migration | undefined;
  /** Whether the eviction is of this very pod (UID), not of whichever has the name. */
  namesUid: boolean;
  nodeIsCordoned: boolean;
  /** PodDisruptionBudgets that allow none of their pods to go now. */
  exhaustedBudgets: readonly string[];
  /** Whether it is our own service account that evicts. */
  own: boolean;
  now: Date;
}

export type EvictionDecision = { verdict: Verdict; begin: boolean };

/** The text that the descheduler takes as "in progress". */
const inProgress = 'Eviction triggered evacuation';

/** `kubectl drain` tries again every 5 s, by name: for so long a retry may mean the pod that has left. */
const retryMs = 30_000;

/**
 * An eviction that is meant for the pod's former incarnation: gone from the node that is drained, which is what was
 * asked for.
 */
function isMeantForSource({ arrivedBy, namesUid, nodeIsCordoned, now }: EvictionFacts): boolean {
  if (
    arrivedBy === undefined ||
    namesUid ||
    nodeIsCordoned ||
    (arrivedBy.spec.trigger !== 'Drain' && arrivedBy.spec.trigger !== 'Eviction')
  )
    return false;
  const { finishedAt, inPlace } = arrivedBy.status ?? {};
  if (inPlace !== undefined) return false; // it is on the node that it was to leave
  return finishedAt === undefined || now.getTime() - Date.parse(finishedAt) < retryMs;
}

export function decideEviction(facts: EvictionFacts): EvictionDecision {
  const { pod, policy, migration, arrivedBy, exhaustedBudgets, own, now } = facts;
  const pass: EvictionDecision = { verdict: allowed, begin: false };
  if (own || pod === undefined || pod.spec.runtimeClassName !== runtimeClassName || policy?.spec.action !== 'Migrate')
    return pass;
  const staying =
    arrivedBy !== undefined && isUnderway(arrivedBy) && arrivedBy.status?.inPlace !== undefined ? arrivedBy : undefined;
  if (staying !== undefined)
    return {
      verdict: denied(
        `${inProgress} of pod ${pod.metadata.name} (Migration ${staying.metadata.name}): no other node has taken it, and it goes on where it was`,
      ),
      begin: false,
    };
  if (isFinished(pod) || pod.spec.nodeName === undefined || pod.metadata.deletionTimestamp !== undefined) return pass;
  if (isMeantForSource(facts)) {
    const message = `the pod ${pod.metadata.name} that was to be evicted has moved to ${pod.spec.nodeName}`;
    return { verdict: { allowed: false, code: 404, reason: 'NotFound', message }, begin: false };
  }
  if (migration === undefined || !isUnderway(migration)) {
    if (migration !== undefined && gaveUpLately(migration, now, policy.spec.evictionDeadlineSeconds))
      return { verdict: { allowed: true, warnings: [failedWarning(migration)] }, begin: false };
    // the API server refuses it by the budget, in its own words
    if (exhaustedBudgets.length > 0 && policy.spec.disruptionBudgets === 'Respect') return pass;
    const until = new Date(now.getTime() + policy.spec.evictionDeadlineSeconds * 1000);
    return {
      verdict: denied(
        `${inProgress} of pod ${pod.metadata.name}: it moves to another node; evictions are let through at ${until.toISOString()}`,
      ),
      begin: true,
    };
  }
  const until =
    Date.parse(migration.metadata.creationTimestamp ?? now.toISOString()) + policy.spec.evictionDeadlineSeconds * 1000;
  if (now.getTime() >= until)
    return {
      verdict: {
        allowed: true,
        warnings: [`Migration ${migration.metadata.name} took too long: the eviction is let through`],
      },
      begin: false,
    };
  const { message = '' } = findCondition(migration.status?.conditions, 'Admitted') ?? {};
  const phase = migration.status?.phase ?? 'Pending';
  return {
    verdict: denied(
      `${inProgress} of pod ${pod.metadata.name} (Migration ${migration.metadata.name}: ${phase}${phase === 'Pending' && message !== '' ? `, ${message}` : ''}); evictions are let through at ${new Date(until).toISOString()}`,
    ),
    begin: false,
  };
}

function denied(message: string): Verdict {
  return { allowed: false, code: 429, reason: 'TooManyRequests', message };
}

function failedWarning({ metadata, status }: Migration): string {
  const { reason = 'unknown', message = '' } = findCondition(status?.conditions, 'Succeeded') ?? {};
  return `Migration ${metadata.name} ended without moving the pod (${reason}: ${message.slice(0, 200)}): the pod is evicted as without Godwit`;
}
