// A held kill ends in time: released when its container has moved, delivered in order when it has not.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { silentLog } from '#core/log.ts';
import { VirtualClock } from '#agent/engine/simulation/virtual-clock.ts';
import { isMarked, readMark } from '#agent/runtime/marks.ts';
import { conversation } from '#agent/runtime/testing/conversation.ts';
import { HeldKills } from './held-kills.ts';

const graceMs = 20_000;
/** As a mark says it. */
const seconds = (atMs: number): string => String((Date.UTC(2030, 0, 1) + atMs) / 1000);

function rig(t: ExecutionContext, onExpired: (podUid: string) => Promise<void> = () => Promise.resolve()) {
  const runDir = mkdtempSync(join(tmpdir(), 'kills-'));
  t.teardown(() => rmSync(runDir, { recursive: true }));
  const clock = new VirtualClock();
  const said: string[] = [];
  const ends: string[] = [];
  const kills = new HeldKills(
    clock,
    silentLog,
    runDir,
    async (podUid) => {
      said.push(`expired ${podUid}`);
      await onExpired(podUid);
    },
    (outcome) => void ends.push(outcome),
  );
  const kill = (container: string, signal: string) => ({
    container,
    signal,
    conversation: conversation((answer) => said.push(`${answer} ${container} ${signal}`)),
  });
  /** What was answered since the last look, when the clock has gone on so far. */
  const until = async (atMs: number): Promise<string[]> => {
    clock.after(atMs - clock.nowMs(), () => undefined);
    await clock.run(() => false, atMs);
    return said.splice(0);
  };
  return { kills, kill, said, ends, until, runDir, clock };
}

test('containerd hears at once that the kill is done, and the container nothing', async (t) => {
  const { kills, kill, until } = rig(t);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  t.is(kills.count, 1);
  t.deepEqual(await until(59_999), ['hold c1 SIGTERM']);
});

test('a release ends the kills without a signal, and nothing comes later', async (t) => {
  const { kills, kill, said, until, runDir } = rig(t);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  kills.hold('u1', kill('c2', 'SIGTERM'), 60_000, graceMs);
  said.splice(0);
  t.true(kills.holds('u1') && !kills.holds('u2'));
  kills.release('u1');
  t.is(kills.count, 0);
  t.false(kills.holds('u1'));
  t.is(kills.leftMs('c1'), undefined);
  t.deepEqual(await until(120_000), ['exit 0 c1 SIGTERM', 'exit 0 c2 SIGTERM']);
  t.deepEqual(readdirSync(join(runDir, 'held')), []);
});

test('the first kill of a pod sets the deadline of all', async (t) => {
  const { kills, kill, said, until } = rig(t);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  await until(50_000);
  kills.hold('u1', kill('c2', 'SIGTERM'), 60_000, graceMs);
  said.splice(0);
  t.deepEqual(await until(59_999), []);
  t.deepEqual(await until(60_000), ['expired u1', 'pass c1 SIGTERM', 'pass c2 SIGTERM']);
  t.is(kills.count, 0);
});

test('what moves the pod is given up before the kill is delivered', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { kills, kill, said, until } = rig(t, () => promise);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  said.splice(0);
  t.deepEqual(await until(61_000), ['expired u1']);
  resolve();
  t.deepEqual(await until(61_000), ['pass c1 SIGTERM']);
});

test('a move that cannot be given up does not keep the kill for long', async (t) => {
  const { kills, kill, said, until } = rig(t, () => new Promise(() => undefined));
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  said.splice(0);
  t.deepEqual(await until(62_999), ['expired u1']);
  t.deepEqual(await until(63_000), ['pass c1 SIGTERM']);
  t.is(kills.count, 0);
});

test('a move that fails to be given up does not keep the kill at all', async (t) => {
  const { kills, kill, said, until } = rig(t, () => Promise.reject(new Error('no such handover')));
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  said.splice(0);
  t.deepEqual(await until(60_000), ['expired u1', 'pass c1 SIGTERM']);
});

test('a move that is committed while it is given up still releases', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { kills, kill, until } = rig(t, () => promise);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  await until(60_000);
  kills.release('u1');
  resolve();
  t.deepEqual(await until(120_000), ['exit 0 c1 SIGTERM']);
});

for (const final of ['SIGKILL', 'KILL', '9']) {
  test(`${final} comes last, and leaves the program the grace that it has`, async (t) => {
    const { kills, kill, said, until } = rig(t);
    for (const signal of [final, 'SIGTERM', '15', 'SIGUSR1']) kills.hold('u1', kill('c1', signal), 60_000, graceMs);
    said.splice(0);
    kills.deliver('u1', 'cancelled');
    t.deepEqual(await until(graceMs - 1), ['pass c1 SIGTERM', 'pass c1 15', 'pass c1 SIGUSR1']);
    t.deepEqual(await until(graceMs), [`pass c1 ${final}`]);
  });
}

