// A container gets a stable link: a new address of the network, or the parked link for an address that another node
// holds.
import { Undo } from '#core/undo.ts';
import { GodwitError } from '#core/errors.ts';
import { chooseAddresses } from '../addresses/choose.ts';
import { rangeOf } from '#core/addresses/ranges.ts';
import { familyOf, formatCidr, parseCidr } from '#core/addresses/text.ts';
import { knownEpoch, obsoleteTombstones, takenAddresses } from '../leases/fencing.ts';
import { bare, hostName, leaseId, sharesAddress, type AttachedLease } from '../leases/lease.ts';
import type { RouteFacts } from '../netlink/address-messages.ts';
import { gatewayOf, type Network } from '../network-config.ts';
import type { LeaseClaim } from '../port.ts';
import { ensureBridge } from './bridge.ts';
import { shut } from './host-side.ts';
import { parseMac, formatMac, stableMac } from './mac.ts';
import { netnsInode } from './netns.ts';
import { announceLease, linkError, type NodeContext } from './node-context.ts';
import { buildLink, openLink, removeLink } from './pod-link.ts';

export interface AttachRequest {
  network: Network;
  containerId: string;
  ifName: string;
  netns: string;
  /** Addresses asked for; of every other family of the network the next free one is given. */
  requested: readonly string[];
  /** MAC asked for instead of the lease's own. */
  mac?: string | undefined;
}

/** Adds an open link. The lease is on disk when this resolves; on any error nothing is left. */
export async function attach(context: NodeContext, request: AttachRequest): Promise<AttachedLease> {
  const { network, containerId, ifName } = request;
  const id = leaseId(network.name, containerId, ifName);
  const earlier = context.leases.get(id);
  const others = context.leases.all().filter((lease) => lease.id !== id);
  const addresses = chooseAddresses({
    network: network.name,
    ranges: network.parsedRanges,
    requested: request.requested.length === 0 && earlier?.state === 'active' ? earlier.addresses : request.requested,
    taken: takenAddresses(others, network.name),
    cursors: context.cursors,
  });
  const mac =
    request.mac === undefined ? stableMac(network.name, bare(addresses[0] ?? '')) : formatMac(parseMac(request.mac));
  const epoch = Math.max(0, knownEpoch(context.leases.all(), network.name, addresses));
  const lease = await build(context, request, { addresses, mac, mtu: network.mtu, epoch, state: 'active' });
  await dropTombstones(context, lease);
  return lease;
}

/**
 * Adds a parked link for an address that another node holds at the claim's epoch; ERR_LINK_EPOCH when this node knows
 * of a newer one.
 */
export async function attachParked(
  context: NodeContext,
  request: Omit<AttachRequest, 'requested' | 'mac'>,
  claim: LeaseClaim,
): Promise<AttachedLease> {
  const { network } = request;
  const addresses = claim.addresses.map((text) => formatCidr(parseCidr(text)));
  const stray = addresses.find(
    (address) => rangeOf(network.parsedRanges, bare(address))?.prefix !== parseCidr(address).prefix,
  );
  if (stray !== undefined || addresses.length === 0)
    throw new GodwitError(
      'ERR_ADDRESS_INVALID',
      `the claimed address ${stray ?? ''} lies in no subnet of network ${network.name}`,
    );
  mustBeKnownNewest(context, network.name, addresses, claim.epoch);
  return build(context, request, {
    addresses,
    mac: formatMac(parseMac(claim.mac)),
    mtu: claim.mtu,
    epoch: claim.epoch,
    state: 'parked',
  });
}

/**
 * The link that an earlier claim of the same container left, parked for this one. It may have been the holder's: the
 * source has taken the address back since, and claims again.
 */
export async function parkAgain(context: NodeContext, lease: AttachedLease, claim: LeaseClaim): Promise<AttachedLease> {
  mustBeKnownNewest(context, lease.network, lease.addresses, claim.epoch);
  const parked: AttachedLease = { ...lease, epoch: claim.epoch, state: 'parked', holder: null };
  shut(context.host.route, lease.container.hostName);
  await context.leases.put(parked);
  return parked;
}

function mustBeKnownNewest(context: NodeContext, network: string, addresses: readonly string[], epoch: number): void {
  const known = knownEpoch(context.leases.all(), network, addresses);
  if (epoch < known)
    throw new GodwitError('ERR_LINK_EPOCH', `the claim is of epoch ${epoch}, this node knows of ${known}`);
}

type Identity = Pick<AttachedLease, 'addresses' | 'mac' | 'mtu' | 'epoch' | 'state'>;

async function build(
  context: NodeContext,
  request: Omit<AttachRequest, 'requested'>,
  identity: Identity,
): Promise<AttachedLease> {
  const { network, containerId, ifName, netns } = request;
  const inode = netnsInode(netns);
  if (inode === undefined) throw new GodwitError('ERR_CNI_NETNS', `there is no network namespace ${netns}`);
  const container = {
    id: containerId,
    ifName,
    netns,
    netnsInode: inode,
    hostName: hostName(network.name, containerId, ifName),
  };
  const id = leaseId(network.name, containerId, ifName);
  const lease: AttachedLease = {
    version: 1,
    id,
    network: network.name,
    ...identity,
    holder: null,
    container,
    bridge: network.bridge,
    uplink: network.uplinkName,
  };
  await using undo = new Undo();
  const earlier = context.leases.get(id);
  undo.push(() => (earlier === undefined ? context.leases.remove(id) : context.leases.put(earlier)));
  const saved = context.leases.put(lease);
  saved.catch(() => undefined); // awaited below, once the link is made
  makeLink(context, request.network, lease, undo);
  await saved;
  undo.commit();
  return lease;
}

function makeLink({ host, ...context }: NodeContext, network: Network, lease: AttachedLease, undo: Undo): void {
  const { container, addresses, mac, mtu } = lease;
  try {
    const bridgeIndex = ensureBridge({ host, log: context.log }, network);
    buildLink(host, { ...container, addresses, mac, mtu, routes: routesFor(network, addresses) });
    undo.push(() => removeLink(host, { ...container, mac }));
    if (lease.state !== 'active') return;
    openLink(host.route, container.hostName, bridgeIndex, mac);
    announceLease({ host, ...context }, lease, false);
  } catch (error) {
    throw linkError(error);
  }
}

/**
 * The network's routes for the families that the link has, by the gateway of the link's own subnet unless another is
 * named.
 */
export function routesFor(network: Network, addresses: readonly string[]): RouteFacts[] {
  return network.ipam.routes.flatMap(({ dst, gw }) => {
    const destination = parseCidr(dst);
    const own = addresses.find((address) => familyOf(address) === familyOf(destination.address));
    return own === undefined ? [] : [{ destination, gateway: gw ?? gatewayOf(network, bare(own)) }];
  });
}

/** Drops memories of older epochs once a lease is active. */
export async function dropTombstones(context: NodeContext, lease: AttachedLease): Promise<void> {
  const obsolete = obsoleteTombstones(context.leases.all(), lease.network, lease.addresses, lease.epoch);
  await Promise.all(obsolete.map(({ id }) => context.leases.remove(id)));
}

/** Leases of other containers of this node for one of the same addresses. */
export function rivals(context: NodeContext, lease: AttachedLease): AttachedLease[] {
  return context.leases
    .all()
    .filter(
      (other): other is AttachedLease =>
        other.id !== lease.id && other.container !== null && sharesAddress(other, lease.network, lease.addresses),
    );
}
