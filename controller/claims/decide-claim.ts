// Is a new pod the replacement that a Migration waits for? A pure answer; claims.ts carries it out.
import { hasCondition } from '#core/api/conditions.ts';
import { byAge, isFormerSelf, type Migration } from '#core/api/migration.ts';
import { annotations, claimGate, completionIndexLabel, runtimeClassName } from '#core/api/names.ts';
import { controllerOf, disruptionReason, isFinished, type Pod } from '#core/api/pod.ts';
import { restoreHash } from '#core/api/restore-hash.ts';

/** A sibling that is leaving may want this pod; so long it is kept for it. */
const keepMs = 10_000;

export type ClaimDecision =
  | { decision: 'none' }
  | { decision: 'keep' }
  | { decision: 'release' }
  | { decision: 'claim'; migration: Migration }
  /** It is past the gate already. */
  | { decision: 'adopt'; migration: Migration };

export interface ClaimFacts {
  pod: Pod;
  /** Unfinished Migrations of the namespace that have no replacement. */
  waiting: readonly Migration[];
  /** Migrations of the namespace whose sources may run. */
  loose: readonly Migration[];
  /** Pods of the same owner. */
  siblings: readonly Pod[];
  now: Date;
}

export function decideClaim({ pod, waiting, loose, siblings, now }: ClaimFacts): ClaimDecision {
  if (pod.metadata.deletionTimestamp !== undefined || isFinished(pod) || pod.spec.runtimeClassName !== runtimeClassName)
    return { decision: 'none' };
  const wanting = waiting.filter((migration) => wants(migration, pod, siblings));
  const ready = wanting
    .filter(({ status }) => hasCondition(status?.conditions, 'Held'))
    .toSorted(byAge)
    .at(-1);
  if (pod.spec.schedulingGates?.some(({ name }) => name === claimGate) !== true) return adopt(pod, ready);
  if (ready !== undefined) return { decision: 'claim', migration: ready };
  // Until it is held, or over; and never beside another incarnation of its name.
  if (wanting.length > 0 || loose.some((migration) => isFormerSelf(migration, pod.metadata)))
    return { decision: 'keep' };
  const ageMs = now.getTime() - Date.parse(pod.metadata.creationTimestamp ?? now.toISOString());
  return ageMs < keepMs && siblings.some(isLeaving) ? { decision: 'keep' } : { decision: 'release' };
}

/** A pod of an own name that came while no webhook answered would be a second instance. */
function adopt(pod: Pod, migration: Migration | undefined): ClaimDecision {
  const isOne =
    migration?.status?.strategy === 'SameName' && pod.metadata.annotations?.[annotations.migration] === undefined;
  return isOne ? { decision: 'adopt', migration } : { decision: 'none' };
}

/** Whether the pod could go on with what the Migration moves. */
function wants({ spec, status, metadata }: Migration, pod: Pod, siblings: readonly Pod[]): boolean {
  if (status?.source === undefined || status.commit?.decision === 'committed' || status.source.uid === pod.metadata.uid)
    return false;
  if (status.source.restoreHash !== undefined && status.source.restoreHash !== restoreHash(pod)) return false;
  if (status.source.owner?.uid !== controllerOf(pod)?.uid) return false;
  if (status.strategy === 'SameName')
    return spec.podName === pod.metadata.name && metadata.namespace === pod.metadata.namespace;
  if (status.strategy === 'AfterDelete')
    return status.source.completionIndex === pod.metadata.labels?.[completionIndexLabel];
  return siblings.some(
    ({ metadata: { uid, deletionTimestamp } }) => uid === status.source?.uid && deletionTimestamp !== undefined,
  );
}

/** It is being interrupted, and its Migration may only be about to be made. */
function isLeaving(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && disruptionReason(pod) !== undefined && !isFinished(pod);
}
