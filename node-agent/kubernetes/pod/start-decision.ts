// May the container of a replacement start afresh? Only when nothing of its lineage runs elsewhere any more, or ever
// will.
import { hasCondition } from '#core/api/conditions.ts';
import { hasHandedOver, isNodeGone, releasedState, type Migration } from '#core/api/migration.ts';
import type { Node } from '#core/api/pod.ts';

export interface StartFacts {
  /**
   * The Migration whose replacement the pod is; undefined when it was deleted, which its finalizer allows only when all
   * is settled.
   */
  migration: Migration | undefined;
  /** The node that the source ran on; undefined when it was deleted. */
  sourceNode: Node | undefined;
  /** Whether the Migration names this very pod as its replacement. */
  isTarget: boolean;
}

/**
 * - wait: a handover may still come.
 * - start: there is nothing to go on with, and nothing that could go on elsewhere.
 */
export type StartDecision = 'wait' | 'start';

export function decideStart({ migration, sourceNode, isTarget }: StartFacts): StartDecision {
  if (migration === undefined) return 'start';
  if (!isTarget) return 'wait'; // another one has taken its place
  const { conditions, handover, commit } = migration.status ?? {};
  if (hasHandedOver(migration)) return 'start'; // it has run here already, and its node has booted since
  if (!hasCondition(conditions, 'Succeeded', 'False')) return 'wait';
  if (isNodeGone(sourceNode)) return 'start';
  return commit?.decision !== 'committed' && handover?.state === releasedState ? 'start' : 'wait';
}
