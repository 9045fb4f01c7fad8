// Will there be a replacement to go on in? Asked of the owner while a held pod waits for one.
import { hasOrdinalOf, isRunningJob, type Job, type ReplicaSet, type StatefulSet } from '#core/api/owners.ts';
import { claimGate } from '#core/api/names.ts';
import { isFinished, type Pod } from '#core/api/pod.ts';
import { restoreHash } from '#core/api/restore-hash.ts';
import type { MigrationStatus } from '#core/api/migration.ts';

/**
 * - coming: there is one, or its owner will make one.
 * - unwanted: the owner was scaled down or deleted, or has come to its end.
 * - different: the owner made one of another template, in which the old processes cannot go on.
 * - misplaced: it came to the source's own node, past the gate, while no webhook answered.
 */
export type Prospect = 'coming' | 'unwanted' | 'different' | 'misplaced';

export type Owner =
  | { kind: 'StatefulSet'; object: StatefulSet }
  | { kind: 'ReplicaSet'; object: ReplicaSet }
  | { kind: 'Job'; object: Job };

export interface ProspectFacts {
  status: MigrationStatus;
  podName: string;
  /** The pod of the source's name as it is now. */
  pod: Pod | undefined;
  /** Undefined: the pod has none. Gone: it had one. */
  owner: Owner | 'gone' | undefined;
  /** The owner's pods. */
  siblings: readonly Pod[];
}

export function prospectOf({
  status: { source, strategy, copyMade, podManifest, inPlace },
  podName,
  pod,
  owner,
  siblings,
}: ProspectFacts): Prospect {
  if (strategy === 'SameName' && pod !== undefined) {
    if (pod.metadata.uid === source?.uid) return 'coming';
    if (source?.restoreHash !== undefined && restoreHash(pod) !== source.restoreHash) return 'different';
    return inPlace === undefined && pod.spec.nodeName !== undefined && pod.spec.nodeName === source?.nodeName
      ? 'misplaced'
      : 'coming';
  }
  // A bare pod's copy is made by the controller, once; without a manifest it was a user who deleted the pod.
  if (owner === undefined) return copyMade === true || podManifest === undefined ? 'unwanted' : 'coming';
  if (owner === 'gone') return 'unwanted';
  switch (owner.kind) {
    case 'StatefulSet':
      return hasOrdinalOf(owner.object, podName) ? 'coming' : 'unwanted';
    case 'ReplicaSet':
      return lacksPods(
        owner.object,
        siblings.filter(({ metadata }) => metadata.uid !== source?.uid),
      )
        ? 'coming'
        : 'unwanted';
    case 'Job':
      return isRunningJob(owner.object) ? 'coming' : 'unwanted';
    default:
      return owner satisfies never;
  }
}

/** One that waits at the gate may be claimed yet. */
function lacksPods({ metadata, spec }: ReplicaSet, others: readonly Pod[]): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  const active = others.filter((pod) => pod.metadata.deletionTimestamp === undefined && !isFinished(pod));
  return (
    active.length < (spec?.replicas ?? 1) ||
    active.some(({ spec: { schedulingGates = [] } }) => schedulingGates.some(({ name }) => name === claimGate))
  );
}
