// Locks that a move takes anew are there whatever becomes of the move.
import test, { type ExecutionContext } from 'ava';
import type { HandoverRecord } from '#core/api/handover.ts';
import { hasStruck, order } from '#pair/fault.ts';
import { move } from '#pair/move.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import { startFeatures } from '#workloads/features.ts';

const features = ['MappedLocks', 'Sqlite'];

let pair: Pair;

test.before(async () => {
  pair = await upPair({ name: `locks-${process.pid}`, main: 'test-e2e/pair/faulty-agent.ts' });
});

test.after.always(async () => {
  await pair[Symbol.asyncDispose]();
});

async function outcome(t: ExecutionContext, container: string, expected: HandoverRecord['state']): Promise<void> {
  const { state, error, refusals } = await move(pair, container, pair.hosts.a, pair.hosts.b);
  t.is(state, expected, JSON.stringify([error, refusals]));
}

test('a move that is undone after the locks were taken on the target leaves those of the source; the next move has them', async (t) => {
  const { a, b } = pair.hosts;
  const container = await startFeatures(pair, a, features, pair.hosts.stableIp(60));
  t.deepEqual(await container.faults(), {});
  await order(b, { step: 'target.restore', when: 'after', action: { kind: 'throw' } });
  await outcome(t, container.id, 'rolled-back');
  t.true(hasStruck(b));
  t.deepEqual(await container.faults(), {});
  await outcome(t, container.id, 'succeeded');
  t.deepEqual(await container.faults(), {});
  await container.remove(b);
});
