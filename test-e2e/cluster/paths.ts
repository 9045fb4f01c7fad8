// Where the test cluster is found, by tests and by people.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

export const clusterName = 'godwit';
export const runDirectory = '/run/godwit-cluster';
export const kubeconfigPath = join(runDirectory, 'kubeconfig');
export const clusterDirectory = fileURLToPath(new URL('.', import.meta.url));

/** A second network between the nodes, for stable addresses. */
export const dataNetwork = {
  switchNetns: 'godwit-data',
  /** A host outside of the cluster, on the data network only. */
  clientNetns: 'godwit-client',
  subnet: '198.18.128.0/24',
  clientAddress: '198.18.128.2',
  /** On every node. */
  uplink: 'eth1',
} as const;

/** podman's network of the nodes. */
export const nodeSubnet = '198.18.40.0/24';
