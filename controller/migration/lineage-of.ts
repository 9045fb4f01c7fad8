// The lineage of a pod that runs: what admission wrote, or its UID where admission was not there.
import { annotations } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';

export function lineageHeld({ metadata }: Pod): string {
  return metadata.annotations?.[annotations.lineage] ?? metadata.uid ?? '';
}
