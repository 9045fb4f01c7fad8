// Every check refuses what it is for, names who holds it, and lets an ordinary container pass.
import test from 'ava';
import type { CheckInput } from './check.ts';
import {
  seemsConnectedOutside,
  seenTwice,
  type Descriptor,
  type Inspection,
  type Mount,
  type ProcessFacts,
} from './inspection.ts';
import { sourceCheckList, sourceChecks } from './source-checks.ts';

const namespaces = { mnt: 'mnt:[1]', net: 'net:[2]', pid: 'pid:[3]', user: 'user:[4]' };
const first: ProcessFacts = {
  pid: 100,
  parent: 7,
  state: 'S',
  ids: [0, 0, 0, 0, 0, 0],
  tracer: 0,
  command: 'server',
  namespaces,
  descriptors: [],
  descriptorLimit: 1024,
  mappedPaths: ['/usr/bin/server', '/dev/zero (deleted)'],
  formerNames: [],
  firstCode: { path: '/usr/bin/server', shared: false, writable: false },
};
const child: ProcessFacts = { ...first, pid: 101, parent: 100, command: 'worker' };
const root: Mount = {
  id: 50,
  device: 60,
  path: '/',
  type: 'overlay',
  readOnly: false,
  root: '/',
  options: ['rw', 'upperdir=/u', 'redirect_dir=off'],
};

const held = (...descriptors: Descriptor[]): Partial<Inspection> => ({ processes: [first, { ...child, descriptors }] });
const worker = (change: Partial<ProcessFacts>): Partial<Inspection> => ({
  processes: [first, { ...child, ...change }],
});

function input(inspection: Partial<Inspection> = {}, others: Partial<CheckInput> = {}): CheckInput {
  const types = ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type }));
  return {
    facts: {
      oci: {
        process: { terminal: false },
        linux: { namespaces: [...types, { type: 'network', path: '/run/netns/x' }] },
      },
      state: { pid: 100, freezerCgroup: '/cgroup', cgroupVersion: 1, descriptors: [] },
      bindMounts: [],
      roots: [],
      spec: {
        id: 'x',
        namespace: 'default',
        image: 'i',
        parentSnapshot: 'p',
        snapshotter: 'overlayfs',
        runtime: 'runc',
        labels: {},
        spec: '{}',
        stdio: { stdin: '', stdout: '', stderr: '' },
        netns: '/run/netns/x',
      },
    },
    inspection: {
      init: 100,
      processes: [first, child],
      mounts: [root],
      visibleMounts: new Set([50]),
      watchedPaths: [],
      lostWatches: 0,
      databases: [],
      endedChildren: [],
      semaphoreSets: 0,
      tmpfsBytes: 0,
      unixSockets: [],
      mptcpInodes: new Set(),
      securedTcp: new Map(),
      unreadNetlinkInodes: new Set(),
      frozen: false,
      ...inspection,
    },
    foreign: [],
    memoryBytes: 2 ** 20,
    readsLimits: true,
    imageFreeBytes: 2 ** 30,
    bytesToCome: 0,
    ...others,
  };
}

function withFacts(change: Partial<CheckInput['facts']>): CheckInput {
  const ordinary = input();
  return { ...ordinary, facts: { ...ordinary.facts, ...change } };
}

const { oci, spec } = input().facts;
const nfs: Mount = {
  id: 51,
  device: 61,
  path: '/nfs',
  type: 'nfs4',
  readOnly: false,
  root: '/',
  options: ['rw', 'local_lock=none'],
};
const journal = { pid: 101, path: '/data/x.db', connections: 1, writeAhead: false };
const { netns: _netns, ...withoutNetns } = spec;

