// May the container of a replacement start afresh? Only when nothing of its lineage runs elsewhere any more, or ever will.
import { hasCondition } from '#core/api/conditions.ts';
import type { Migration } from '#core/api/migration.ts';
import type { Node } from '#core/api/pod.ts';

export interface StartFacts {
  /** The Migration whose replacement the pod is; undefined when it was deleted. */
  migration: Migration | undefined;
  /** The node that the source ran on; undefined when it was deleted. */
  sourceNode: Node | undefined;
}

/**
 * - wait: a handover may still come.
 * - start: there is nothing to go on with, and nothing that could go on elsewhere.
 */
export type StartDecision = 'wait' | 'start';

/** State in `status.handover` by which a source agent says that the source has ended without a handover. */
export const releasedState = 'released';

const outOfService = 'node.kubernetes.io/out-of-service';

export function decideStart({ migration, sourceNode }: StartFacts): StartDecision {
  const sourceIsGone = sourceNode === undefined || (sourceNode.spec?.taints ?? []).some(({ key }) => key === outOfService);
  if (migration === undefined) return sourceIsGone ? 'start' : 'wait';
  const { conditions, handover, commit } = migration.status ?? {};
  if (commit?.decision === 'committed') return sourceIsGone && hasCondition(conditions, 'Succeeded', 'False') ? 'start' : 'wait';
  if (!hasCondition(conditions, 'Succeeded', 'False')) return 'wait';
  return handover?.state === releasedState || sourceIsGone ? 'start' : 'wait';
}
