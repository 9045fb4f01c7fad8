// Pairs new, gated pods with the Migrations that wait for a replacement, and lets all others go at once.
import { hasCondition } from '#core/api/conditions.ts';
import { generationOf } from '#core/api/lineage.ts';
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { annotations, claimGate, completionIndexLabel, runtimeClassName } from '#core/api/names.ts';
import { controllerOf, disruptionReason, isFinished, type Pod } from '#core/api/pod.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { pods } from '#core/kube/resources.ts';
import { hasCode } from '#core/kube/api.ts';
import type { Cluster } from '#controller/cluster.ts';
import { candidates } from '#controller/placement/candidates.ts';
import { affinityTo } from '#controller/placement/claimed-affinity.ts';
import { usedByNode } from '#controller/placement/room.ts';
import { defaultLimits } from '#controller/migration/limits.ts';

/** A sibling that is leaving may want this pod; so long it is kept for it. */
const keepMs = 10_000;
const lookAgainMs = 300;

export type ClaimDecision =
  | { decision: 'none' }
  | { decision: 'keep' }
  | { decision: 'release' }
  | { decision: 'claim'; migration: Migration };

export interface ClaimFacts {
  pod: Pod;
  /** Unfinished Migrations of the namespace that have no replacement. */
  waiting: readonly Migration[];
  /** Pods of the same owner. */
  siblings: readonly Pod[];
  now: Date;
}

export function decideClaim({ pod, waiting, siblings, now }: ClaimFacts): ClaimDecision {
  if (pod.spec.schedulingGates?.some(({ name }) => name === claimGate) !== true || pod.metadata.deletionTimestamp !== undefined) return { decision: 'none' };
  const wanting = waiting.filter((migration) => wants(migration, pod, siblings));
  const [ready] = wanting.filter(({ status }) => hasCondition(status?.conditions, 'Held')).toSorted(byAge);
  if (ready !== undefined) return { decision: 'claim', migration: ready };
  const ageMs = now.getTime() - Date.parse(pod.metadata.creationTimestamp ?? now.toISOString());
  if (wanting.length > 0) return { decision: 'keep' }; // until it is held, or over
  return ageMs < keepMs && siblings.some(isLeaving) && pod.spec.runtimeClassName === runtimeClassName ? { decision: 'keep' } : { decision: 'release' };
}

const byAge = (a: Migration, b: Migration): number => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '') || a.metadata.name.localeCompare(b.metadata.name);

/** Whether the pod could go on with what the Migration moves. */
function wants({ spec, status, metadata }: Migration, pod: Pod, siblings: readonly Pod[]): boolean {
  if (status?.source === undefined || status.commit?.decision === 'committed') return false;
  if (status.strategy === 'SameName') return spec.podName === pod.metadata.name && metadata.namespace === pod.metadata.namespace && status.source.uid !== pod.metadata.uid;
  if (status.source.uid === pod.metadata.uid || status.source.ownerUID !== controllerOf(pod)?.uid) return false;
  if (status.strategy === 'AfterDelete') return status.source.completionIndex === pod.metadata.labels?.[completionIndexLabel];
  return siblings.some(({ metadata: { uid, deletionTimestamp } }) => uid === status.source?.uid && deletionTimestamp !== undefined);
}

/** It is being interrupted, and its Migration may only be about to be made. */
function isLeaving(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && disruptionReason(pod) !== undefined && !isFinished(pod);
}

export class Claims {
  readonly #cluster: Cluster;
  /** What was given away a moment ago: the watch may not have told yet. Pod UID by Migration UID. */
  readonly #given = new Map<string, string>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Must not run twice at a time: see `#given`. */
  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const pod = this.#cluster.pods.get(name);
    if (pod === undefined) return {};
    const owner = controllerOf(pod)?.uid;
    const siblings = owner === undefined ? [] : this.#cluster.pods.list(pod.metadata.namespace).filter((other) => controllerOf(other)?.uid === owner && other.metadata.uid !== pod.metadata.uid);
    const waiting = this.#cluster.underway(pod.metadata.namespace).filter((migration) => this.#isFree(migration, pod));
    const decision = decideClaim({ pod, waiting, siblings, now: this.#cluster.clock.date() });
    try {
      if (decision.decision === 'keep') return { requeueAfterMs: lookAgainMs };
      if (decision.decision === 'claim' && !(await this.#claim(pod, decision.migration))) return { requeueAfterMs: lookAgainMs };
      if (decision.decision === 'release') await this.#ungate(pod, {});
    } catch (error) {
      if (!hasCode(error, 'ERR_KUBE_CONFLICT') && !hasCode(error, 'ERR_KUBE_NOT_FOUND')) throw error;
      return { requeueAfterMs: lookAgainMs };
    }
    return {};
  }

  #isFree(migration: Migration, pod: Pod): boolean {
    const given = this.#given.get(migration.metadata.uid ?? '');
    if (given !== undefined && given !== pod.metadata.uid && this.#cluster.pods.list(pod.metadata.namespace).some(({ metadata }) => metadata.uid === given && metadata.deletionTimestamp === undefined)) return false;
    return this.#cluster.replacementOf(migration) === undefined && isUnderway(migration);
  }

  /** False while no node can take it. */
  async #claim(pod: Pod, migration: Migration): Promise<boolean> {
    const { status, metadata, spec } = migration;
    const names = candidates({
      pod, targetNodeName: spec.targetNodeName,
      source: this.#cluster.nodes.get({ name: status?.source?.nodeName ?? '' }),
      nodes: this.#cluster.nodes.list(),
      incoming: new Map(),
      maxIncoming: defaultLimits.perNode,
      used: usedByNode(this.#cluster.pods.list()),
    }).names;
    if (names.length === 0) return false;
    await this.#ungate(pod, {
      affinity: affinityTo(names, pod),
      annotations: {
        [annotations.migration]: metadata.uid ?? '',
        [annotations.migrationName]: metadata.name,
        [annotations.lineage]: status?.lineage ?? '',
        [annotations.generation]: String(generationOf(pod) + 1),
      },
    });
    this.#given.set(metadata.uid ?? '', pod.metadata.uid ?? '');
    this.#cluster.log.info({ migration: metadata.name, pod: pod.metadata.name, candidates: names }, 'Replacement claimed');
    return true;
  }

  /** One update with everything: nobody sees half of it. */
  async #ungate(pod: Pod, { affinity, annotations: added }: { affinity?: Pod['spec']['affinity']; annotations?: Record<string, string> }): Promise<void> {
    const gates = (pod.spec.schedulingGates ?? []).filter(({ name }) => name !== claimGate);
    await this.#cluster.api.patch(pods, { name: pod.metadata.name, namespace: pod.metadata.namespace }, {
      metadata: { resourceVersion: pod.metadata.resourceVersion, uid: pod.metadata.uid, ...(added === undefined ? {} : { annotations: added }) },
      spec: { schedulingGates: gates.length === 0 ? null : gates, ...(affinity === undefined ? {} : { affinity }) },
    });
  }
}
