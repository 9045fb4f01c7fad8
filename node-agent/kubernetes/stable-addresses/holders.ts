// StableIP objects: taken for a workload, and told who holds them at which epoch.
import type { Attachment } from '#cni/port.ts';
import { chooseAddresses, type Cursors } from '#cni/addresses/choose.ts';
import { formatMac, parseMac, stableMac } from '#cni/link/mac.ts';
import type { Network } from '#cni/network-config.ts';
import { lineageOf } from '#core/api/lineage.ts';
import { controllerOf, type Pod } from '#core/api/pod.ts';
import { groupVersion, labels } from '#core/api/names.ts';
import { stableIPName, type StableIP } from '#core/api/stable-ip.ts';
import { GodwitError } from '#core/errors.ts';
import { hasCode } from '#core/kube/api.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { stableIPs } from '#core/kube/resources.ts';

const allocationTries = 16;
const bare = (cidr: string): string => cidr.split('/')[0] ?? cidr;

export interface Wanted {
  network: Network;
  ifName: string;
  /** Addresses and MAC that the pod asks for. */
  requested: readonly string[];
  mac?: string | undefined;
}

export class AddressHolders {
  readonly #api: KubeApi;
  readonly #node: string;
  readonly #cursors: Cursors = new Map();

  constructor(api: KubeApi, node: string) {
    this.#api = api;
    this.#node = node;
  }

  /** The addresses of the pod's lineage on that network, taken now if it has none. `made` are those that did not exist before. */
  async of(pod: Pod, wanted: Wanted): Promise<{ addresses: StableIP[]; made: StableIP[] }> {
    const { items } = await this.#api.list(stableIPs, { labelSelector: `${labels.network}=${wanted.network.name},${labels.lineage}=${lineageOf(pod)}` });
    const own = items.filter(({ spec }) => spec.ifName === wanted.ifName);
    if (own.length > 0) return { addresses: own, made: [] };
    const made = await this.#take(pod, wanted);
    return { addresses: made, made };
  }

  /** Undo of taking. */
  async release(taken: readonly StableIP[]): Promise<void> {
    for (const { metadata } of taken) await this.#api.delete(stableIPs, { name: metadata.name }, { uid: metadata.uid });
  }

  /**
   * This pod on this node holds the address from `epoch` on. A newer epoch stays: then this node has been overtaken, and the answer
   * is false. Safe to call twice.
   */
  async hold(name: string, pod: { name: string; uid: string }, epoch: number): Promise<boolean> {
    let holds = true;
    await mutateStatus(this.#api, stableIPs, { name }, (fresh) => {
      const current = fresh.status;
      holds = current === undefined || epoch > current.epoch || (epoch === current.epoch && (current.holder === undefined || current.holder.uid === pod.uid));
      const unchanged = current?.epoch === epoch && current.holder?.uid === pod.uid && current.holder.nodeName === this.#node;
      return holds && !unchanged ? { ...fresh, status: { ...current, epoch, holder: { ...pod, nodeName: this.#node } } } : undefined;
    });
    return holds;
  }

  /** After a handover: the links of the pod that has arrived are its own. */
  async holdAll(attachments: readonly Attachment[], pod: { name: string; uid: string }): Promise<void> {
    for (const { network, addresses, epoch } of attachments) {
      for (const address of addresses) await this.hold(stableIPName(network, address), pod, epoch);
    }
  }

  /** Creating the object is taking the address: whoever was faster has it, and the next one is tried. */
  async #take(pod: Pod, wanted: Wanted): Promise<StableIP[]> {
    const tries = wanted.requested.length > 0 ? 1 : allocationTries;
    for (let attempt = 1; ; attempt += 1) {
      const taken: StableIP[] = [];
      try {
        const chosen = await this.#choose(wanted);
        const mac = macOf(wanted, chosen);
        for (const address of chosen) taken.push(await this.#create(pod, wanted, address, mac));
        return taken;
      } catch (error) {
        await this.release(taken);
        if (!hasCode(error, 'ERR_KUBE_EXISTS')) throw error;
        if (attempt === tries) throw new GodwitError('ERR_ADDRESS_TAKEN', `the addresses that were chosen in network ${wanted.network.name} are in use by now`, { cause: error });
      }
    }
  }

  async #choose({ network, requested }: Wanted): Promise<string[]> {
    const { items } = await this.#api.list(stableIPs, { labelSelector: `${labels.network}=${network.name}` });
    return chooseAddresses({ network: network.name, ranges: network.parsedRanges, requested, taken: new Set(items.map(({ spec }) => bare(spec.address))), cursors: this.#cursors });
  }

  #create(pod: Pod, { network, ifName }: Wanted, address: string, mac: string): Promise<StableIP> {
    const lineage = lineageOf(pod);
    const owner = controllerOf(pod);
    return this.#api.create(stableIPs, {
      apiVersion: groupVersion,
      kind: 'StableIP',
      metadata: { name: stableIPName(network.name, address), labels: { [labels.network]: network.name, [labels.lineage]: lineage } },
      spec: {
        network: network.name,
        address,
        mac,
        ifName,
        workload: { namespace: pod.metadata.namespace ?? '', lineage, podName: pod.metadata.name, ...(owner === undefined ? {} : { owner }) },
      },
    });
  }
}

/** All addresses of a link have its one MAC, whichever of them is read first when the next link is made. */
function macOf({ network, mac }: Wanted, [first = '']: readonly string[]): string {
  return mac === undefined ? stableMac(network.name, bare(first)) : formatMac(parseMac(mac));
}
