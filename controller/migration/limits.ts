// How many moves go on at a time: so that a drain does not freeze a whole node at once.
import { hasCondition } from '#core/api/conditions.ts';
import { GodwitError } from '#core/errors.ts';
import type { Migration } from '#core/api/migration.ts';
import { countFor, shareWait, type Claimant } from '#controller/migration/shares.ts';
import type { Rejection } from '#controller/placement/candidates.ts';

export interface Limits {
  /** Moves out of a node, and into a node. */
  perNode: number;
  perCluster: number;
}

export const defaultLimits: Limits = { perNode: 2, perCluster: 5 };
const highestLimit = 1000;

/** From the controller's flags; ERR_CONFIG_INVALID for what is no number of moves. */
export function parseLimits(flags: {
  'max-moves-per-node'?: string | undefined;
  'max-moves'?: string | undefined;
}): Limits {
  const numberOf = (name: keyof typeof flags, standard: number): number => {
    const text = flags[name];
    const value = text === undefined ? standard : Number(text);
    if (!Number.isInteger(value) || value < 1 || value > highestLimit)
      throw new GodwitError(
        'ERR_CONFIG_INVALID',
        `--${name} is ${JSON.stringify(text)}, not a whole number from 1 to ${highestLimit}`,
      );
    return value;
  };
  return {
    perNode: numberOf('max-moves-per-node', defaultLimits.perNode),
    perCluster: numberOf('max-moves', defaultLimits.perCluster),
  };
}

/** Moves that arrive at each node now, as they count for a move of `claimant`. */
export function incomingByNode(
  underway: readonly Migration[],
  claimant: Claimant,
  perNode: number,
): Map<string, number> {
  const arriving = Map.groupBy(
    underway.filter(({ status }) => status?.target?.nodeName !== undefined),
    ({ status }) => status?.target?.nodeName ?? '',
  );
  return new Map([...arriving].map(([node, moves]) => [node, countFor(claimant, moves, perNode)]));
}

/** Nodes whose reasons a message lists. */
const listedNodes = 10;

/** The part of it that is known without a question: whether its turn has come. */
export function lineWait(
  others: readonly Migration[],
  sourceNode: string,
  { perNode, perCluster }: Limits,
  claimant: Claimant,
): string | undefined {
  const active = others.filter(({ status }) => hasCondition(status?.conditions, 'Admitted'));
  const moving = countFor(claimant, active, perCluster);
  if (moving >= perCluster) return `${moving} moves are under way in the cluster, ${perCluster} are allowed`;
  const leaving = countFor(
    claimant,
    active.filter(({ status }) => status?.source?.nodeName === sourceNode),
    perNode,
  );
  if (leaving >= perNode) return `${leaving} moves leave ${sourceNode}, ${perNode} are allowed`;
  return shareWait(claimant, active, perCluster);
}

/**
 * Why a move from `sourceNode` has to wait; undefined when it may begin.
 * @param asked what is asked only when its turn has come, since hundreds of moves may wait: for a budget that makes it
 * wait, and for nodes
 */
export function waitReason(
  others: readonly Migration[],
  sourceNode: string,
  asked: {
    budget: () => string | undefined;
    place: () => { names: readonly string[]; rejected: readonly Rejection[] };
  },
  limits: Limits,
  claimant: Claimant,
): string | undefined {
  const inLine = lineWait(others, sourceNode, limits, claimant);
  if (inLine !== undefined) return inLine;
  const byBudget = asked.budget();
  if (byBudget !== undefined) return byBudget;
  const { names, rejected } = asked.place();
  if (names.length > 0) return undefined;
  const reasons = rejected.slice(0, listedNodes).map(({ node, reason }) => `${node}: ${reason}`);
  if (rejected.length > listedNodes) reasons.push(`and ${rejected.length - listedNodes} other nodes`);
  return `no node can take the pod: ${reasons.join('; ') || 'there is none'}`;
}
