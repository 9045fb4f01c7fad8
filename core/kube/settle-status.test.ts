// A status is written when it is not what it should be, and the server is left alone when it is.
import test from 'ava';
import type { Migration } from '#core/api/migration.ts';
import { settleStatus } from './mutate.ts';
import { migrations } from './resources.ts';
import { testCluster } from './testing/access.ts';
import { sampleMigration } from './testing/sample-migration.ts';

const attempted = ({ status }: Migration): Migration['status'] => ({ ...status, attempts: 3 });

test('written once, then left alone', async (t) => {
  const { api, server } = await testCluster(t);
  const known = await api.create(migrations, sampleMigration({ name: 'm' }));
  const settled = await settleStatus(api, migrations, known, attempted);
  t.is(settled?.status?.attempts, 3);
  t.is(await settleStatus(api, migrations, known, attempted), undefined); // the watch is late
  const asked = server.received.length;
  t.is(await settleStatus(api, migrations, settled ?? known, attempted), undefined);
  t.is(server.received.length, asked);
  t.is(server.asked('PUT', /status$/).length, 1);
});

test('fields of others stay, and another object of the name is not touched', async (t) => {
  const { api } = await testCluster(t);
  const known = await api.create(migrations, sampleMigration({ name: 'm' }));
  await api.replace(migrations, { ...known, status: { lineage: 'l1' } }, 'status');
  await settleStatus(api, migrations, known, attempted);
  t.deepEqual((await api.get(migrations, known.metadata)).status, { lineage: 'l1', attempts: 3 });
  await api.delete(migrations, known.metadata);
  await api.create(migrations, sampleMigration({ name: 'm' }));
  t.is(await settleStatus(api, migrations, known, attempted), undefined);
  t.is((await api.get(migrations, known.metadata)).status, undefined);
});
