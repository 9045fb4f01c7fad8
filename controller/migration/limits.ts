// How many moves go on at a time: so that a drain does not freeze a whole node at once.
import { hasCondition } from '#core/api/conditions.ts';
import { GodwitError } from '#core/errors.ts';
import type { Migration } from '#core/api/migration.ts';
import type { Rejection } from '#controller/placement/candidates.ts';

export interface Limits {
  /** Moves out of a node, and into a node. */
  perNode: number;
  perCluster: number;
}

export const defaultLimits: Limits = { perNode: 2, perCluster: 5 };
const highestLimit = 1000;

/** From the controller's flags; ERR_CONFIG_INVALID for what is no number of moves. */
export function parseLimits(flags: { 'max-moves-per-node'?: string | undefined; 'max-moves'?: string | undefined }): Limits {
  const numberOf = (name: keyof typeof flags, standard: number): number => {
    const text = flags[name];
    const value = text === undefined ? standard : Number(text);
    if (!Number.isInteger(value) || value < 1 || value > highestLimit) throw new GodwitError('ERR_CONFIG_INVALID', `--${name} is ${JSON.stringify(text)}, not a whole number from 1 to ${highestLimit}`);
    return value;
  };
  return { perNode: numberOf('max-moves-per-node', defaultLimits.perNode), perCluster: numberOf('max-moves', defaultLimits.perCluster) };
}

/** Moves that arrive at each node now. */
export function incomingByNode(underway: readonly Migration[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { status } of underway) {
    const node = status?.target?.nodeName;
    if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}

/** Nodes whose reasons a message lists. */
const listedNodes = 10;

/**
 * Why a move from `sourceNode` has to wait; undefined when it may begin.
 * @param asked what is asked only when its turn has come, since hundreds of moves may wait: for a budget that makes it wait, and for nodes
 */
export function waitReason(
  others: readonly Migration[],
  sourceNode: string,
  asked: { budget: () => string | undefined; place: () => { names: readonly string[]; rejected: readonly Rejection[] } },
  { perNode, perCluster }: Limits,
): string | undefined {
  const active = others.filter(({ status }) => hasCondition(status?.conditions, 'Admitted'));
  if (active.length >= perCluster) return `${active.length} moves are under way in the cluster, ${perCluster} are allowed`;
  const leaving = active.filter(({ status }) => status?.source?.nodeName === sourceNode).length;
  if (leaving >= perNode) return `${leaving} moves leave ${sourceNode}, ${perNode} are allowed`;
  const byBudget = asked.budget();
  if (byBudget !== undefined) return byBudget;
  const { names, rejected } = asked.place();
  if (names.length > 0) return undefined;
  const reasons = rejected.slice(0, listedNodes).map(({ node, reason }) => `${node}: ${reason}`);
  if (rejected.length > listedNodes) reasons.push(`and ${rejected.length - listedNodes} other nodes`);
  return `no node can take the pod: ${reasons.join('; ') || 'there is none'}`;
}
