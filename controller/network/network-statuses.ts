// Keeps the status of StableNetworks, and tells once when one cannot be used or has nothing left to give.
import { findCondition } from '#core/api/conditions.ts';
import { groupVersion } from '#core/api/names.ts';
import type { Node } from '#core/api/pod.ts';
import type { StableIP } from '#core/api/stable-ip.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';
import type { Clock } from '#core/clock.ts';
import type { Events } from '#core/kube/events.ts';
import { settleStatus } from '#core/kube/mutate.ts';
import type { KubeApi, ObjectCache, ObjectName } from '#core/kube/port.ts';
import { stableNetworks } from '#core/kube/resources.ts';
import { networkStatus, type NetworkStatus } from '#controller/network/network-status.ts';

export interface NetworkStatusPorts {
  api: KubeApi;
  clock: Clock;
  stableNetworks: ObjectCache<StableNetwork>;
  stableIPs: ObjectCache<StableIP>;
  nodes: ObjectCache<Node>;
}

/** What is worth an event when it becomes so: type and status of a condition. */
const troubles = [
  ['Ready', 'False'],
  ['Exhausted', 'True'],
  ['Narrow', 'True'],
] as const;

export class NetworkStatuses {
  readonly #ports: NetworkStatusPorts;
  readonly #events: Pick<Events, 'tell'>;

  constructor(ports: NetworkStatusPorts, events: Pick<Events, 'tell'>) {
    this.#ports = ports;
    this.#events = events;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { api, clock, stableNetworks: networks, stableIPs, nodes } = this.#ports;
    const known = networks.get(name);
    if (known === undefined) return {};
    const addresses = stableIPs.list().filter(({ spec }) => spec.network === name.name);
    const next = (network: StableNetwork): NetworkStatus =>
      networkStatus({ network, networks: networks.list(), nodes: nodes.list(), addresses, now: clock.date() });
    const settled = await settleStatus(api, stableNetworks, known, next);
    if (settled !== undefined) await this.#tell(known, settled);
    return {};
  }

  async #tell(before: StableNetwork, { metadata, status }: StableNetwork): Promise<void> {
    for (const [type, trouble] of troubles) {
      const now = findCondition(status?.conditions, type);
      const then = findCondition(before.status?.conditions, type);
      if (now?.status !== trouble || (then?.status === trouble && then.reason === now.reason)) continue;
      const regarding = {
        apiVersion: groupVersion,
        kind: 'StableNetwork',
        name: metadata.name,
        ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
      };
      await this.#events.tell({
        regarding,
        type: 'Warning',
        reason: now.reason,
        action: 'GiveAddresses',
        note: now.message,
      });
    }
  }
}
