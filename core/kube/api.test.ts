// Requests say what is meant, and every refusal becomes the error that callers know.
import test from 'ava';
import { collectionPath } from './api.ts';
import { configMaps, migrations, nodes, pods } from './resources.ts';
import { testCluster } from './testing/access.ts';
import { sampleMigration } from './testing/sample-migration.ts';

const name = { name: 'a', namespace: 'shop' };
const configMap = { metadata: name, data: { colour: 'red' } };
const refusals = [
  [400, 'BadRequest', 'ERR_KUBE_INVALID', false],
  [401, 'Unauthorized', 'ERR_KUBE_FORBIDDEN', false],
  [403, 'Forbidden', 'ERR_KUBE_FORBIDDEN', false],
  [404, 'NotFound', 'ERR_KUBE_NOT_FOUND', false],
  [409, 'Conflict', 'ERR_KUBE_CONFLICT', true],
  [409, 'AlreadyExists', 'ERR_KUBE_EXISTS', false],
  [410, 'Expired', 'ERR_KUBE_CONFLICT', true],
  [422, 'Invalid', 'ERR_KUBE_INVALID', false],
  [429, 'TooManyRequests', 'ERR_KUBE_TOO_MANY', true],
  [500, 'InternalError', 'ERR_KUBE_UNAVAILABLE', true],
  [503, 'ServiceUnavailable', 'ERR_KUBE_UNAVAILABLE', true],
  [504, 'Timeout', 'ERR_KUBE_UNAVAILABLE', true],
] as const;

for (const [status, reason, code, retryable] of refusals) {
  test(`${status} ${reason} is ${code}`, async (t) => {
    const { server, api } = await testCluster(t);
    server.fail('POST', /configmaps$/, { status, body: { kind: 'Status', reason, message: 'said so' } });
    const error = await t.throwsAsync(api.create(configMaps, configMap));
    t.like(error, {
      code,
      retryable,
      message: 'said so (POST /api/v1/namespaces/shop/configmaps)',
      details: { status, said: 'said so' },
    });
  });
}

test('an answer that is not of an API server is a failure, whatever its status', async (t) => {
  const { server, api } = await testCluster(t);
  server.fail('GET', /configmaps\/page/, { status: 502, body: '<html>Bad Gateway</html>' });
  server.fail('GET', /configmaps\/login/, { status: 200, body: '<html>Log in</html>' });
  server.fail('GET', /configmaps\/empty/, { status: 503, body: '' });
  await t.throwsAsync(api.get(configMaps, { ...name, name: 'page' }), {
    code: 'ERR_KUBE_UNAVAILABLE',
    message: /Bad Gateway/,
  });
  await t.throwsAsync(api.get(configMaps, { ...name, name: 'login' }), {
    code: 'ERR_KUBE_UNAVAILABLE',
    message: /no API server/,
  });
  await t.throwsAsync(api.get(configMaps, { ...name, name: 'empty' }), {
    code: 'ERR_KUBE_UNAVAILABLE',
    message: /HTTP 503/,
  });
});

test('an object of another shape is refused with its field', async (t) => {
  const { server, api } = await testCluster(t);
  server.store.write(collectionPath(migrations, undefined), { metadata: name, spec: { podName: 7 } });
  await t.throwsAsync(api.get(migrations, name), { code: 'ERR_KUBE_OBJECT', message: /podName/ });
});

test('find answers undefined for what is not there, and fails otherwise', async (t) => {
  const { server, api } = await testCluster(t);
  t.is(await api.find(configMaps, name), undefined);
  server.fail('GET', /configmaps/, { status: 403 });
  await t.throwsAsync(api.find(configMaps, name), { code: 'ERR_KUBE_FORBIDDEN' });
});

test('objects are made, replaced and patched, each with kind and version', async (t) => {
  const { server, api } = await testCluster(t);
  const made = await api.create(migrations, sampleMigration(name));
  const replaced = await api.replace(migrations, { ...made, status: { attempts: 2 } }, 'status');
  const patched = await api.patch(migrations, name, {
    spec: { cancel: true },
    metadata: { labels: { a: 'b', c: null } },
  });
  t.like(patched, { spec: { cancel: true }, status: { attempts: 2 }, metadata: { labels: { a: 'b' } } });
  t.deepEqual(
    server.received.map(({ method, path, contentType }) => `${method} ${path} ${contentType}`),
    [
      'POST /apis/godwit.dev/v1alpha1/namespaces/shop/migrations application/json',
      'PUT /apis/godwit.dev/v1alpha1/namespaces/shop/migrations/a/status application/json',
      'PATCH /apis/godwit.dev/v1alpha1/namespaces/shop/migrations/a application/merge-patch+json',
    ],
  );
  t.like(server.received[1]?.body, { apiVersion: 'godwit.dev/v1alpha1', kind: 'Migration' });
  await t.throwsAsync(api.replace(migrations, made), { code: 'ERR_KUBE_CONFLICT' });
  await t.throwsAsync(
    api.patch(migrations, name, { metadata: { resourceVersion: replaced.metadata.resourceVersion } }),
    { code: 'ERR_KUBE_CONFLICT' },
  );
});

