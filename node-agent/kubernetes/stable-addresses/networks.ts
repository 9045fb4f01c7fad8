// This node's stable networks, from the StableNetwork objects of the cluster.
import { parseNetwork, type Network } from '#cni/network-config.ts';
import { networkConfig } from '#core/api/network-config.ts';
import { findCondition } from '#core/api/conditions.ts';
import type { NetworkReason } from '#core/api/reasons.ts';
import { servedNamespaces, unservedFact, type Namespace } from '#core/api/served-namespaces.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import type { ObjectCache } from '#core/kube/port.ts';
import type { Log } from '#core/log.ts';
import type { ClusterView } from '#agent/kubernetes/cluster-view.ts';

/** Why a network that is not ready gives nothing new: its addresses or its segment are another's. */
const unusable: ReadonlySet<string> = new Set<NetworkReason>([
  'RangesInvalid',
  'RangesReserved',
  'RangesOverlap',
  'SegmentShared',
]);

export class ClusterNetworks {
  readonly #node: string;
  readonly #cache: ObjectCache<StableNetwork>;
  readonly #view: ClusterView;
  readonly #log: Log;

  constructor(node: string, cache: ObjectCache<StableNetwork>, view: ClusterView, log: Log) {
    this.#node = node;
    this.#cache = cache;
    this.#view = view;
    this.#log = log;
  }

  /** The CNI configuration of a network on this node; undefined when the cluster has none of that name. */
  config(name: string): Record<string, unknown> | undefined {
    const network = this.#cache.get({ name });
    return network === undefined ? undefined : networkConfig(network, this.#legs());
  }

  /**
   * ERR_NETWORK_NOT_SERVED unless pods of that namespace may take addresses of the network: its attachment definition
   * may lie in another namespace, and anybody can write one in his own.
   */
  async assertServed(name: string, namespace: string, labelled: () => Promise<Namespace | undefined>): Promise<void> {
    const network = this.#cache.get({ name });
    if (network === undefined) throw new GodwitError('ERR_NETWORK_NOT_SERVED', `there is no StableNetwork ${name}`);
    const ready = findCondition(network.status?.conditions, 'Ready');
    if (ready?.status === 'False' && unusable.has(ready.reason))
      throw new GodwitError(
        'ERR_NETWORK_NOT_SERVED',
        `StableNetwork ${name} is not ready (${ready.reason}): ${ready.message}`,
      );
    if (network.spec.namespaces.includes(namespace)) return;
    const found = network.spec.namespaceSelector === undefined ? undefined : await labelled();
    if (found !== undefined && servedNamespaces(network, [found]).includes(namespace)) return;
    throw new GodwitError('ERR_NETWORK_NOT_SERVED', unservedFact({ network: name, namespace }));
  }

  /** By name; one that is wrong is logged and left out. */
  all(): Map<string, Network> {
    const networks = new Map<string, Network>();
    for (const { metadata } of this.#cache.list()) {
      try {
        networks.set(metadata.name, parseNetwork(this.config(metadata.name)));
      } catch (error) {
        this.#log.warn(
          { network: metadata.name, error: asGodwitError(error).message },
          'StableNetwork cannot be used on this node',
        );
      }
    }
    return networks;
  }

  #legs() {
    const others = this.#view
      .nodes()
      .filter((name) => name !== this.#node)
      .map((name) => this.#view.addressOf(name))
      .filter((address) => address !== undefined);
    return { local: this.#view.addressOf(this.#node) ?? '', peers: others };
  }
}
