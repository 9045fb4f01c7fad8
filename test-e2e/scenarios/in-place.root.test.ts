// A host hands a container over to itself, as a node does when no other can take its pod: the same program, in other
// namespaces.
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import type { HandoverRecord } from '#core/api/handover.ts';
import { hasStruck, order, type Fault } from '#pair/fault.ts';
import { endure, startOrdeal, type Ordeal, type Outcome } from '#pair/ordeal.ts';
import { upPair } from '#pair/pair.ts';

let ordeal: Ordeal;

test.before('a host with a busy Redis, which is its own peer', async () => {
  const agent = {
    imageLimitBytes: 128 * 2 ** 20,
    deadlines: { commitMs: 2_000, dumpMs: 8_000, restoreMs: 8_000, settleMs: 6_000 },
  };
  const pair = await upPair({
    name: `in-place-${process.pid}`,
    main: 'test-e2e/pair/faulty-agent.ts',
    inPlace: true,
    agent,
  });
  ordeal = { ...(await startOrdeal(pair)), inPlace: true };
});

test.after.always('it is taken down', async () => {
  await ordeal.pair[Symbol.asyncDispose]();
});

function exact(t: ExecutionContext, { record, report }: Outcome, state: HandoverRecord['state'], code?: string): void {
  const { lost, duplicated, resets, faults } = report;
  t.deepEqual({ lost, duplicated, resets, faults }, { lost: 0, duplicated: 0, resets: 0, faults: [] });
  t.is(record.state, state, JSON.stringify(record.error));
  t.is(record.error?.code, code, JSON.stringify(record.error));
}

test.serial('memory, files and connections go on in the replacement, again and again', async (t) => {
  for (let moved = 0; moved < 2; moved += 1) {
    const outcome = await endure(ordeal);
    exact(t, outcome, 'succeeded');
    t.log(`frozen for ${Math.round(outcome.record.measures.freezeMs ?? 0)} ms`);
  }
});

const steps: [Omit<Fault, 'action'>, HandoverRecord['state'], string?][] = [
  [{ step: 'target.restore', when: 'after' }, 'rolled-back', 'ERR_AGENT_RESTARTED'],
  [{ step: 'journal.source.committing', when: 'after' }, 'rolled-back', 'ERR_AGENT_RESTARTED'],
  [{ step: 'journal.source.activating', when: 'after' }, 'succeeded'],
  [{ step: 'links.activate', when: 'after' }, 'succeeded'],
  [{ step: 'target.resume', when: 'after' }, 'succeeded'],
  [{ step: 'source.remove', when: 'after' }, 'succeeded'],
];
for (const [fault, state, code] of steps) {
  test.serial(`the agent, which is both sides, dies ${fault.when} ${fault.step}: ${state}`, async (t) => {
    await order(ordeal.home, { ...fault, action: { kind: 'crash' } });
    const outcome = await endure(ordeal);
    t.true(hasStruck(ordeal.home), `${fault.step} was never reached`);
    exact(t, outcome, state, code);
  });
}

test.serial('the copy cannot be restored: the source goes on', async (t) => {
  await order(ordeal.home, { step: 'target.restore', action: { kind: 'throw' } });
  exact(t, await endure(ordeal), 'rolled-back', 'ERR_INTERNAL');
});

test.serial('the copy cannot be activated: the source takes the workload back', async (t) => {
  await order(ordeal.home, { step: 'links.activate', action: { kind: 'throw' } });
  exact(t, await endure(ordeal), 'rolled-back', 'ERR_TARGET_LOST');
});
