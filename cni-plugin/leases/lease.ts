// A lease says which container of this node has a stable address, at which epoch, and on which link.
import { createHash } from 'node:crypto';
import { z } from 'zod';

export const leaseSchema = z.object({
  version: z.literal(1),
  /** File name of the lease; never changes. */
  id: z.string().regex(/^[a-zA-Z0-9._-]+$/),
  network: z.string(),
  /** `address/prefix` texts. */
  addresses: z.array(z.string()).min(1),
  mac: z.string(),
  mtu: z.number().int().positive(),
  epoch: z.number().int().nonnegative(),
  /**
   * active: this container holds the address. parked: it will, after a commit. surrendered: another node holds it, at
   * `epoch`; this node stays silent. released: nobody holds it; who gets it next goes on from `epoch`, so that older
   * claims and memories of other nodes stay refused.
   */
  state: z.enum(['active', 'parked', 'surrendered', 'released']),
  /** Who holds a surrendered address; for people. */
  holder: z.string().nullable(),
  /** Null once the container of a moved address is gone: only the memory of the epoch is left. */
  container: z
    .object({ id: z.string(), ifName: z.string(), netns: z.string(), netnsInode: z.number(), hostName: z.string() })
    .nullable(),
  /** Devices of this node that the link uses; `uplink` is null for a bridge without one. */
  bridge: z.string(),
  uplink: z.string().nullable(),
});

export type Lease = z.infer<typeof leaseSchema>;
export type AttachedLease = Lease & { container: NonNullable<Lease['container']> };

export function isAttached(lease: Lease): lease is AttachedLease {
  return lease.container !== null;
}

/** Id of the lease of one attachment; begins with words that help a person who lists the directory. */
export function leaseId(network: string, containerId: string, ifName: string): string {
  const hash = attachmentHash(network, containerId, ifName).slice(0, 16);
  return `${network.slice(0, 64)}.${containerId.slice(0, 64)}.${hash}`;
}

/** Name of the host end of an attachment's link: the same for every try, unique on the node, 15 characters. */
export function hostName(network: string, containerId: string, ifName: string): string {
  return `${hostNamePrefix}${attachmentHash(network, containerId, ifName).slice(0, 12)}`;
}

export const hostNamePrefix = 'gdw';

function attachmentHash(network: string, containerId: string, ifName: string): string {
  return createHash('sha256').update(`${network}\0${containerId}\0${ifName}`).digest('hex');
}

export function sharesAddress(lease: Lease, network: string, addresses: readonly string[]): boolean {
  return (
    lease.network === network && lease.addresses.some((own) => addresses.some((other) => bare(own) === bare(other)))
  );
}

/** The address of `address/prefix`. */
export function bare(cidr: string): string {
  return cidr.split('/', 1)[0] ?? cidr;
}
