// CNI DEL: succeeds whenever nothing is left to remove, whatever of the link or its records is already gone.
import { leaseId } from '../leases/lease.ts';
import { detach, detachUnrecorded } from '../link/detach.ts';
import { leasesOf, type NodeContext } from '../link/node-context.ts';
import type { CniRequest } from './request.ts';

export async function remove(context: NodeContext, { network, containerId, ifName }: CniRequest): Promise<void> {
  const id = leaseId(network, containerId, ifName);
  const lease = leasesOf(context, containerId, ifName).find((candidate) => candidate.id === id);
  if (lease === undefined) detachUnrecorded(context, network, containerId, ifName);
  else await detach(context, lease);
}
