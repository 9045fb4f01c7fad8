// StableIP objects: taken for a workload, and told who holds them at which epoch. An address belongs to the namespace
// of its workload, and is given to and held by pods of that namespace alone.
import { createHash } from 'node:crypto';
import { chooseAddresses, type Cursors } from '#cni/addresses/choose.ts';
import { formatMac, parseMac, stableMac } from '#cni/link/mac.ts';
import type { Network } from '#cni/network-config.ts';
import { startingPoint } from '#core/addresses/ranges.ts';
import { controllerOf, type Pod } from '#core/api/pod.ts';
import { groupVersion, labels } from '#core/api/names.ts';
import { stableIPName, type StableIP } from '#core/api/stable-ip.ts';
import { GodwitError } from '#core/errors.ts';
import { hasCode } from '#core/kube/api.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import type { KubeApi, ObjectCache } from '#core/kube/port.ts';
import { stableIPs } from '#core/kube/resources.ts';

/** Each tries another address: so many may be taken meanwhile, or before the watch tells. */
const allocationTries = 64;
/** More than a pod has links: each wish is an address that nobody else gets. */
const mostWishes = 8;
const bare = (cidr: string): string => cidr.split('/')[0] ?? cidr;

export interface Wanted {
  network: Network;
  ifName: string;
  /** Addresses and MAC that the pod asks for. */
  requested: readonly string[];
  mac?: string | undefined;
}

/** A pod with its lineage, which is not what the pod says of itself. */
export interface Bearer {
  pod: Pod;
  lineage: string;
}

export interface Holder {
  namespace: string;
  name: string;
  uid: string;
}

export class AddressHolders {
  readonly #api: KubeApi;
  readonly #node: string;
  readonly #known: Pick<ObjectCache<StableIP>, 'list'>;

  /** @param known the watch's copy of all addresses; it may be late, the API server decides */
  constructor(api: KubeApi, node: string, known: Pick<ObjectCache<StableIP>, 'list'>) {
    this.#api = api;
    this.#node = node;
    this.#known = known;
  }

