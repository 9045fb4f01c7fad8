// What a process may hold goes along in a handover and comes back in the next, or is refused before anything is frozen.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { HandoverRecord } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import { pauseContainer } from '#hosts/containers.ts';
import { startProcess } from '#hosts/daemons.ts';
import type { Host } from '#hosts/host.ts';
import { move } from '#pair/move.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import { startStable, type StableOptions } from '#pair/stable-container.ts';
import { startFeatures, type FeatureContainer } from '#workloads/features.ts';
import { startProbe } from '#workloads/line-process.ts';
import type { Workload } from '#workloads/workload.ts';
import { httpDownload, postgres, websocketEcho } from '#workloads/workloads.ts';

const subnet6 = 'fd00:198:19::/64';
const clientAddress6 = 'fd00:198:19::1/64';
const echoPort = 7001;
const neverAcceptedPort = 7002;
const silentPort = 7003;
const datagramPort = 5300;
/** On the host's plain file system, as volumes are. */
const movedSource = '/var/lib/godwit/moved';

let pair: Pair;
let lastAddress = 60;

test.before(async () => {
  pair = await upPair({ name: `features-${process.pid}`, agent: { preCopyFromBytes: 0 } });
  await Promise.all(pair.hosts.nodes.map(addIpv6));
  await pair.hosts.client.must(['ip', 'address', 'add', clientAddress6, 'dev', 'eth1', 'nodad']);
  const silent = '/opt/godwit/test-e2e/workloads/features/silent.py';
  await startProcess(pair.hosts.client, 'silent', ['python3', silent, pair.hosts.clientAddress, String(silentPort)]);
});

test.after.always(async () => {
  await pair[Symbol.asyncDispose]();
});

async function addIpv6(host: Host): Promise<void> {
  const file = '/etc/cni/net.d/10-stable.conf';
  const network = JSON.parse(await host.must(['cat', file]));
  network.ipam.ranges.push({ subnet: subnet6, rangeStart: 'fd00:198:19::50', rangeEnd: 'fd00:198:19::ffff' });
  await host.must(['sh', '-c', `cat >${file}`], { input: JSON.stringify(network) });
}

const nextAddress = (): string => pair.hosts.stableIp((lastAddress += 1));

async function start(features: readonly string[], options: StableOptions = {}): Promise<FeatureContainer> {
  return startFeatures(pair, pair.hosts.a, features, nextAddress(), options);
}

async function succeeds(t: ExecutionContext, container: { id: string }, from: Host, to: Host): Promise<HandoverRecord> {
  const record = await move(pair, container.id, from, to);
  t.is(record.state, 'succeeded', JSON.stringify([record.error, record.refusals]));
  return record;
}

/**
 * Resolves when all handovers that the host knows of are finished: a target cleans up after its source has given up.
 */
async function settled(host: Host): Promise<void> {
  const deadline = performance.now() + 20_000;
  while ((await pair.control(host).handovers()).some(({ finishedAt }) => finishedAt === undefined)) {
    if (performance.now() > deadline)
      throw new GodwitError('ERR_DEADLINE', `handovers of ${host.name} did not finish within 20 s`);
    await sleep(20);
  }
}

/** Every feature works before, after a move to b, and after the move back to a. */
const goesOn = test.macro(async (t, features: readonly string[], options: StableOptions = {}) => {
  const { a, b } = pair.hosts;
  const container = await start(features, options);
  t.deepEqual(await container.faults(), {}, 'before');
  await succeeds(t, container, a, b);
  t.deepEqual(await container.faults(), {}, 'there');
  await succeeds(t, container, b, a);
  t.deepEqual(await container.faults(), {}, 'back');
  await container.remove(a);
});

test.serial('processes that write one SQLite database lose no commit in six moves', async (t) => {
  const { a, b } = pair.hosts;
  const container = await start(['Sqlite']);
  for (let round = 0; round < 3; round += 1) {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      await succeeds(t, container, from, to);
      t.deepEqual(await container.faults(), {});
    }
  }
  await container.remove(a);
});

