// The API server is reached as the kubeconfig or the service account says; nothing is waited for without a limit.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { stringify } from 'yaml';
import { createKubeApi } from './api.ts';
import { connectApi, type Access } from './connection.ts';
import { configMaps } from './resources.ts';
import { testCluster } from './testing/access.ts';

const never = new AbortController().signal;
const path = '/api/v1/configmaps';
const cluster = (server: string) => ({ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } });
const config = (server: string, user: object = { token: 't' }) =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'x',
    clusters: [cluster(server)],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  });

test('a kubeconfig gives server, authority and token', async (t) => {
  const { server, kubeconfig } = await testCluster(t);
  const connection = connectApi({ kubeconfig });
  t.is((await connection.request('GET', path)).status, 200);
  t.is(server.received[0]?.authorization, 'Bearer alices-token');
  connection.close();
});

test('the token of a service account is read anew, since the kubelet renews it', async (t) => {
  const { server, connection, serviceAccount } = await testCluster(t);
  await connection.request('GET', path);
  await writeFile(serviceAccount.tokenFile, 'second-token\n');
  await connection.request('GET', path);
  t.deepEqual(
    server.received.map(({ authorization }) => authorization),
    ['Bearer first-token', 'Bearer second-token'],
  );
});

test('a server that another authority vouches for is not talked to', async (t) => {
  const { server, folder } = await testCluster(t);
  const kubeconfig = join(folder, 'strange');
  await writeFile(
    kubeconfig,
    config(server.url).replace('insecure-skip-tls-verify: true', 'tls-server-name: localhost'),
  );
  await t.throwsAsync(connectApi({ kubeconfig }).request('GET', path), { code: 'ERR_KUBE_UNAVAILABLE' });
  t.is(server.received.length, 0);
});

test('what is wrong with a kubeconfig is said', async (t) => {
  const { folder, kubeconfig } = await testCluster(t);
  const files: [string, string, RegExp][] = [
    ['broken', 'clusters: [', /cannot be read/],
    ['plain', config('http://localhost:8080'), /only https is spoken/],
    ['empty', 'apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n', /has no cluster/],
  ];
  for (const [name, text, message] of files) {
    await writeFile(join(folder, name), text);
    t.throws(() => connectApi({ kubeconfig: join(folder, name) }), { code: 'ERR_CONFIG_INVALID', message });
  }
  t.throws(() => connectApi({ kubeconfig: '/nowhere/config' }), {
    code: 'ERR_CONFIG_INVALID',
    message: /\/nowhere\/config/,
  });
  t.throws(() => connectApi({ kubeconfig, context: 'production' }), {
    code: 'ERR_CONFIG_INVALID',
    message: /production/,
  });
});

test('a login program that fails is named with its words', async (t) => {
  const { server, folder } = await testCluster(t);
  const kubeconfig = join(folder, 'exec');
  await writeFile(
    kubeconfig,
    config(server.url, {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: 'sh',
        args: ['-c', 'echo please log in >&2; exit 1'],
      },
    }),
  );
  await t.throwsAsync(connectApi({ kubeconfig }).request('GET', path), {
    code: 'ERR_CONFIG_INVALID',
    message: /credentials.*please log in/,
  });
});

test('nobody there, no answer, and an answer that breaks off are ERR_KUBE_UNAVAILABLE', async (t) => {
  const { server, connection, serviceAccount } = await testCluster(t);
  server.fail('GET', /hangs/, { heldUntil: Promise.withResolvers().promise });
  server.fail('GET', /cut/, 'cut');
  server.fail('GET', /short/, { status: 200, headers: { 'content-length': '1000' }, body: '{' });
  await t.throwsAsync(connection.request('GET', `${path}/hangs`, { limitMs: 50 }), {
    code: 'ERR_KUBE_UNAVAILABLE',
    message: /GET .*hangs/,
  });
  await t.throwsAsync(connection.request('GET', `${path}/cut`), { code: 'ERR_KUBE_UNAVAILABLE' });
  const short = connection.request('GET', `${path}/short`, { limitMs: 50 });
  await t.throwsAsync(short, { code: 'ERR_KUBE_UNAVAILABLE', message: /broke off/ });
  const nobody: Access = { ...serviceAccount, server: 'https://localhost:1' };
  await t.throwsAsync(createKubeApi(connectApi(nobody)).list(configMaps), { code: 'ERR_KUBE_UNAVAILABLE' });
});

async function lines(stream: AsyncGenerator<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of stream) all.push(line);
  return all;
}

test('a watch gives whole lines, however they arrive', async (t) => {
  const { server, connection } = await testCluster(t);
  server.fail('GET', /watch/, { status: 200, body: '{"type":"ö"}\n\n{"type":"b"}\n' });
  t.deepEqual(await lines(connection.stream(`${path}?watch=1`, 10_000, never)), ['{"type":"ö"}', '{"type":"b"}']);
});

test('a watch that is refused says why', async (t) => {
  const { server, connection } = await testCluster(t);
  server.fail('GET', /watch/, { status: 403, body: { message: 'alice may not watch' } });
  await t.throwsAsync(lines(connection.stream(`${path}?watch=1`, 10_000, never)), {
    code: 'ERR_KUBE_FORBIDDEN',
    message: /alice may not watch/,
  });
});

test('a watch that is silent, or that breaks, fails; one that its reader leaves ends', async (t) => {
  const { server, connection } = await testCluster(t);
  await t.throwsAsync(lines(connection.stream(`${path}?watch=1`, 50, never)), { code: 'ERR_KUBE_UNAVAILABLE' });
  const leaving = new AbortController();
  server.store.write(path, { metadata: { name: 'a' } });
  for await (const line of connection.stream(`${path}?watch=1`, 10_000, leaving.signal)) {
    t.regex(line, /ADDED/);
    leaving.abort();
  }
  t.deepEqual(await lines(connection.stream(`${path}?watch=1`, 10_000, leaving.signal)), []);
  const breaking = connection.stream(`${path}?watch=1`, 10_000, never);
  t.false((await breaking.next()).done);
  server.watches.cut();
  await t.throwsAsync(breaking.next(), { code: 'ERR_KUBE_UNAVAILABLE' });
});
