// A node that is uncordoned keeps the pods that a drain has not moved yet. Found out from how things are, not from the
// moment of the change: that may pass while no replica leads.
import { hasCondition } from '#core/api/conditions.ts';
import { isCancelled, type Migration } from '#core/api/migration.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { migrations, nodes } from '#core/kube/resources.ts';
import type { Cluster } from '#controller/cluster.ts';

export class Uncordons {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The node to look at when this Migration has changed; undefined: it is none of a drain that could be cancelled. */
  nodeOf({ metadata: { namespace }, spec: { trigger, podName }, status }: Migration): string | undefined {
    // What is held goes on: cancelled, its program would be ended. What goes on where it is stays anyway.
    if (trigger !== 'Drain' || hasCondition(status?.conditions, 'Held') || status?.inPlace !== undefined)
      return undefined;
    return status?.source?.nodeName ?? this.#cluster.pods.get({ namespace, name: podName })?.spec.nodeName;
  }

  /** @param node its name */
  async reconcile(node: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { api, log } = this.#cluster;
    const isCordoned = this.#cluster.nodes.get(node)?.spec?.unschedulable === true;
    const moves = isCordoned
      ? []
      : this.#cluster.underway().filter((migration) => !isCancelled(migration) && this.nodeOf(migration) === node.name);
    if (moves.length === 0) return {};
    const fresh = await api.find(nodes, node); // the watch may not have heard of the cordon yet
    if (fresh === undefined || fresh.spec?.unschedulable === true) return {};
    for (const {
      metadata: { name, namespace },
    } of moves) {
      log.info({ migration: name, node: node.name }, 'Node uncordoned: move cancelled');
      await api.patch(migrations, { name, namespace }, { spec: { cancel: true } });
    }
    return {};
  }
}
