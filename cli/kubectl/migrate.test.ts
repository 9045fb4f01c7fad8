// `kubectl godwit migrate` and `watch`: a move is asked for, followed and told to its end.
import test from 'ava';
import { z } from 'zod';
import { migrations } from '#core/kube/resources.ts';
import { sampleMigration } from '#core/kube/testing/sample-migration.ts';
import { until } from '#core/kube/testing/until.ts';
import { testTerminal } from '../test-agent.ts';
import { migrationKinds, play, plugin } from './testing/plugin.ts';
import { cancelled, failed, handingOver, holding, moved, refused, replacing } from './testing/stories.ts';

const phases = (ndjson: string) =>
  ndjson
    .trim()
    .split('\n')
    .map(
      (line) =>
        z.looseObject({ status: z.looseObject({ phase: z.string() }).optional() }).parse(JSON.parse(line)).status
          ?.phase,
    );

test('migrate follows the move and ends with the picture; every finding stands there once', async (t) => {
  const kube = await plugin(t);
  play(kube, [holding, replacing, handingOver, moved]);
  const { code, stdout, stderr } = await kube.godwit(['migrate', 'shop-0', '--to', 'node-b']);
  t.is(code, 0);
  t.is(stderr, '');
  const [made] = kube.migrations();
  t.like(made, {
    metadata: { namespace: 'shop' },
    spec: { podName: 'shop-0', podUID: 'uid-of-shop-0', targetNodeName: 'node-b', trigger: 'User', dryRun: false },
  });
  const lines = stdout.split('\n');
  t.deepEqual(lines.slice(1, 5), [
    `Holding      shop-0  ${made?.metadata.name}  Nothing in the API is in the way`,
    `Replacing    shop-0  ${made?.metadata.name}  The containers are held`,
    `HandingOver  shop-0  ${made?.metadata.name}  The replacement shop-0 runs on node-b`,
    `Succeeded    shop-0  ${made?.metadata.name}  The processes go on in the replacement.`,
  ]);
  t.regex(stdout, /━ frozen 140 ms ━/);
  t.regex(stdout, / ✓ moved to node-b in 372 ms, frozen for 140 ms\n/);
  t.is(stdout.split('NOTE_POST_START').length, 2);
});

test('a refused move exits with 3 and prints code, fact and remedy once', async (t) => {
  const kube = await plugin(t);
  play(kube, [holding, refused]);
  const { code, stdout } = await kube.godwit(['migrate', 'shop-0']);
  t.is(code, 3);
  t.regex(stdout, /✗ PREFLIGHT_IO_URING: pid 4711 has an io_uring\n +→ Start it without io_uring\.\n/);
});

test('a move that fails or is cancelled exits with 1', async (t) => {
  for (const end of [failed, cancelled]) {
    const kube = await plugin(t);
    play(kube, [end]);
    t.is((await kube.godwit(['migrate', 'shop-0'])).code, 1);
  }
});

test('-o json is one Migration a line; -o name the name at the end', async (t) => {
  const kube = await plugin(t);
  play(kube, [holding, handingOver, moved]);
  const json = await kube.godwit(['migrate', 'shop-0', '-o', 'json']);
  t.deepEqual(phases(json.stdout), [undefined, 'Holding', 'HandingOver', 'Succeeded']);
  const name = await kube.godwit(['migrate', 'shop-0', '-o', 'name']);
  t.is(name.stdout, `${kube.migrations()[1]?.metadata.name}\n`);
  t.is(name.code, 0);
});

test('--detach returns when the Migration is made', async (t) => {
  const kube = await plugin(t);
  const { code, stdout } = await kube.godwit(['migrate', 'shop-0', '--detach']);
  const [made] = kube.migrations();
  t.is(code, 0);
  t.is(stdout, `made ${made?.metadata.name}; follow it with: kubectl godwit watch ${made?.metadata.name} -n shop\n`);
  const { stdout: name } = await kube.godwit(['migrate', 'shop-0', '-d', '-o', 'name']);
  t.is(name, `${kube.migrations()[1]?.metadata.name}\n`);
  const { stdout: json } = await kube.godwit(['migrate', 'shop-0', '-d', '-o', 'json']);
  t.like(migrations.parse(JSON.parse(json)), { spec: { podName: 'shop-0' } });
});

