// Network devices that Godwit made on a node: the bridges of stable networks, their tunnels, and what is left of links.
import { defaultBridge } from '#core/api/network-config.ts';
import { hostNamePrefix, type Lease } from '#cni/leases/lease.ts';
import { openHostSide } from '#cni/link/host-side.ts';
import { addressesOf } from '#cni/netlink/address-messages.ts';
import { KernelRefusal } from '#cni/netlink/kernel-refusal.ts';
import type { LinkFacts } from '#cni/netlink/link-messages.ts';
import { trackAgain } from '#cni/netlink/untracked-bridge.ts';

export interface Devices {
  /** Made by Godwit and used by nobody else. */
  remove: LinkFacts[];
  /** Bridges that others use as well. */
  keep: LinkFacts[];
}

/**
 * A bridge is Godwit's by its name, or because a lease names it; it stays when it has an address, or ports that are
 * neither Godwit's nor the one uplink.
 */
export function devicesOf(
  links: readonly LinkFacts[],
  leases: readonly Pick<Lease, 'bridge'>[],
  hasAddress: (link: LinkFacts) => boolean,
): Devices {
  const named = new Set(leases.map(({ bridge }) => bridge));
  const bridges = links.filter(
    ({ kind, name }) => kind === 'bridge' && (name.startsWith(defaultBridge('')) || named.has(name)),
  );
  const isShared = (bridge: LinkFacts): boolean =>
    hasAddress(bridge) || links.filter((link) => link.master === bridge.index && !isOwn(link)).length > 1;
  return {
    remove: [...links.filter(isOwn), ...bridges.filter((bridge) => !isShared(bridge))],
    keep: bridges.filter(isShared),
  };
}

const isOwn = ({ name }: LinkFacts): boolean => name.startsWith(hostNamePrefix);

/** Devices of the network namespace that this process is in. */
export async function presentDevices(): Promise<LinkFacts[]> {
  const host = openHostSide(undefined);
  try {
    return host.links();
  } finally {
    await host.close();
  }
}

/**
 * Removes Godwit's devices; an uplink stays, out of its bridge. Returns the names of the bridges that others use.
 * @param netns the namespace that plays the node; the process's own when undefined
 */
export async function removeDevices(leases: readonly Pick<Lease, 'bridge'>[], netns?: string): Promise<string[]> {
  const host = openHostSide(netns);
  try {
    const { remove, keep } = devicesOf(host.links(), leases, ({ index }) => addressesOf(host.route, index).length > 0);
    for (const link of remove) host.doom(link);
    await host.settle();
    const kept = keep.map(({ name }) => name);
    const bridges = new Set([
      ...remove.filter(({ kind }) => kind === 'bridge').map(({ name }) => name),
      ...leases.map(({ bridge }) => bridge),
    ]);
    host.inside(() => [...bridges].filter((name) => !kept.includes(name)).forEach(trackUnlessUnknown));
    return kept;
  } finally {
    await host.close();
  }
}

function trackUnlessUnknown(bridge: string): void {
  try {
    trackAgain(bridge);
  } catch (error) {
    if (!(error instanceof KernelRefusal)) throw error; // a kernel without nftables has no such table
  }
}
