// The identity that continues over replacements of a pod. It is made of what the API server vouches for - namespace,
// owner, name, UID, and the status of the Migration that names the pod - never of what the pod says of itself: it is by
// its lineage that a pod has its addresses.
import { createHash } from 'node:crypto';
import type { Migration } from '#core/api/migration.ts';
import { annotations } from '#core/api/names.ts';
import { controllerOf, type Pod } from '#core/api/pod.ts';
import type { StableIP } from '#core/api/stable-ip.ts';

/** Fits a label value. */
function lineageHash(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
}

/** Of a StatefulSet's pod: the same for every incarnation of the name. Undefined for any other. */
export function ordinalLineage({ metadata }: Pick<Pod, 'metadata'>, namespace: string): string | undefined {
  const owner = controllerOf({ metadata });
  return owner?.kind === 'StatefulSet' ? lineageHash(namespace, owner.uid, metadata.name) : undefined;
}

/** Of a pod that is nobody's replacement. */
export function lineageOf({ metadata }: Pick<Pod, 'metadata'>): string {
  return ordinalLineage({ metadata }, metadata.namespace ?? '') ?? metadata.uid ?? '';
}

/** Whether the Migration's status names the pod as its replacement: the controller's word. */
export function isReplacementOf(
  { metadata: { namespace, uid } }: Pick<Pod, 'metadata'>,
  { metadata, status }: Migration,
): boolean {
  return uid !== undefined && status?.target?.uid === uid && metadata.namespace === namespace;
}

/** Whether the pod continues that lineage. */
export function bears(pod: Pick<Pod, 'metadata'>, lineage: string, moves: readonly Migration[]): boolean {
  return (
    lineageOf(pod) === lineage || moves.some((move) => move.status?.lineage === lineage && isReplacementOf(pod, move))
  );
}

/** Of any pod: its Migration may be gone, while the addresses that it has got by it are there. */
export function knownLineage(
  pod: Pick<Pod, 'metadata'>,
  moves: readonly Migration[],
  addresses: readonly StableIP[],
): string {
  const { namespace, uid } = pod.metadata;
  const moved = moves.find((move) => isReplacementOf(pod, move))?.status?.lineage;
  const held = (): string | undefined =>
    addresses.find(
      ({ spec, status }) => uid !== undefined && status?.holder?.uid === uid && spec.workload.namespace === namespace,
    )?.spec.workload.lineage;
  return moved ?? ordinalLineage(pod, namespace ?? '') ?? held() ?? uid ?? '';
}

export function generationOf({ metadata }: Pick<Pod, 'metadata'>): number {
  const generation = Number(metadata.annotations?.[annotations.generation]);
  return Number.isInteger(generation) && generation >= 0 ? generation : 0;
}
