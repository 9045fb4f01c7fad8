// Links and StableIPs are kept in agreement: an old epoch is shut, also after a reboot or a partition; a newer one is
// put on record.
import type { Attachment, LinkPort } from '#cni/port.ts';
import { epochOf, stableIPName, type StableIP } from '#core/api/stable-ip.ts';
import { asGodwitError } from '#core/errors.ts';
import type { ObjectCache } from '#core/kube/port.ts';
import type { Log } from '#core/log.ts';
import type { AddressHolders, Holder } from '#agent/kubernetes/stable-addresses/holders.ts';

export interface FencePorts {
  node: string;
  links: Pick<LinkPort, 'attachments' | 'gate'>;
  stableIPs: ObjectCache<StableIP>;
  holders: Pick<AddressHolders, 'hold'>;
  /** The pod of a sandbox that runs here. */
  podOf(sandbox: string): Holder | undefined;
  log: Log;
  /** A link was shut. */
  onRefused(): void;
}

/** Judges all links of the node now, and each address when its object changes. Never opens anything. */
export function fence(ports: FencePorts): void {
  const { links, stableIPs, log } = ports;
  const judgeAll = async (): Promise<void> => {
    for (const link of await links.attachments()) if (link.state === 'active') await judge(ports, link);
  };
  const judged = (): void =>
    void judgeAll().catch((error: unknown) =>
      log.error({ error: asGodwitError(error).message }, 'Links were not judged'),
    );
  stableIPs.onChange(judged);
  judged();
}

async function judge(
  { node, links, stableIPs, holders, podOf, log, onRefused }: FencePorts,
  link: Attachment,
): Promise<void> {
  const pod = podOf(link.containerId);
  for (const address of link.addresses) {
    const name = stableIPName(link.network, address);
    const known = stableIPs.get({ name });
    if (known === undefined) continue;
    const epoch = epochOf(known);
    const { holder } = known.status ?? {};
    if (epoch > link.epoch && holder?.nodeName !== node) {
      log.warn({ address, epoch: link.epoch, newer: epoch, holder: holder?.nodeName }, 'Old epoch: link shut');
      onRefused();
      return links.gate(link);
    }
    if (epoch < link.epoch && pod !== undefined) await holders.hold(name, pod, link.epoch);
  }
}
