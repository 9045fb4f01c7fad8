// At no moment do two replicas lead, whatever their clocks say and whatever hangs.
import test, { type ExecutionContext } from 'ava';
import { silentLog } from '#core/log.ts';
import { electionTimes, LeaderElection } from './leader-election.ts';
import type { KubeApi } from './port.ts';
import { leases } from './resources.ts';
import { testCluster } from './testing/access.ts';
import { HandClock } from './testing/hand-clock.ts';
import { until } from './testing/until.ts';

const lease = { name: 'godwit-controller', namespace: 'godwit-system' };
const { leaseMs, renewWithinMs, retryMs } = electionTimes;
const never = <T>(): Promise<T> => Promise.withResolvers<T>().promise;

/** A replica on a machine of its own: its clock, its line to the API server. */
async function replica(t: ExecutionContext, api: KubeApi, identity: string, clock = new HandClock()) {
  const line = { hangs: false, breaks: false, answersLate: undefined as Promise<unknown> | undefined };
  const wired: KubeApi = {
    ...api,
    find: (resource, name) =>
      line.hangs ? never() : line.breaks ? Promise.reject(new Error('no route')) : api.find(resource, name),
    async replace(resource, object, subresource) {
      const replaced = await api.replace(resource, object, subresource);
      await line.answersLate;
      return replaced;
    },
  };
  const election = new LeaderElection({ api: wired, clock, log: silentLog }, { ...lease, identity });
  const terms: AbortSignal[] = [];
  t.teardown(() => election.close());
  const tried = () => until(() => clock.pending.includes(retryMs), `the end of a try of ${identity}`);
  election.start((signal) => terms.push(signal));
  if (!line.hangs) await tried();
  /** Lets time pass in steps of a try; a try that hangs stays so. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += retryMs) {
      const due = clock.pending.includes(retryMs);
      clock.advance(retryMs);
      if (due && !line.hangs && line.answersLate === undefined) await tried();
    }
  };
  return { election, clock, line, terms, pass };
}

test('one of two leads, and goes on leading', async (t) => {
  const { api } = await testCluster(t);
  const a = await replica(t, api, 'a');
  const b = await replica(t, api, 'b');
  for (let passed = 0; passed < 3 * leaseMs; passed += retryMs) {
    await a.pass(retryMs);
    await b.pass(retryMs);
    t.true(a.election.isLeading && !b.election.isLeading);
  }
  t.is(a.terms.length, 1);
  t.false(a.terms[0]?.aborted);
  t.like(await api.get(leases, lease), {
    spec: { holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 },
  });
});

test('two that find no lease do not both make one', async (t) => {
  const { api } = await testCluster(t);
  const both = await Promise.all([replica(t, api, 'a'), replica(t, api, 'b')]);
  t.is(both.filter(({ election }) => election.isLeading).length, 1);
});

test('when the leader is gone, the other leads after the lease has ended, not before', async (t) => {
  const { api } = await testCluster(t);
  await replica(t, api, 'a');
  const b = await replica(t, api, 'b');
  await b.pass(leaseMs - 1);
  t.true(b.election.isLeading);
  t.true(b.clock.nowMs() >= leaseMs);
  const spec = (await api.get(leases, lease)).spec;
  t.like(spec, { holderIdentity: 'b', leaseTransitions: 1 });
});

test('clocks of machines are not compared: a lease that looks long over is not taken', async (t) => {
  const { api } = await testCluster(t);
  const a = await replica(t, api, 'a', new HandClock(5_000_000, new Date('2026-01-01T00:00:00Z')));
  for (const [identity, wall] of [
    ['ahead', '2036-01-01T00:00:00Z'],
    ['behind', '2016-01-01T00:00:00Z'],
  ] as const) {
    const other = await replica(t, api, identity, new HandClock(7, new Date(wall)));
    for (let passed = 0; passed < 2 * leaseMs; passed += retryMs) {
      await a.pass(retryMs);
      await other.pass(retryMs);
      t.true(a.election.isLeading && !other.election.isLeading);
    }
    await other.election.close();
  }
});

for (const [how, fail] of [
  ['hang', (line: { hangs: boolean }) => void (line.hangs = true)],
  ['break', (line: { breaks: boolean }) => void (line.breaks = true)],
] as const) {
  test(`a leader whose requests ${how} stops before another one begins`, async (t) => {
    const { api } = await testCluster(t);
    const a = await replica(t, api, 'a');
    const b = await replica(t, api, 'b', new HandClock(99));
    await a.pass(retryMs);
    await b.pass(retryMs);
    fail(a.line);
    let stoppedAfterMs = Infinity;
    for (let passedMs = 0; passedMs < 2 * leaseMs; passedMs += retryMs) {
      await a.pass(retryMs);
      if (!a.election.isLeading) stoppedAfterMs = Math.min(stoppedAfterMs, passedMs + retryMs);
      await b.pass(retryMs);
      t.false(a.election.isLeading && b.election.isLeading);
    }
    t.is(stoppedAfterMs, renewWithinMs);
    t.true(a.terms[0]?.aborted);
    t.true(b.election.isLeading);
  });
}

test('an answer that comes too late does not make a leader', async (t) => {
  const { api } = await testCluster(t);
  const a = await replica(t, api, 'a');
  const { promise, resolve } = Promise.withResolvers<void>();
  a.line.answersLate = promise;
  await a.pass(retryMs + renewWithinMs + 1_000);
  t.false(a.election.isLeading);
  resolve();
  a.line.answersLate = undefined;
  await until(() => a.clock.pending.includes(retryMs), 'the end of the late try');
  t.is(a.terms.length, 1);
  await a.pass(retryMs);
  t.true(a.election.isLeading);
  t.is(a.terms.length, 2);
});

test('a leader that closes gives the lease back: the other need not wait', async (t) => {
  const { api } = await testCluster(t);
  const a = await replica(t, api, 'a');
  const b = await replica(t, api, 'b');
  await a.election.close();
  t.true(a.terms[0]?.aborted);
  t.deepEqual(a.clock.pending, []);
  await b.pass(retryMs);
  t.true(b.election.isLeading);
});

test('a lease that another one has meanwhile is not given back', async (t) => {
  const { api } = await testCluster(t);
  const a = await replica(t, api, 'a');
  const b = await replica(t, api, 'b');
  await b.pass(leaseMs);
  await a.election.close();
  t.is((await api.get(leases, lease)).spec?.holderIdentity, 'b');
});