/** Code, what is wrong, and words that the fact must have. */
const wrong: [code: string, input: CheckInput, ...words: string[]][] = [
  ['PREFLIGHT_PAUSED', input({ frozen: true }), 'paused'],
  ['PREFLIGHT_TTY', withFacts({ oci: { ...oci, process: { terminal: true } } }), 'terminal'],
  ['PREFLIGHT_HOST_NETWORK', withFacts({ spec: withoutNetns }), 'network namespace'],
  [
    'PREFLIGHT_SHARED_NAMESPACE',
    withFacts({
      oci: { linux: { namespaces: [{ type: 'pid', path: '/proc/1/ns/pid' }, { type: 'uts' }, { type: 'mount' }] } },
    }),
    'pid',
    'ipc',
  ],
  [
    'PREFLIGHT_SHARED_NAMESPACE',
    withFacts({ oci: { linux: { namespaces: [...(oci.linux?.namespaces ?? []), { type: 'user' }] } } }),
    'user',
  ],
  [
    'PREFLIGHT_NESTED_NAMESPACE',
    input(worker({ namespaces: { ...namespaces, user: 'user:[9]' } })),
    'user',
    'process 101 (worker)',
  ],
  ['PREFLIGHT_EXEC_SESSION', input(worker({ parent: 7 })), 'process 101 (worker)'],
  [
    'PREFLIGHT_LIMITS_UNREADABLE',
    input(worker({ ids: [70, 70, 70, 0, 0, 0] }), { readsLimits: false }),
    'process 101 (worker) of user 70',
    'CAP_SYS_RESOURCE',
  ],
  [
    'PREFLIGHT_DESCRIPTOR_LIMIT',
    input(
      worker({ descriptorLimit: 6, descriptors: [0, 1, 2, 9].map((fd) => ({ fd, target: '/dev/null', mount: 50 })) }),
    ),
    '3 of 6 left to process 101',
  ],
  ['PREFLIGHT_TRACED', input(worker({ tracer: 555 })), 'process 101', '555'],
  ['PREFLIGHT_STOPPED', input(worker({ state: 'T' })), 'process 101'],
  ['PREFLIGHT_ROOT_FILE_SYSTEM', input({ mounts: [{ ...root, type: 'btrfs' }] }), 'btrfs'],
  ['PREFLIGHT_ROOT_FILE_SYSTEM', input({ mounts: [{ ...root, options: ['metacopy=on'] }] }), 'metacopy=on'],
  [
    'PREFLIGHT_BIND_MOUNT',
    withFacts({ bindMounts: [{ source: '/srv', destination: '/data', fate: 'unknown' }] }),
    '/data',
  ],
  ['PREFLIGHT_OUTSIDE_FILE', input(held({ fd: 3, target: '/elsewhere', mount: 51 })), '/elsewhere of process 101'],
  [
    'PREFLIGHT_DELETED_FILE',
    input(held({ fd: 3, target: '/big (deleted)', mount: 50, deletedBytes: 65 * 2 ** 20 })),
    '/big',
    '65 MiB',
  ],
  [
    'PREFLIGHT_REPLACED_FILE',
    input({
      ...held({ fd: 3, target: '/etc/config/..2026/x (deleted)', mount: 51 }),
      mounts: [root, { ...root, id: 51, path: '/etc/config', readOnly: true }],
      visibleMounts: new Set([50, 51]),
    }),
    '/etc/config/..2026/x (deleted) of process 101',
  ],
  [
    'PREFLIGHT_FORMER_NAME',
    input({
      ...worker({ formerNames: [{ path: '/etc/old', mount: 50, device: 60, inode: 1 }] }),
      mounts: [{ ...root, readOnly: true }],
    }),
    '/etc/old of process 101',
  ],
  [
    'PREFLIGHT_SHARED_CODE',
    input(worker({ firstCode: { path: '/dev/zero (deleted)', shared: true, writable: false } })),
    '/dev/zero (deleted) of process 101',
  ],
  ['PREFLIGHT_PACKET_PIPE', input(held({ fd: 3, target: 'pipe:[9]', packets: true })), 'pipe:[9] of process 101'],
  ['PREFLIGHT_DEVICE', input(held({ fd: 3, target: '/dev/fuse', mount: 50 })), '/dev/fuse'],
  ['PREFLIGHT_DEVICE', input(worker({ mappedPaths: ['/dev/mem'] })), '/dev/mem mapped'],
  ['PREFLIGHT_GPU', input(worker({ mappedPaths: ['/dev/nvidia0'] })), 'worker'],
  ['PREFLIGHT_HUGE_PAGES', input(worker({ mappedPaths: ['/anon_hugepage (deleted)'] })), 'worker'],
  ['PREFLIGHT_IO_URING', input(held({ fd: 3, target: 'anon_inode:[io_uring]' })), 'io_uring'],
  [
    'PREFLIGHT_EVENTFD_SEMAPHORE',
    input(held({ fd: 3, target: 'anon_inode:[eventfd]', semaphore: true })),
    'descriptor 3 of process 101',
  ],
  ['PREFLIGHT_KERNEL_OBJECT', input(held({ fd: 3, target: 'anon_inode:seccomp notify' })), 'seccomp notify'],
  ['PREFLIGHT_INOTIFY', input({ lostWatches: 2 }), '2'],
  [
    'PREFLIGHT_LEASE',
    input(
      worker({
        descriptors: [{ fd: 3, target: '/leased', mount: 50, locks: ['LEASE WRITE'] }],
        mappedPaths: ['/leased'],
      }),
    ),
    '/leased of process 101',
  ],
  [
    'PREFLIGHT_SHARED_LOCK',
    input({
      ...held({ fd: 3, target: '/nfs/x', mount: 51, locks: ['FLOCK WRITE'] }),
      mounts: [root, nfs],
      visibleMounts: new Set([50, 51]),
    }),
    '/nfs/x of process 101',
  ],
  ['PREFLIGHT_SQLITE_JOURNAL', input({ databases: [journal] }), '/data/x.db of process 101 (worker)'],
  [
    'PREFLIGHT_SQLITE_CONNECTIONS',
    input({ databases: [{ ...journal, writeAhead: true, connections: 2 }] }),
    '/data/x.db of process 101 (worker)',
  ],
  [
    'PREFLIGHT_CONNECTION_KEYS',
    input({ ...held({ fd: 3, target: 'socket:[78]' }), securedTcp: new Map([[78, 'TLS of the kernel']]) }),
    'TLS of the kernel on socket:[78] of process 101',
  ],
  ['PREFLIGHT_MPTCP', input({ ...held({ fd: 3, target: 'socket:[77]' }), mptcpInodes: new Set([77]) }), 'worker'],
  [
    'PREFLIGHT_NETLINK_UNREAD',
    input({ ...held({ fd: 3, target: 'socket:[77]' }), unreadNetlinkInodes: new Set([77]) }),
    'worker',
  ],
  [
    'PREFLIGHT_OUTSIDE_SOCKET',
    input({
      ...held({ fd: 3, target: 'socket:[77]' }),
      unixSockets: [{ inode: 77, peer: 78, listening: false, waiting: 0, connecting: [], unsentBytes: 0 }],
    }),
    'worker',
  ],
  ['PREFLIGHT_SOURCE_MEMORY', input({}, { memoryBytes: 2 ** 30 }), '1040 MiB', '1024 MiB'],
];

