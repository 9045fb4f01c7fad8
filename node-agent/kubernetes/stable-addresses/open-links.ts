// A pod's links are opened only at an epoch that is on record for it: one that speaks with an older epoch is shut at
// the next event, for good.
import type { LinkPort } from '#cni/port.ts';
import { epochOf, stableIPName, type StableIP } from '#core/api/stable-ip.ts';
import { GodwitError } from '#core/errors.ts';
import type { ObjectCache } from '#core/kube/port.ts';
import type { AddressHolders, Holder } from '#agent/kubernetes/stable-addresses/holders.ts';

export interface OpenLinksPorts {
  links: Pick<LinkPort, 'attachmentsOf' | 'activate' | 'gate'>;
  holders: Pick<AddressHolders, 'hold'>;
  stableIPs: Pick<ObjectCache<StableIP>, 'get'>;
}

/**
 * For a pod that starts afresh: newer than whatever is known. ERR_LINK_EPOCH, with links shut, when somebody else has
 * been faster.
 */
export async function openLinks(
  { links, holders, stableIPs }: OpenLinksPorts,
  netns: string,
  pod: Holder,
): Promise<void> {
  for (const link of await links.attachmentsOf(netns)) {
    const names = link.addresses.map((address) => stableIPName(link.network, address));
    const known = names.map((name) => stableIPs.get({ name })).filter((address) => address !== undefined);
    const epoch = Math.max(link.epoch, ...known.map(epochOf)) + 1;
    for (const name of names) {
      if (!(await holders.hold(name, pod, epoch)))
        throw new GodwitError('ERR_LINK_EPOCH', `${name} is held at an epoch newer than ${epoch}`);
    }
    await links.activate(link, epoch);
  }
}

/**
 * For a pod that has arrived: its links speak by the commit; one that has been overtaken since is shut. Resolves with
 * the networks of those.
 */
export async function holdArrived(
  { links, holders }: Omit<OpenLinksPorts, 'stableIPs'>,
  netns: string,
  pod: Holder,
): Promise<string[]> {
  const overtaken: string[] = [];
  for (const link of await links.attachmentsOf(netns)) {
    const held: boolean[] = [];
    for (const address of link.addresses)
      held.push(await holders.hold(stableIPName(link.network, address), pod, link.epoch));
    if (!held.includes(false)) continue;
    await links.gate(link);
    overtaken.push(link.network);
  }
  return overtaken;
}
