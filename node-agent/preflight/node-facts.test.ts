// Whether an image fits another node, and which connections can come along, are read from plain facts.
import test from 'ava';
import type { NodeFacts } from '#core/wire/messages.ts';
import { incompatibilities } from './compatibility.ts';
import { foreignAddresses } from './foreign-addresses.ts';
import { liveConnections, parseSocketTable } from './internet-sockets.ts';

const facts: NodeFacts = {
  kernel: '6.18',
  architecture: 'x64',
  criu: '4.2.1',
  runc: '1.3.6',
  cgroupVersion: 1,
  cpuFlags: ['avx', 'fpu'],
  imageFreeBytes: 1,
  lazyPages: true,
};
const codes = (target: Partial<NodeFacts>): string[] =>
  incompatibilities(facts, { ...facts, ...target }).map(({ code }) => code);

test('equal nodes fit, and a better target too', (t) => {
  t.deepEqual(codes({}), []);
  t.deepEqual(codes({ cpuFlags: ['avx', 'avx2', 'fpu'], kernel: '7', criu: '4.9', runc: '2', lazyPages: false }), []);
});

test('each difference that matters is refused with what was found and what to do', (t) => {
  t.deepEqual(codes({ architecture: 'arm64' }), ['PREFLIGHT_ARCHITECTURE']);
  t.deepEqual(codes({ cpuFlags: ['fpu'] }), ['PREFLIGHT_CPU_FEATURES']);
  t.deepEqual(codes({ criu: '3.19' }), ['PREFLIGHT_CRIU_VERSION']);
  t.deepEqual(codes({ cgroupVersion: 2 }), ['PREFLIGHT_CGROUP_VERSION']);
  t.is(codes({ architecture: 'arm64', cpuFlags: [], criu: '3', cgroupVersion: 2 }).length, 4);
  const [refusal] = incompatibilities(facts, { ...facts, cpuFlags: [] });
  t.regex(refusal?.fact ?? '', /avx, fpu/);
  t.truthy(refusal?.remedy);
});

const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const table4 = `${header}
   0: 00000000:18EB 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 1001 1 0 100 0 0 10 0
   1: 320013C6:18EB 090013C6:D903 01 00000000:00000000 02:00000A00 00000000     0        0 1002 1
   2: 0A00000A:18EB 0900000A:D904 01 00000000:00000000 02:00000A00 00000000     0        0 1003 1
   3: 0100007F:9000 0100007F:18EB 01 00000000:00000000 02:00000A00 00000000     0        0 1004 1
   4: 320013C6:18EB 090013C6:D905 06 00000000:00000000 03:00000A00 00000000     0        0 0 3
`;
const table6 = `${header}
   0: B80D0120000000000000000001000000:18EB B80D0120000000000000000002000000:D903 01 00000000:00000000 02:00000A00 00000000     0        0 2001 1
   1: 0000000000000000FFFF0000320013C6:18EB 0000000000000000FFFF0000090013C6:D903 01 00000000:00000000 02:00000A00 00000000     0        0 2002 1
`;

test('tables of sockets, in both families', (t) => {
  const sockets = parseSocketTable(table4, 4);
  t.is(sockets.length, 5);
  t.like(sockets[0], { state: 'listen', localAddress: '0.0.0.0', localPort: 6379 });
  t.like(sockets[1], {
    state: 'established',
    localAddress: '198.19.0.50',
    localPort: 6379,
    remoteAddress: '198.19.0.9',
    remotePort: 55555,
    inode: 1002,
  });
  t.deepEqual(
    parseSocketTable(table6, 6).map(({ localAddress, remoteAddress }) => [localAddress, remoteAddress]),
    [
      ['2001:db8:0:0:0:0:0:1', '2001:db8:0:0:0:0:0:2'],
      ['198.19.0.50', '198.19.0.9'],
    ],
  );
  t.deepEqual(parseSocketTable('', 4), []);
});

test('connections are alive without listeners and what waits to be forgotten', (t) => {
  const sockets = parseSocketTable(table4, 4);
  t.deepEqual(
    liveConnections(sockets).map(({ inode }) => inode),
    [1002, 1003, 1004],
  );
});

test('addresses that do not move are named once; loopback stays what it is', (t) => {
  const sockets = [...parseSocketTable(table4, 4), ...parseSocketTable(table6, 6)];
  t.deepEqual(foreignAddresses(sockets, ['198.19.0.50', '2001:db8::1']), ['10.0.0.10']);
  t.deepEqual(foreignAddresses(sockets, []), ['198.19.0.50', '10.0.0.10', '2001:db8:0:0:0:0:0:1']);
});

test('addresses of listeners and datagram sockets are named, too; of groups and of sockets that nobody has are not', (t) => {
  const table = `${header}
   0: 0B00000A:1B58 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3001 1
   1: 0C00000A:14B4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3002 2
   2: 030201EF:14B4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3003 2
   3: FFFFFFFF:14B4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3004 2
   4: 0D00000A:18EB 0900000A:D905 06 00000000:00000000 03:00000A00 00000000     0        0 0 3
`;
  t.deepEqual(foreignAddresses(parseSocketTable(table, 4), []), ['10.0.0.11', '10.0.0.12']);
  const linkLocal = `${header}
   0: 000080FE000000000000000001000000:1B58 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4001 1
`;
  t.deepEqual(foreignAddresses(parseSocketTable(linkLocal, 6), []), []);
});
