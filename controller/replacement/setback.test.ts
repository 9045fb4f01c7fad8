// The owner's own events say why there is no replacement.
import test from 'ava';
import { testCluster } from '#core/kube/testing/access.ts';
import { at, migration } from '#core/testing/objects.ts';
import { setbackOf } from './setback.ts';

const owner = { kind: 'ReplicaSet', name: 'web', uid: 'owner-uid' };
const move = migration({ status: { startedAt: at(10), source: { name: 'shop-0', owner } } });
const event = (name: string, seconds: number, message: string, more: object = {}) => ({
  metadata: { name, namespace: 'default' },
  involvedObject: { uid: 'owner-uid' },
  reason: 'FailedCreate',
  message,
  lastTimestamp: at(seconds),
  ...more,
});

test('the newest refusal since the move began is told, of that owner alone', async (t) => {
  const { api, server } = await testCluster(t);
  t.is(await setbackOf(api, move), undefined);
  const told = [
    event('old', 5, 'before the move'),
    event('first', 10, 'exceeded quota: q'),
    event('other', 30, 'of another', { involvedObject: { uid: 'u9' } }),
    event('made', 30, 'Created pod', { reason: 'SuccessfulCreate' }),
  ];
  for (const object of told) server.store.write('/api/v1/events', object);
  t.is(await setbackOf(api, move), 'ReplicaSet web: exceeded quota: q');
  server.store.write(
    '/api/v1/events',
    event('second', 12, 'maximum cpu usage', { lastTimestamp: null, eventTime: at(12) }),
  );
  t.is(await setbackOf(api, move), 'ReplicaSet web: maximum cpu usage');
});

test('a pod without an owner has nobody to be told', async (t) => {
  const { api, server } = await testCluster(t);
  t.is(await setbackOf(api, migration({ status: { source: { name: 'shop-0' } } })), undefined);
  t.deepEqual(server.received, []);
});
