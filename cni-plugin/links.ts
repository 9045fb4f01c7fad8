// The node's stable links: CNI verbs for the container runtime, cut-over for the engine, one record for both.
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { GodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import { attachParked, parkAgain, type AttachRequest } from './link/attach.ts';
import { activate, gate, park, reopen, surrender } from './link/cut-over.ts';
import { detach } from './link/detach.ts';
import { openHostSide } from './link/host-side.ts';
import { insideNetns, netnsInode } from './link/netns.ts';
import {
  attachedLeases,
  attachmentOf,
  leasesOf,
  linkError,
  requireLease,
  type NodeContext,
} from './link/node-context.ts';
import { pathMtu } from './link/path-mtu.ts';
import { reconcile } from './link/reconcile.ts';
import { knownEpoch } from './leases/fencing.ts';
import type { AttachedLease } from './leases/lease.ts';
import { LeaseStore } from './leases/lease-store.ts';
import { neighboursOf, setNeighbour } from './netlink/address-messages.ts';
import { findLink } from './netlink/link-messages.ts';
import { replayPendingDeletions } from './pending-deletions.ts';
import type { Attachment, LeaseClaim, LinkPort, Neighbour } from './port.ts';
import { createDispatcher, type HandleCni } from './verbs/dispatch.ts';
import type { Network } from './network-config.ts';

export interface LinksOptions {
  /**
   * Directory of this node's state; leases are kept in `leases/`, deletions that the shim recorded in `pending-del/`.
   */
  stateDir: string;
  /** This node's networks by name, asked for each parked link. */
  networks(): Promise<ReadonlyMap<string, Network>>;
  log: Log;
  /** Path of the network namespace in which bridges and uplinks live. @default the process's own */
  netns?: string | undefined;
  /** Most bytes of frames kept for one parked link. @default 4 MiB */
  parkingLimitBytes?: number | undefined;
}

export interface Links {
  links: LinkPort;
  handleCni: HandleCni;
  /** Makes the node silent where it is not the holder, tidies up, and runs deletions that came while no agent ran. */
  start(): Promise<void>;
  /** Finishes what goes on in the background and closes all sockets; links stay as they are. */
  close(): Promise<void>;
}

/** Opens leases and sockets; needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN. Call `start` before anything else. */
export async function createLinks({
  stateDir,
  networks,
  log,
  netns,
  parkingLimitBytes = 4 << 20,
}: LinksOptions): Promise<Links> {
  const leases = await LeaseStore.open(join(stateDir, 'leases'));
  const context: NodeContext = {
    host: openHostSide(netns),
    leases,
    cursors: new Map(),
    log,
    parkingLimitBytes,
    background: new Set(),
  };
  const handleCni = createDispatcher(context);
  return {
    links: createPort(context, networks),
    handleCni,
    async start() {
      await reconcile(context);
      await replayPendingDeletions(join(stateDir, 'pending-del'), handleCni, log);
    },
    async close() {
      await Promise.all(context.background);
      await context.host.close();
    },
  };
}

function createPort(context: NodeContext, networks: LinksOptions['networks']): LinkPort {
  const lease = (attachment: Attachment): ReturnType<typeof requireLease> => requireLease(context, attachment);
  return {
    attachmentsOf: (netns) => asLinkStep(() => attachmentsOf(context, netns)),
    knownEpoch: (network, addresses) => knownEpoch(context.leases.all(), network, addresses),
    pathMtus: () =>
      asLinkStep(async () =>
        Object.fromEntries(
          [...(await networks())].map(([name, network]) => [name, pathMtu(context.host.route, network)]),
        ),
      ),
    attachments: () =>
      asLinkStep(() =>
        attachedLeases(context)
          .filter(({ container }) => isPresent(context, container.hostName))
          .map((one) => attachmentOf(context, one)),
      ),
    addParked: (netns, containerId, claim) => asLinkStep(() => addParked(context, networks, netns, containerId, claim)),
    remove: (containerId, ifName) =>
      asLinkStep(async () => {
        for (const found of leasesOf(context, containerId, ifName)) await detach(context, found);
      }),
    gate: (attachment) => asLinkStep(() => gate(context, lease(attachment))),
    reopen: (attachment) => asLinkStep(() => reopen(context, lease(attachment))),
    park: (attachment) => asLinkStep(() => park(context, lease(attachment))),
    activate: (attachment, epoch) => asLinkStep(() => activate(context, lease(attachment), epoch)),
    surrender: (attachment, epoch, holder) => asLinkStep(() => surrender(context, lease(attachment), epoch, holder)),
    neighbours: (attachment) => asLinkStep(() => neighbours(attachment)),
    setNeighbours: (attachment, list) => asLinkStep(() => setNeighbours(attachment, list)),
  };
}

/**
 * Runs a step at once (not in a later turn of the event loop: it is inside the freeze) and turns what it throws into a
 * GodwitError.
 */
async function asLinkStep<T>(step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw linkError(error);
  }
}

