// What the steps of adding, removing and cutting over links share.
import type { Log } from '#core/log.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import type { Cursors } from '../addresses/choose.ts';
import { bare, isAttached, type AttachedLease, type Lease } from '../leases/lease.ts';
import type { LeaseStore } from '../leases/lease-store.ts';
import { KernelRefusal } from '../netlink/kernel-refusal.ts';
import { findLink } from '../netlink/link-messages.ts';
import type { Attachment } from '../port.ts';
import { announce } from './pod-link.ts';
import type { HostSide } from './host-side.ts';

export interface NodeContext {
  readonly host: HostSide;
  readonly leases: LeaseStore;
  readonly cursors: Cursors;
  readonly log: Log;
  /** Most bytes of frames kept for one parked link. */
  readonly parkingLimitBytes: number;
  /** Work that goes on after its step was answered; `close` waits for it. */
  readonly background: Set<Promise<void>>;
}

/** The attachment of a lease as it is now; `gated` when its host end is on no bridge although it holds the address. */
export function attachmentOf(context: NodeContext, lease: AttachedLease): Attachment {
  const { network, container, addresses, mac, mtu, epoch } = lease;
  return {
    network,
    containerId: container.id,
    ifName: container.ifName,
    netns: container.netns,
    addresses,
    mac,
    mtu,
    epoch,
    state: stateOf(context, lease),
  };
}

function stateOf(context: NodeContext, lease: AttachedLease): Attachment['state'] {
  if (lease.state === 'parked') return 'parked';
  const open = lease.state === 'active' && (findLink(context.host.route, lease.container.hostName)?.master ?? 0) !== 0;
  return open ? 'active' : 'gated';
}

/** Attached leases of a container, in all networks. */
export function leasesOf(context: NodeContext, containerId: string, ifName: string): AttachedLease[] {
  return context.leases
    .all()
    .filter(
      (lease): lease is AttachedLease => lease.container?.id === containerId && lease.container.ifName === ifName,
    );
}

/** The lease behind an attachment; ERR_LINK_UNKNOWN when this node has none. */
export function requireLease(
  context: NodeContext,
  { network, containerId, ifName }: Pick<Attachment, 'network' | 'containerId' | 'ifName'>,
): AttachedLease {
  const lease = leasesOf(context, containerId, ifName).find((candidate) => candidate.network === network);
  if (lease === undefined)
    throw new GodwitError('ERR_LINK_UNKNOWN', `container ${containerId} has no link ${ifName} in network ${network}`);
  return lease;
}

export function attachedLeases(context: NodeContext): AttachedLease[] {
  return context.leases.all().filter((lease) => isAttached(lease));
}

/** Announces the link now, and with `again` a few times more in the background. */
export function announceLease(context: NodeContext, lease: AttachedLease, again: boolean): void {
  const { container, mac, addresses } = lease;
  inBackground(
    context,
    announce({ ...container, mac, addresses }, bareAddresses(lease), again, context.log),
    'announcement not finished',
  );
}

export function bareAddresses(lease: Lease): string[] {
  return lease.addresses.map((address) => bare(address));
}

/** Lets work go on after the step that began it; a failure is logged with `message`. */
export function inBackground(context: NodeContext, work: Promise<void>, message: string): void {
  const watched = work
    .catch((error: unknown) => context.log.warn({ err: error }, message))
    .finally(() => context.background.delete(watched));
  context.background.add(watched);
}

/** What the kernel or a system call refused becomes ERR_LINK_KERNEL; our own errors stay. */
export function linkError(error: unknown): GodwitError {
  if (error instanceof KernelRefusal)
    return new GodwitError('ERR_LINK_KERNEL', error.message, { cause: error, details: { code: error.code } });
  return asGodwitError(error, 'ERR_LINK_KERNEL');
}
