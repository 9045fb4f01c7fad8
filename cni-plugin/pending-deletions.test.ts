import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { silentLog } from '#core/log.ts';
import { encodeCall } from './call-frame.ts';
import { replayPendingDeletions } from './pending-deletions.ts';

test('recorded deletions are run in order and forgotten when they succeed', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'godwit-pending-'));
  t.teardown(async () => rm(dir, { recursive: true }));
  for (const name of ['2', '1', '3'])
    await writeFile(join(dir, name), encodeCall({ env: { CNI_CONTAINERID: name }, stdin: '{}' }));
  await writeFile(join(dir, '4'), 'spoilt');
  await writeFile(join(dir, '.5'), 'being written');
  const ran: string[] = [];
  await replayPendingDeletions(
    dir,
    async ({ env }) => {
      ran.push(env.CNI_CONTAINERID ?? '');
      return { exitCode: env.CNI_CONTAINERID === '3' ? 1 : 0, stdout: '' };
    },
    silentLog,
  );
  t.deepEqual(ran, ['1', '2', '3']);
  t.deepEqual((await readdir(dir)).sort(), ['.5', '3', '4']);
});

test('no journal is no work', async (t) => {
  await t.notThrowsAsync(
    replayPendingDeletions(
      '/nonexistent/godwit',
      async () => {
        throw new Error('nothing to run');
      },
      silentLog,
    ),
  );
});
