// Who would lose something if Godwit were taken off this node: pods of its runtime class, and links of stable
// addresses.
import { z } from 'zod';
import { hostNamePrefix } from '#cni/leases/lease.ts';
import type { LinkFacts } from '#cni/netlink/link-messages.ts';
import type { NodeFiles } from '#agent/install/node-port.ts';

const bundleSchema = z.looseObject({ annotations: z.record(z.string(), z.string()).default({}) });
const prefix = 'io.kubernetes.cri.sandbox-';

/**
 * Pods whose containers exist under the wrapper, as `namespace/name`: containerd's shim keeps the runtime of each in
 * its bundle.
 * @param state containerd's state directory
 */
export function podsOfWrapper(node: NodeFiles, state: string, wrapper: string): string[] {
  const bundles = `${state}/io.containerd.runtime.v2.task/k8s.io`;
  const ours = node.list(bundles).filter((id) => node.read(`${bundles}/${id}/runtime`)?.trim() === wrapper);
  return [
    ...new Set(ours.map((id) => podName(node.read(`${bundles}/${id}/config.json`)) ?? `container ${id}`)),
  ].toSorted();
}

/** Undefined for a bundle that is just being made or removed. */
function podName(config: string | undefined): string | undefined {
  if (config === undefined || config === '') return undefined;
  const { [`${prefix}namespace`]: namespace, [`${prefix}name`]: name } = bundleSchema.parse(
    JSON.parse(config),
  ).annotations;
  return name === undefined ? undefined : `${namespace ?? ''}/${name}`;
}

/** Links of pods; a pod of any runtime class may have a stable address. */
export function linksOfPods(links: readonly LinkFacts[]): LinkFacts[] {
  return links.filter(({ name, kind }) => kind === 'veth' && name.startsWith(hostNamePrefix));
}
