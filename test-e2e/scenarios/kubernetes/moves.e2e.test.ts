// Pods of each owner move with their connections; the client's own count says whether anything was lost.
import test, { type ExecutionContext } from 'ava';
import type { Migration } from '#core/api/migration.ts';
import type { WorkloadReport } from '#workloads/report.ts';
import { apply, eventually, kubectl, migrate, nodeOf, openNamespace, redis, stableAddress, startCounter } from './cluster.ts';

const clean = { lost: 0, duplicated: 0, resets: 0, faults: [] };

function assertMoved(t: ExecutionContext, migration: Migration, report: WorkloadReport): void {
  const { status } = migration;
  t.is(status?.phase, 'Succeeded', JSON.stringify(status?.conditions));
  t.not(status?.source?.nodeName, status?.target?.nodeName);
  t.like(report, clean);
  t.log(`frozen ${status?.freezeMs ?? -1} ms, longest silence ${Math.round(report.longestSilenceMs)} ms, ${report.operations} increments`);
}

async function namespaceFor(t: ExecutionContext, name: string): Promise<string> {
  const namespace = `e2e-${name}-${process.pid}`;
  t.teardown(await openNamespace(namespace));
  return namespace;
}

const podOf = (namespace: string, selector = 'app=shop') =>
  eventually('a ready pod', async () => {
    const path = '{range .items[?(@.status.containerStatuses[0].ready==true)]}{.metadata.name} {.metadata.deletionTimestamp}{"\\n"}{end}';
    const alive = (await kubectl('-n', namespace, 'get', 'pods', '-l', selector, '-o', `jsonpath=${path}`)).split('\n').map((line) => line.split(' ')).filter(([name, deleted]) => name !== '' && deleted === '');
    return alive[0]?.[0];
  });

for (const [kind, object] of Object.entries({ StatefulSet: redis.statefulSet, Deployment: redis.deployment, 'bare pod': redis.bare })) {
  test.serial(`${kind}: there and back by two Migrations`, async (t) => {
    const namespace = await namespaceFor(t, kind.toLowerCase().replace(' ', '-'));
    await apply(object(namespace));
    const first = await podOf(namespace);
    const address = await stableAddress(namespace, first);
    for (const move of ['there', 'back']) {
      const client = await startCounter(address);
      await client.more(500, 30_000);
      const migration = await migrate(namespace, move, await podOf(namespace));
      await client.more(500, 30_000);
      assertMoved(t, migration, await client.stop());
      const restarts = await kubectl('-n', namespace, 'get', 'pod', await podOf(namespace), '-o', 'jsonpath={.status.containerStatuses[0].restartCount}');
      t.is(restarts, '0');
    }
  });
}

test.serial('kubectl drain works unchanged and loses no connection; exec and logs work afterwards', async (t) => {
  const namespace = await namespaceFor(t, 'drain');
  await apply(redis.statefulSet(namespace));
  const client = await startCounter(await stableAddress(namespace, await podOf(namespace)));
  await client.more(500, 30_000);
  const node = await nodeOf(namespace, 'shop-0');
  t.teardown(async () => void (await kubectl('uncordon', node)));
  await kubectl('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--pod-selector=app=shop', '--timeout=90s');
  await client.more(500, 30_000);
  t.like(await client.stop(), clean);
  t.not(await nodeOf(namespace, 'shop-0'), node);
  t.is((await kubectl('-n', namespace, 'exec', await podOf(namespace), '--', 'redis-cli', 'ping')).trim(), 'PONG');
  t.is((await kubectl('-n', namespace, 'get', 'migrations', '-o', 'jsonpath={.items[*].spec.trigger}')).trim(), 'Drain');
});

test.serial('what cannot move is refused before anything happens, and goes on', async (t) => {
  const namespace = await namespaceFor(t, 'refused');
  const bare = redis.bare(namespace);
  await apply({ ...bare, spec: { ...bare.spec, volumes: [{ name: 'node', hostPath: { path: '/tmp' } }] } });
  const { status } = await migrate(namespace, 'refused', await podOf(namespace));
  t.is(status?.phase, 'Failed');
  t.deepEqual(status?.refusals?.map(({ code }) => code), ['PREFLIGHT_HOST_PATH']);
  t.is(await podOf(namespace), 'lonely');
});

test.serial('a user\'s delete is delivered at once', async (t) => {
  const namespace = await namespaceFor(t, 'deleted');
  await apply(redis.bare(namespace));
  const pod = await podOf(namespace);
  await kubectl('-n', namespace, 'delete', 'pod', pod, '--timeout=30s');
  t.is(await kubectl('-n', namespace, 'get', 'migrations', '-o', 'name'), '');
});
