// A container loses its link (CNI DEL); who else has the address keeps it.
import { afterRemoval } from '../leases/fencing.ts';
import { hostName, type AttachedLease } from '../leases/lease.ts';
import { findLink } from '../netlink/link-messages.ts';
import { linkError, type NodeContext } from './node-context.ts';
import { retirePodEnd } from './pod-link.ts';

/**
 * Removes the link and this container's record of it; both ends are shut and their names free when this resolves. A
 * part that fails does not stop the others.
 */
export async function detach(context: NodeContext, lease: AttachedLease): Promise<void> {
  const { id, netns, netnsInode, ifName, hostName: host } = lease.container;
  const failures = [
    ...attempt(() => retirePodEnd(netns, netnsInode, ifName, lease.mac)),
    ...attempt(() => doomHostEnd(context, host)),
  ];
  const rest = afterRemoval(context.leases.all(), lease);
  await (rest === undefined ? context.leases.remove(lease.id) : context.leases.put(rest));
  context.log.debug(
    { container: id, network: lease.network, epoch: lease.epoch, kept: rest !== undefined },
    'link removed',
  );
  if (failures.length > 0) throw linkError(failures[0]);
}

/** Removes what an ADD without a lease may have left. */
export function detachUnrecorded(context: NodeContext, network: string, containerId: string, ifName: string): void {
  doomHostEnd(context, hostName(network, containerId, ifName));
}

function doomHostEnd({ host }: NodeContext, name: string): void {
  const link = findLink(host.route, name);
  if (link !== undefined) host.doom(link);
}

function attempt(work: () => void): unknown[] {
  try {
    work();
    return [];
  } catch (error) {
    return [error];
  }
}