test('Ctrl-C leaves the move alone and says how to go on', async (t) => {
  const kube = await plugin(t);
  play(kube, [holding]);
  const terminal = testTerminal();
  const migrating = kube.godwit(['migrate', 'shop-0'], terminal);
  await until(() => terminal.stdout().includes('Holding'), 'the first change');
  terminal.interrupt();
  const { code, stderr } = await migrating;
  const name = kube.migrations()[0]?.metadata.name;
  t.is(code, 0);
  t.is(
    stderr,
    `detached; ${name} goes on. Follow it: kubectl godwit watch ${name} -n shop. Stop it: kubectl godwit cancel ${name} -n shop\n`,
  );
  t.like(kube.migrations()[0], { spec: { cancel: false } });
});

test('a move that nobody takes up is not waited for for ever', async (t) => {
  const kube = await plugin(t);
  const { code, stderr } = await kube.godwit(['migrate', 'shop-0', '--timeout', '0.2', '-o', 'json']);
  t.is(code, 1);
  t.regex(
    stderr,
    /^ERR_DEADLINE: .* goes on \(nobody has taken it up: kubectl godwit doctor looks why\); follow it: kubectl godwit watch \S+ -n shop/,
  );
  t.is(kube.migrations().length, 1);
});

test('following goes on over a watch that breaks, and over a server that is away for a moment', async (t) => {
  const kube = await plugin(t);
  play(kube, [holding]);
  const terminal = testTerminal();
  const migrating = kube.godwit(['migrate', 'shop-0'], terminal);
  await until(() => terminal.stdout().includes('Holding'), 'the first change');
  kube.server.fail('GET', /migrations\?limit/, { status: 503 }, 1);
  kube.server.watches.cut();
  const [made] = kube.migrations();
  await kube.api.replace(
    migrations,
    { ...sampleMigration({ name: made?.metadata.name ?? '' }), status: moved },
    'status',
  );
  t.is((await migrating).code, 0);
  t.is(terminal.stderr(), '');
});

test('a Migration that is deleted, also unseen, ends following with 1', async (t) => {
  for (const unseen of [false, true]) {
    const kube = await plugin(t);
    const terminal = testTerminal();
    kube.server.store.write(migrationKinds, { ...sampleMigration({ name: 'm' }) });
    const watching = kube.godwit(['watch', 'm'], terminal);
    await until(() => terminal.stdout().includes('Pending') && kube.server.watches.count() === 1, 'a watch');
    if (unseen) kube.server.watches.end();
    await until(() => !unseen || kube.server.watches.count() === 0, 'no watch');
    kube.server.store.remove(migrationKinds, 'shop', 'm');
    const { code, stderr } = await watching;
    t.is(code, 1);
    t.regex(stderr, /^ERR_ABORTED: m was deleted before it was over\n {2}→ /);
  }
});

test('watch follows one to its end, also one that is over', async (t) => {
  const kube = await plugin(t);
  kube.server.store.write(migrationKinds, { ...sampleMigration({ name: 'm' }), status: refused });
  t.is((await kube.godwit(['watch', 'm'])).code, 3);
});

test('watch without a name tells every change of the namespace once, until Ctrl-C', async (t) => {
  const kube = await plugin(t);
  const write = (name: string, status: object, namespace = 'shop') =>
    kube.server.store.write(migrationKinds, { ...sampleMigration({ name, namespace }), status });
  write('one', holding);
  write('other', holding, 'bank');
  const terminal = testTerminal();
  const watching = kube.godwit(['watch', '-o', 'name'], terminal);
  await until(() => kube.server.watches.count() === 1, 'a watch');
  kube.server.watches.end();
  await until(() => kube.server.asked('GET', /watch=1/).length === 2, 'the next watch');
  write('two', holding);
  write('one', moved);
  await until(() => terminal.stdout().split('\n').length === 4, 'three changes');
  terminal.interrupt();
  t.deepEqual(await watching, { code: 0, stdout: 'one\ntwo\none\n', stderr: '' });
});
