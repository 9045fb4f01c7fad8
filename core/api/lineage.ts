// The identity that continues over replacements of a pod.
import { createHash } from 'node:crypto';
import { annotations } from '#core/api/names.ts';
import { controllerOf, type Pod } from '#core/api/pod.ts';

/** Fits a label value. */
function lineageHash(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
}

/**
 * The lineage of a pod that is being created: of a StatefulSet's pod the same for every incarnation of the name, of any other a
 * new one made of `seed`, which must differ for each pod.
 */
export function newLineage({ metadata }: Pick<Pod, 'metadata'>, namespace: string, seed: string): string {
  const owner = controllerOf({ metadata });
  if (owner?.kind === 'StatefulSet') return lineageHash(namespace, owner.uid, metadata.name);
  return lineageHash(seed);
}

/** The lineage of a pod that runs: what admission wrote, or would have written; where that cannot be known, its UID. */
export function lineageOf({ metadata }: Pick<Pod, 'metadata'>): string {
  const uid = metadata.uid ?? '';
  const written = metadata.annotations?.[annotations.lineage];
  if (written !== undefined) return written;
  return controllerOf({ metadata })?.kind === 'StatefulSet' ? newLineage({ metadata }, metadata.namespace ?? '', uid) : uid;
}

export function generationOf({ metadata }: Pick<Pod, 'metadata'>): number {
  const generation = Number(metadata.annotations?.[annotations.generation]);
  return Number.isInteger(generation) && generation >= 0 ? generation : 0;
}
