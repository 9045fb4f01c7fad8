// How many moves go on at a time: so that a drain does not freeze a whole node at once.
import { hasCondition } from '#core/api/conditions.ts';
import type { Migration } from '#core/api/migration.ts';
import type { Rejection } from '#controller/placement/candidates.ts';

export interface Limits {
  /** Moves out of a node, and into a node. */
  perNode: number;
  perCluster: number;
}

export const defaultLimits: Limits = { perNode: 2, perCluster: 5 };

/** Why a move from `sourceNode` has to wait; undefined when it may begin. */
export function waitReason(
  others: readonly Migration[], sourceNode: string, placement: { names: readonly string[]; rejected: readonly Rejection[] }, { perNode, perCluster }: Limits,
): string | undefined {
  const active = others.filter(({ status }) => hasCondition(status?.conditions, 'Admitted'));
  if (active.length >= perCluster) return `${active.length} moves are under way in the cluster, ${perCluster} are allowed`;
  const leaving = active.filter(({ status }) => status?.source?.nodeName === sourceNode).length;
  if (leaving >= perNode) return `${leaving} moves leave ${sourceNode}, ${perNode} are allowed`;
  if (placement.names.length > 0) return undefined;
  return `no node can take the pod: ${placement.rejected.map(({ node, reason }) => `${node}: ${reason}`).join('; ') || 'there is none'}`;
}
