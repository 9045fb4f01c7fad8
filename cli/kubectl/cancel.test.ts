// `kubectl godwit cancel`: asks for the roll-back while there is something to roll back.
import test from 'ava';
import { sampleMigration } from '#core/kube/testing/sample-migration.ts';
import { migrationKinds, plugin } from './testing/plugin.ts';
import { cancelled, committed, failed, handingOver, holding, moved } from './testing/stories.ts';

const m = { name: 'm', namespace: 'shop' };

test('a move that is under way is asked to roll back', async (t) => {
  const { server, godwit, migrations } = await plugin(t);
  server.store.write(migrationKinds, { ...sampleMigration(m), status: holding });
  const { code, stdout } = await godwit(['cancel', 'm']);
  t.is(code, 0);
  t.is(stdout, 'm is asked to roll back; follow it with: kubectl godwit watch m -n shop\n');
  t.like(migrations()[0], { spec: { cancel: true }, status: { phase: 'Holding' } });
  t.like(JSON.parse((await godwit(['cancel', 'm', '-o', 'json'])).stdout), { spec: { cancel: true } });
  t.is((await godwit(['cancel', 'm', '-o', 'name'])).stdout, 'm\n');
});

test('a pod that is held may end by it: only who insists cancels', async (t) => {
  const { server, godwit, migrations } = await plugin(t);
  server.store.write(migrationKinds, { ...sampleMigration(m), status: handingOver });
  const { code, stderr } = await godwit(['cancel', 'm']);
  t.is(code, 1);
  t.regex(stderr, /^ERR_HELD: the pod of m is held.*--force/s);
  t.like(migrations()[0], { spec: { cancel: false } });
  t.is((await godwit(['cancel', 'm', '--force'])).code, 0);
  t.like(migrations()[0], { spec: { cancel: true } });
});

for (const [what, status, message] of [
  ['committed', committed, /m is committed: it can only go on/],
  ['over', moved, /m is over: Succeeded/],
  ['over', failed, /m is over: Failed/],
] as const) {
  test(`what is ${what} (${status.phase}) cannot be cancelled: exit 1, also for machines`, async (t) => {
    const { server, godwit, migrations } = await plugin(t);
    server.store.write(migrationKinds, { ...sampleMigration(m), status });
    const { code, stdout, stderr } = await godwit(['cancel', 'm', '-o', 'json']);
    t.is(code, 1);
    t.like(JSON.parse(stdout), { error: { code: 'ERR_TOO_LATE' } });
    t.regex(stderr, message);
    t.like(migrations()[0], { spec: { cancel: false } });
  });
}

test('a commit that comes while it is being cancelled wins, and is said', async (t) => {
  const { server, godwit } = await plugin(t);
  server.store.write(migrationKinds, { ...sampleMigration(m), status: handingOver });
  server.fail('PATCH', /./, { status: 200, body: { ...sampleMigration(m), status: committed } });
  const { code, stderr } = await godwit(['cancel', 'm', '--force']);
  t.is(code, 1);
  t.regex(stderr, /^ERR_TOO_LATE: m is committed/);
});

test('cancelling twice is well', async (t) => {
  const { server, godwit } = await plugin(t);
  server.store.write(migrationKinds, { ...sampleMigration(m), status: cancelled });
  t.deepEqual(await godwit(['cancel', 'm']), { code: 0, stdout: 'm is cancelled already\n', stderr: '' });
});