test('names cannot lead elsewhere', async (t) => {
  const { server, api } = await testCluster(t);
  t.is(await api.find(configMaps, { name: '../secrets/a', namespace: 'shop/../bank' }), undefined);
  t.is(server.received[0]?.path, '/api/v1/namespaces/shop%2F..%2Fbank/configmaps/..%2Fsecrets%2Fa');
});

test('a long list is read page by page', async (t) => {
  const { server, api } = await testCluster(t);
  for (let index = 0; index < 1_001; index += 1)
    server.store.write('/api/v1/configmaps', {
      metadata: { name: `c${index}`, namespace: index === 0 ? 'bank' : 'shop' },
    });
  const all = await api.list(configMaps);
  t.is(new Set(all.items.map(({ metadata }) => metadata.name)).size, 1_001);
  t.is(all.resourceVersion, String(server.store.version));
  t.is(server.received.length, 3);
  t.is((await api.list(configMaps, { namespace: 'bank' })).items.length, 1);
});

test('lists say what is wanted', async (t) => {
  const { server, api } = await testCluster(t);
  await api.list(pods, { labelSelector: 'app=shop', fieldSelector: 'spec.nodeName=node-a' });
  t.is(
    server.received[0]?.path,
    '/api/v1/pods?limit=500&labelSelector=app%3Dshop&fieldSelector=spec.nodeName%3Dnode-a',
  );
});

test('deleting what is gone already is well', async (t) => {
  const { server, api } = await testCluster(t);
  await api.create(configMaps, configMap);
  await api.delete(configMaps, name);
  await api.delete(configMaps, name);
  t.deepEqual(server.asked('DELETE', /./)[0]?.body, { apiVersion: 'v1', kind: 'DeleteOptions' });
  server.fail('DELETE', /./, { status: 403 });
  await t.throwsAsync(api.delete(configMaps, name), { code: 'ERR_KUBE_FORBIDDEN' });
});

test('a delete with preconditions spares another object of that name', async (t) => {
  const { server, api } = await testCluster(t);
  const { metadata } = await api.create(configMaps, configMap);
  await t.throwsAsync(api.delete(configMaps, name, { uid: 'another' }), { code: 'ERR_KUBE_CONFLICT' });
  await t.throwsAsync(api.delete(configMaps, name, { resourceVersion: '0' }), { code: 'ERR_KUBE_CONFLICT' });
  await api.delete(configMaps, name, {
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    gracePeriodSeconds: 0,
    propagationPolicy: 'Background',
  });
  t.is(server.store.get('/api/v1/configmaps', 'shop', 'a'), undefined);
  const { uid, resourceVersion } = metadata;
  t.like(server.received.at(-1)?.body, {
    preconditions: { uid, resourceVersion },
    gracePeriodSeconds: 0,
    propagationPolicy: 'Background',
  });
});

test('an eviction names the very pod', async (t) => {
  const { server, api } = await testCluster(t);
  const { metadata } = await api.create(pods, { metadata: name, spec: { containers: [] } });
  await t.throwsAsync(api.evict(name, { uid: 'another' }), { code: 'ERR_KUBE_CONFLICT' });
  server.fail('POST', /eviction$/, { status: 429, body: { message: 'a budget' } }, 1);
  await t.throwsAsync(api.evict(name), { code: 'ERR_KUBE_TOO_MANY' });
  await api.evict(name, { uid: metadata.uid });
  t.is(await api.find(pods, name), undefined);
  t.like(server.received[1]?.body, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: name,
    deleteOptions: { preconditions: { uid: 'another' } },
  });
  await t.throwsAsync(api.evict(name), { code: 'ERR_KUBE_NOT_FOUND' });
});

test('objects without namespace have none in their path', async (t) => {
  const { server, api } = await testCluster(t);
  await api.create(nodes, { metadata: { name: 'node-a' } });
  t.is(server.received[0]?.path, '/api/v1/nodes');
  t.is((await api.get(nodes, { name: 'node-a' })).metadata.name, 'node-a');
});