test('a program that is only to be ended is ended at once', async (t) => {
  const { kills, kill, said, until } = rig(t);
  kills.hold('u1', kill('c1', 'SIGKILL'), 60_000, graceMs);
  said.splice(0);
  kills.deliver('u1', 'cancelled');
  t.deepEqual(await until(0), ['pass c1 SIGKILL']);
});

test('a second delivery, a late release and an unknown pod change nothing', async (t) => {
  const { kills, kill, said, until } = rig(t);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  said.splice(0);
  kills.deliver('u1', 'cancelled');
  kills.deliver('u1', 'cancelled');
  kills.release('u1');
  kills.deliver('u9', 'cancelled');
  t.deepEqual(await until(120_000), ['pass c1 SIGTERM']);
});

test('pods do not wait for each other', async (t) => {
  const { kills, kill, said, until } = rig(t);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  kills.hold('u2', kill('c2', 'SIGTERM'), 30_000, graceMs);
  said.splice(0);
  t.deepEqual(await until(30_000), ['expired u2', 'pass c2 SIGTERM']);
  t.is(kills.count, 1);
});

test('the mark of a container says until when its kills wait, and no later kill moves that', async (t) => {
  const { kills, kill, until, runDir } = rig(t);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  t.is(readMark(runDir, 'held', 'c1'), seconds(60_000));
  await until(50_000);
  kills.hold('u1', kill('c1', 'SIGKILL'), 60_000, graceMs);
  t.is(readMark(runDir, 'held', 'c1'), seconds(60_000));
  t.is(kills.leftMs('c1'), 10_000);
  t.is(kills.leftMs('c2'), undefined);
});

test('after a delivery the mark says that the time is over, also to an agent that starts then', async (t) => {
  const { kills, kill, until, runDir, clock } = rig(t);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  await until(5_000);
  kills.deliver('u1', 'cancelled');
  t.is(readMark(runDir, 'held', 'c1'), seconds(5_000));
  await until(7_000);
  const next = new HeldKills(clock, silentLog, runDir, () => Promise.resolve());
  t.is(next.leftMs('c1'), -2_000);
});

test('how a hold ended is told once for its pod, and nothing of kills that did not come', async (t) => {
  const { kills, kill, ends, until } = rig(t);
  for (const uid of ['u1', 'u2', 'u3']) {
    kills.hold(uid, kill(`${uid}-a`, 'SIGTERM'), 60_000, graceMs);
    kills.hold(uid, kill(`${uid}-b`, 'SIGTERM'), 60_000, graceMs);
  }
  kills.expect('u4', ['c4'], 60_000);
  kills.release('u1');
  kills.deliver('u2', 'cancelled');
  kills.deliver('u4', 'cancelled');
  for (const uid of ['u1', 'u2', 'u4']) kills.release(uid);
  t.deepEqual(ends, ['moved', 'delivered']);
  await until(60_000);
  t.deepEqual(ends, ['moved', 'delivered', 'delivered']);
});

test('kills that are expected and do not come leave no mark', (t) => {
  const { kills, runDir } = rig(t);
  kills.expect('u1', ['c1', 'c2'], 30_999);
  t.is(readFileSync(join(runDir, 'held', 'c2'), 'utf8'), seconds(30_000));
  t.is(kills.count, 0);
  t.false(kills.holds('u1'));
  kills.deliver('u1', 'cancelled');
  t.false(isMarked(runDir, 'held', 'c1') || isMarked(runDir, 'held', 'c2'));
});

test('marks of kills that an agent before this one expected go with the end of the hold', (t) => {
  const { kills, runDir, clock } = rig(t);
  kills.expect('u1', ['c1'], 60_000);
  const next = new HeldKills(clock, silentLog, runDir, () => Promise.resolve());
  next.deliver('u1', 'cancelled', ['c1']);
  t.false(isMarked(runDir, 'held', 'c1'));
});

test('a container whose kill comes later is held no longer than the first of its pod', async (t) => {
  const { kills, kill, until } = rig(t);
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  await until(50_000);
  kills.hold('u1', kill('c2', 'SIGTERM'), 60_000, graceMs);
  t.is(kills.leftMs('c2'), 10_000);
});

test('a kill whose mark cannot be written is delivered at once, and containerd is told nothing else', async (t) => {
  const { kills, kill, until, runDir } = rig(t);
  writeFileSync(join(runDir, 'held'), ''); // no directory for marks
  kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
  t.is(kills.count, 0);
  t.deepEqual(await until(1), ['pass c1 SIGTERM']);
});

test('kills are delivered and released in time when their marks cannot be written any more, and none is held again', async (t) => {
  for (const isMoved of [true, false]) {
    const { kills, kill, until, runDir } = rig(t);
    kills.hold('u1', kill('c1', 'SIGTERM'), 60_000, graceMs);
    await until(1);
    mkdirSync(join(runDir, 'held', 'c1.new', 'in-the-way'), { recursive: true });
    if (isMoved) kills.release('u1');
    t.deepEqual(await until(60_000), isMoved ? ['exit 0 c1 SIGTERM'] : ['expired u1', 'pass c1 SIGTERM']);
    if (!isMoved) t.true((kills.leftMs('c1') ?? 1) <= 0);
  }
});
