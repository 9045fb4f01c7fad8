// Makes the cluster through its API, many requests at a time.
import { systemNamespace } from '#core/api/names.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { interruptionPolicies, nodes, pods, replicaSets, resource, statefulSets } from '#core/kube/resources.ts';
import { z } from 'zod';
import { objectMetaSchema } from '#core/api/objects.ts';
import { node, nodeName } from './nodes.ts';
import { movingAll, ownerObject, pod, podsPerOwner, running, type Owner } from './workloads.ts';

export interface Size {
  nodes: number;
  pods: number;
}

export interface RunningPod {
  name: string;
  owner: Owner;
  node: string;
}

const ownersPerNamespace = 50;
const requestsAtATime = 32;
/** On the pods that the benchmark watches itself. */
export const watchedLabel = 'bench.godwit.dev/watched';

const namespaces = resource(
  { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false },
  z.looseObject({ metadata: objectMetaSchema }),
);

/**
 * All pods run when this resolves.
 * @returns those that are watched, from all over the cluster; fewer where there are not so many pods
 */
export async function populate(api: KubeApi, size: Size, watched: number): Promise<RunningPod[]> {
  const owners = Math.ceil(size.pods / podsPerOwner);
  const names = Array.from({ length: Math.ceil(owners / ownersPerNamespace) }, (_, number) => `bench-${number}`);
  for (const name of [systemNamespace, ...names]) await api.create(namespaces, { metadata: { name } });
  for (const name of names) await api.create(interruptionPolicies, movingAll(name));
  await forEach(size.nodes, async (number) => api.create(nodes, node(number)));
  const spread = Math.max(1, Math.floor(size.pods / watched));
  const found: RunningPod[] = [];
  await forEach(owners, async (number) => {
    const owner = await createOwner(api, number, names[Math.floor(number / ownersPerNamespace)] ?? '');
    for (let ordinal = 0; ordinal < podsPerOwner && number * podsPerOwner + ordinal < size.pods; ordinal += 1) {
      const index = number * podsPerOwner + ordinal;
      const each = { name: `${owner.name}-${ordinal}`, owner, node: nodeName(index % size.nodes) };
      const isWatched = index % spread === 0 && index < watched * spread;
      const { name, namespace } = (
        await api.create(pods, pod(each.name, owner, each.node, isWatched ? { [watchedLabel]: '' } : {}))
      ).metadata;
      await api.patch(pods, { name, namespace }, { status: running(index) }, 'status');
      if (isWatched) found.push(each);
    }
  });
  return found;
}

/** Every other one is a StatefulSet. */
async function createOwner(api: KubeApi, number: number, namespace: string): Promise<Owner> {
  const kind = number % 2 === 0 ? 'StatefulSet' : 'ReplicaSet';
  const name = `shop-${number}`;
  const { metadata } = await api.create(
    kind === 'StatefulSet' ? statefulSets : replicaSets,
    ownerObject(kind, name, namespace),
  );
  return { kind, name, namespace, uid: metadata.uid ?? '' };
}

/** Calls `work` for 0, 1, ... up to `count`, so many at a time. */
export async function forEach(
  count: number,
  work: (number: number) => Promise<unknown>,
  atATime = requestsAtATime,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const number = next;
      next += 1;
      await work(number);
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}
