// `kubectl godwit get` and `explain`: what is known of Migrations and of words.
import test, { type ExecutionContext } from 'ava';
import { sampleMigration } from '#core/kube/testing/sample-migration.ts';
import { migrationKinds, plugin } from './testing/plugin.ts';
import { handingOver, moved, refused } from './testing/stories.ts';

async function threeMigrations(t: ExecutionContext) {
  const kube = await plugin(t);
  const write = (name: string, status: object, creationTimestamp: string, namespace = 'shop') => {
    const { metadata, ...others } = sampleMigration({ name, namespace });
    kube.server.store.write(migrationKinds, { ...others, metadata: { ...metadata, creationTimestamp }, status });
  };
  write('third', handingOver, '2026-11-23T18:59:48Z');
  write('first', moved, '2026-11-23T18:00:00Z');
  write('second', refused, '2026-11-23T18:55:00Z', 'bank');
  return kube;
}

test('get lists the Migrations of the namespace, the oldest first, each with its reason', async (t) => {
  const { godwit } = await threeMigrations(t);
  const { code, stdout } = await godwit(['get']);
  t.is(code, 0);
  t.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/)),
    [
      ['MIGRATION', 'POD', 'FROM', 'TO', 'PHASE', 'REASON', 'FREEZE', 'TRIGGER', 'AGE'],
      ['first', 'shop-0', 'node-a', 'node-b', 'Succeeded', 'Moved', '140 ms', 'User', '1h'],
      ['third', 'shop-0', 'node-a', 'node-b', 'HandingOver', 'Scheduled', '-', 'User', '12s'],
    ],
  );
});

test('get -A names namespaces, as a table and as names', async (t) => {
  const { godwit } = await threeMigrations(t);
  const { stdout } = await godwit(['get', '-A']);
  t.regex(
    stdout,
    /^NAMESPACE +MIGRATION .*\nshop +first .*\nbank +second .* Failed +PreflightRefused .*\nshop +third .*\n$/,
  );
  t.is((await godwit(['get', '-A', '-o', 'name'])).stdout, 'shop/first\nbank/second\nshop/third\n');
});

test('get takes the namespace that is asked for, before or after the command', async (t) => {
  const { godwit } = await threeMigrations(t);
  t.is((await godwit(['-n', 'bank', 'get', '-o', 'name'])).stdout, 'second\n');
  t.is((await godwit(['get', '-o', 'name', '-n', 'bank'])).stdout, 'second\n');
  t.like(JSON.parse((await godwit(['get', '-o', 'json', '-n', 'bank'])).stdout), [{ metadata: { name: 'second' } }]);
});

test('none is no error, and is said', async (t) => {
  const { godwit } = await plugin(t);
  t.deepEqual(await godwit(['get']), { code: 0, stdout: '', stderr: 'no Migrations in shop\n' });
  t.deepEqual(await godwit(['get', '-o', 'json']), { code: 0, stdout: '[]\n', stderr: '' });
});

test('get and explain show one as its picture or as its story', async (t) => {
  const { godwit } = await threeMigrations(t);
  for (const command of ['get', 'explain']) {
    t.regex(
      (await godwit([command, 'first'])).stdout,
      /━ frozen 140 ms ━[^]*✓ moved to node-b[^]*✓ Claimed {4}Scheduled: The replacement shop-0 runs on node-b\n/,
    );
    t.regex((await godwit([command, 'third'])).stdout, /^ shop-0 {3}node-a → node-b {3}third\n[^]*✓ Held/);
    t.regex(
      (await godwit([command, 'second', '-n', 'bank'])).stdout,
      /✗ Held[^]*✗ PREFLIGHT_IO_URING: .*\n +→ Start it without io_uring\./,
    );
  }
  t.is((await godwit(['get', 'first', '-o', 'name'])).stdout, 'first\n');
  t.like(JSON.parse((await godwit(['get', 'first', '-o', 'json'])).stdout), { metadata: { name: 'first' } });
});

test('explain knows reasons, errors and checks without a cluster', async (t) => {
  const { godwit, server } = await plugin(t);
  const before = server.received.length;
  t.regex((await godwit(['explain', 'NoCandidate'])).stdout, /^No node could take the pod/);
  t.regex((await godwit(['explain', 'ERR_DUMP'])).stdout, /^CRIU could not save the processes.*\n→ /);
  t.regex((await godwit(['explain', 'PREFLIGHT_IO_URING'])).stdout, /io_uring/);
  t.is(server.received.length, before);
});

test('explain says that it does not know a word', async (t) => {
  const { godwit } = await plugin(t);
  const { code, stderr } = await godwit(['explain', 'NoCandidates']);
  t.is(code, 2);
  t.regex(stderr, /^ERR_CONFIG_INVALID: NoCandidates is no reason, error or check/);
  t.is((await godwit(['explain', 'none'])).code, 2);
});
