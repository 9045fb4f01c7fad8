// A rehearsal stops the program for a moment and changes nothing: whatever happens to CRIU or the agent in it, the
// program runs on.
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { planSchema } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import { taskStatus } from '#hosts/containers.ts';
import type { Host } from '#hosts/host.ts';
import { assertNoLeftovers, frozenCgroups } from '#pair/leftovers.ts';
import { move } from '#pair/move.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import { startStable, type StableContainer } from '#pair/stable-container.ts';
import { startFeatures } from '#workloads/features.ts';
import { startProbe } from '#workloads/line-process.ts';
import { redisCounter } from '#workloads/workloads.ts';

/** While this file is there, CRIU does in its post-dump hook what it says, and the container stands still. */
const slow = '/run/slow-criu';
const slowHook = `#!/bin/sh
[ "$CRTOOLS_SCRIPT_ACTION" = post-dump ] && [ -e ${slow} ] && { touch ${slow}.reached; . ${slow}; }
exec /usr/local/bin/godwit-criu-hook "$@"
`;
const echoPort = 7001;
/** So that each plan has a rehearsal of its own, and a move shares that of the plan before it. */
const keepMs = 2_000;

let pair: Pair;
let redis: StableContainer;

test.before(async () => {
  const agent = { criuHook: '/usr/local/bin/slow-criu-hook', rehearsal: { when: 'Always', keepMs } };
  pair = await upPair({ name: `rehearsal-${process.pid}`, agent });
  for (const host of pair.hosts.nodes)
    await writeFile(path.join(host.root, 'usr/local/bin/slow-criu-hook'), slowHook, { mode: 0o755 });
  redis = await startStable(pair, pair.hosts.a, redisCounter, pair.hosts.stableIp(50));
});
test.after.always(async () => pair?.[Symbol.asyncDispose]());

const plan = (container = redis.id) => pair.control(pair.hosts.a).plan({ container, to: 'b' });

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new GodwitError('ERR_DEADLINE', `${what} did not come true within 60 s`);
    await sleep(20);
  }
}

const exists = async (host: Host, file: string): Promise<boolean> => (await host.exec(['test', '-e', file])).code === 0;

/**
 * Calls `during` while a rehearsal of the Redis stands in CRIU's hook, with clients; then the Redis runs on as if
 * nothing had been.
 */
async function amidRehearsal(t: ExecutionContext, command: string, during: () => Promise<unknown>): Promise<unknown> {
  const { a } = pair.hosts;
  await sleep(keepMs);
  const client = await redis.connect({ connections: 4 });
  await client.more(100);
  await writeFile(path.join(a.root, slow), command);
  const planned = plan().catch((error: unknown) => error);
  await until('a rehearsal', () => exists(a, `${slow}.reached`));
  await during();
  const answer = await planned;
  for (const file of [slow, `${slow}.reached`]) await rm(path.join(a.root, file), { force: true });
  await until('the end of the freeze', async () => (await frozenCgroups(a)).length === 0);
  await client.more(300);
  const { lost, duplicated, resets, faults } = await client.stop();
  t.deepEqual({ lost, duplicated, resets, faults }, { lost: 0, duplicated: 0, resets: 0, faults: [] });
  t.is(await taskStatus(a, redis.id), 'RUNNING');
  await assertNoLeftovers(pair, a);
  return answer;
}

test.serial('a busy Redis is rehearsed twenty times, and its clients lose nothing', async (t) => {
  const { a } = pair.hosts;
  const pauses: number[] = [];
  const client = await redis.connect({ connections: 8 });
  for (let round = 0; round < 20; round += 1) {
    await client.more(200);
    await sleep(keepMs);
    const { forecast, refusals, notes } = await plan();
    t.deepEqual({ refusals, notes }, { refusals: [], notes: [] });
    t.true((forecast?.imageBytes ?? 0) > 2 ** 20, JSON.stringify(forecast));
    pauses.push(forecast?.rehearsalPauseMs ?? 0);
  }
  await client.more(200);
  const { lost, duplicated, resets, faults, longestSilenceMs } = await client.stop();
  t.log({ pauses, longestSilenceMs });
  t.deepEqual({ lost, duplicated, resets, faults }, { lost: 0, duplicated: 0, resets: 0, faults: [] });
  await assertNoLeftovers(pair, a);
});

