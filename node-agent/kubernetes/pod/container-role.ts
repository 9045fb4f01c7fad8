// What becomes of each container of a replacement, by its place in the pod.
import type { Pod } from '#core/api/pod.ts';

/** init: ran to its end on the source, so it is skipped here. restored: goes on with the source's memory. */
export type ContainerRole = 'init' | 'restored' | 'unknown';

export function roleOf({ spec }: Pod, container: string): ContainerRole {
  const init = spec.initContainers?.find(({ name }) => name === container);
  if (init !== undefined) return init.restartPolicy === 'Always' ? 'restored' : 'init';
  return spec.containers.some(({ name }) => name === container) ? 'restored' : 'unknown';
}

/** Names of the containers that are restored, in the order in which the kubelet starts them. */
export function restoredContainers({ spec }: Pod): string[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...spec.containers].map(({ name }) => name);
}
