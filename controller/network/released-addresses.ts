// An address is released with its workload: when no pod of its lineage is left, none is moving, and none is to come.
import type { StableIP } from '#core/api/stable-ip.ts';
import { annotations } from '#core/api/names.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { stableIPs, statefulSets } from '#core/kube/resources.ts';
import type { Cluster } from '#controller/cluster.ts';

/** Between two incarnations there may be no pod for a while. */
const graceMs = 60_000;

export class ReleasedAddresses {
  readonly #cluster: Cluster;
  /** When an address was first seen without a workload (monotonic ms), by name. */
  readonly #idleSince = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async reconcile({ name }: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { api, clock, stableIPs: known, log } = this.#cluster;
    const address = known.get({ name });
    if (address === undefined || (await this.#isWanted(address))) {
      this.#idleSince.delete(name);
      return {};
    }
    const since = this.#idleSince.get(name) ?? clock.nowMs();
    this.#idleSince.set(name, since);
    const leftMs = since + graceMs - clock.nowMs();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    log.info({ address: address.spec.address, lineage: address.spec.workload.lineage }, 'Address released with its workload');
    await api.delete(stableIPs, { name }, { uid: address.metadata.uid });
    this.#idleSince.delete(name);
    return {};
  }

  async #isWanted({ spec: { workload } }: StableIP): Promise<boolean> {
    const { namespace, lineage, owner, podName } = workload;
    const pods = this.#cluster.pods.list(namespace);
    if (pods.some(({ metadata }) => metadata.annotations?.[annotations.lineage] === lineage || metadata.uid === lineage)) return true;
    if (this.#cluster.underway(namespace).some(({ status }) => status?.lineage === lineage)) return true;
    if (owner?.kind !== 'StatefulSet') return false;
    const set = await this.#cluster.api.find(statefulSets, { name: owner.name, namespace });
    if (set === undefined || set.metadata.uid !== owner.uid) return false;
    const ordinal = Number(podName.slice(podName.lastIndexOf('-') + 1));
    const start = set.spec?.ordinals?.start ?? 0;
    return ordinal >= start && ordinal < start + (set.spec?.replicas ?? 1);
  }
}
