// Lines as the kernel writes them.
import test from 'ava';
import { readMaps } from '#agent/files/read-maps.ts';
import { parseSharedWritable, sharedWritableFiles } from '#agent/files/shared-mappings.ts';

const maps = [
  '55d0a7e00000-55d0a7e02000 r--p 00000000 fe:00 1048 /usr/bin/cat',
  '7f0000000000-7f0000001000 rw-s 00000000 fe:00 77 /data/db file.mdb',
  '7f0000001000-7f0000002000 rw-p 00000000 fe:00 78 /data/private',
  '7f0000002000-7f0000003000 r--s 00000000 fe:00 79 /data/read-only',
  '7f0000003000-7f0000004000 -w-s 00001000 fe:00 80                         /data/write-only',
  '7f0000004000-7f0000005000 rw-s 00000000 00:01 81 /dev/zero (deleted)',
  '7f0000005000-7f0000006000 rw-s 00000000 00:01 82 /SYSV00000000 (deleted)',
  '7f0000006000-7f0000007000 rw-s 00000000 00:0e 83 anon_inode:[io_uring]',
  '7f0000007000-7f0000008000 rwxs 00000000 fe:00 84 /data/line\\012break',
  '7f0000008000-7f0000009000 rw-s 00000000 00:00 0 ',
  '7ffd2a9d5000-7ffd2a9f6000 rw-p 00000000 00:00 0 [stack]',
  '',
].join('\n');

test('only files mapped shared and writable are named', (t) => {
  t.deepEqual([...parseSharedWritable(maps)], ['/data/db file.mdb', '/data/write-only', '/data/line\nbreak']);
});

const line = (path: string): string => `7f0000000000-7f0000001000 rw-s 00000000 fe:00 77 ${path}\n`;

test('several processes are one set', async (t) => {
  const texts = new Map([
    [1, line('/a') + line('/b')],
    [2, line('/b')],
    [3, ''],
  ]);
  t.deepEqual([...(await sharedWritableFiles([1, 2, 3], async (pid) => texts.get(pid) ?? ''))], ['/a', '/b']);
});

test('the maps of a running process are read, those of one that has ended are empty', async (t) => {
  t.regex(await readMaps(process.pid), /r-xp .* \//);
  t.is(await readMaps(0x3fff_ffff), '');
});
