// Pods that opted in and are being interrupted get a Migration; nodes that shut down get one for each of their pods.
import { randomUUID } from 'node:crypto';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import { byAge, gaveUpLately, isUnderway, movesPod, type Migration, type Trigger } from '#core/api/migration.ts';
import { migrationNameFor } from '#core/api/migration-name.ts';
import { groupVersion, runtimeClassName } from '#core/api/names.ts';
import { disruptionReason, isFinished, isNodeReady, isShuttingDown, type Node, type Pod } from '#core/api/pod.ts';
import { hasCondition } from '#core/api/conditions.ts';
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
  if (node !== undefined && isShuttingDown(node)) return 'NodeShutdown';
  const reason = disruptionReason(pod);
  if (pod.metadata.deletionTimestamp === undefined || reason === undefined || !isNodeReady(node)) return undefined; // from a dead node nothing can be moved
  return triggerOf[reason] ?? 'Disruption';
}

/** The newest Migration by which that pod (UID) leaves or was to leave. */
export function newestOf(moves: readonly Migration[], podUid: string | undefined): Migration | undefined {
  return moves.filter((migration) => movesPod(migration, podUid)).toSorted(byAge)[0];
}

/**
 * Whoever makes one for the same interruption makes the same.
 *
 * @param earlier the newest Migration of the pod, which is over
 */
export function interruptionMigration(pod: Pod, trigger: Trigger, deadlineSeconds: number, earlier: Migration | undefined): Migration {
  const { name, namespace, uid = '' } = pod.metadata;
  return {
    apiVersion: groupVersion,
    kind: 'Migration',
    metadata: { name: migrationNameFor(name, `${uid}${earlier?.metadata.uid ?? ''}`), ...(namespace === undefined ? {} : { namespace }) },
    spec: { podName: name, podUID: uid, trigger, deadlineSeconds, dryRun: false, cancel: false, ttlSecondsAfterFinished: 3600 },
  };
}

/** Whether an interruption of the pod asks for a move: not while it moves or has moved, and not again when a move for it was just given up. */
export function asksForMove(newest: Migration | undefined, { spec }: InterruptionPolicy, now: Date): boolean {
  if (newest === undefined) return true;
  return !isUnderway(newest) && !hasCondition(newest.status?.conditions, 'Succeeded') && !gaveUpLately(newest, now, spec.evictionDeadlineSeconds);
}

/** So many names are tried that whoever makes one for the same interruption tries too; then one that nobody can foresee. */
const sharedNames = 4;

/** Creates it unless it exists. Anybody can compute its name: what has that name and does not move the pod is passed by. */
export async function ensureMigration(api: KubeApi, migration: Migration): Promise<void> {
  const { podName, podUID = '' } = migration.spec;
  const { namespace } = migration.metadata;
  let { name } = migration.metadata;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return void (await api.create(migrations, { ...migration, metadata: { ...migration.metadata, name } }));
    } catch (error) {
      if (!hasCode(error, 'ERR_KUBE_EXISTS') || attempt > sharedNames) throw error;
    }
    const inTheWay = await api.find(migrations, { name, namespace });
    if (inTheWay !== undefined && movesPod(inTheWay, podUID)) return;
    const seed = attempt < sharedNames ? `${name} ${inTheWay?.metadata.uid ?? ''}` : randomUUID();
    name = migrationNameFor(podName, `${podUID} ${seed}`);
  }
}

export class Interruptions {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { pods, nodes, api, clock } = this.#cluster;
    const pod = pods.get(name);
    if (pod === undefined) return {};
    const policy = this.#cluster.policyOf(pod);
    const trigger = interruptionOf(pod, policy, nodes.get({ name: pod.spec.nodeName ?? '' }));
    if (trigger === undefined || policy === undefined) return {};
    const newest = newestOf(this.#cluster.migrations.list(pod.metadata.namespace), pod.metadata.uid);
    if (!asksForMove(newest, policy, clock.date())) return {};
    await ensureMigration(api, interruptionMigration(pod, trigger, policy.spec.holdSeconds, newest));
    return {};
  }
}