function attachmentsOf(context: NodeContext, netns: string): Attachment[] {
  const inode = netnsInode(netns);
  return attachedLeases(context)
    .filter(({ container }) => container.netnsInode === inode && isPresent(context, container.hostName))
    .map((lease) => attachmentOf(context, lease));
}

/** A link goes with its namespace; the inode of a namespace that is gone may be another's by now. */
function isPresent({ host }: NodeContext, name: string): boolean {
  return findLink(host.route, name) !== undefined;
}

async function addParked(
  context: NodeContext,
  networks: LinksOptions['networks'],
  netns: string,
  containerId: string,
  claim: LeaseClaim,
): Promise<Attachment> {
  const network = (await networks()).get(claim.network);
  if (network === undefined) throw new GodwitError('ERR_LINK_NETWORK', `this node has no network ${claim.network}`);
  return addParkedTo(context, { network, netns, containerId, ifName: claim.ifName }, claim);
}

/** The same link twice is one link. */
async function addParkedTo(
  context: NodeContext,
  request: Omit<AttachRequest, 'requested'> & { network: Network },
  claim: LeaseClaim,
): Promise<Attachment> {
  const earlier = leasesOf(context, request.containerId, request.ifName).find(
    (lease) => lease.network === claim.network,
  );
  const own =
    earlier !== undefined && isSameLink(earlier, request.netns, claim) && isPresent(context, earlier.container.hostName)
      ? earlier
      : undefined;
  if (own === undefined) return attachmentOf(context, await attachParked(context, request, claim));
  return attachmentOf(
    context,
    own.state === 'parked' && own.epoch === claim.epoch ? own : await parkAgain(context, own, claim),
  );
}

function isSameLink({ container, addresses, mac, mtu }: AttachedLease, netns: string, claim: LeaseClaim): boolean {
  const claimed = { inode: netnsInode(netns), addresses: claim.addresses, mac: claim.mac, mtu: claim.mtu };
  return isDeepStrictEqual({ inode: container.netnsInode, addresses, mac, mtu }, claimed);
}

function neighbours({ netns, ifName }: Attachment): Neighbour[] {
  return insideNetns(netns, (inside) => {
    const index = findLink(inside, ifName)?.index;
    return index === undefined ? [] : neighboursOf(inside, index).map(({ address, mac }) => ({ ifName, address, mac }));
  });
}

function setNeighbours({ netns, ifName }: Attachment, list: readonly Neighbour[]): void {
  insideNetns(netns, (inside) => {
    const index = findLink(inside, ifName)?.index;
    if (index === undefined) throw new GodwitError('ERR_LINK_UNKNOWN', `there is no ${ifName} in ${netns}`);
    for (const entry of list) if (entry.ifName === ifName) setNeighbour(inside, index, entry.address, entry.mac);
  });
}
