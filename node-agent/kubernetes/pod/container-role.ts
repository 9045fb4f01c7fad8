// What becomes of each container of a replacement, by its place in the pod.
import { runningTogether, type Pod } from '#core/api/pod.ts';

/** init: ran to its end on the source, so it is skipped here. restored: goes on with the source's memory. */
export type ContainerRole = 'init' | 'restored' | 'unknown';

export function roleOf(pod: Pod, container: string): ContainerRole {
  const isIt = ({ name }: { name: string }): boolean => name === container;
  if (runningTogether(pod).some(isIt)) return 'restored';
  return pod.spec.initContainers?.some(isIt) === true ? 'init' : 'unknown';
}
