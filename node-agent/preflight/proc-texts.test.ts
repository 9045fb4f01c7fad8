// Texts and messages as the kernel writes them.
import test from 'ava';
import { kernelDevice } from './find-watched.ts';
import { deletedRanges } from '#agent/runtime/former-names.ts';
import { parseUnixSocket } from '#agent/runtime/unix-sockets.ts';
import { parseUnreadNetlink } from '#agent/runtime/unread-netlink.ts';
import { parseMountTable } from './mount-table.ts';
import { descriptorLimit, firstCode, isInPacketMode, mappedPaths, parseLocks, parseWatches } from './read-processes.ts';

test('a mount table', (t) => {
  const text = `262 250 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w,redirect_dir=on
294 262 254:0 /srv/my\\040data /data ro,relatime master:164 - ext4 /dev/vda rw
`;
  t.deepEqual(parseMountTable(text), [
    {
      id: 262,
      device: 52,
      path: '/',
      type: 'overlay',
      readOnly: false,
      root: '/',
      options: ['rw', 'lowerdir=/l', 'upperdir=/u', 'workdir=/w', 'redirect_dir=on'],
    },
    {
      id: 294,
      device: 254 * 2 ** 20,
      path: '/data',
      type: 'ext4',
      readOnly: true,
      root: '/srv/my data',
      options: ['rw'],
    },
  ]);
});

test('mapped paths, each once', (t) => {
  const maps = `00400000-00401000 r-xp 00000000 fe:00 42                                 /usr/bin/server
00401000-00402000 rw-p 00001000 fe:00 42                                 /usr/bin/server
7f0000000000-7f0000001000 rw-s 00000000 00:01 1028                       /dev/zero (deleted)
7f0000002000-7f0000003000 rw-p 00000000 00:00 0
7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0                          [stack]
`;
  t.deepEqual(mappedPaths(maps), ['/usr/bin/server', '/dev/zero (deleted)']);
});

test('the limit of open files', (t) => {
  const text =
    'Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 4096                 files     \n';
  t.is(descriptorLimit(text), 1024);
  t.is(descriptorLimit(text.replace('1024     ', 'unlimited')), Infinity);
});

test('inotify watches', (t) => {
  const fdinfo = `pos:\t0
flags:\t04000
inotify wd:2 ino:3b sdev:86 mask:2 ignored_mask:0 fhandle-bytes:24 fhandle-type:f8 f_handle:00
inotify wd:1 ino:ffffffffffffffff sdev:fe00000 mask:100 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:00
`;
  t.deepEqual(parseWatches(fdinfo), [
    { inode: '59', device: 0x86 },
    { inode: '18446744073709551615', device: 254 * 2 ** 20 },
  ]);
});

test('devices of stat and of the kernel', (t) => {
  t.is(kernelDevice(0x86), 0x86);
  t.is(kernelDevice(0xfe00), 254 * 2 ** 20);
  t.is(kernelDevice(0x10_0001), 0x101);
});

test('locks of an open file', (t) => {
  const text =
    'pos:\t0\nmnt_id:\t60\nlock:\t1: POSIX  ADVISORY  READ 7 fe:01:131 0 EOF\nlock:\t2: LEASE  ACTIVE    WRITE 7 fe:01:131 0 EOF\n';
  t.deepEqual(parseLocks(text), ['POSIX READ', 'LEASE WRITE']);
  t.deepEqual(parseLocks('pos:\t0\nmnt_id:\t60\n'), []);
});

test('netlink sockets with unread messages', (t) => {
  const table = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
00000000aaaaaaaa 0   1234       00000000 2304     0        0     2        0        3420801
00000000bbbbbbbb 0   0          00000000 0        0        0     2        0        3420802
`;
  t.deepEqual(parseUnreadNetlink(table), new Set([3_420_801]));
});

/** struct unix_diag_msg and attributes of 32-bit numbers. */
function unixMessage(state: number, inode: number, attributes: [type: number, ...values: number[]][]): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt8(1, 0);
  head.writeUInt8(state, 2);
  head.writeUInt32LE(inode, 4);
  const packed = attributes.map(([type, ...values]) => {
    const attribute = Buffer.alloc(4 + 4 * values.length);
    attribute.writeUInt16LE(attribute.length, 0);
    attribute.writeUInt16LE(type, 2);
    values.forEach((value, index) => attribute.writeUInt32LE(value, 4 + 4 * index));
    return attribute;
  });
  return Buffer.concat([head, ...packed]);
}

test('unix sockets', (t) => {
  t.deepEqual(
    parseUnixSocket(
      unixMessage(1, 77, [
        [2, 78],
        [4, 512, 9],
      ]),
    ),
    { inode: 77, listening: false, peer: 78, waiting: 0, connecting: [], unsentBytes: 9 },
  );
  t.deepEqual(
    parseUnixSocket(
      unixMessage(10, 79, [
        [3, 80, 0],
        [4, 2, 128],
      ]),
    ),
    { inode: 79, listening: true, peer: 0, waiting: 2, connecting: [80, 0], unsentBytes: 0 },
  );
});

test('the first executable mapping', (t) => {
  const buffer = `5587ec000000-5587f4000000 rw-s 00000000 00:01 3082                       /dev/zero (deleted)
5587f4000000-5587f8000000 r-xs 08000000 00:01 3082                       /dev/zero (deleted)
`;
  const program = '5587f816b000-5587f84ff000 r-xp 000e3000 fe:00 9984345                    /usr/sbin/php-fpm8.4\n';
  t.deepEqual(firstCode(buffer + program), { path: '/dev/zero (deleted)', shared: true, writable: false });
  t.deepEqual(firstCode(program + buffer), { path: '/usr/sbin/php-fpm8.4', shared: false, writable: false });
  t.deepEqual(firstCode('00400000-00401000 rwxp 00000000 00:00 0 \n'), { path: '', shared: false, writable: true });
  t.is(firstCode('00400000-00401000 rw-p 00000000 00:00 0 \n'), undefined);
});

test('removed names among mappings, as map_files calls them', (t) => {
  const maps = `00400000-00401000 r--s 00000000 00:35 42                                 /dev/shm/sem.Xy (deleted)
7f0000000000-7f0000001000 rw-s 00000000 00:01 1028                       /dev/zero (deleted)
7f0000002000-7f0000003000 rw-p 00000000 00:00 0                          [heap]
`;
  t.deepEqual(deletedRanges(maps), ['400000-401000', '7f0000000000-7f0000001000']);
});

test('pipes in packet mode', (t) => {
  t.true(isInPacketMode('pos:\t0\nflags:\t02040001\nmnt_id:\t15\n'));
  t.false(isInPacketMode('pos:\t0\nflags:\t02000001\nmnt_id:\t15\n'));
});
