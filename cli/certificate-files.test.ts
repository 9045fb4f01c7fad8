import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { issueFiles } from './certificate-files.ts';
import { godwit, testTerminal } from './test-agent.ts';

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'godwit-certificates-'));
  t.teardown(async () => rm(folder, { recursive: true }));
  return folder;
}

const now = new Date('2026-11-23T19:00:00.000Z');

test('writes an authority and a pair for each node, keys for their owner only', async (t) => {
  const out = join(await folderOf(t), 'new');
  const { code, stdout } = await godwit(
    '/nowhere',
    ['certificates', '--out', out, '--node', 'node-a', '--node', 'node-b', '-o', 'name'],
    testTerminal(),
  );
  t.is(code, 0);
  const names = ['ca.crt', 'ca.key', 'node-a.crt', 'node-a.key', 'node-b.crt', 'node-b.key'];
  t.deepEqual(
    stdout.trim().split('\n'),
    names.map((name) => join(out, name)),
  );
  for (const name of names.filter((one) => one.endsWith('.key')))
    t.is((await stat(join(out, name))).mode & 0o777, 0o600, name);
});

test('uses the authority that is there', async (t) => {
  const folder = await folderOf(t);
  await issueFiles({ folder, nodes: ['node-a'], days: 30, now });
  const before = await readFile(join(folder, 'ca.crt'), 'utf8');
  t.is((await issueFiles({ folder, nodes: ['node-b'], days: 30, now })).authority, 'reused');
  t.is(await readFile(join(folder, 'ca.crt'), 'utf8'), before);
  const issued = new X509Certificate(await readFile(join(folder, 'node-b.crt')));
  t.true(issued.verify(new X509Certificate(before).publicKey));
  t.is(new Date(issued.validTo).getTime(), now.getTime() + 30 * 86_400_000);
});

test('writes nothing when one of the files exists', async (t) => {
  const folder = await folderOf(t);
  await writeFile(join(folder, 'node-b.key'), 'precious');
  await t.throwsAsync(issueFiles({ folder, nodes: ['node-a', 'node-b'], days: 30, now }), {
    code: 'ERR_CERTIFICATE_EXISTS',
    message: /node-b\.key exists/,
  });
  t.deepEqual(await readdir(folder), ['node-b.key']);
  t.is(await readFile(join(folder, 'node-b.key'), 'utf8'), 'precious');
});

test('refuses an authority whose key belongs to another', async (t) => {
  const [folder, other] = [await folderOf(t), await folderOf(t)];
  await issueFiles({ folder, nodes: [], days: 30, now });
  await issueFiles({ folder: other, nodes: [], days: 30, now });
  await writeFile(join(folder, 'ca.key'), await readFile(join(other, 'ca.key')));
  await t.throwsAsync(issueFiles({ folder, nodes: ['node-a'], days: 30, now }), { code: 'ERR_CERTIFICATE_FILES' });
  t.deepEqual(await readdir(folder), ['ca.crt', 'ca.key']);
});

test('refuses an authority without its key', async (t) => {
  const folder = await folderOf(t);
  await issueFiles({ folder, nodes: [], days: 30, now });
  await rm(join(folder, 'ca.key'));
  await t.throwsAsync(issueFiles({ folder, nodes: ['node-a'], days: 30, now }), { code: 'ERR_CERTIFICATE_FILES' });
});

for (const args of [['--node', '../evil'], ['--node', 'a', '--days', '0'], ['--node', 'a', '--days', 'many'], []]) {
  test(`bad input exits with 2 and writes nothing: ${args.join(' ')}`, async (t) => {
    const folder = await folderOf(t);
    t.is((await godwit('/nowhere', ['certificates', '--out', folder, ...args])).code, 2);
    t.deepEqual(await readdir(folder), []);
  });
}
