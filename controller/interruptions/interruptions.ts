// Pods that opted in and are being interrupted get a Migration; nodes that shut down get one for each of their pods.
import { randomUUID } from 'node:crypto';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import {
  byAge,
  gaveUpLately,
  hasHandedOver,
  isUnderway,
  movesPod,
  type Migration,
  type Trigger,
} from '#core/api/migration.ts';
import { migrationNameFor } from '#core/api/migration-name.ts';
import { annotations, groupVersion, runtimeClassName } from '#core/api/names.ts';
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

/**
 * Why the pod is to be moved now; undefined when it is not. A pod that moves by a Migration of its own needs no other.
 */
export function interruptionOf(
  pod: Pod,
  policy: InterruptionPolicy | undefined,
  node: Node | undefined,
): Trigger | undefined {
  if (
    pod.spec.runtimeClassName !== runtimeClassName ||
    policy?.spec.action !== 'Migrate' ||
    isFinished(pod) ||
    pod.spec.nodeName === undefined
  )
    return undefined;
  if (node !== undefined && isShuttingDown(node)) return 'NodeShutdown';
  const reason = disruptionReason(pod);
  // from a dead node nothing can be moved
  if (pod.metadata.deletionTimestamp === undefined || reason === undefined || !isNodeReady(node)) return undefined;
  return triggerOf[reason] ?? 'Disruption';
}

/** So long the next move of a drain waits when the one before has ended where it began. */
const drainAgainMs = 15_000;
const lookAgainMs = 5_000;

/**
 * Milliseconds until the drain of its node is taken up again for a pod that its last move has left there, since whoever
 * drains may believe that it is gone: its owner's former pod is. Undefined: it is not.
 */
export function drainedAgainIn(
  pod: Pod,
  arrivedBy: Migration | undefined,
  node: Node | undefined,
  now: Date,
): number | undefined {
  const { inPlace, finishedAt } = arrivedBy?.status ?? {};
  if (
    arrivedBy?.spec.trigger !== 'Drain' ||
    inPlace === undefined ||
    arrivedBy.status?.target?.uid !== pod.metadata.uid
  )
    return undefined;
  if (node?.spec?.unschedulable !== true || pod.metadata.deletionTimestamp !== undefined || isFinished(pod))
    return undefined;
  if (isUnderway(arrivedBy)) return lookAgainMs;
  return hasHandedOver(arrivedBy)
    ? Math.max(0, Date.parse(finishedAt ?? now.toISOString()) + drainAgainMs - now.getTime())
    : undefined;
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
export function interruptionMigration(
  pod: Pod,
  trigger: Trigger,
  deadlineSeconds: number,
  earlier: Migration | undefined,
): Migration {
  const { name, namespace, uid = '' } = pod.metadata;
  return {
    apiVersion: groupVersion,
    kind: 'Migration',
    metadata: {
      name: migrationNameFor(name, `${uid}${earlier?.metadata.uid ?? ''}`),
      ...(namespace === undefined ? {} : { namespace }),
    },
    spec: {
      podName: name,
      podUID: uid,
      trigger,
      deadlineSeconds,
      dryRun: false,
      cancel: false,
      ttlSecondsAfterFinished: 3600,
    },
  };
}

/**
 * Whether an interruption of the pod asks for a move: not while it moves or has moved, and not again when a move for it
 * was just given up.
 */
export function asksForMove(newest: Migration | undefined, { spec }: InterruptionPolicy, now: Date): boolean {
  if (newest === undefined) return true;
  return (
    !isUnderway(newest) &&
    !hasCondition(newest.status?.conditions, 'Succeeded') &&
    !gaveUpLately(newest, now, spec.evictionDeadlineSeconds)
  );
}

/**
 * So many names are tried that whoever makes one for the same interruption tries too; then one that nobody can foresee.
 */
const sharedNames = 4;

/**
 * Creates it unless it exists. Anybody can compute its name: what has that name and does not move the pod is passed by.
 */
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
    if (policy === undefined) return {};
    const moves = this.#cluster.migrations.list(pod.metadata.namespace);
    const newest = newestOf(moves, pod.metadata.uid);
    if (trigger === undefined) return this.#goOnDraining(pod, policy, moves, newest);
    if (!asksForMove(newest, policy, clock.date())) return {};
    await ensureMigration(api, interruptionMigration(pod, trigger, policy.spec.holdSeconds, newest));
    return {};
  }

  async #goOnDraining(
    pod: Pod,
    policy: InterruptionPolicy,
    moves: readonly Migration[],
    newest: Migration | undefined,
  ): Promise<{ requeueAfterMs?: number }> {
    const { nodes, api, clock } = this.#cluster;
    const arrived = pod.metadata.annotations?.[annotations.migration];
    const arrivedBy = arrived === undefined ? undefined : moves.find(({ metadata }) => metadata.uid === arrived);
    const waitMs = drainedAgainIn(pod, arrivedBy, nodes.get({ name: pod.spec.nodeName ?? '' }), clock.date());
    if (waitMs === undefined || policy.spec.action !== 'Migrate' || !asksForMove(newest, policy, clock.date()))
      return {};
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    await ensureMigration(api, interruptionMigration(pod, 'Drain', policy.spec.evictionDeadlineSeconds, newest));
    return {};
  }
}
