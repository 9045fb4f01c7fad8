// What is flushed in the freeze: storage of other machines and what is declared to be shared, once each, and no local
// disk.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseMountTable } from '#agent/preflight/mount-table.ts';
import { flushSharedStorage, sharedStorage } from './shared-storage.ts';

const table = [
  '1 0 0:50 / / rw - overlay overlay rw',
  '2 1 8:1 /pods/u1/cache /cache rw - ext4 /dev/sda1 rw',
  '3 1 0:60 / /data rw - nfs4 nas:/data rw,vers=4.2',
  '4 1 0:60 /sub /more rw - nfs4 nas:/data rw,vers=4.2',
  '5 1 0:61 / /config ro - nfs4 nas:/config rw',
  '6 1 0:62 / /media rw - fuse.glusterfs gluster:/media rw',
  '7 1 8:1 /srv/shared /shared rw - ext4 /dev/sda1 rw',
].join('\n');

test('network file systems that can be written, each once', (t) => {
  t.deepEqual(sharedStorage(table, []), ['/more', '/media']);
});

test('and whatever its owner says is shared', (t) => {
  t.deepEqual(sharedStorage(table, ['/shared']), ['/more', '/media', '/shared']);
});

test.serial('it is written back where the process sees it, and a refusal is told with the place', async (t) => {
  const own = parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8')).find(
    ({ path, readOnly }) => path === '/dev/shm' && !readOnly,
  ) ?? { path: '/' };
  await t.notThrowsAsync(flushSharedStorage(process.pid, [own.path], 10_000));
  const { PATH = '' } = process.env;
  t.teardown(() => void (process.env['PATH'] = PATH));
  process.env['PATH'] = '/no/programs/here';
  await t.throwsAsync(flushSharedStorage(process.pid, [own.path], 10_000), {
    code: 'ERR_FREEZE',
    message: new RegExp(own.path),
  });
});
