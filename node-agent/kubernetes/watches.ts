// The agent's local copies of the cluster's objects.
import type { Clock } from '#core/clock.ts';
import { ListWatch } from '#core/kube/reflector.ts';
import { interruptionPolicies, migrations, nodes, pods, stableIPs, stableNetworks } from '#core/kube/resources.ts';
import type { KubeApi } from '#core/kube/port.ts';
import type { ApiConnection } from '#core/kube/connection.ts';
import type { Log } from '#core/log.ts';

const firstListLimitMs = 60_000;

export async function startWatches(node: string, api: KubeApi, connection: ApiConnection, clock: Clock, log: Log) {
  const ports = { api, connection, clock, log };
  const watches = {
    pods: new ListWatch(ports, pods, { fieldSelector: `spec.nodeName=${node}` }),
    nodes: new ListWatch(ports, nodes),
    migrations: new ListWatch(ports, migrations),
    policies: new ListWatch(ports, interruptionPolicies),
    stableNetworks: new ListWatch(ports, stableNetworks),
    stableIPs: new ListWatch(ports, stableIPs),
  };
  const all = Object.values(watches);
  for (const watch of all) watch.start();
  await Promise.all(all.map((watch) => watch.synced(firstListLimitMs)));
  const unreadable = (): Record<string, number> =>
    Object.fromEntries(Object.entries(watches).map(([name, watch]) => [name, watch.unreadable().length]));
  return { ...watches, unreadable, close: async () => void (await Promise.all(all.map((watch) => watch.close()))) };
}
