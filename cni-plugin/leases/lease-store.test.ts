import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hostName, leaseId, type Lease } from './lease.ts';
import { LeaseStore } from './lease-store.ts';

async function directory(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'godwit-leases-'));
  t.teardown(async () => rm(dir, { recursive: true }));
  return dir;
}

function lease(id: string, epoch = 0): Lease {
  return {
    version: 1,
    id,
    network: 'n',
    addresses: ['198.18.0.2/24'],
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    epoch,
    state: 'active',
    holder: null,
    container: null,
    bridge: 'b',
    uplink: null,
  };
}

test('what was put is there after a restart, what was removed is not', async (t) => {
  const dir = await directory(t);
  const store = await LeaseStore.open(dir);
  await Promise.all([store.put(lease('a')), store.put(lease('b')), store.put(lease('a', 7))]);
  await store.remove('b');
  t.deepEqual((await LeaseStore.open(dir)).all(), [lease('a', 7)]);
  t.deepEqual(await readdir(dir), ['a.json']);
});

test('reads see a change before it is on disk', async (t) => {
  const store = await LeaseStore.open(await directory(t));
  const written = store.put(lease('a'));
  t.is(store.get('a')?.id, 'a');
  await written;
});

test('a write that was cut short is not read; a spoilt lease stops the start', async (t) => {
  const dir = await directory(t);
  await writeFile(join(dir, 'a.json.new'), '{"ver');
  t.deepEqual((await LeaseStore.open(dir)).all(), []);
  await writeFile(join(dir, 'b.json'), '{"ver');
  await t.throwsAsync(LeaseStore.open(dir), { code: 'ERR_LEASE_STORE', message: /b\.json/ });
});

test('a write that fails is told, and the next one works', async (t) => {
  const dir = await directory(t);
  const store = await LeaseStore.open(dir);
  await rm(dir, { recursive: true });
  await t.throwsAsync(store.put(lease('a')), { code: 'ERR_LEASE_STORE' });
  await LeaseStore.open(dir);
  await t.notThrowsAsync(store.put(lease('a')));
});

test('names are bounded and differ for attachments that differ', (t) => {
  const long = 'x'.repeat(500);
  t.true(leaseId(long, long, 'net1').length < 200);
  t.is(hostName(long, long, 'net1').length, 15);
  t.not(leaseId(long, `${long}1`, 'net1'), leaseId(long, `${long}2`, 'net1'));
  t.not(hostName('n', 'c', 'net1'), hostName('n', 'c', 'net2'));
});
