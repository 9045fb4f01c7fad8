// What goes wrong has a code, a remedy and an exit code that scripts can rely on.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { run } from '../run.ts';
import { testTerminal } from '../test-agent.ts';
import { createPlugin } from './program.ts';
import { plugin } from './testing/plugin.ts';

async function godwit(...args: string[]) {
  const terminal = testTerminal({ width: 400 });
  const code = await run(args, terminal, (exit) => createPlugin(terminal, exit, '0.0.0'));
  return { code, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

const commands = [
  ['plan', 'shop-0'],
  ['migrate', 'shop-0'],
  ['get'],
  ['get', 'm'],
  ['watch'],
  ['watch', 'm'],
  ['drain', 'node-a'],
  ['cancel', 'm'],
  ['explain', 'm'],
  ['doctor'],
];

for (const args of commands) {
  test(`no cluster there exits with 4: ${args.join(' ')}`, async (t) => {
    const { folder, kubeconfig, server } = await plugin(t);
    const away = join(folder, 'away');
    await writeFile(away, (await readFile(kubeconfig, 'utf8')).replace(server.url, 'https://localhost:1'));
    const { code, stderr } = await godwit(...args, '--kubeconfig', away);
    t.is(code, 4);
    t.regex(stderr, /^ERR_KUBE_UNAVAILABLE: [^]*\n {2}→ Check that the API server runs/);
  });

  test(`no kubeconfig exits with 2: ${args.join(' ')}`, async (t) => {
    const { code, stderr } = await godwit(...args, '--kubeconfig', '/nowhere/config');
    t.is(code, 2);
    t.regex(stderr, /^ERR_CONFIG_INVALID: [^]*\/nowhere\/config[^]*\n {2}→ /);
  });
}

for (const args of [
  ['plan', 'none'],
  ['migrate', 'none'],
  ['migrate', 'none', '--detach'],
  ['get', 'none'],
  ['watch', 'none'],
  ['cancel', 'none'],
  ['explain', 'none'],
]) {
  test(`what is not there exits with 2 and leaves nothing behind: ${args.join(' ')}`, async (t) => {
    const kube = await plugin(t);
    const { code, stdout, stderr } = await kube.godwit([...args, ...(args[0] === 'explain' ? [] : ['-o', 'json'])]);
    t.is(code, 2);
    t.regex(stderr, /^ERR_KUBE_NOT_FOUND: \w+ "none" not found \(.*\)\n {2}→ Check name and namespace\.\n$/);
    if (args[0] !== 'explain') t.like(JSON.parse(stdout), { error: { code: 'ERR_KUBE_NOT_FOUND', retryable: false } });
    t.deepEqual(kube.migrations(), []);
  });
}

test('an unknown context is named', async (t) => {
  const kube = await plugin(t);
  const { code, stderr } = await kube.godwit(['get', '--context', 'production']);
  t.is(code, 2);
  t.regex(stderr, /context\s+production/);
});

test('lack of rights exits with 1, an object that the API refuses with 2', async (t) => {
  const kube = await plugin(t);
  kube.server.fail('POST', /migrations/, { status: 403, body: { message: 'alice may not create' } }, 1);
  const forbidden = await kube.godwit(['migrate', 'shop-0']);
  t.is(forbidden.code, 1);
  t.regex(forbidden.stderr, /^ERR_KUBE_FORBIDDEN: /);
  kube.server.fail('POST', /migrations/, { status: 422, body: { message: 'spec is not valid' } }, 1);
  t.is((await kube.godwit(['migrate', 'shop-0'])).code, 2);
});

for (const args of [
  ['plan'],
  ['migrate'],
  ['drain'],
  ['cancel'],
  ['nonsense'],
  ['get', '-o', 'yaml'],
  ['plan', 'x', '-o', 'name'],
  ['migrate', 'x', '--timeout', '0'],
  ['watch', 'x', '--timeout', '1e9'],
  [],
]) {
  test(`wrong usage exits with 2: kubectl godwit ${args.join(' ')}`, async (t) => {
    t.is((await godwit(...args, '--kubeconfig', '/nowhere/config')).code, 2);
  });
}

test('help exits with 0 and tells the exit codes', async (t) => {
  const { code, stdout } = await godwit('--help');
  t.is(code, 0);
  t.regex(stdout, /Exit codes:\n {2}0 {2}.*\n {2}1 {2}.*\n {2}2 {2}.*\n {2}3 {2}.*\n {2}4 {2}/);
});
