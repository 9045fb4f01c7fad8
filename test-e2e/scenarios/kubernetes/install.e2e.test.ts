// Installing twice changes nothing, an agent's restart leaves containerd alone, and an uninstalled node has nothing of
// Godwit. The last scenario takes Godwit off the cluster and brings it back as it was: files that run later find the
// same cluster.
import type { ExecutionContext } from 'ava';
import { join } from 'node:path';
import { z } from 'zod';
import { clusterEnv } from '#cluster/engine.ts';
import { clusterDirectory, dataNetwork } from '#cluster/paths.ts';
import { run } from '#cluster/run.ts';
import { apply, assertMoved, eventually, kubectl, migrate, namespaceFor, podOf, rolledOut } from './cluster.ts';
import { onNode, processesOf, workers } from './nodes.ts';
import { scenario } from './scenario.ts';
import { owners, shell } from './workloads.ts';

const manifests = (name: string): string => join(clusterDirectory, '../../manifests', name);
const overlay = manifests('overlays/kind');
const system = ['-n', 'godwit-system'] as const;

const installLimitMs = 300_000;
/** Removing and installing takes longer than other scenarios. */
const wholeLimitMs = 900_000;

/** As `make cluster-install` does once the images are there; resolves when everything is ready. */
async function install(): Promise<void> {
  await run(join(clusterDirectory, 'install.sh'), [], { env: clusterEnv, limitMs: installLimitMs });
}

const containersSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), uid: z.string() }),
      status: z.object({ containerStatuses: z.array(z.object({ restartCount: z.number() })).default([]) }),
    }),
  ),
});

/** What must stay as it is: pods of Godwit with their restarts, and containerd's process on each node. */
async function running(): Promise<{ pods: string[]; containerd: number[][] }> {
  const { items } = containersSchema.parse(JSON.parse(await kubectl(...system, 'get', 'pods', '-o', 'json')));
  const pods = items.map(
    ({ metadata: { name, uid }, status }) =>
      `${name} ${uid} ${status.containerStatuses.map(({ restartCount }) => restartCount).join(',')}`,
  );
  return {
    pods: pods.toSorted(),
    containerd: await Promise.all(workers.map((worker) => processesOf(worker, 'containerd'))),
  };
}

scenario(
  'the manifests applied again change nothing: no agent and no containerd is restarted',
  ['nodes'],
  async (t) => {
    const before = await running();
    t.true(
      before.containerd.every((pids) => pids.length === 1),
      JSON.stringify(before),
    );
    await install();
    t.deepEqual(await running(), before);
  },
);

scenario(
  'an agent that is started again finds everything in place and leaves containerd alone',
  ['nodes'],
  async (t) => {
    const [node = ''] = workers;
    const { containerd } = await running();
    const [agent] = await processesOf(node, 'agent');
    await onNode(node).kill('agent');
    await eventually(
      'another agent',
      async () => (await processesOf(node, 'agent')).find((pid) => pid !== agent),
      90_000,
    );
    await rolledOut('daemonset/godwit-node-agent');
    t.deepEqual((await running()).containerd, containerd);
    const [pod = ''] = (
      await kubectl(
        ...system,
        'get',
        'pods',
        '-l',
        'app.kubernetes.io/name=godwit-node-agent',
        '--field-selector',
        `spec.nodeName=${node}`,
        '-o',
        'jsonpath={.items[*].metadata.name}',
      )
    ).split(' ');
    t.regex(await kubectl(...system, 'logs', pod), /the node has this build, containerd left alone/);
  },
);

const podsOfClass = async (): Promise<string> =>
  (
    await kubectl(
      'get',
      'pods',
      '-A',
      '-o',
      'jsonpath={range .items[?(@.spec.runtimeClassName=="godwit")]}{.metadata.namespace}/{.metadata.name} {end}',
    )
  ).trim();

/** The order of docs/install.md. Safe to run when it was run in part. */
async function removeFromCluster(): Promise<void> {
  await kubectl('delete', 'migrations', '--all', '-A', '--timeout=90s').catch(ignoreMissingKind);
  await kubectl(
    'delete',
    'mutatingwebhookconfiguration,validatingwebhookconfiguration',
    'godwit-controller',
    '--ignore-not-found',
  );
  await kubectl('delete', '-k', overlay, '--ignore-not-found', '--timeout=150s');
  await kubectl('label', 'nodes', '--all', 'godwit.dev/agent-ready-');
  await kubectl('annotate', 'nodes', '--all', 'godwit.dev/node-facts-');
}

/** After an earlier removal there are no Migrations to ask for. */
function ignoreMissingKind(error: unknown): void {
  if (!String(error).includes('have a resource type')) throw error;
}

async function cleanNodes(): Promise<void> {
  await kubectl('apply', '-k', manifests('uninstall'));
  await kubectl('-n', 'godwit-uninstall', 'rollout', 'status', 'daemonset/godwit-uninstall', '--timeout=150s');
}

