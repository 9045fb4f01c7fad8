// The object that makes the replacement of a pod that moves, as it is now.
import type { MigrationStatus } from '#core/api/migration.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { jobs, replicaSets, statefulSets } from '#core/kube/resources.ts';
import type { Owner } from '#controller/migration/prospect.ts';

/** Undefined: the pod has no owner. Gone: its owner is, or another one has its name. */
export async function ownerOf(
  api: KubeApi,
  namespace: string | undefined,
  { source }: MigrationStatus,
): Promise<Owner | 'gone' | undefined> {
  if (source?.owner === undefined) return undefined;
  const { kind, name, uid } = source.owner;
  const owner = await find(api, kind, { namespace, name });
  return owner?.object.metadata.uid === uid ? owner : 'gone';
}

async function find(
  api: KubeApi,
  kind: string,
  name: { namespace: string | undefined; name: string },
): Promise<Owner | undefined> {
  if (kind === 'StatefulSet') {
    const object = await api.find(statefulSets, name);
    return object === undefined ? undefined : { kind, object };
  }
  if (kind === 'ReplicaSet') {
    const object = await api.find(replicaSets, name);
    return object === undefined ? undefined : { kind, object };
  }
  const object = await api.find(jobs, name);
  return object === undefined ? undefined : { kind: 'Job', object };
}
