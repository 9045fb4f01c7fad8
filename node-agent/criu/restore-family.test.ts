// Who may be ended when CRIU is gone: only what stands where CRIU put it.
import test from 'ava';
import { standsInRestorer } from './restore-family.ts';

/** Of a Redis that CRIU 4.1.1 holds in its post-restore hook. */
const maps = `00010000-0001e000 rwxp 00000000 00:00 0 
0001e000-0006a000 rw-p 00000000 00:00 0 
00073000-00075000 rw-s 00000000 00:01 5106                               /dev/zero (deleted)
5593c2fef000-5593c3195000 r-xp 00077000 00:5b 1324844                    /usr/bin/redis-check-rdb
7f8fbd800000-7f8fbe400000 rw-p 00000000 00:00 0 
7f8fbe5c8000-7f8fbe730000 r-xp 00028000 00:5b 1330120                    /usr/lib/x86_64-linux-gnu/libc.so.6
7ffd1f5b1000-7ffd1f5d2000 rw-p 00000000 00:00 0                          [stack]
7ffd1f5f6000-7ffd1f5f8000 r-xp 00000000 00:00 0                          [vdso]
`;

test('a task that waits for CRIU does', (t) =>
  t.true(standsInRestorer('202 0x73010 0x0 0x4 0x0 0x0 0x0 0x25ec8 0x18369\n', maps)));

for (const [what, syscall] of [
  ['a program in a futex of its C library', '202 0x7f8fbd800010 0x80 0x4 0x0 0x0 0x0 0x7ffd1f5b2000 0x7f8fbe600000'],
  ['a program in a shared futex of its C library', '202 0x73010 0x0 0x4 0x0 0x0 0x0 0x7ffd1f5b2000 0x7f8fbe600000'],
  [
    'code that was made at run time, in a futex of its own',
    '202 0x7f8fbd800010 0x80 0x4 0x0 0x0 0x0 0x7ffd1f5b2000 0x10100',
  ],
  ["one in the kernel's own page", '202 0x73010 0x0 0x4 0x0 0x0 0x0 0x7ffd1f5b2000 0x7ffd1f5f6100'],
  ['one that runs', 'running'],
  ['one that sleeps outside of a system call', '-1 0x0 0x0'],
  ['one that is gone', ''],
] as const) {
  test(`${what} does not`, (t) => t.false(standsInRestorer(syscall, maps)));
}

test('nobody stands anywhere without memory', (t) =>
  t.false(standsInRestorer('202 0x73010 0x0 0x4 0x0 0x0 0x0 0x25ec8 0x18369', '')));
