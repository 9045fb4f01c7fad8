// Whose moves count against whose: nobody can keep an interruption from being answered by moves of his own, nor take
// all places for one namespace.
import type { Migration } from '#core/api/migration.ts';

/**
 * Of a move: why, and for whom. That a trigger is true is the API server's word: users may only say `User`
 * (migration-triggers.yaml).
 */
export interface Claimant {
  trigger: Migration['spec']['trigger'];
  namespace: string | undefined;
}

export const claimantOf = ({ spec, metadata }: Pick<Migration, 'spec' | 'metadata'>): Claimant => ({
  trigger: spec.trigger,
  namespace: metadata.namespace,
});

const isUsers = ({ spec }: Migration): boolean => spec.trigger === 'User';
const half = (limit: number): number => Math.ceil(limit / 2);

/**
 * How many of `active` count for a move: for an interruption half of the places are free of users' moves, however many
 * there are.
 */
export function countFor({ trigger }: Claimant, active: readonly Migration[], limit: number): number {
  if (trigger === 'User') return active.length;
  const users = active.filter(isUsers).length;
  return active.length - users + Math.min(users, limit - half(limit));
}

/** Why a user's move has to wait for others of its namespace; interruptions are not chosen by those whom they hit. */
export function shareWait(
  { trigger, namespace }: Claimant,
  active: readonly Migration[],
  limit: number,
): string | undefined {
  if (trigger !== 'User') return undefined;
  const own = active.filter((migration) => isUsers(migration) && migration.metadata.namespace === namespace).length;
  return own < half(limit)
    ? undefined
    : `${own} moves that users asked for in namespace ${namespace ?? ''} are under way, ${half(limit)} are allowed to one`;
}