  /**
   * The addresses of the pod's lineage on that network, taken now if it has none. `made` are those that did not exist
   * before.
   *
   * @param assertServed throws where the network gives nothing new to the pod's namespace
   */
  async of(
    bearer: Bearer,
    wanted: Wanted,
    assertServed: () => Promise<void>,
  ): Promise<{ addresses: StableIP[]; made: StableIP[] }> {
    const own = (await this.#ownOf(bearer, wanted.network.name)).filter(({ spec }) => spec.ifName === wanted.ifName);
    if (own.length > 0) return { addresses: own, made: [] };
    await assertServed();
    const made = await this.#take(bearer, wanted);
    return { addresses: made, made };
  }

  /** Also what the pod holds already: the Migration by which it got it may be gone. */
  async #ownOf(
    {
      pod: {
        metadata: { namespace, uid },
      },
      lineage,
    }: Bearer,
    network: string,
  ): Promise<StableIP[]> {
    const held = this.#known
      .list()
      .find(
        ({ spec, status }) =>
          spec.network === network &&
          uid !== undefined &&
          status?.holder?.uid === uid &&
          spec.workload.namespace === namespace,
      );
    const { items } = await this.#api.list(stableIPs, {
      labelSelector: `${labels.network}=${network},${labels.lineage}=${held?.spec.workload.lineage ?? lineage}`,
    });
    return items.filter(({ spec }) => spec.workload.namespace === namespace);
  }

  /** Undo of taking. */
  async release(taken: readonly StableIP[]): Promise<void> {
    for (const { metadata } of taken) await this.#api.delete(stableIPs, { name: metadata.name }, { uid: metadata.uid });
  }

  /**
   * This pod on this node holds the address from `epoch` on. A newer epoch stays: then this node has been overtaken,
   * and the answer is false. Safe to call twice.
   */
  async hold(name: string, { namespace, ...pod }: Holder, epoch: number): Promise<boolean> {
    let holds = true;
    await mutateStatus(this.#api, stableIPs, { name }, (fresh) => {
      if (fresh.spec.workload.namespace !== namespace)
        throw new GodwitError(
          'ERR_ADDRESS_TAKEN',
          `${fresh.spec.address} belongs to the namespace ${fresh.spec.workload.namespace}, not to ${namespace}`,
        );
      const current = fresh.status;
      holds =
        current === undefined ||
        epoch > current.epoch ||
        (epoch === current.epoch && (current.holder === undefined || current.holder.uid === pod.uid));
      const unchanged =
        current?.epoch === epoch && current.holder?.uid === pod.uid && current.holder.nodeName === this.#node;
      return holds && !unchanged
        ? { ...fresh, status: { ...current, epoch, holder: { name: pod.name, uid: pod.uid, nodeName: this.#node } } }
        : undefined;
    });
    return holds;
  }

  /** Creating the object is taking the address: whoever was faster has it, and the next one is tried. */
  async #take({ pod, lineage }: Bearer, wanted: Wanted): Promise<StableIP[]> {
    const { network, requested } = wanted;
    if (requested.length > mostWishes)
      throw new GodwitError(
        'ERR_ADDRESS_INVALID',
        `${requested.length} addresses were asked for, more than ${mostWishes}`,
      );
    const tries = requested.length > 0 ? 1 : allocationTries;
    const known = this.#known.list().filter(({ spec }) => spec.network === network.name);
    const taken = new Set(known.map(({ spec }) => bare(spec.address)));
    const macs = new Set(known.map(({ spec }) => spec.mac));
    const cursors = cursorsOf(network, pod.metadata.uid ?? '');
    for (let attempt = 1; ; attempt += 1) {
      const made: StableIP[] = [];
      let address = '';
      try {
        const chosen = chooseAddresses({
          network: network.name,
          ranges: network.parsedRanges,
          requested,
          taken,
          cursors,
        });
        const mac = macOf(wanted, chosen, macs);
        for (address of chosen) made.push(await this.#create({ pod, lineage }, wanted, address, mac));
        if (wanted.mac !== undefined) await this.#assertOnly(network.name, mac, made);
        return made;
      } catch (error) {
        await this.release(made);
        if (!hasCode(error, 'ERR_KUBE_EXISTS')) throw error;
        if (attempt === tries)
          throw new GodwitError(
            'ERR_ADDRESS_TAKEN',
            requested.length > 0
              ? `${bare(address)} is in use`
              : `the addresses that were chosen in network ${network.name} are in use by now`,
            { cause: error },
          );
        taken.add(bare(address));
      }
    }
  }

  /**
   * A MAC that a pod wishes for is looked for once more, when its own object is there: of two that wish for one at the
   * same time one at least sees the other.
   */
  async #assertOnly(network: string, mac: string, made: readonly StableIP[]): Promise<void> {
    const { items } = await this.#api.list(stableIPs, { labelSelector: `${labels.network}=${network}` });
    const own = new Set(made.map(({ metadata }) => metadata.name));
    if (items.some(({ metadata, spec }) => spec.mac === mac && !own.has(metadata.name))) throw macTaken(mac);
  }

  #create({ pod, lineage }: Bearer, { network, ifName }: Wanted, address: string, mac: string): Promise<StableIP> {
    const owner = controllerOf(pod);
    return this.#api.create(stableIPs, {
      apiVersion: groupVersion,
      kind: 'StableIP',
      metadata: {
        name: stableIPName(network.name, address),
        labels: { [labels.network]: network.name, [labels.lineage]: lineage },
      },
      spec: {
        network: network.name,
        address,
        mac,
        ifName,
        workload: {
          namespace: pod.metadata.namespace ?? '',
          lineage,
          podName: pod.metadata.name,
          ...(owner === undefined ? {} : { owner }),
        },
      },
    });
  }
}

/** Every pod begins at another place of each range: of many that start at once few want the same address. */
function cursorsOf({ name, parsedRanges }: Network, seed: string): Cursors {
  const hash = createHash('sha256').update(seed).digest().readBigUInt64BE();
  return new Map(parsedRanges.map((range) => [`${name} ${range.family}`, startingPoint(range, hash)]));
}

const macTaken = (mac: string): GodwitError => new GodwitError('ERR_ADDRESS_TAKEN', `the MAC address ${mac} is in use`);

/**
 * No two workloads of a network have one MAC. All addresses of a link have its one, whichever of them is read first
 * when the next link is made.
 */
function macOf({ network, mac }: Wanted, [first = '']: readonly string[], taken: ReadonlySet<string>): string {
  if (mac !== undefined) {
    const wished = formatMac(parseMac(mac));
    if (taken.has(wished)) throw macTaken(wished);
    return wished;
  }
  for (let salt = 0; ; salt += 1) {
    const derived = stableMac(network.name, salt === 0 ? bare(first) : `${bare(first)} ${salt}`);
    if (!taken.has(derived)) return derived;
  }
}
