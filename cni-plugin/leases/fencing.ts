// Who may speak for an address on this node: decided by epochs alone, never by time.
import { bare, isAttached, sharesAddress, type AttachedLease, type Lease } from './lease.ts';

/** Highest epoch this node knows for any of the addresses; -1 when it knows nothing of them. */
export function knownEpoch(leases: Iterable<Lease>, network: string, addresses: readonly string[]): number {
  return highest([...leases].filter((lease) => lease.state !== 'parked' && sharesAddress(lease, network, addresses)));
}

/** Whether the link of this lease may be open: it is active and nothing newer is known about its address. */
export function maySpeak(leases: Iterable<Lease>, lease: Lease): boolean {
  return lease.state === 'active' && lease.epoch >= knownEpoch(leases, lease.network, lease.addresses);
}

/** Addresses (without prefix) of the network that must not be given to anybody new. */
export function takenAddresses(leases: Iterable<Lease>, network: string): Set<string> {
  return new Set(
    [...leases]
      .filter((lease) => lease.network === network && lease.state !== 'released')
      .flatMap((lease) => lease.addresses.map((address) => bare(address))),
  );
}

/**
 * What is left of a lease when its container goes: nothing, or for an address that has moved and that no newer lease of
 * this node covers, a tombstone that keeps the epoch.
 */
export function afterRemoval(leases: Iterable<Lease>, lease: AttachedLease): Lease | undefined {
  if (lease.state === 'parked' || lease.epoch === 0) return undefined;
  const others = [...leases].filter((other) => other.id !== lease.id);
  const newer = others.some(
    (other) =>
      other.state !== 'parked' && other.epoch >= lease.epoch && sharesAddress(other, lease.network, lease.addresses),
  );
  return newer
    ? undefined
    : { ...lease, state: lease.state === 'active' ? 'released' : 'surrendered', container: null };
}

/** Tombstones that a lease active at `epoch` makes obsolete. */
export function obsoleteTombstones(
  leases: Iterable<Lease>,
  network: string,
  addresses: readonly string[],
  epoch: number,
): Lease[] {
  return [...leases].filter(
    (lease) => !isAttached(lease) && lease.epoch <= epoch && sharesAddress(lease, network, addresses),
  );
}

function highest(leases: Lease[]): number {
  return leases.reduce((epoch, lease) => Math.max(epoch, lease.epoch), -1);
}