test.serial('memory goes on', goesOn, [
  'SharedAnonymous',
  'Memfd',
  'PrivateMemory',
  'SysvSharedMemory',
  'SysvSemaphore',
  'ShmFile',
  'MappedFile',
]);
test.serial('files that are mapped for a moment while they are copied are not stale', goesOn, ['MappedBriefly']);
test.serial('locks on mapped files go on', goesOn, ['MappedLocks']);
test.serial('locks on mapped files of several processes go on', goesOn, [
  'MappedLocksOfOthers',
  'MappedOtherLocks',
  'MappedReadLease',
  'MappedLocks',
  'OrphanedLocks',
  'PathOfLocked',
  'Signals',
]);
test.serial('who waits for a lock gets it after the move, when its holder ends', async (t) => {
  const { a, b } = pair.hosts;
  const container = await start(['MappedLocksOfOthers']);
  await succeeds(t, container, a, b);
  t.deepEqual(await container.faults(), {});
  await t.notThrowsAsync(container.call('MappedLocksOfOthers', 'release'));
  await container.remove(b);
});
test.serial('files go on', goesOn, [
  'Offsets',
  'Unlinked',
  'Replaced',
  'DeletedImageFile',
  'Locks',
  'Lease',
  'DeletedDirectory',
  'DeletedFifo',
  'Directory',
  'ManyDescriptors',
  'SqliteClosed',
  'KernelFiles',
  'PlainDevices',
  'AsyncIo',
]);
test.serial('data between processes goes on', goesOn, [
  'Pipe',
  'Unix',
  'UnixDescriptor',
  'Events',
  'Timerfd',
  'InotifyTmpfs',
  'Inotify',
  'Terminal',
  'Alarm',
]);
test.serial('processes, threads, timers and clocks go on', goesOn, [
  'Threads',
  'Sleeper',
  'Timers',
  'Tree',
  'Pidfd',
  'Clock',
  'Identity',
]);
test.serial('sockets within the container go on', goesOn, [
  'Loopback',
  'HalfClosed',
  'Options',
  'Connecting',
  'UdpConnected',
  'OtherFamilies',
  'GoListener',
]);
test.serial('mounts of the program itself go on', goesOn, ['MountInside', 'ChildMountNamespace'], {
  seccomp: false,
  flags: ['--cap-add', 'CAP_SYS_ADMIN'],
});

test.serial('a bind mount that belongs to the container moves with its contents', async (t) => {
  const { a, b } = pair.hosts;
  const [there, here] = [a, b].map((host) => path.join(host.root, movedSource));
  await a.must(['mkdir', '-p', movedSource]);
  const container = await start(['MovedMount', 'InotifyMount'], {
    mounts: [{ source: movedSource, target: '/data' }],
    annotations: { 'godwit.dev/move-mounts': '/data' },
  });
  t.deepEqual(await container.faults(), {});
  await succeeds(t, container, a, b);
  t.deepEqual(await readdir(there ?? ''), []);
  t.is(await readFile(path.join(here ?? '', 'journal'), 'utf8'), 'entry\n');
  t.deepEqual(await container.faults(), {});
  await succeeds(t, container, b, a);
  t.deepEqual(await readdir(here ?? ''), []);
  t.is(await readFile(path.join(there ?? '', 'journal'), 'utf8'), 'entry\nentry\n');
  t.deepEqual(await container.faults(), {});
  await container.remove(a);
});

test.serial('a thousand idle connections are alive afterwards, and connecting works all the time', async (t) => {
  const { a, b, client } = pair.hosts;
  const container = await start(['Accepting']);
  const idle = startProbe(client, 'echoes', container.address, echoPort, '1000');
  t.deepEqual(JSON.parse(await idle.ask()), { alive: 1000, faults: [] });
  const connecting = startProbe(client, 'connects', container.address, echoPort);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    await succeeds(t, container, from, to);
    t.deepEqual(JSON.parse(await idle.ask()), { alive: 1000, faults: [] });
    const { done, faults } = JSON.parse(await connecting.ask());
    t.deepEqual(faults, []);
    t.true(done > 0);
  }
  for (const probe of [idle, connecting]) probe.close();
  await container.remove(a);
});

test.serial('datagrams that come in the freeze arrive', async (t) => {
  const { a, b, client } = pair.hosts;
  const container = await start(['Udp']);
  const datagrams = startProbe(client, 'datagrams', container.address, datagramPort);
  const { frozenAt = 0, resumedAt = 0 } = (await succeeds(t, container, a, b)).measures;
  const { sent, missing } = JSON.parse(await datagrams.ask());
  // One is sent every 5 ms. Those that lie in the socket when it is frozen are lost, those in the freeze are not.
  const duringFreeze = (resumedAt - frozenAt) / 5;
  t.true(sent > 0);
  t.true(missing.length < duringFreeze / 4, `${missing.length} of about ${duringFreeze} are missing`);
  datagrams.close();
  await container.remove(b);
});

