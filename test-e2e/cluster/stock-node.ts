// What a published kindest/node image lacks for the scenarios: Multus, and the image of the workloads.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { clusterEnv, engine } from '#cluster/engine.ts';
import { clusterDirectory } from '#cluster/paths.ts';
import { run } from '#cluster/run.ts';

/** @param bin directory of the cluster's programs */
export async function completeStockNodes(nodes: readonly string[], bin: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'godwit-workloads-'));
  try {
    const root = (await run(join(clusterDirectory, 'roots.sh'), ['workloads'], { show: true })).trim();
    const archive = join(folder, 'workloads.tar');
    await run(
      process.execPath,
      [join(clusterDirectory, 'system-images.ts'), '--only-workloads', '--workloads', root, '--out', archive],
      { show: true },
    );
    const image = await readFile(archive);
    for (const node of nodes) {
      await engine('cp', join(bin, 'multus'), `${node}:/opt/cni/bin/multus`);
      await run(
        clusterEnv.KIND_EXPERIMENTAL_PROVIDER,
        ['exec', '-i', node, 'ctr', '-n', 'k8s.io', 'images', 'import', '-'],
        { env: clusterEnv, input: image },
      );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
