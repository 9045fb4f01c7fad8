// CNI ADD: a link with an address, or the parked link of a claim.
import { GodwitError } from '#core/errors.ts';
import type { AttachedLease } from '../leases/lease.ts';
import { attach, attachParked, routesFor } from '../link/attach.ts';
import { netnsInode } from '../link/netns.ts';
import type { NodeContext } from '../link/node-context.ts';
import { findLink } from '../netlink/link-messages.ts';
import { gatewayOf, parseNetwork, type Network } from '../network-config.ts';
import type { CniRequest } from './request.ts';
import { formatResult } from './result.ts';
import { readWishes } from './wishes.ts';

/** Prints the result; a failure leaves nothing behind. */
export async function add(context: NodeContext, request: CniRequest): Promise<string> {
  const network = parseNetwork(request.config);
  const wishes = readWishes(request);
  requireForeignNetns(context, request);
  const { containerId, ifName, netns } = request;
  const lease =
    wishes.claim === undefined
      ? await attach(context, { network, containerId, ifName, netns, requested: wishes.ips, mac: wishes.mac })
      : await attachParked(context, { network, containerId, ifName, netns }, wishes.claim);
  return describe(context, network, lease, request);
}

function requireForeignNetns({ host }: NodeContext, { netns, netnsMayBeOwn }: CniRequest): void {
  const inode = netnsInode(netns);
  if (inode === undefined) throw new GodwitError('ERR_CNI_NETNS', `there is no network namespace ${netns}`);
  if (inode === host.inode && !netnsMayBeOwn)
    throw new GodwitError('ERR_CNI_NETNS', `${netns} is the node's own network namespace`);
}

function describe(
  { host }: NodeContext,
  network: Network,
  lease: AttachedLease,
  { cniVersion, config, netns }: CniRequest,
): string {
  const { ifName, hostName } = lease.container;
  const bridge = findLink(host.route, lease.bridge);
  const port = findLink(host.route, hostName);
  const facts = {
    bridge: { name: lease.bridge, mac: bridge?.mac ?? '', mtu: bridge?.mtu ?? lease.mtu },
    host: { name: hostName, mac: port?.mac ?? '', mtu: port?.mtu ?? lease.mtu },
    pod: { name: ifName, mac: lease.mac, mtu: lease.mtu, sandbox: netns },
    addresses: lease.addresses,
    gatewayOf: (address: string) => gatewayOf(network, address),
    routes: routesFor(network, lease.addresses),
  };
  return formatResult(cniVersion, facts, config.prevResult);
}
