// Pods that were made for a move and have lost their use: they were given places, and gates, that nobody else knows of.
// Deleted they are followed by another one of their owner, which is free.
import { hasCondition } from '#core/api/conditions.ts';
import { isUnderway, releasedState, type Migration } from '#core/api/migration.ts';
import { annotations } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';

export function isOutdated(migration: Migration, pod: Pod): boolean {
  const { uid, annotations: marks, deletionTimestamp } = pod.metadata;
  if (marks?.[annotations.migration] !== migration.metadata.uid || deletionTimestamp !== undefined) return false;
  const { inPlace, target } = migration.status ?? {};
  return target?.uid === uid ? isStranded(migration, pod) : inPlace !== undefined;
}

/**
 * The move has failed and its source has ended, but the replacement has no node yet: it may run only on those that it
 * was claimed for, and its former node is not one of them. Of a Job's pod one more would count as a failure.
 */
function isStranded(migration: Migration, { spec }: Pod): boolean {
  const { status } = migration;
  const hasEnded = hasCondition(status?.conditions, 'Succeeded', 'False') && status?.handover?.state === releasedState;
  const kind = status?.source?.owner?.kind;
  return !isUnderway(migration) && hasEnded && spec.nodeName === undefined && kind !== undefined && kind !== 'Job';
}
