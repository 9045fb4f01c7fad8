// Pairs new pods with the Migrations that wait for a replacement, and lets all others go at once.
import { isUnderway, sourceMayRun, type Migration } from '#core/api/migration.ts';
import { annotations, claimGate } from '#core/api/names.ts';
import { controllerOf, type Pod } from '#core/api/pod.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import { migrations, pods } from '#core/kube/resources.ts';
import { hasCode } from '#core/kube/api.ts';
import type { Cluster } from '#controller/cluster.ts';
import { decideClaim } from '#controller/claims/decide-claim.ts';
import { Unplaced } from '#controller/claims/unplaced.ts';
import { incomingByNode, type Limits } from '#controller/migration/limits.ts';
import { claimantOf } from '#controller/migration/shares.ts';
import { candidates } from '#controller/placement/candidates.ts';
import { cordoned, isPlaceFor } from '#controller/placement/in-place.ts';
import { affinityTo } from '#controller/placement/claimed-affinity.ts';

const lookAgainMs = 300;

export class Claims {
  readonly #cluster: Cluster;
  readonly #limits: Limits;
  readonly #unplaced: Unplaced;

  constructor(cluster: Cluster, limits: Limits) {
    this.#cluster = cluster;
    this.#limits = limits;
    this.#unplaced = new Unplaced(cluster.clock);
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { clock, nodes, pods: known } = this.#cluster;
    const pod = known.get(name);
    if (pod === undefined) return {};
    const { namespace, uid } = pod.metadata;
    const owner = controllerOf(pod)?.uid;
    const decision = decideClaim({
      pod,
      now: clock.date(),
      siblings:
        owner === undefined
          ? []
          : this.#cluster.podsOwnedBy(namespace, owner).filter(({ metadata }) => metadata.uid !== uid),
      waiting: this.#cluster.underway(namespace).filter((migration) => this.#isFree(migration, pod)),
      loose: this.#cluster.migrations
        .list(namespace)
        .filter((migration) => sourceMayRun(migration, nodes.get({ name: migration.status?.source?.nodeName ?? '' }))),
    });
    try {
      if (decision.decision === 'keep') return { requeueAfterMs: lookAgainMs };
      if (decision.decision === 'claim' && !(await this.#claim(pod, decision.migration)))
        return { requeueAfterMs: lookAgainMs };
      if (decision.decision === 'adopt') return await this.#adopt(pod, decision.migration);
      if (decision.decision === 'release') await this.#ungate(pod);
    } catch (error) {
      if (!hasCode(error, 'ERR_KUBE_CONFLICT') && !hasCode(error, 'ERR_KUBE_NOT_FOUND')) throw error;
      return { requeueAfterMs: lookAgainMs };
    }
    return {};
  }

  /** Nobody else was claimed for it, or who was is gone. */
  #isFree(migration: Migration, { metadata }: Pod): boolean {
    return migration.status?.target?.uid === metadata.uid || this.#cluster.replacementOf(migration) === undefined;
  }

  #candidates(pod: Pod, migration: Migration): string[] {
    const { metadata, spec, status } = migration;
    const { nodes } = this.#cluster;
    if (status?.inPlace !== undefined)
      return isPlaceFor(pod, migration, this.#cluster) ? [status.source?.nodeName ?? ''] : [];
    const underway = this.#cluster.underway();
    const incoming = incomingByNode(underway, claimantOf({ metadata, spec }), this.#limits.perNode);
    for (const [node, count] of this.#unplaced.countsFor(metadata.uid ?? '', underway))
      incoming.set(node, (incoming.get(node) ?? 0) + count);
    return candidates({
      pod,
      targetNodeName: spec.targetNodeName,
      source: nodes.get({ name: status?.source?.nodeName ?? '' }),
      nodes: nodes.list(),
      incoming,
      maxIncoming: this.#limits.perNode,
      rooms: this.#cluster.rooms,
      pods: this.#cluster.pods.list(),
      leaving: status?.source?.uid,
    }).names;
  }

  /** False while no node can take it, or when another pod was faster. */
  async #claim(pod: Pod, migration: Migration): Promise<boolean> {
    const { uid = '' } = migration.metadata;
    const names = this.#candidates(pod, migration);
    if (names.length === 0) return false;
    this.#unplaced.add(uid, names); // before anything is waited for: another claim may be decided meanwhile
    if (!(await this.#reserve(pod, migration))) {
      this.#unplaced.remove(uid);
      return false;
    }
    const tolerations =
      migration.status?.inPlace === undefined ? {} : { tolerations: [...(pod.spec.tolerations ?? []), cordoned] };
    await this.#ungate(
      pod,
      { affinity: affinityTo(names, pod, this.#cluster.nodes.list()), ...tolerations },
      claimOf(migration),
    );
    this.#cluster.log.info(
      { migration: migration.metadata.name, pod: pod.metadata.name, candidates: names.length },
      'Replacement claimed',
    );
    return true;
  }

  /**
   * A pod that came past the gate, while no webhook answered, is claimed where it is; where it cannot be restored the
   * move ends by itself.
   */
  async #adopt(pod: Pod, migration: Migration): Promise<{ requeueAfterMs?: number }> {
    const {
      metadata: { name, namespace, uid, resourceVersion },
      spec: { nodeName },
    } = pod;
    const { source, inPlace } = migration.status ?? {};
    if ((nodeName === source?.nodeName) !== (inPlace !== undefined)) return {};
    // the scheduler has it
    if (nodeName === undefined || !(await this.#reserve(pod, migration))) return { requeueAfterMs: lookAgainMs };
    await this.#cluster.api.patch(
      pods,
      { name, namespace },
      { metadata: { resourceVersion, uid, annotations: claimOf(migration) } },
    );
    this.#cluster.log.warn(
      { migration: migration.metadata.name, pod: name, node: nodeName },
      'Replacement that no webhook had seen was claimed',
    );
    return {};
  }

  /** The Migration's status says which pod it is, once, before the pod bears any sign of it. */
  async #reserve(
    pod: Pod,
    { metadata: { name, namespace, uid: migrationUid }, status: known }: Migration,
  ): Promise<boolean> {
    const { name: podName, uid } = pod.metadata;
    let reserved = false;
    await mutateStatus(this.#cluster.api, migrations, { name, namespace }, (fresh) => {
      reserved =
        fresh.metadata.uid === migrationUid &&
        isUnderway(fresh) &&
        this.#isFree(fresh, pod) &&
        (fresh.status?.inPlace === undefined) === (known?.inPlace === undefined);
      return reserved && fresh.status?.target?.uid !== uid
        ? { ...fresh, status: { ...fresh.status, target: { name: podName, uid } } }
        : undefined;
    });
    return reserved;
  }

  /** One update with everything: nobody sees half of it. */
  async #ungate(
    pod: Pod,
    placed: Pick<Pod['spec'], 'affinity' | 'tolerations'> = {},
    added?: Record<string, string>,
  ): Promise<void> {
    const gates = (pod.spec.schedulingGates ?? []).filter(({ name }) => name !== claimGate);
    await this.#cluster.api.patch(
      pods,
      { name: pod.metadata.name, namespace: pod.metadata.namespace },
      {
        metadata: {
          resourceVersion: pod.metadata.resourceVersion,
          uid: pod.metadata.uid,
          ...(added === undefined ? {} : { annotations: added }),
        },
        spec: { schedulingGates: gates.length === 0 ? null : gates, ...placed },
      },
    );
  }
}

/** By these the target's agent knows what the pod is. */
function claimOf({ metadata, status }: Migration): Record<string, string> {
  return {
    [annotations.migration]: metadata.uid ?? '',
    [annotations.migrationName]: metadata.name,
    [annotations.lineage]: status?.lineage ?? '',
    [annotations.generation]: String(status?.generation ?? 1),
  };
}
