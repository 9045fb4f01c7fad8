// The node where a pod still runs, as the place of its replacement: the last resort when no other node takes it.
import type { Migration } from '#core/api/migration.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import { cordonTaint, rejectionInPlace, type PlacementRequest } from '#controller/placement/candidates.ts';
import { hostnameLabel } from '#controller/placement/claimed-affinity.ts';

/** The scheduler leaves a cordoned node to those that bear it. */
export const cordoned = { key: cordonTaint, operator: 'Exists', effect: 'NoSchedule' };

export interface PlaceFacts {
  nodes: { get(name: { name: string }): Node | undefined; list(): readonly Node[] };
  rooms: PlacementRequest['rooms'];
}

/**
 * Whether the node of the Migration's source could take `pod`, and nothing else would: the label that keeps it there is
 * that of one node.
 */
export function isPlaceFor(pod: Pod, { status }: Migration, { nodes, rooms }: PlaceFacts): boolean {
  const node = nodes.get({ name: status?.source?.nodeName ?? '' });
  const hostname = node?.metadata.labels?.[hostnameLabel];
  if (node === undefined || hostname === undefined) return false;
  if (nodes.list().filter(({ metadata }) => metadata.labels?.[hostnameLabel] === hostname).length !== 1) return false;
  return rejectionInPlace(node, { pod, rooms }) === undefined;
}