const removeCleaner = (): Promise<string> =>
  kubectl('delete', '-k', manifests('uninstall'), '--ignore-not-found', '--timeout=90s');

/** Commands that say what is left of Godwit on a node; clean is who has nothing to say. */
const traces: Record<string, string> = {
  files:
    'ls -d /opt/godwit /opt/cni/bin/godwit /run/godwit /var/lib/godwit /etc/containerd/*godwit* /etc/containerd/conf.d/*godwit* 2>/dev/null || true',
  'CNI configuration': `grep -rlE '"type": *"godwit"' /etc/cni/net.d || true`,
  'handler of containerd': 'containerd config dump 2>/dev/null | grep godwit || true',
  devices: 'ip -o link | grep -E ": (gw-|gdw)" || true',
  'port of a bridge': `ip -o link show ${dataNetwork.uplink} | grep -o "master [^ ]*" || true`,
  'tables of nftables': 'nft list tables | grep godwit || true',
  mounts: 'cut -d" " -f5 /proc/self/mountinfo | grep "^/run/godwit/" || true',
  processes: 'pgrep -af "/opt/godwit/[b]in/(godwit-|criu)|node-agent/[m]ain.ts" || true',
};

/** Nodes whose configuration of containerd got the import of drop-ins from the installer. */
async function withImport(): Promise<string[]> {
  const records = await Promise.all(
    workers.map((node) => onNode(node).exec('sh', '-c', 'cat /var/lib/godwit/install.json || true')),
  );
  return workers.filter((_, index) => records[index]?.includes('"added"') === true);
}

async function assertNoTraces(t: ExecutionContext, imported: readonly string[]): Promise<void> {
  for (const node of imported)
    t.is(
      (await onNode(node).exec('sh', '-c', 'grep -n "conf[.]d" /etc/containerd/config.toml || true')).trim(),
      '',
      `import on ${node}`,
    );
  for (const node of workers) {
    for (const [what, command] of Object.entries(traces))
      t.is((await onNode(node).exec('sh', '-c', command)).trim(), '', `${what} on ${node}`);
  }
}

scenario(
  'a node whose pods need Godwit is not cleaned and says whose they are; installed again, all is as before',
  ['nodes'],
  async (t) => {
    t.timeout(wholeLimitMs);
    const namespace = await namespaceFor(t, 'in use');
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    t.teardown(async () => {
      await removeCleaner();
      await install();
    });
    await kubectl(...system, 'delete', 'daemonset', 'godwit-node-agent', '--cascade=foreground', '--timeout=90s');
    await kubectl('apply', '-k', manifests('uninstall'));
    const said = await eventually(
      'a refusal',
      async () => {
        const text = await kubectl(
          '-n',
          'godwit-uninstall',
          'get',
          'pods',
          '-o',
          'jsonpath={range .items[*].status.initContainerStatuses[*]}{.state.terminated.message}{.lastState.terminated.message}{end}',
        );
        return text.includes('ERR_NODE_IN_USE') ? text : undefined;
      },
      120_000,
    );
    t.true(said.includes(`${namespace}/${pod}`), said);
    await removeCleaner();
    await install();
    t.is(await podOf(namespace), pod);
    assertMoved(t, await migrate(namespace, 'move', pod));
  },
);

scenario(
  'an uninstalled cluster has nothing of Godwit and runs ordinary pods; installed again it moves pods',
  ['nodes'],
  async (t) => {
    t.timeout(wholeLimitMs);
    await eventually(
      'the end of all pods of the class',
      async () => ((await podsOfClass()) === '' ? true : undefined),
      90_000,
    );
    let isBack = false;
    t.teardown(async () => {
      if (isBack) return;
      await removeCleaner();
      await install();
    });
    const imported = await withImport();
    await removeFromCluster();
    await cleanNodes();
    await assertNoTraces(t, imported);
    const cleaned = await Promise.all(workers.map((worker) => processesOf(worker, 'containerd')));

    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'ordinary', namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 0, containers: [shell('ordinary', 'exec sleep infinity')] },
    });
    t.teardown(
      async () =>
        void (await kubectl('-n', 'default', 'delete', 'pod', 'ordinary', '--ignore-not-found', '--timeout=60s')),
    );
    await kubectl('-n', 'default', 'wait', '--for=condition=Ready', 'pod/ordinary', '--timeout=90s');

    await kubectl('-n', 'godwit-uninstall', 'rollout', 'restart', 'daemonset/godwit-uninstall');
    await kubectl('-n', 'godwit-uninstall', 'rollout', 'status', 'daemonset/godwit-uninstall', '--timeout=120s');
    t.deepEqual(
      await Promise.all(workers.map((worker) => processesOf(worker, 'containerd'))),
      cleaned,
      'a second time there is nothing to do',
    );
    await removeCleaner();

    await install();
    isBack = true;
    const namespace = await namespaceFor(t, 'again');
    await apply(owners.StatefulSet(namespace));
    assertMoved(t, await migrate(namespace, 'move', await podOf(namespace, 'app=shop', 120_000)));
  },
);
