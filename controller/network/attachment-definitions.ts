// A StableNetwork as NetworkAttachmentDefinitions, which Multus reads: one in each namespace that it names.
import { withCondition } from '#core/api/conditions.ts';
import { networkConfig } from '#core/api/network-config.ts';
import { hasCode } from '#core/kube/api.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { attachmentDefinitions, stableNetworks } from '#core/kube/resources.ts';
import type { Cluster } from '#controller/cluster.ts';

/** A namespace that is named may come later. */
const missingNamespaceMs = 5_000;

export class AttachmentDefinitions {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { api, clock } = this.#cluster;
    const network = this.#cluster.stableNetworks.get(name);
    if (network === undefined) return {};
    const config = JSON.stringify(networkConfig(network));
    const placed: boolean[] = [];
    for (const namespace of network.spec.namespaces) placed.push(await this.#ensure({ name: network.metadata.name, namespace }, config));
    const used = this.#cluster.stableIPs.list().filter(({ spec }) => spec.network === network.metadata.name).length;
    await mutateStatus(api, stableNetworks, name, (fresh) => {
      const conditions = withCondition(fresh.status?.conditions ?? [], { type: 'Ready', status: 'True', reason: 'Attached', message: `Attachment definitions are in ${network.spec.namespaces.join(', ')}` }, clock.date());
      const status = { ...fresh.status, observedGeneration: fresh.metadata.generation, conditions, addresses: { used, total: fresh.status?.addresses?.total ?? 0 } };
      return JSON.stringify(status) === JSON.stringify(fresh.status) ? undefined : { ...fresh, status };
    });
    return placed.includes(false) ? { requeueAfterMs: missingNamespaceMs } : {};
  }

  /** False while the namespace is not there. */
  async #ensure(name: { name: string; namespace: string }, config: string): Promise<boolean> {
    const { api } = this.#cluster;
    const earlier = await api.find(attachmentDefinitions, name);
    if (earlier?.spec?.config === config) return true;
    try {
      if (earlier === undefined) await api.create(attachmentDefinitions, { metadata: name, spec: { config } });
      else await api.patch(attachmentDefinitions, name, { spec: { config } });
    } catch (error) {
      if (!hasCode(error, 'ERR_KUBE_NOT_FOUND') && !hasCode(error, 'ERR_KUBE_FORBIDDEN')) throw error; // not there yet, or on its way out
      return false;
    }
    return true;
  }
}
