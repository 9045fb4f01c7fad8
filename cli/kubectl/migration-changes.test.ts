// Watching Migrations: nothing is told twice, and a server that stays away is given up.
import test, { type ExecutionContext } from 'ava';
import { testCluster } from '#core/kube/testing/access.ts';
import { sampleMigration } from '#core/kube/testing/sample-migration.ts';
import { statusBody } from '#core/kube/testing/status-body.ts';
import { until } from '#core/kube/testing/until.ts';
import { migrationChanges } from './migration-changes.ts';
import { migrationKinds } from './testing/plugin.ts';

/** Watches the namespace `shop`, in which `a` is. */
async function watching(t: ExecutionContext, awayMs = 60_000) {
  const cluster = await testCluster(t);
  const write = (name: string) => cluster.server.store.write(migrationKinds, { ...sampleMigration({ name }) });
  write('a');
  const told: string[] = [];
  const left = new AbortController();
  const watch = async (): Promise<void> => {
    for await (const { type, migration } of migrationChanges(cluster, 'shop', undefined, left.signal, {
      awayMs,
      pauseMs: 1,
    }))
      told.push(`${type} ${migration.metadata.name}`);
  };
  const over = watch();
  await until(() => cluster.server.watches.count() === 1, 'a watch');
  return { ...cluster, write, told, over, left };
}

test('what happened between two watches is told once, deletions too', async (t) => {
  const { server, write, told, over, left } = await watching(t);
  const gate = Promise.withResolvers<void>();
  server.fail('GET', /limit/, { heldUntil: gate.promise }, 1);
  server.watches.end();
  await until(() => server.asked('GET', /limit/).length === 2, 'the next list');
  gate.resolve();
  await until(() => server.watches.count() === 1, 'the next watch');
  server.store.remove(migrationKinds, 'shop', 'a');
  write('b');
  await until(() => told.length === 3, 'the changes');
  server.watches.end();
  server.store.remove(migrationKinds, 'shop', 'b');
  await until(() => told.length === 4, 'the deletion');
  left.abort();
  await over;
  t.deepEqual(told, ['set a', 'deleted a', 'set b', 'deleted b']);
});

test('a version that the server has forgotten leads to a new list', async (t) => {
  const { server, write, told, over, left } = await watching(t);
  server.watches.say('ERROR', statusBody(410, 'Expired', 'too old'));
  await until(() => server.asked('GET', /limit/).length === 2, 'a new list');
  write('b');
  await until(() => told.length === 2, 'the change');
  left.abort();
  await over;
  t.deepEqual(told, ['set a', 'set b']);
});

test('a server that stays away is given up', async (t) => {
  const { server, over } = await watching(t, 20);
  server.fail('GET', /./, { status: 503 });
  server.watches.cut();
  await t.throwsAsync(over, { code: 'ERR_KUBE_UNAVAILABLE' });
});

test('a refusal for good ends it at once, whenever it comes', async (t) => {
  const { server, over } = await watching(t);
  server.fail('GET', /watch=1/, { status: 403, body: { message: 'no more' } });
  server.watches.cut();
  await t.throwsAsync(over, { code: 'ERR_KUBE_FORBIDDEN', message: /no more/ });
});
