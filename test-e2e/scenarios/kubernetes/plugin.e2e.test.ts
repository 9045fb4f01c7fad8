// `kubectl godwit` against the real cluster: what an operator types, what it prints, and its exit codes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import process from 'node:process';
import { target } from '#cluster/target.ts';
import { migrationSchema } from '#core/api/migration.ts';
import { apply, kubectl, namespaceFor, nodeOf, onlyMigration, podOf, stableAddress, whileCounting } from './cluster.ts';
import { scenario } from './scenario.ts';
import { owners } from './workloads.ts';

const program = fileURLToPath(new URL('../../../cli/kubectl/main.ts', import.meta.url));

async function godwit(...args: string[]): Promise<{ out: string; err: string; code: number | null }> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...target.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { out, err, code: child.exitCode };
}

scenario('plan, migrate with its picture, get, explain and drain', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'plugin');
  await apply(owners.StatefulSet(namespace));
  const pod = await podOf(namespace);
  const plan = await godwit('-n', namespace, 'plan', pod);
  t.is(plan.code, 0, plan.err);
  t.regex(plan.out, /can move/);
  t.is(await kubectl('-n', namespace, 'get', 'migrations', '-o', 'name'), '', 'a plan leaves nothing behind');

  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    const moved = await godwit('-n', namespace, 'migrate', pod);
    t.is(moved.code, 0, moved.out + moved.err);
    t.regex(moved.out, /frozen/);
    await podOf(namespace);
  });
  const name = await onlyMigration(namespace);
  t.regex((await godwit('-n', namespace, 'get')).out, new RegExp(`${name}.*Succeeded`));
  t.is(
    migrationSchema.parse(JSON.parse((await godwit('-n', namespace, 'get', name, '-o', 'json')).out)).status?.phase,
    'Succeeded',
  );
  t.is((await godwit('-n', namespace, 'migrate', 'nobody')).code, 2);
  t.is((await godwit('explain', 'PREFLIGHT_IO_URING')).code, 0);

  const node = await nodeOf(namespace, pod);
  t.teardown(async () => void (await kubectl('uncordon', node)));
  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    const drained = await godwit('drain', node, '--force');
    t.is(drained.code, 0, drained.out + drained.err);
    t.not(await nodeOf(namespace, await podOf(namespace)), node);
  });
});

scenario('doctor finds nothing wrong with the cluster', [], async (t) => {
  const { out, err, code } = await godwit('doctor');
  t.is(code, 0, out + err);
});
