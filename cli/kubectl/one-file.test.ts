// `kubectl godwit` as the one file that people install: it runs where there is nothing else.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import packageFile from '../../package.json' with { type: 'json' };

const builder = fileURLToPath(new URL('../../scripts/kubectl-godwit.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'one-file-'));
const file = join(directory, 'kubectl-godwit');
const empty = mkdtempSync(join(tmpdir(), 'empty-'));

test.before('it is built', (t) => {
  t.timeout(180_000);
  execFileSync(process.execPath, [builder, file]);
});

test.after.always(() => {
  for (const path of [directory, empty]) rmSync(path, { recursive: true });
});

const run = (...args: string[]) =>
  promisify(execFile)(file, args, { cwd: empty, env: { PATH: '/nonexistent', HOME: empty } });

test('says its version', async (t) => {
  t.is((await run('--version')).stdout, `${packageFile.version}\n`);
});

test('lists its commands', async (t) => {
  const { stdout } = await run('--help');
  for (const command of ['plan', 'migrate', 'watch', 'drain', 'doctor'])
    t.regex(stdout, new RegExp(`^  ${command}`, 'm'));
});

test('says what it lacks where there is no cluster', async (t) => {
  const { code, stderr } = await t.throwsAsync<Error & { code: number; stderr: string }>(run('get'));
  t.is(code, 2);
  t.regex(stderr, /^ERR_CONFIG_INVALID: the kubeconfig leads to/);
});
