// The container engine whose containers are the nodes: podman, or Docker where CLUSTER_ENGINE says so.
import { join } from 'node:path';
import process from 'node:process';
import { clusterDirectory, kubeconfigPath } from '#cluster/paths.ts';
import { run } from '#cluster/run.ts';

const name = process.env['CLUSTER_ENGINE'] ?? 'podman';

/** The engine, kind and kubectl as this cluster needs them. */
export const clusterEnv = {
  CONTAINERS_CONF: join(clusterDirectory, 'files/containers.conf'),
  KIND_EXPERIMENTAL_PROVIDER: name,
  KUBECONFIG: kubeconfigPath,
};

export function engine(...args: string[]): Promise<string> {
  return run(name, args, { env: clusterEnv });
}

/** A published kindest/node image, where such images can be pulled; undefined: the node image is built here. */
export const stockImage = process.env['CLUSTER_NODE_IMAGE'];
