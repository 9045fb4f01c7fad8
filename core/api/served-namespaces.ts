// Which namespaces a StableNetwork serves, and which pods ask in vain for one.
import { z } from 'zod';
import { selects } from '#core/api/interruption-policy.ts';
import { objectMetaSchema } from '#core/api/objects.ts';
import type { Pod } from '#core/api/pod.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';

export const namespaceSchema = z.looseObject({ metadata: objectMetaSchema });
export type Namespace = z.infer<typeof namespaceSchema>;

function isSelected({ spec }: StableNetwork, { metadata }: Namespace): boolean {
  return (
    spec.namespaceSelector !== undefined &&
    metadata.deletionTimestamp === undefined &&
    selects(spec.namespaceSelector, metadata.labels)
  );
}

/** Those that it names, also such as do not exist, and those that it selects. */
export function servedNamespaces(network: StableNetwork, namespaces: readonly Namespace[]): string[] {
  const selected = namespaces
    .filter((namespace) => isSelected(network, namespace))
    .map(({ metadata }) => metadata.name);
  return [...new Set([...network.spec.namespaces, ...selected])];
}

/** Annotation by which Multus knows the networks that a pod asks for. */
const networksAnnotation = 'k8s.v1.cni.cncf.io/networks';
const listSchema = z.array(z.looseObject({ name: z.string(), namespace: z.string().optional() }));
const shortForm = /^(?:([^/@\s]+)\/)?([^/@\s]+)(?:@[^/@\s]+)?$/;

/** Networks of a pod with the namespaces in which it wants them; nothing of what Multus would not understand either. */
export function networksOf({
  metadata: { annotations = {}, namespace: own = '' },
}: Pick<Pod, 'metadata'>): { name: string; namespace: string }[] {
  const text = (annotations[networksAnnotation] ?? '').trim();
  if (text.startsWith('[')) return listOf(text).map(({ name, namespace = own }) => ({ name, namespace }));
  return text.split(',').flatMap((part) => {
    const [, namespace = own, name] = shortForm.exec(part.trim()) ?? [];
    return name === undefined ? [] : [{ name, namespace }];
  });
}

function listOf(json: string): z.infer<typeof listSchema> {
  try {
    return listSchema.parse(JSON.parse(json));
  } catch {
    return []; // the pod's own event, by Multus, says what is wrong
  }
}

/**
 * What a pod that has not started waits for in vain: StableNetworks that do not serve the namespace in which it wants
 * them.
 */
export function unservedNetworks(
  pod: Pod,
  networks: readonly StableNetwork[],
  namespaces: readonly Namespace[],
): { network: string; namespace: string }[] {
  if (pod.status?.phase !== undefined && pod.status.phase !== 'Pending') return [];
  return networksOf(pod).flatMap(({ name, namespace }) => {
    const network = networks.find(({ metadata }) => metadata.name === name);
    return network === undefined || servedNamespaces(network, namespaces).includes(namespace)
      ? []
      : [{ network: name, namespace }];
  });
}

export const unservedFact = ({ network, namespace }: { network: string; namespace: string }): string =>
  `StableNetwork ${network} does not serve the namespace ${namespace}: the pod cannot start`;
export const unservedRemedy =
  'Name the namespace in spec.namespaces of the StableNetwork, or label it as its spec.namespaceSelector wants.';
