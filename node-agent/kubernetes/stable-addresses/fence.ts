// A link whose address is held by another pod at a newer epoch is shut: also after a reboot, also after a partition.
import type { LinkPort } from '#cni/port.ts';
import { stableIPName, type StableIP } from '#core/api/stable-ip.ts';
import { asGodwitError } from '#core/errors.ts';
import type { ObjectCache } from '#core/kube/port.ts';
import type { Log } from '#core/log.ts';

export interface FencePorts {
  node: string;
  links: LinkPort;
  leasesOf: ObjectCache<StableIP>;
  log: Log;
}

/** Judges all links of the node now, and each address when its object changes. Never opens anything. */
export function fence({ node, links, leasesOf, log }: FencePorts): void {
  const judge = async (): Promise<void> => {
    for (const link of await links.attachments()) {
      if (link.state !== 'active') continue;
      const overtaken = link.addresses.map((address) => leasesOf.get({ name: stableIPName(link.network, address) })?.status).find((status) => status !== undefined && status.epoch > link.epoch && status.holder?.nodeName !== node);
      if (overtaken === undefined) continue;
      log.warn({ network: link.network, addresses: link.addresses, epoch: link.epoch, newer: overtaken.epoch, holder: overtaken.holder?.nodeName }, 'Old epoch: link shut');
      await links.gate(link);
    }
  };
  const judged = (): void => void judge().catch((error: unknown) => log.error({ error: asGodwitError(error).message }, 'Links were not judged'));
  leasesOf.onChange(judged);
  judged();
}