test.serial('a server that never accepts keeps its connection and stays; one that has accepted moves', async (t) => {
  const { a, b, client } = pair.hosts;
  const container = await start(['NeverAccepting']);
  const waiting = client.spawn([
    'python3',
    '-c',
    `import socket, sys; c = socket.create_connection(("${container.address}", ${neverAcceptedPort})); print("connected", flush=True); c.recv(1)`,
  ]);
  await new Promise((resolve) => waiting.stdout?.once('data', resolve));
  const record = await move(pair, container.id, a, b);
  t.is(record.state, 'rolled-back');
  t.is(record.error?.code, 'ERR_QUEUED_CONNECTIONS');
  await container.call('NeverAccepting');
  await settled(b);
  await succeeds(t, container, a, b);
  await container.remove(b);
});

test.serial('unix connections with data that nobody accepts stay, and the program goes on', async (t) => {
  const { a, b } = pair.hosts;
  const container = await start(['UnixQueued']);
  const record = await move(pair, container.id, a, b);
  t.is(record.state, 'rolled-back');
  t.is(record.error?.code, 'ERR_QUEUED_CONNECTIONS');
  t.true(record.error?.message.includes('1 unix connections'), record.error?.message);
  t.deepEqual(await container.faults(), {});
  await container.remove(a);
});

test.serial('unix connections that are accepted a little late do not stop a move', goesOn, ['UnixBusy']);
test.serial('a connection on an address that stays behind breaks, and nothing else suffers', async (t) => {
  const { a, b, client } = pair.hosts;
  const foreign = '198.18.77.1';
  const container = await start(['Accepting']);
  await a.must(['ip', '-n', container.id, 'address', 'add', `${foreign}/32`, 'dev', 'lo']);
  await client.must(['ip', 'route', 'add', `${foreign}/32`, 'via', container.address]);
  const stays = startProbe(client, 'echoes', foreign, echoPort);
  const moves = startProbe(client, 'echoes', container.address, echoPort);
  await Promise.all([stays.ask(), moves.ask()]);
  const { notes } = await succeeds(t, container, a, b);
  t.deepEqual(
    notes.map(({ code }) => code),
    ['PREFLIGHT_FOREIGN_SOCKETS'],
  );
  t.true(notes[0]?.fact.includes(foreign));
  t.deepEqual(await container.call('Accepting'), { accepted: 2, broken: 1 });
  t.deepEqual(JSON.parse(await moves.ask()), { alive: 1, faults: [] });
  await client.must(['ip', 'route', 'del', `${foreign}/32`]);
  for (const probe of [stays, moves]) probe.close();
  await container.remove(b);
});

for (const [family, foreign] of [
  ['IPv4', '198.18.77.2/32'],
  ['IPv6', 'fd00:77::2/128'],
] as const) {
  test.serial(
    `listeners and datagram sockets on an address that stays behind do not stop a move, ${family}`,
    async (t) => {
      const { a, b } = pair.hosts;
      const container = await start(['Bound']);
      const nodad = family === 'IPv6' ? ['nodad'] : [];
      await a.must(['ip', '-n', container.id, 'address', 'add', foreign, 'dev', 'lo', ...nodad]);
      await container.call('Bound', 'bind', foreign.split('/')[0] ?? '');
      const { notes } = await succeeds(t, container, a, b);
      t.deepEqual(
        notes.map(({ code }) => code),
        ['PREFLIGHT_FOREIGN_SOCKETS'],
      );
      t.is(await container.call('Bound', 'receive'), 'ECONNABORTED');
      await succeeds(t, container, b, a);
      t.deepEqual(await container.faults(), {});
      await container.remove(a);
    },
  );
}

test.serial('connections over IPv6 move, too', async (t) => {
  const { a, b, client } = pair.hosts;
  const container = await start(['Accepting', 'Dual']);
  const address = String(await container.call('Dual', 'address', 'net1'));
  t.true(address.startsWith('fd00:198:19:'));
  const connection = startProbe(client, 'echoes', address, 7003, '3');
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    t.deepEqual(JSON.parse(await connection.ask()), { alive: 3, faults: [] });
    await succeeds(t, container, from, to);
  }
  t.deepEqual(JSON.parse(await connection.ask()), { alive: 3, faults: [] });
  connection.close();
  await container.remove(a);
});

