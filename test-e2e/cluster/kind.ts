// A kind cluster: made, found again, and removed whole.
import { mkdirSync, rmSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { plugNode, wireData, unwireData } from '#cluster/data-network.ts';
import { installMultus } from '#cluster/multus.ts';
import { clusterEnv, engine, stockImage } from '#cluster/engine.ts';
import { clusterDirectory, clusterName, kubeconfigPath, nodeSubnet, runDirectory } from '#cluster/paths.ts';
import { run } from '#cluster/run.ts';
import { completeStockNodes } from '#cluster/stock-node.ts';

const say = (text: string): void => void process.stderr.write(`cluster: ${text}\n`);
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

export const binaries = async (): Promise<string> =>
  (await run(join(clusterDirectory, 'binaries.sh'), [], { show: true, limitMs: 3_600_000 })).trim();

/** Names of the nodes' containers, control plane first; empty without a cluster. */
export async function nodeNames(): Promise<string[]> {
  const names = lines(
    await engine('ps', '--filter', `label=io.x-k8s.kind.cluster=${clusterName}`, '--format', '{{.Names}}'),
  );
  return names.toSorted();
}

/** First process of the node. */
export async function nodePid(node: string): Promise<number> {
  return Number((await engine('inspect', '-f', '{{.State.Pid}}', node)).trim());
}

/** A node that was started again gets its leg on the data network. */
export async function plugIn(node: string): Promise<void> {
  await plugNode(node, await nodePid(node));
}

/** Leaves a healthy cluster as it is; anything half made is removed first. */
export async function up(): Promise<void> {
  const bin = await binaries();
  if ((await isHealthy(bin)) && existsSync(kubeconfigPath)) return say('is up already');
  await down();
  const started = Date.now();
  const image =
    stockImage ?? (await run(join(clusterDirectory, 'node-image.sh'), [], { show: true, limitMs: 3_600_000 })).trim();
  mkdirSync(join(runDirectory, 'shared'), { recursive: true, mode: 0o700 });
  mkdirSync('/lib/modules', { recursive: true });
  if (!lines(await engine('network', 'ls', '--format', '{{.Name}}')).includes('kind'))
    await engine('network', 'create', '--subnet', nodeSubnet, 'kind');
  await run(
    join(bin, 'kind'),
    [
      'create',
      'cluster',
      '--image',
      image,
      '--config',
      join(clusterDirectory, stockImage === undefined ? 'files/kind.yaml' : 'files/kind-stock.yaml'),
      '--kubeconfig',
      kubeconfigPath,
      '--wait',
      '180s',
    ],
    { env: clusterEnv, show: true },
  );
  const kubectl = (...args: string[]) => run(join(bin, 'kubectl'), args, { env: clusterEnv });
  await kubectl('wait', '--for=condition=Ready', 'node', '--all', '--timeout=180s');
  if (stockImage !== undefined) await completeStockNodes(await nodeNames(), bin);
  await wireData(await Promise.all((await nodeNames()).map(async (name) => ({ name, pid: await nodePid(name) }))));
  await installMultus(await nodeNames(), kubectl);
  say(`up after ${Math.round((Date.now() - started) / 1000)} s; export KUBECONFIG=${kubeconfigPath}`);
}

async function isHealthy(bin: string): Promise<boolean> {
  if ((await nodeNames()).length !== 3) return false;
  try {
    await run(join(bin, 'kubectl'), ['get', '--raw', '/readyz', '--request-timeout=5s'], { env: clusterEnv });
    return true;
  } catch {
    return false; // whatever it is, it is made anew
  }
}

/** Safe to run twice, and after a crash. */
export async function down(): Promise<void> {
  await unwireData();
  const all = lines(
    await engine('ps', '--all', '--filter', `label=io.x-k8s.kind.cluster=${clusterName}`, '--format', '{{.Names}}'),
  );
  const remove = () => engine('rm', '--force', '--volumes', '--time', '2', ...all);
  if (all.length > 0) await remove().catch(remove); // a busy machine needs longer for a node's end than podman waits
  await removeVolumes();
  rmSync(runDirectory, { recursive: true, force: true });
}

/**
 * With podman kind gives the volumes of its nodes names, and labels them with the name of the node: they outlive their
 * containers.
 */
async function removeVolumes(): Promise<void> {
  for (const node of ['control-plane', 'worker', 'worker2']) {
    const volumes = lines(await engine('volume', 'ls', '--quiet', '--filter', `label=${clusterName}-${node}=true`));
    if (volumes.length > 0) await engine('volume', 'rm', ...volumes);
  }
}
