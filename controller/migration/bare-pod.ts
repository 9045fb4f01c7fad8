// The copy of a pod that nobody owns: the same name, ready to be scheduled elsewhere.
import { annotations } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { affinityWithout } from '#controller/placement/claimed-affinity.ts';

/** Volumes that admission adds to every pod anew. */
const tokenVolume = /^kube-api-access-/;

function withoutToken(list: Pod['spec']['containers']): Pod['spec']['containers'] {
  return list.map((container) => ({
    ...container,
    volumeMounts: container.volumeMounts?.filter(({ name }) => !tokenVolume.test(name)),
  }));
}

export function copyOf(pod: Pod): Pod {
  const { metadata, spec } = pod;
  const {
    [annotations.migration]: _migration,
    [annotations.migrationName]: _name,
    ...kept
  } = metadata.annotations ?? {};
  const {
    nodeName: _node,
    schedulingGates: _gates,
    ephemeralContainers: _debug,
    volumes = [],
    containers,
    initContainers,
    ...rest
  } = spec;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      labels: metadata.labels,
      annotations: kept,
      ownerReferences: metadata.ownerReferences,
    },
    spec: {
      ...rest,
      affinity: affinityWithout(pod),
      containers: withoutToken(containers),
      ...(initContainers === undefined ? {} : { initContainers: withoutToken(initContainers) }),
      volumes: volumes.filter(({ name }) => !tokenVolume.test(name)),
    },
  };
}