interface Refusal {
  features: readonly string[];
  options?: StableOptions;
  /** Each code with words of its fact. */
  expected: Record<string, string[]>;
}

const unconfined = { seccomp: false } as const;
const outside = { mounts: [{ source: '/srv/outside', target: '/outside', readOnly: true }] };
const refusals: Record<string, Refusal> = {
  'objects of the kernel': {
    features: ['IoUring', 'EventSemaphore', 'Perf', 'Userfault', 'Fanotify', 'SeccompNotify', 'BpfMap', 'PacketPipe'],
    options: { ...unconfined, flags: ['--cap-add', 'CAP_BPF'] },
    expected: {
      PREFLIGHT_IO_URING: ['io_uring'],
      PREFLIGHT_KERNEL_OBJECT: ['perf_event', 'userfaultfd', 'fanotify', 'seccomp notify', 'bpf-map'],
      PREFLIGHT_PACKET_PIPE: ['pipe:['],
      PREFLIGHT_EVENTFD_SEMAPHORE: ['descriptor'],
    },
  },
  'files and memory': {
    features: ['LargeUnlinked', 'PosixQueue', 'SecretMemory', 'HugeMemfd', 'Device', 'SharedCode'],
    options: { flags: ['--device', '/dev/net/tun'] },
    expected: {
      PREFLIGHT_OUTSIDE_FILE: ['/feature', '/secretmem'],
      PREFLIGHT_DELETED_FILE: ['/var/large', '80 MiB'],
      PREFLIGHT_DEVICE: ['/dev/net/tun'],
      PREFLIGHT_HUGE_PAGES: ['memfd:huge'],
      PREFLIGHT_SHARED_CODE: ['/dev/zero', 'server.py'],
    },
  },
  sockets: {
    features: ['Mptcp', 'SignedTcp', 'NetlinkData'],
    options: { ...unconfined, flags: ['--cap-add', 'CAP_SYS_ADMIN'] },
    expected: {
      PREFLIGHT_MPTCP: ['socket:'],
      PREFLIGHT_CONNECTION_KEYS: ['MD5 signatures on socket:'],
      PREFLIGHT_NETLINK_UNREAD: ['socket:'],
    },
  },
  'ties to the host': {
    features: ['OutsideSocket', 'OutsideDatagram', 'OutsideFile'],
    options: outside,
    expected: { PREFLIGHT_OUTSIDE_FILE: ['/var/lib/godwit/of-the-host'], PREFLIGHT_OUTSIDE_SOCKET: ['socket:'] },
  },
  processes: {
    features: ['Stopped', 'Traced'],
    expected: { PREFLIGHT_TRACED: ['server.py'], PREFLIGHT_STOPPED: ['sleep 3600'] },
  },
  'namespaces within': {
    features: [
      'ChildUserNamespace',
      'ChildNetworkNamespace',
      'ChildPidNamespace',
      'ChildUtsNamespace',
      'ChildTimeNamespace',
    ],
    options: { ...unconfined, flags: ['--cap-add', 'CAP_SYS_ADMIN'] },
    expected: {
      PREFLIGHT_NESTED_NAMESPACE: ['user of', 'net of', 'pid_for_children of', 'uts of', 'time_for_children of'],
    },
  },
  'a lease that cannot be had beside a mapping': {
    features: ['MappedLease'],
    expected: { PREFLIGHT_LEASE: ['/var/mapped-lease of process'] },
  },
  'databases that know files by their inode numbers': {
    features: ['SqliteJournal', 'SqlitePool'],
    expected: {
      PREFLIGHT_SQLITE_JOURNAL: ['/var/journal.db of process'],
      PREFLIGHT_SQLITE_CONNECTIONS: ['/var/pool.db of process'],
    },
  },
  'a namespace of the host': {
    features: ['Offsets'],
    options: { flags: ['--with-ns', 'pid:/proc/1/ns/pid'] },
    expected: { PREFLIGHT_SHARED_NAMESPACE: ['pid'] },
  },
  'a bind mount that nobody explained': {
    features: ['Offsets'],
    options: { mounts: [{ source: '/srv', target: '/data' }] },
    expected: { PREFLIGHT_BIND_MOUNT: ['/data'] },
  },
};

