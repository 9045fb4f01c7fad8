// This node's stable networks, from the StableNetwork objects of the cluster.
import { parseNetwork, type Network } from '#cni/network-config.ts';
import { networkConfig } from '#core/api/network-config.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';
import { asGodwitError } from '#core/errors.ts';
import type { ObjectCache } from '#core/kube/port.ts';
import type { Log } from '#core/log.ts';
import type { ClusterView } from '#agent/kubernetes/cluster-view.ts';

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

  /** By name; one that is wrong is logged and left out. */
  all(): Map<string, Network> {
    const networks = new Map<string, Network>();
    for (const { metadata } of this.#cache.list()) {
      try {
        networks.set(metadata.name, parseNetwork(this.config(metadata.name)));
      } catch (error) {
        this.#log.warn({ network: metadata.name, error: asGodwitError(error).message }, 'StableNetwork cannot be used on this node');
      }
    }
    return networks;
  }

  #legs() {
    const others = this.#view.nodes().filter((name) => name !== this.#node).map((name) => this.#view.addressOf(name)).filter((address) => address !== undefined);
    return { local: this.#view.addressOf(this.#node) ?? '', peers: others };
  }
}
