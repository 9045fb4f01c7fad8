// What the kernel keeps for processes, threads, descriptors and sockets is the same after a move, but for what is
// listed here with its reason.
import process from 'node:process';
import test from 'ava';
import { move } from '#pair/move.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import { startFeatures } from '#workloads/features.ts';

/** Each stands in docs/limits.md, or has no effect. */
const knownDifferences: Readonly<Record<string, string>> = {
  'descriptors/path info': 'O_DIRECTORY of a descriptor that was opened by O_PATH: without effect once it is open',
  'further/key': 'keys of a process keyring: cannot be read from outside',
  'further/member': 'membership of a multicast group: the program has to join again',
  'further/new memory': 'MCL_FUTURE: cannot be read from outside',
  'process/autogroup': 'without effect in a cgroup of its own',
  'process/memory policy': 'NUMA policy of a task: cannot be read from outside',
  'process/prctl/memory failures': 'PR_MCE_KILL: cannot be read from outside',
  'process/propagation//proc/timer_list':
    'a file that the runtime masks: the flags of its mount, which nothing can be written to',
  'sockets/connection6/IPV6_V6ONLY': 'without effect on a connection',
  'sockets/default connection6/IPV6_V6ONLY': 'without effect on a connection',
  'sockets/connection6/IPV6_MULTICAST_HOPS': 'without effect on a connection',
  'sockets/default connection/IP_MULTICAST_TTL': 'without effect on a connection',
  'sockets/default connection6/IPV6_MULTICAST_HOPS': 'without effect on a connection',
};

const flags = ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_NICE', 'CAP_SYS_ADMIN', 'CAP_IPC_LOCK'].flatMap(
  (capability) => ['--cap-add', capability],
);
let pair: Pair;

test.before(async () => {
  pair = await upPair({ name: `attributes-${process.pid}` });
});

test.after.always(async () => {
  await pair[Symbol.asyncDispose]();
});

/** Paths at which two answers differ. */
function differences(one: unknown, other: unknown, path = ''): string[] {
  if (!isRecord(one) || !isRecord(other)) return JSON.stringify(one) === JSON.stringify(other) ? [] : [path];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => differences(one[key], other[key], path === '' ? key : `${path}/${key}`));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

test.serial('a move there and one back change nothing but what is known', async (t) => {
  const { a, b } = pair.hosts;
  const container = await startFeatures(pair, a, ['Attributes'], pair.hosts.stableIp(61), { seccomp: false, flags });
  t.log(await container.call('Attributes'));
  const before = await container.call('Attributes', 'read');
  const found = new Set<string>();
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const record = await move(pair, container.id, from, to);
    t.is(record.state, 'succeeded', JSON.stringify([record.error, record.refusals]));
    t.deepEqual(record.notes, []);
    for (const path of differences(before, await container.call('Attributes', 'read'))) found.add(path);
  }
  t.deepEqual([...found].toSorted(), Object.keys(knownDifferences).toSorted());
  await container.remove(a);
});
