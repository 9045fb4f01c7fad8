// What kubectl offers for the plugin's words, by running the script that it runs.
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { run } from '../run.ts';
import { testTerminal } from '../test-agent.ts';
import { createPlugin } from './program.ts';

/**
 * The script's answer for `words`, the last of which is unfinished; the kubectl that it asks answers with what it was
 * asked.
 */
async function offered(t: ExecutionContext, ...words: string[]): Promise<string[]> {
  const terminal = testTerminal();
  t.is(await run(['completion'], terminal, (exit) => createPlugin(terminal, exit, '0.0.0')), 0);
  const folder = await mkdtemp(join(tmpdir(), 'godwit-complete-'));
  t.teardown(() => rm(folder, { recursive: true }));
  for (const [name, text] of [
    ['kubectl_complete-godwit', terminal.stdout()],
    ['kubectl', '#!/bin/sh\necho "kind/$*" | tr " " _\n'],
  ] as const) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o755);
  }
  const printed = execFileSync(join(folder, 'kubectl_complete-godwit'), words, {
    encoding: 'utf8',
    env: { PATH: `${folder}:/usr/bin:/bin` },
  });
  const lines = printed.trim().split('\n');
  t.is(lines.pop(), ':4');
  return lines;
}

test('commands come first, while one is typed too', async (t) => {
  for (const words of [[''], ['mi'], ['get'], ['--context', 'x', '']]) {
    const lines = await offered(t, ...words);
    for (const command of ['plan', 'migrate', 'get', 'watch', 'drain', 'cancel', 'explain', 'doctor', '--namespace'])
      t.true(lines.includes(command), command);
  }
});

test('a command takes pods, nodes or Migrations, and its options', async (t) => {
  const migrate = await offered(t, 'migrate', '');
  t.true(migrate.includes('get_pods_-o_name'));
  for (const option of ['--to', '--detach', '--output', '--namespace']) t.true(migrate.includes(option), option);
  t.true((await offered(t, 'drain', '')).includes('get_nodes_-o_name'));
  for (const command of ['get', 'watch', 'cancel', 'explain'])
    t.true((await offered(t, command, '')).includes('get_migrations.godwit.dev_-o_name'), command);
  t.false((await offered(t, 'doctor', '')).some((line) => line.startsWith('get_')));
});

test('objects are those of the namespace that is asked for', async (t) => {
  t.true((await offered(t, '-n', 'bank', 'cancel', '')).includes('get_--namespace=bank_migrations.godwit.dev_-o_name'));
  t.true((await offered(t, 'plan', '-n', 'bank', '')).includes('get_--namespace=bank_pods_-o_name'));
});

test('options offer their values', async (t) => {
  t.deepEqual(await offered(t, 'migrate', 'shop-0', '--to', ''), ['get_nodes_-o_name']);
  t.deepEqual(await offered(t, 'get', '-n', ''), ['get_namespaces_-o_name']);
  t.deepEqual(await offered(t, 'get', '-o', ''), ['text', 'json', 'name']);
});
