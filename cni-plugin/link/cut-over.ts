// The steps that move a stable link between nodes: each is safe to run twice, and epochs decide who may speak.
import { GodwitError } from '#core/errors.ts';
import { knownEpoch, maySpeak } from '../leases/fencing.ts';
import type { AttachedLease } from '../leases/lease.ts';
import { findLink } from '../netlink/link-messages.ts';
import type { Parking } from '../port.ts';
import { dropTombstones, rivals } from './attach.ts';
import { shut } from './host-side.ts';
import { announceLease, bareAddresses, inBackground, type NodeContext } from './node-context.ts';
import { startParking } from './parking.ts';
import { openLink } from './pod-link.ts';

/** Shuts the link both ways before it returns. */
export function gate({ host }: NodeContext, lease: AttachedLease): void {
  shut(host.route, lease.container.hostName);
}

/**
 * Opens the link of a holder again and pulls the traffic back; ERR_LINK_EPOCH when this node is not the holder any
 * more.
 */
export function reopen(context: NodeContext, lease: AttachedLease): void {
  if (!maySpeak(context.leases.all(), lease))
    throw new GodwitError('ERR_LINK_EPOCH', `this node holds ${lease.addresses.join(', ')} no longer`, {
      details: { epoch: lease.epoch, state: lease.state },
    });
  open(context, lease);
}

/** Keeps frames for the link from now on and pulls its traffic to this node. */
export function park(context: NodeContext, lease: AttachedLease): Parking {
  const { host, log, parkingLimitBytes } = context;
  if (lease.state !== 'parked')
    throw new GodwitError('ERR_LINK_EPOCH', `the link of ${lease.addresses.join(', ')} is not parked`, {
      details: { state: lease.state },
    });
  const uplinkIndex = lease.uplink === null ? undefined : deviceIndex(context, lease.uplink);
  const { mac, container } = lease;
  return startParking({
    host,
    bridgeIndex: deviceIndex(context, lease.bridge),
    uplinkIndex,
    hostName: container.hostName,
    mac,
    addresses: bareAddresses(lease),
    limitBytes: parkingLimitBytes,
    log,
  });
}

/**
 * Makes the link the holder's at `epoch`: open, announced, recorded on disk. ERR_LINK_EPOCH when the epoch is not newer
 * than what this node knows. If the record cannot be written the link is shut again.
 */
export async function activate(context: NodeContext, lease: AttachedLease, epoch: number): Promise<void> {
  const again = lease.state === 'active' && lease.epoch === epoch;
  const known = Math.max(lease.epoch, knownEpoch(context.leases.all(), lease.network, lease.addresses));
  if (!again && epoch <= known) throw new GodwitError('ERR_LINK_EPOCH', `epoch ${epoch} is not newer than ${known}`);
  const active: AttachedLease = { ...lease, epoch, state: 'active', holder: null };
  const saved = context.leases.put(active);
  try {
    for (const rival of rivals(context, active)) gate(context, rival);
    open(context, active);
  } finally {
    await saved.catch((error: unknown) => {
      gate(context, active);
      throw error;
    });
  }
  inBackground(context, dropTombstones(context, active), 'tombstone not removed');
}

/**
 * This node is not the holder any more: silent for good, and the disk knows. ERR_LINK_EPOCH when it has become the
 * holder since.
 */
export async function surrender(
  context: NodeContext,
  lease: AttachedLease,
  epoch: number,
  holder: string,
): Promise<void> {
  if (lease.state === 'active' && lease.epoch >= epoch)
    throw new GodwitError(
      'ERR_LINK_EPOCH',
      `this node holds the address at epoch ${lease.epoch}, not older than ${epoch}`,
    );
  gate(context, lease);
  await context.leases.put({ ...lease, epoch: Math.max(epoch, lease.epoch), state: 'surrendered', holder });
}

function open(context: NodeContext, lease: AttachedLease): void {
  openLink(context.host.route, lease.container.hostName, deviceIndex(context, lease.bridge), lease.mac);
  announceLease(context, lease, true);
}

function deviceIndex({ host }: NodeContext, name: string): number {
  const link = findLink(host.route, name);
  if (link === undefined) throw new GodwitError('ERR_LINK_UNKNOWN', `there is no device ${name} on this node`);
  return link.index;
}
