// Pods that opted in and are being interrupted get a Migration; nodes that shut down get one for each of their pods.
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import type { Migration, Trigger } from '#core/api/migration.ts';
import { migrationNameFor } from '#core/api/migration-name.ts';
import { groupVersion, runtimeClassName } from '#core/api/names.ts';
import { disruptionReason, isFinished, isShuttingDown, type Node, type Pod } from '#core/api/pod.ts';
import { hasCode } from '#core/kube/api.ts';
import type { KubeApi, ObjectName } from '#core/kube/port.ts';
import { migrations } from '#core/kube/resources.ts';
import type { Cluster } from '#controller/cluster.ts';

const triggerOf: Readonly<Record<string, Trigger>> = {
  PreemptionByScheduler: 'Preemption',
  EvictionByEvictionAPI: 'Eviction',
  DeletionByTaintManager: 'Taint',
  TerminationByKubelet: 'NodeShutdown',
};

/** Why the pod is to be moved now; undefined when it is not. A pod that moves by a Migration of its own needs no other. */
export function interruptionOf(pod: Pod, policy: InterruptionPolicy | undefined, node: Node | undefined): Trigger | undefined {
  if (pod.spec.runtimeClassName !== runtimeClassName || policy?.spec.action !== 'Migrate' || isFinished(pod) || pod.spec.nodeName === undefined) return undefined;
  const reason = disruptionReason(pod);
  if (pod.metadata.deletionTimestamp !== undefined && reason !== undefined) return triggerOf[reason] ?? 'Disruption';
  return node !== undefined && isShuttingDown(node) ? 'NodeShutdown' : undefined;
}

export function interruptionMigration(pod: Pod, trigger: Trigger, deadlineSeconds: number): Migration {
  const { name, namespace, uid = '' } = pod.metadata;
  return {
    apiVersion: groupVersion,
    kind: 'Migration',
    metadata: { name: migrationNameFor(name, uid), ...(namespace === undefined ? {} : { namespace }) },
    spec: { podName: name, podUID: uid, trigger, deadlineSeconds, dryRun: false, cancel: false, ttlSecondsAfterFinished: 3600 },
  };
}

/** Creates it unless it exists. */
export async function ensureMigration(api: KubeApi, migration: Migration): Promise<void> {
  try {
    await api.create(migrations, migration);
  } catch (error) {
    if (!hasCode(error, 'ERR_KUBE_EXISTS')) throw error;
  }
}

export class Interruptions {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { pods, nodes, api } = this.#cluster;
    const pod = pods.get(name);
    if (pod === undefined) return {};
    const policy = this.#cluster.policyOf(pod);
    const trigger = interruptionOf(pod, policy, nodes.get({ name: pod.spec.nodeName ?? '' }));
    if (trigger === undefined || policy === undefined || this.#isMoving(pod)) return {};
    await ensureMigration(api, interruptionMigration(pod, trigger, policy.spec.holdSeconds));
    return {};
  }

  /** A Migration of that very pod, over or not: one that has failed is not tried again by itself. */
  #isMoving({ metadata }: Pod): boolean {
    return this.#cluster.migrations.list(metadata.namespace).some(({ spec, status }) => (status?.source?.uid ?? spec.podUID) === metadata.uid);
  }

  /** A node that is uncordoned keeps the pods that a drain has not moved yet. */
  async uncordoned(node: string): Promise<void> {
    const moves = this.#cluster.underway().filter(({ spec, status }) => spec.trigger === 'Drain' && status?.source?.nodeName === node && status.commit?.decision !== 'committed');
    for (const { metadata } of moves) {
      this.#cluster.log.info({ migration: metadata.name, node }, 'Node uncordoned: move cancelled');
      await this.#cluster.api.patch(migrations, { name: metadata.name, namespace: metadata.namespace }, { spec: { cancel: true } });
    }
  }
}
