// The plugin's program against an API server in this process, and a controller that plays a story.
import type { ExecutionContext } from 'ava';
import type { MigrationStatus } from '#core/api/migration.ts';
import { collectionPath } from '#core/kube/api.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import { migrations, nodes, pods } from '#core/kube/resources.ts';
import { testCluster, type TestCluster } from '#core/kube/testing/access.ts';
import { until } from '#core/kube/testing/until.ts';
import { run } from '../../run.ts';
import { testTerminal } from '../../test-agent.ts';
import { createPlugin } from '../program.ts';

export const migrationKinds = collectionPath(migrations, undefined);

export interface Plugin extends TestCluster {
  /** Runs one command line with the kubeconfig of the cluster, on a terminal that breaks no lines. */
  godwit(
    args: readonly string[],
    terminal?: ReturnType<typeof testTerminal>,
  ): Promise<{ code: number; stdout: string; stderr: string }>;
  /** The Migrations that are there. */
  migrations(): ReturnType<typeof migrations.parse>[];
}

/**
 * A cluster with the nodes `node-a` and `node-b`, and the pod `shop-0` in the namespace `shop`, which the kubeconfig
 * names.
 */
export async function plugin(t: ExecutionContext): Promise<Plugin> {
  const cluster = await testCluster(t);
  for (const name of ['node-a', 'node-b']) await cluster.api.create(nodes, { metadata: { name } });
  await cluster.api.create(pods, {
    metadata: { name: 'shop-0', namespace: 'shop', uid: 'uid-of-shop-0' },
    spec: { nodeName: 'node-a', containers: [] },
  });
  return {
    ...cluster,
    async godwit(args, terminal = testTerminal({ width: 400 })) {
      const code = await run([...args, '--kubeconfig', cluster.kubeconfig], terminal, (exit) =>
        createPlugin(terminal, exit, '0.0.0'),
      );
      return { code, stdout: terminal.stdout(), stderr: terminal.stderr() };
    },
    migrations: () =>
      cluster.server.store
        .list({ kinds: migrationKinds, namespace: undefined })
        .map((object) => migrations.parse(object)),
  };
}

/** Gives every new Migration one status after the other, as soon as somebody watches. */
export function play({ server, api }: TestCluster, story: readonly MigrationStatus[]): void {
  const tell = async (name: string, namespace: string | undefined): Promise<void> => {
    await until(() => server.watches.count(migrationKinds) > 0, 'somebody who watches');
    for (const status of story)
      await mutateStatus(api, migrations, { name, namespace }, (fresh) => ({ ...fresh, status }));
  };
  server.store.onChange(({ type, kinds, object: { metadata } }) => {
    if (type === 'ADDED' && kinds === migrationKinds) void tell(metadata.name, metadata.namespace);
  });
}