test.serial('what was rehearsed is not rehearsed again by the move that follows', async (t) => {
  await sleep(keepMs);
  const { forecast } = await plan();
  const { state, measures } = await move(pair, redis.id, pair.hosts.a, pair.hosts.b);
  t.is(state, 'succeeded');
  t.log(forecast, measures.freezeMs);
  t.is(Math.round(measures.rehearsalPauseMs ?? 0), forecast?.rehearsalPauseMs ?? -1);
  t.is((await move(pair, redis.id, pair.hosts.b, pair.hosts.a)).state, 'succeeded');
});

test.serial('what CRIU cannot dump is refused before anything is held, and runs on with its connections', async (t) => {
  const { a, b, client } = pair.hosts;
  const container = await startFeatures(pair, a, ['Odd', 'Accepting'], pair.hosts.stableIp(60), { seccomp: false });
  const echoes = startProbe(client, 'echoes', container.address, echoPort, '10');
  const record = await move(pair, container.id, a, b);
  t.is(record.state, 'refused');
  t.is(record.measures.frozenAt, undefined);
  t.deepEqual(
    record.refusals.map(({ code }) => code),
    ['PREFLIGHT_DUMP'],
  );
  t.log(record.refusals);
  t.regex(record.refusals[0]?.fact ?? '', /./);
  t.regex(record.refusals[0]?.remedy ?? '', /family/);
  t.deepEqual((await plan(container.id)).refusals, record.refusals);
  t.deepEqual(JSON.parse(await echoes.ask()), { alive: 10, faults: [] });
  t.deepEqual(await container.faults(), {});
  echoes.close();
  await container.remove(a);
});

test.serial('the agent is killed in a rehearsal', async (t) => {
  const { a } = pair.hosts;
  await amidRehearsal(t, 'sleep 2', async () => {
    await pair.killAgent(a);
    await pair.startAgent(a);
  });
});

test.serial(
  'CRIU is killed in a rehearsal, which is tried again: the program runs on, unless CRIU was at work in it',
  async (t) => {
    const { a, client } = pair.hosts;
    await sleep(keepMs);
    await writeFile(path.join(a.root, slow), `rm ${slow} ${slow}.reached; pkill -KILL -x criu; exit 1`);
    const answer = await plan().catch((error: unknown) => error);
    t.log(JSON.stringify(answer).slice(-600));
    t.false(await exists(a, slow));
    t.deepEqual(await frozenCgroups(a), []);
    t.is(await taskStatus(a, redis.id), 'RUNNING');
    t.is((await client.exec(['redis-cli', '-h', redis.address, 'ping'], { timeoutMs: 5_000 })).stdout, 'PONG\n');
    t.deepEqual(planSchema.parse(answer).refusals, []);
    await assertNoLeftovers(pair, a);
  },
);

test.serial('a rehearsal that takes too long is given up and said so', async (t) => {
  const { a } = pair.hosts;
  const client = pair.hosts.client;
  const answer = await amidRehearsal(t, 'sleep 60', () =>
    until(
      'an answer',
      async () =>
        (await client.exec(['redis-cli', '-h', redis.address, 'ping'], { timeoutMs: 2_000 })).stdout === 'PONG\n',
    ),
  );
  const { refusals, notes } = planSchema.parse(answer);
  t.deepEqual([refusals, notes.map(({ code }) => code)], [[], ['PREFLIGHT_REHEARSAL']]);
  t.is((await move(pair, redis.id, a, pair.hosts.b)).state, 'succeeded');
});
