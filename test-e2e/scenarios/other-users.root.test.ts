// Programs that are not root, as most are in a cluster: they move where CRIU can read their limits, and are refused
// where it cannot.
import test from 'ava';
import { move } from '#pair/move.ts';
import { upPair } from '#pair/pair.ts';
import { startStable, type StableOptions } from '#pair/stable-container.ts';
import { startFeatures } from '#workloads/features.ts';
import { redisCounter } from '#workloads/workloads.ts';

const otherUser = ['--user', '10001:10001'];
/** What containerd gives a container by default. */
const capabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
];
/** As a pod under Pod Security `restricted`, with a read-only root: seccomp and no_new_privs are there anyway. */
const hardened: StableOptions = {
  flags: [...otherUser, '--read-only', ...capabilities.flatMap((name) => ['--cap-drop', `CAP_${name}`])],
};

/** These need no right that only root has. */
const features = [
  'SharedAnonymous',
  'Memfd',
  'PrivateMemory',
  'SysvSharedMemory',
  'SysvSemaphore',
  'ShmFile',
  'Pipe',
  'Unix',
  'UnixDescriptor',
  'Events',
  'Timerfd',
  'Terminal',
  'Threads',
  'Sleeper',
  'Timers',
  'Tree',
  'Pidfd',
  'Clock',
  'Loopback',
  'HalfClosed',
  'UdpConnected',
];

test.serial('programs of user 10001 move, hardened ones and those that use much of the kernel', async (t) => {
  await using pair = await upPair({ name: `users-${process.pid}`, agent: { preCopyFromBytes: 0 } });
  const { a, b } = pair.hosts;
  const redis = await startStable(pair, a, redisCounter, pair.hosts.stableIp(60), hardened);
  const busy = await startFeatures(pair, a, features, pair.hosts.stableIp(61), { flags: otherUser });
  const client = await redis.connect({ connections: 4 });
  t.deepEqual(await busy.faults(), {}, 'before');
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    for (const { id } of [redis, busy]) {
      const record = await move(pair, id, from, to);
      t.is(record.state, 'succeeded', JSON.stringify([record.error, record.refusals]));
    }
    await client.more(200);
    t.deepEqual(await busy.faults(), {}, `on ${to.name}`);
  }
  t.is((await a.must(['ps', '-o', 'uid=', '-C', 'redis-server'])).trim(), '10001');
  const { lost, duplicated, resets, faults } = await client.stop();
  t.deepEqual({ lost, duplicated, resets, faults }, { lost: 0, duplicated: 0, resets: 0, faults: [] });
});

test.serial(
  'a node that lacks CAP_SYS_RESOURCE refuses them before anything is frozen, and doctor says so',
  async (t) => {
    await using pair = await upPair({ name: `limits-${process.pid}`, criuReadsLimits: false });
    const { a, b } = pair.hosts;
    const ofRoot = await startStable(pair, a, redisCounter, pair.hosts.stableIp(60));
    const ofOther = await startStable(pair, a, redisCounter, pair.hosts.stableIp(61), hardened);
    const refused = await move(pair, ofOther.id, a, b);
    t.is(refused.state, 'refused');
    t.is(refused.measures.frozenAt, undefined);
    t.deepEqual(
      refused.refusals.map(({ code }) => code),
      ['PREFLIGHT_LIMITS_UNREADABLE'],
    );
    t.regex(refused.refusals[0]?.fact ?? '', /redis-server.* of user 10001/);
    t.is((await move(pair, ofRoot.id, a, b)).state, 'succeeded');
    const { checks } = await pair.control(a).diagnose();
    t.like(
      checks.find(({ check }) => check === 'programs of all users'),
      { ok: false },
    );
  },
);
