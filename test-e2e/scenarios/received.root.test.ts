// What a target received of moved directories is gone after a roll-back, whatever failed; what was there before, or is
// somebody else's, stays.
import { mkdir, readdir, rm, stat, writeFile, chmod, chown } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import { order, type Fault } from '#pair/fault.ts';
import { endure, otherHost, type Ordeal, type Outcome } from '#pair/ordeal.ts';
import { upPair } from '#pair/pair.ts';
import { startStable } from '#pair/stable-container.ts';
import type { Host } from '#hosts/host.ts';
import { redisCounter } from '#workloads/workloads.ts';

/** One that both hosts have, one that only the source has. */
const both = '/var/lib/godwit/moved/both';
const alone = '/var/lib/godwit/moved/above/alone';
const above = '/var/lib/godwit/moved/above';

let ordeal: Ordeal;

test.before(async () => {
  const pair = await upPair({ name: `received-${process.pid}`, main: 'test-e2e/pair/faulty-agent.ts' });
  for (const source of [both, alone]) {
    await mkdir(on(pair.hosts.a, source), { recursive: true });
    await mkdir(on(pair.hosts.a, `${source}/deep/er`), { recursive: true });
    await writeFile(on(pair.hosts.a, `${source}/file`), "the workload's");
    await writeFile(on(pair.hosts.a, `${source}/deep/er/file`), Buffer.alloc(3 * 2 ** 20, 'x'));
  }
  const container = await startStable(pair, pair.hosts.a, redisCounter, pair.hosts.stableIp(50), {
    mounts: [
      { source: both, target: '/moved/both' },
      { source: alone, target: '/moved/alone' },
    ],
    annotations: { 'godwit.dev/move-mounts': '/moved/both,/moved/alone' },
  });
  ordeal = { pair, container, home: pair.hosts.a };
});

test.beforeEach(async () => {
  const target = on(otherHost(ordeal), both);
  await mkdir(target, { recursive: true });
  await chown(target, 1234, 1235);
  await chmod(target, 0o2711);
});

test.after.always(async () => {
  await ordeal.pair[Symbol.asyncDispose]();
});

const on = (host: Host, file: string): string => path.join(host.root, file);

async function fails(t: ExecutionContext, fault: Fault, during?: () => Promise<void>): Promise<Outcome> {
  await order(otherHost(ordeal), fault);
  const outcome = await endure(ordeal, during);
  t.is(outcome.record.state, 'rolled-back', JSON.stringify(outcome.record));
  return outcome;
}

async function isAsBefore(t: ExecutionContext, left: readonly string[] = []): Promise<void> {
  const target = otherHost(ordeal);
  t.deepEqual(await readdir(on(target, both)), left);
  const { mode, uid, gid } = await stat(on(target, both));
  t.deepEqual([mode & 0o7777, uid, gid], [0o2711, 1234, 1235]);
  await t.throwsAsync(stat(on(target, above)), { code: 'ENOENT' });
  t.deepEqual(await readdir(on(target, '/var/lib/godwit/received')), []);
}

for (const step of ['target.sealImages', 'target.restore', 'links.park'] as const) {
  test.serial(`${step} fails: what was received is removed`, async (t) => {
    await fails(t, { step, action: { kind: 'throw' } });
    await isAsBefore(t);
  });
}

const deaths = ['target.prepare', 'target.sealImages', 'journal.target.undoing', 'journal.target.rolled-back'];
for (const step of deaths) {
  test.serial(`the target's agent dies at ${step}: what was received is removed by the next one`, async (t) => {
    const revoked = { kind: 'pretend', result: 'revoked' } as const;
    if (step.startsWith('journal.')) await order(ordeal.home, { step: 'arbiter.commit', action: revoked });
    await fails(t, { step, when: 'after', action: { kind: 'crash' } });
    await isAsBefore(t);
  });
}

test.serial('what somebody else puts there meanwhile stays', async (t) => {
  const foreign = on(otherHost(ordeal), `${both}/foreign`);
  await order(otherHost(ordeal), { step: 'target.restore', action: { kind: 'throw' } });
  await order(ordeal.home, { step: 'source.startDump', action: { kind: 'delay', delayMs: 1_500 } });
  const outcome = await endure(ordeal, async () => {
    while (!(await readdir(on(otherHost(ordeal), both))).includes('file'));
    await writeFile(foreign, 'not yours');
  });
  t.is(outcome.record.state, 'rolled-back');
  await isAsBefore(t, ['foreign']);
  await rm(foreign);
});

test.serial('somebody takes the directory between the checks and the move: it is not touched', async (t) => {
  const foreign = on(otherHost(ordeal), `${alone}/foreign`);
  await order(otherHost(ordeal), { step: 'target.prepare', action: { kind: 'delay', delayMs: 1_500 } });
  const outcome = await endure(ordeal, async () => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    await mkdir(on(otherHost(ordeal), alone), { recursive: true });
    await writeFile(foreign, 'not yours');
  });
  t.is(outcome.record.error?.code, 'ERR_MOUNT_NOT_EMPTY', JSON.stringify(outcome.record));
  t.deepEqual(await readdir(on(otherHost(ordeal), alone)), ['foreign']);
  await rm(on(otherHost(ordeal), above), { recursive: true });
});

test.serial('after all that it moves there and back', async (t) => {
  for (let moved = 0; moved < 2; moved += 1) {
    const from = ordeal.home;
    const outcome = await endure(ordeal);
    t.is(outcome.record.state, 'succeeded', JSON.stringify(outcome.record));
    t.deepEqual((await readdir(on(ordeal.home, both))).toSorted(), ['deep', 'file']);
    t.deepEqual(await readdir(on(from, both)), []);
    t.deepEqual(await readdir(on(ordeal.home, '/var/lib/godwit/received')), []);
  }
});
