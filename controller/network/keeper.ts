// Who keeps a stable address: as long as somebody does, nobody else can get it.
import { bears } from '#core/api/lineage.ts';
import { isNodeGone, isUnderway, sourceMayRun, type Migration } from '#core/api/migration.ts';
import { hasOrdinalOf, type StatefulSet } from '#core/api/owners.ts';
import { isFinished, isNodeReady, type Node, type Pod } from '#core/api/pod.ts';
import type { StableIP } from '#core/api/stable-ip.ts';

export interface KeeperFacts {
  address: StableIP;
  /** Of the workload's namespace. */
  pods: readonly Pod[];
  migrations: readonly Migration[];
  /** By name; undefined when it was deleted. */
  node(name: string): Node | undefined;
  /** The StatefulSet that owns the workload, if one does and still exists. */
  owner: StatefulSet | undefined;
}

/**
 * - move: the workload moves.
 * - pod: a pod of the workload is there, or the one that holds the address.
 * - source: a move has failed, and the processes that it held may run on although the API has no pod of them.
 * - node: the holder's node does not report: what ran there may run on.
 * - owner: its StatefulSet will make the pod again.
 */
export type Keeper = 'move' | 'pod' | 'source' | 'node' | 'owner';

/** Undefined: nobody; the address can be released. */
export function keeperOf({ address, pods, migrations, node, owner }: KeeperFacts): Keeper | undefined {
  const {
    spec: { workload },
    status,
  } = address;
  const moves = migrations.filter((migration) => migration.status?.lineage === workload.lineage);
  if (moves.some((move) => isUnderway(move) && !move.spec.dryRun)) return 'move';
  if (pods.some((pod) => !isFinished(pod) && (bears(pod, workload.lineage, moves) || isHolder(address, pod))))
    return 'pod';
  if (moves.some((move) => sourceMayRun(move, node(move.status?.source?.nodeName ?? '')))) return 'source';
  const last = node(status?.holder?.nodeName ?? '');
  if (last !== undefined && !isNodeGone(last) && !isNodeReady(last)) return 'node';
  return owner !== undefined && owner.metadata.uid === workload.owner?.uid && hasOrdinalOf(owner, workload.podName)
    ? 'owner'
    : undefined;
}

/** Whether the address is that pod's now. */
export function isHolder({ spec, status }: StableIP, { metadata }: Pod): boolean {
  return (
    metadata.uid !== undefined && metadata.uid === status?.holder?.uid && metadata.namespace === spec.workload.namespace
  );
}
