// Tells a pod that it cannot start, because a network that it asks for does not serve its namespace.
import type { Pod } from '#core/api/pod.ts';
import { unservedFact, unservedNetworks, unservedRemedy } from '#core/api/served-namespaces.ts';
import type { Leading } from '#controller/leading.ts';

const reason = 'NamespaceNotServed';

/** Once a pod has its node nothing but the network can be missing: it is told then. */
export function tellUnserved({ cluster, events, subscribe }: Leading): void {
  const tell = async (pod: Pod): Promise<void> => {
    const { name, namespace, uid } = pod.metadata;
    const regarding = {
      apiVersion: 'v1',
      kind: 'Pod',
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    };
    for (const unserved of unservedNetworks(pod, cluster.stableNetworks.list(), cluster.namespaces.list())) {
      await events.tell({
        regarding,
        type: 'Warning',
        reason,
        action: 'GiveAddresses',
        note: `${unservedFact(unserved)}. ${unservedRemedy}`,
      });
    }
  };
  subscribe(
    cluster.pods.onChange(({ type, object, previous }) => {
      if (type === 'set' && object.spec.nodeName !== undefined && previous?.spec.nodeName === undefined)
        void tell(object);
    }),
  );
  for (const pod of cluster.pods.list()) if (pod.spec.nodeName !== undefined) void tell(pod);
}