/** Refused for exactly these reasons, never frozen, and working on. */
async function isRefused(
  t: ExecutionContext,
  container: FeatureContainer,
  expected: Record<string, string[]>,
): Promise<void> {
  const { a, b } = pair.hosts;
  const plan = await pair.control(a).plan({ container: container.id, to: b.name });
  const record = await move(pair, container.id, a, b);
  t.deepEqual(plan.refusals, record.refusals);
  t.is(record.state, 'refused');
  t.is(record.measures.frozenAt, undefined);
  t.deepEqual(
    record.refusals.map(({ code }) => code),
    Object.keys(expected),
  );
  for (const { code, fact, remedy } of record.refusals) {
    for (const words of expected[code] ?? [])
      t.true(fact.includes(words), `${code}: "${fact}" says nothing of ${words}`);
    t.true(remedy.length > 0);
  }
}

test.serial('a host service is there', async (t) => {
  await t.notThrowsAsync(
    startProcess(pair.hosts.a, 'outside', [
      'python3',
      '/opt/godwit/test-e2e/workloads/features/outside.py',
      '/srv/outside',
    ]),
  );
});

for (const [what, { features, options, expected }] of Object.entries(refusals)) {
  test.serial(`refused before the freeze: ${what}`, async (t) => {
    const container = await start(features, options);
    await isRefused(t, container, expected);
    t.deepEqual(await container.faults(), {});
    await container.remove(pair.hosts.a);
  });
}

test.serial('what may be accepted is noted when its owner accepts it', async (t) => {
  const { a, b } = pair.hosts;
  const container = await start(['SqliteJournal'], {
    annotations: { 'godwit.dev/accept': 'PREFLIGHT_SQLITE_JOURNAL' },
  });
  const { notes } = await succeeds(t, container, a, b);
  t.deepEqual(
    notes.map(({ code }) => code),
    ['PREFLIGHT_SQLITE_JOURNAL'],
  );
  t.deepEqual(await container.faults(), {});
  await container.remove(b);
});

test.serial('refused before the freeze: a session from outside; when it is over, the container moves', async (t) => {
  const { a, b } = pair.hosts;
  const container = await start(['Offsets']);
  const session = a.spawn([
    'ctr',
    'task',
    'exec',
    '--exec-id',
    'session',
    container.id,
    'sh',
    '-c',
    'echo here; read line',
  ]);
  await new Promise((resolve) => session.stdout?.once('data', resolve));
  await isRefused(t, container, { PREFLIGHT_EXEC_SESSION: ['sh -c echo here; read line'] });
  session.stdin?.end('\n');
  await new Promise((resolve) => session.once('close', resolve));
  await succeeds(t, container, a, b);
  await container.remove(b);
});

test.serial('refused before the freeze: a paused container, which stays paused', async (t) => {
  const { a, b } = pair.hosts;
  const container = await start(['Offsets']);
  await pauseContainer(a, container.id);
  await isRefused(t, container, { PREFLIGHT_PAUSED: ['paused'] });
  t.regex(await a.must(['ctr', 'task', 'list']), new RegExp(`${container.id}\\s+\\d+\\s+PAUSED`));
  await a.must(['ctr', 'task', 'resume', container.id]);
  await succeeds(t, container, a, b);
  t.deepEqual(await container.faults(), {});
  await container.remove(b);
});

const workloadMoves: readonly [Workload, Readonly<Record<string, number>>][] = [
  [postgres, { seconds: 25 }],
  [httpDownload, {}],
  [websocketEcho, {}],
];
for (const [workload, options] of workloadMoves) {
  test.serial(
    `${workload.name} moves three times there and back, and its client notices nothing but silence`,
    async (t) => {
      const { a, b } = pair.hosts;
      const container = await startStable(pair, a, workload, nextAddress());
      const run = await container.connect(options);
      for (let round = 0; round < 3; round += 1) {
        await succeeds(t, container, a, b);
        await succeeds(t, container, b, a);
      }
      const { operations, lost, duplicated, resets, faults } = await run.stop();
      t.deepEqual({ lost, duplicated, resets, faults }, { lost: 0, duplicated: 0, resets: 0, faults: [] });
      t.true(operations > 0);
      await container.remove(a);
    },
  );
}