test('an ordinary container passes every check', (t) => {
  const { checks, refusals, notes } = sourceChecks(input());
  t.deepEqual({ refusals, notes }, { refusals: [], notes: [] });
  t.is(checks.length, sourceCheckList.length);
  t.true(checks.every(({ fact }) => fact !== ''));
});

for (const [code, facts, ...words] of wrong) {
  test(`${code} names ${words.join(', ')}`, (t) => {
    const { refusals } = sourceChecks(facts);
    t.deepEqual(
      refusals.map((refusal) => refusal.code),
      [code],
    );
    for (const word of words) t.true(refusals[0]?.fact.includes(word), refusals[0]?.fact);
    t.true((refusals[0]?.remedy ?? '') !== '');
  });
}

test('every check that refuses is tried', (t) => {
  const notes = new Set([
    'PREFLIGHT_SEM_UNDO',
    'PREFLIGHT_EXIT_STATUS',
    'PREFLIGHT_FOREIGN_SOCKETS',
    'PREFLIGHT_MEMORY_TO_COME',
    'PREFLIGHT_UNIX_QUEUE',
  ]);
  t.deepEqual(
    sourceCheckList
      .map(({ code }) => code)
      .filter((code) => !notes.has(code))
      .toSorted(),
    [...new Set(wrong.map(([code]) => code))].toSorted(),
  );
});

test('what is worth knowing does not stand in the way', (t) => {
  const queue = {
    ...held({ fd: 3, target: 'socket:[77]' }),
    unixSockets: [{ inode: 77, peer: 0, listening: true, waiting: 2, connecting: [], unsentBytes: 0 }],
  };
  const { refusals, notes } = sourceChecks(
    input(
      { ...queue, semaphoreSets: 2, endedChildren: [{ pid: 102, startTicks: 1, name: 'worker', status: 143 }] },
      { foreign: ['10.0.0.1'] },
    ),
  );
  t.deepEqual(refusals, []);
  t.deepEqual(
    notes.map(({ code }) => code),
    ['PREFLIGHT_SEM_UNDO', 'PREFLIGHT_EXIT_STATUS', 'PREFLIGHT_UNIX_QUEUE', 'PREFLIGHT_FOREIGN_SOCKETS'],
  );
  t.true(notes[1]?.fact.includes('process 102 (worker) with 143'));
});

