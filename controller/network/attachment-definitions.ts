// A StableNetwork as NetworkAttachmentDefinitions, which Multus reads: one in each namespace that it serves.
import { isDeepStrictEqual } from 'node:util';
import { withCondition, type NewCondition } from '#core/api/conditions.ts';
import { networkConfig } from '#core/api/network-config.ts';
import { servedNamespaces } from '#core/api/served-namespaces.ts';
import { hasCode } from '#core/kube/api.ts';
import { settleStatus } from '#core/kube/mutate.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { attachmentDefinitions, stableNetworks } from '#core/kube/resources.ts';
import type { Cluster } from '#controller/cluster.ts';

/** A namespace that is named may come later. */
const missingNamespaceMs = 5_000;

/** The network can be used in all namespaces that are not missing. */
function attached(missing: readonly string[]): NewCondition {
  return missing.length === 0
    ? { type: 'Attached', status: 'True', reason: 'Attached', message: 'Every namespace has its attachment definition' }
    : {
        type: 'Attached',
        status: 'False',
        reason: 'NamespaceMissing',
        message: `There is no namespace ${missing.join(', ')}; in all others the network can be used`,
      };
}

export class AttachmentDefinitions {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { api, clock } = this.#cluster;
    const network = this.#cluster.stableNetworks.get(name);
    if (network === undefined) return {};
    const config = networkConfig(network);
    const missing: string[] = [];
    for (const namespace of servedNamespaces(network, this.#cluster.namespaces.list()))
      if (!(await this.#ensure({ name: network.metadata.name, namespace }, config))) missing.push(namespace);
    await settleStatus(api, stableNetworks, network, ({ status, metadata }) => ({
      ...status,
      conditions: withCondition(
        status?.conditions ?? [],
        { ...attached(missing), observedGeneration: metadata.generation },
        clock.date(),
      ),
    }));
    return missing.length > 0 ? { requeueAfterMs: missingNamespaceMs } : {};
  }

  /** False while the namespace is not there. */
  async #ensure(name: { name: string; namespace: string }, wanted: object): Promise<boolean> {
    const { api } = this.#cluster;
    const earlier = await api.find(attachmentDefinitions, name);
    const config = JSON.stringify(wanted);
    if (isSame(earlier?.spec?.config, config)) return true;
    try {
      if (earlier === undefined) await api.create(attachmentDefinitions, { metadata: name, spec: { config } });
      else await api.patch(attachmentDefinitions, name, { spec: { config } });
    } catch (error) {
      // not there yet, or on its way out
      if (!hasCode(error, 'ERR_KUBE_NOT_FOUND') && !hasCode(error, 'ERR_KUBE_FORBIDDEN')) throw error;
      return false;
    }
    return true;
  }
}

/** However it is written: people keep such definitions in files of theirs. */
function isSame(text: string | undefined, wanted: string): boolean {
  try {
    return text !== undefined && isDeepStrictEqual(JSON.parse(text), JSON.parse(wanted));
  } catch {
    return false; // it is no configuration
  }
}
