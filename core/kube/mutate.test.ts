// Who changes a status decides on what is there, not on what was.
import test, { type ExecutionContext } from 'ava';
import type { Migration } from '#core/api/migration.ts';
import { mutateStatus } from './mutate.ts';
import { migrations } from './resources.ts';
import { testCluster } from './testing/access.ts';
import { sampleMigration } from './testing/sample-migration.ts';

const name = { name: 'shop-0-1', namespace: 'shop' };
const oneMore = (fresh: Migration): Migration => ({
  ...fresh,
  status: { ...fresh.status, attempts: (fresh.status?.attempts ?? 0) + 1 },
});

async function clusterWithOne(t: ExecutionContext) {
  const cluster = await testCluster(t);
  await cluster.api.create(migrations, sampleMigration(name));
  return cluster;
}

test('a change is written to the status only', async (t) => {
  const { api, server } = await clusterWithOne(t);
  const written = await mutateStatus(api, migrations, name, (fresh) => ({
    ...oneMore(fresh),
    spec: { ...fresh.spec, cancel: true },
  }));
  t.like(written, { status: { attempts: 1 }, spec: { cancel: false } });
  t.is(server.asked('PUT', /\/migrations\/shop-0-1\/status$/).length, 1);
});

test('where somebody was faster it is decided again, on the fresh object', async (t) => {
  const { api } = await clusterWithOne(t);
  const many = Array.from({ length: 8 }, () => mutateStatus(api, migrations, name, oneMore));
  const written = await Promise.all(many);
  t.deepEqual(
    written.map(({ status }) => status?.attempts ?? 0).sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
  t.is((await api.get(migrations, name)).status?.attempts, 8);
});

test('nothing is written when nothing is to be done', async (t) => {
  const { api, server } = await clusterWithOne(t);
  const found = await mutateStatus(api, migrations, name, () => undefined);
  t.is(found.metadata.name, 'shop-0-1');
  t.is(server.asked('PUT', /./).length, 0);
});

test('it gives up on an object that is always changed by others', async (t) => {
  const { api, server } = await clusterWithOne(t);
  server.fail('PUT', /status$/, { status: 409, body: { reason: 'Conflict' } });
  await t.throwsAsync(mutateStatus(api, migrations, name, oneMore), { code: 'ERR_KUBE_CONFLICT' });
  t.is(server.asked('PUT', /status$/).length, 20);
});

test('other failures are not tried again here', async (t) => {
  const { api, server } = await clusterWithOne(t);
  server.fail('PUT', /status$/, { status: 422 });
  await t.throwsAsync(mutateStatus(api, migrations, name, oneMore), { code: 'ERR_KUBE_INVALID' });
  t.is(server.asked('PUT', /status$/).length, 1);
  await t.throwsAsync(mutateStatus(api, migrations, { ...name, name: 'none' }, oneMore), {
    code: 'ERR_KUBE_NOT_FOUND',
  });
});
