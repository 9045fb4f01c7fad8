// The command line on real hosts: what a person types, what comes back, and that bad input changes nothing.
import test from 'ava';
import { handoverRecordSchema, containerSummarySchema, planSchema } from '#core/api/handover.ts';
import type { Host } from '#hosts/host.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import { startStable, type StableContainer } from '#pair/stable-container.ts';
import { redisCounter } from '#workloads/workloads.ts';

let pair: Pair;
let container: StableContainer;
/** Of the container as it was started. */
let oomScore: string;

const oomScoreOf = async (host: Host) =>
  (await host.must(['ctr', 'task', 'exec', '--exec-id', 'score', container.id, 'cat', '/proc/1/oom_score_adj'])).trim();

test.before(async () => {
  pair = await upPair({ name: `cli-${process.pid}` });
  container = await startStable(pair, pair.hosts.a, redisCounter, pair.hosts.stableIp(50));
  oomScore = await oomScoreOf(pair.hosts.a);
});
test.after.always(async () => pair?.[Symbol.asyncDispose]());

const godwit = (host: Host, ...args: string[]) => host.exec(['godwit', ...args], { timeoutMs: 60_000 });

test.serial('doctor finds two good nodes', async (t) => {
  for (const host of pair.hosts.nodes) {
    const { code, stdout } = await godwit(host, 'doctor');
    t.is(code, 0, stdout);
  }
});

test.serial('plan tells the checks and changes nothing', async (t) => {
  const { code, stdout } = await godwit(pair.hosts.a, 'plan', container.id, '--to', 'b', '-o', 'json');
  t.is(code, 0, stdout);
  t.deepEqual(planSchema.parse(JSON.parse(stdout)).refusals, []);
  t.deepEqual(await pair.control(pair.hosts.a).handovers(), []);
});

test.serial('bad input is refused with a code, a remedy and exit status 2, and nothing starts', async (t) => {
  const wrong = [
    ['migrate', 'nobody', '--to', 'b'],
    ['migrate', container.id, '--to', 'nowhere'],
    ['migrate', container.id],
    ['plan', '../../etc', '--to', 'b'],
    ['cancel', 'no-such-handover'],
    ['get', 'no-such-handover'],
    ['frobnicate'],
  ];
  for (const args of wrong) {
    const { code, stderr } = await godwit(pair.hosts.a, ...args);
    t.is(code, 2, `${args.join(' ')}: ${stderr}`);
    t.true(stderr.length > 0);
  }
  t.deepEqual(await pair.control(pair.hosts.a).handovers(), []);
});

test.serial('a refusal of the target has exit status 3 and leaves everything as it was', async (t) => {
  await pair.hosts.b.must(['ip', 'netns', 'add', container.id]);
  const { code, stdout, stderr } = await godwit(pair.hosts.a, 'migrate', container.id, '--to', 'b');
  t.is(code, 3, stdout + stderr);
  t.regex(stdout + stderr, /PREFLIGHT_NETNS_TAKEN/);
  await pair.hosts.b.must(['ip', 'netns', 'del', container.id]);
  t.is(await pair.hosts.client.must(['redis-cli', '-h', container.address, 'ping']), 'PONG\n');
});

test.serial('a cancelled handover is rolled back, and the next one may follow at once', async (t) => {
  const control = pair.control(pair.hosts.a);
  const { id } = await control.start({ container: container.id, to: 'b' });
  t.is((await godwit(pair.hosts.a, 'cancel', id)).code, 0);
  for await (const { state } of control.events(id, new AbortController().signal)) if (state === 'rolled-back') break;
  t.is((await control.handover(id)).state, 'rolled-back');
  const { code, stdout, stderr } = await godwit(pair.hosts.a, 'plan', container.id, '--to', 'b');
  t.is(code, 0, stdout + stderr);
});

test.serial('migrate moves the container, ps and get tell where it is', async (t) => {
  const { code, stdout } = await godwit(pair.hosts.a, 'migrate', container.id.slice(0, 8), '--to', 'b', '-o', 'json');
  t.is(code, 0, stdout);
  const last = handoverRecordSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  t.is(last.state, 'succeeded');
  t.is(await pair.hosts.client.must(['redis-cli', '-h', container.address, 'ping']), 'PONG\n');
  const there = containerSummarySchema
    .array()
    .parse(JSON.parse((await godwit(pair.hosts.b, 'ps', '-o', 'json')).stdout));
  t.deepEqual(
    there.map(({ id, epoch }) => ({ id, epoch })),
    [{ id: container.id, epoch: last.epoch }],
  );
  t.deepEqual(JSON.parse((await godwit(pair.hosts.a, 'ps', '-o', 'json')).stdout), []);
  t.is((await godwit(pair.hosts.a, 'get', last.id)).code, 0);
  t.is((await godwit(pair.hosts.a, 'cancel', last.id)).code, 1, 'it is too late');
});

test.serial('the moved container is an ordinary one: exec, logs, kill and delete work', async (t) => {
  const { b } = pair.hosts;
  t.is(
    (
      await b.must([
        'ctr',
        'task',
        'exec',
        '--exec-id',
        'probe',
        container.id,
        'redis-cli',
        '-h',
        container.address,
        'ping',
      ])
    ).trim(),
    'PONG',
  );
  t.is(
    await oomScoreOf(b),
    oomScore,
    'CRIU is spared by a kernel that is short of memory, but not what it has restored',
  );
  await container.remove(b);
  t.deepEqual(JSON.parse((await godwit(b, 'ps', '-o', 'json')).stdout), []);
});

test.serial('without an agent the exit status is 4', async (t) => {
  await pair.stopAgent(pair.hosts.a);
  t.is((await godwit(pair.hosts.a, 'ps')).code, 4);
  await pair.startAgent(pair.hosts.a);
  t.is((await godwit(pair.hosts.a, 'ps')).code, 0);
});