test('what can be accepted is noted when it was, and nothing else', (t) => {
  const facts = {
    ...input().facts,
    oci: {
      ...oci,
      annotations: { 'godwit.dev/accept': 'PREFLIGHT_OTHER, PREFLIGHT_SQLITE_JOURNAL,PREFLIGHT_STOPPED' },
    },
  };
  const { refusals, notes } = sourceChecks(input({ ...worker({ state: 'T' }), databases: [journal] }, { facts }));
  t.deepEqual(
    [refusals, notes].map((list) => list.map(({ code }) => code)),
    [['PREFLIGHT_STOPPED'], ['PREFLIGHT_SQLITE_JOURNAL']],
  );
  t.true(
    sourceChecks(input({ databases: [journal] })).refusals[0]?.remedy.includes(
      'godwit.dev/accept=PREFLIGHT_SQLITE_JOURNAL',
    ),
  );
});

test('one connection with a write-ahead log is worth knowing', (t) => {
  const { refusals, notes } = sourceChecks(input({ databases: [{ ...journal, writeAhead: true }] }));
  t.deepEqual(
    [refusals, notes].map((list) => list.map(({ code }) => code)),
    [[], ['PREFLIGHT_SQLITE_CONNECTIONS']],
  );
});

for (const [what, inspection] of Object.entries<Partial<Inspection>>({
  'an own mount namespace': worker({ namespaces: { ...namespaces, mnt: 'mnt:[9]' } }),
  'a grandchild': { processes: [first, child, { ...child, pid: 102, parent: 101 }] },
  'a zombie': worker({ state: 'Z', namespaces: {} }),
  'descriptors that CRIU rebuilds': held(
    { fd: 3, target: 'anon_inode:[timerfd]' },
    { fd: 4, target: 'anon_inode:inotify' },
    { fd: 5, target: '/memfd:x (deleted)' },
  ),
  'a terminal of its own': held({ fd: 3, target: '/dev/ptmx', mount: 50 }, { fd: 4, target: '/dev/pts/0', mount: 50 }),
  'a lease on a file that nobody maps': held({ fd: 3, target: '/leased', mount: 50, locks: ['LEASE WRITE'] }),
  'a lock that the node keeps': {
    ...held({ fd: 3, target: '/nfs/x', mount: 51, locks: ['POSIX WRITE'] }),
    mounts: [root, { ...nfs, options: ['local_lock=all'] }],
    visibleMounts: new Set([50, 51]),
  },
  'a small deleted file': held({ fd: 3, target: '/small (deleted)', mount: 50, deletedBytes: 4096 }),
  'a unix pair within': {
    ...held({ fd: 3, target: 'socket:[77]' }, { fd: 4, target: 'socket:[78]' }),
    unixSockets: [
      { inode: 77, peer: 78, listening: false, waiting: 0, connecting: [], unsentBytes: 0 },
      { inode: 78, peer: 77, listening: false, waiting: 0, connecting: [], unsentBytes: 0 },
    ],
  },
  'sockets of others in the namespace': {
    unixSockets: [{ inode: 1, peer: 2, listening: false, waiting: 0, connecting: [], unsentBytes: 0 }],
    mptcpInodes: new Set([3]),
    securedTcp: new Map([[4, 'MD5 signatures']]),
  },
})) {
  test(`${what} is no obstacle`, (t) => {
    t.deepEqual(sourceChecks(input(inspection)).refusals, []);
  });
}

test('a long list of findings is cut, and says so', (t) => {
  const many = Array.from({ length: 20 }, (_, index) => ({ ...child, pid: 200 + index, state: 'T' }));
  t.true(sourceChecks(input({ processes: [first, ...many] })).refusals[0]?.fact.endsWith('and 12 more'));
});

const socket = (inode: number) => ({
  inode,
  peer: inode + 1,
  listening: false,
  waiting: 0,
  connecting: [],
  unsentBytes: 0,
});

test('a connection of a process that came and went while the container was looked at is none to the outside', (t) => {
  const look = (...inodes: number[]) => ({
    processes: [{ ...first, descriptors: inodes.map((inode) => ({ fd: inode, target: `socket:[${inode}]` })) }],
    unixSockets: inodes.map(socket),
  });
  t.true(seemsConnectedOutside(look(70)));
  t.false(seemsConnectedOutside(seenTwice(look(70), look(80))));
  t.true(seemsConnectedOutside(seenTwice(look(70, 90), look(80, 90))));
  t.false(seemsConnectedOutside({ ...look(70, 71), unixSockets: [socket(70)] }));
});
