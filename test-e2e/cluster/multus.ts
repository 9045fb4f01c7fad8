// Multus on every node: the plugin is in the node image; here it gets its rights and its configuration.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterDirectory, clusterName } from '#cluster/paths.ts';
import { engine } from '#cluster/engine.ts';

type Kubectl = (...args: string[]) => Promise<string>;

const conflist = '/etc/cni/net.d/10-kindnet.conflist';
const directory = '/etc/cni/net.d/multus.d';
const networkLimitMs = 120_000;

export async function installMultus(nodes: readonly string[], kubectl: Kubectl): Promise<void> {
  await kubectl('apply', '-f', join(clusterDirectory, 'files/multus.yaml'));
  const token = (await kubectl('create', 'token', 'multus', '-n', 'kube-system', '--duration=8760h')).trim();
  const authority = (
    await kubectl('config', 'view', '--raw', '-o', 'jsonpath={.clusters[0].cluster.certificate-authority-data}')
  ).trim();
  await Promise.all(nodes.map((node) => configure(node, kubeconfig(authority, token))));
}

async function configure(node: string, config: string): Promise<void> {
  const delegate: unknown = JSON.parse(await readConflist(node));
  const multus = {
    cniVersion: '1.0.0',
    name: 'multus-cni-network',
    type: 'multus',
    kubeconfig: `${directory}/multus.kubeconfig`,
    delegates: [delegate],
  };
  await write(node, `${directory}/multus.kubeconfig`, config);
  await write(node, '/etc/cni/net.d/00-multus.conf', JSON.stringify(multus));
}

/** The pod network's configuration appears when its DaemonSet runs on the node. */
async function readConflist(node: string): Promise<string> {
  const deadline = Date.now() + networkLimitMs;
  for (;;) {
    try {
      return await engine('exec', node, 'cat', conflist);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(500);
    }
  }
}

async function write(node: string, path: string, content: string): Promise<void> {
  const encoded = Buffer.from(content).toString('base64');
  await engine(
    'exec',
    node,
    'sh',
    '-ec',
    `mkdir -p "$(dirname ${path})"; echo ${encoded} | base64 -d > ${path}.new; mv ${path}.new ${path}`,
  );
}

function kubeconfig(authority: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'local',
        cluster: { server: `https://${clusterName}-control-plane:6443`, 'certificate-authority-data': authority },
      },
    ],
    users: [{ name: 'multus', user: { token } }],
    contexts: [{ name: 'multus', context: { cluster: 'local', user: 'multus' } }],
    'current-context': 'multus',
  });
}
