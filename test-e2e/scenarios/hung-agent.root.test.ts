// An agent that hangs while the source stands still: its watchdog lets the source go on, and never beside a copy.
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { HandoverRecord } from '#core/api/handover.ts';
import { processOf } from '#hosts/daemons.ts';
import { hasStruck, order, type Fault } from '#pair/fault.ts';
import { frozenCgroups } from '#pair/leftovers.ts';
import { endure, otherHost, startOrdeal, type Ordeal, type Outcome } from '#pair/ordeal.ts';
import { upPair } from '#pair/pair.ts';

const silenceMs = 2_000;

let ordeal: Ordeal;

test.before(async () => {
  const agent = { deadlines: { silenceMs, dumpMs: 20_000, restoreMs: 20_000, settleMs: 6_000 } };
  const main = 'test-e2e/pair/faulty-agent.ts';
  ordeal = await startOrdeal(await upPair({ name: `hung-${process.pid}`, main, agent }));
});

test.after.always(async () => {
  await ordeal.pair[Symbol.asyncDispose]();
});

async function until(condition: () => boolean | Promise<boolean>, limitMs = 40_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`a condition did not come true within ${limitMs} ms`);
    await sleep(10);
  }
}

async function wake(): Promise<void> {
  const agent = await processOf(ordeal.home, 'agent');
  process.kill(agent?.pid ?? 0, 'SIGCONT');
}

/** Hangs the source's agent at a step; `meanwhile` runs while it does. Then it wakes up. */
async function hang(fault: Omit<Fault, 'action'>, meanwhile: () => Promise<void>): Promise<Outcome> {
  const { home } = ordeal;
  await order(home, { ...fault, action: { kind: 'stop' } });
  return endure(ordeal, async () => {
    await until(() => hasStruck(home));
    try {
      await meanwhile();
    } finally {
      await wake();
    }
  });
}

function exact(t: ExecutionContext, { record, report }: Outcome, state: HandoverRecord['state'], code?: string): void {
  const { lost, duplicated, resets, faults } = report;
  t.deepEqual({ lost, duplicated, resets, faults }, { lost: 0, duplicated: 0, resets: 0, faults: [] });
  t.is(record.state, state, JSON.stringify(record.error));
  t.is(record.error?.code, code, JSON.stringify(record.error));
}

for (const [step, when] of [
  ['source.freeze', 'after'],
  ['links.gate', 'after'],
  ['source.dump', 'before'],
  ['connection.sendImage', 'before'],
  ['source.dump', 'after'],
  ['journal.source.restoring', 'after'],
  ['journal.source.committing', 'after'],
  ['source.abandonDump', 'before'],
] as const) {
  test.serial(`the source's agent hangs ${when} ${step}: the workload goes on without it`, async (t) => {
    // What began the roll-back is its reason, though the agent hangs in the middle of it.
    const undoes = step === 'source.abandonDump';
    if (undoes) await order(otherHost(ordeal), { step: 'target.restore', action: { kind: 'throw' } });
    const outcome = await hang({ step, when }, async () => {
      const { home, container } = ordeal;
      await until(async () => (await frozenCgroups(home)).length === 0);
      const client = await container.connect({ connections: 2 });
      await client.more(20);
      const { lost, resets } = await client.stop();
      t.deepEqual({ lost, resets }, { lost: 0, resets: 0 });
    });
    exact(t, outcome, 'rolled-back', undoes ? 'ERR_INTERNAL' : 'ERR_AGENT_HUNG');
  });
}

for (const [step, when] of [
  ['arbiter.commit', 'before'],
  ['arbiter.commit', 'after'],
  ['journal.source.activating', 'before'],
  ['journal.source.activating', 'after'],
] as const) {
  test.serial(`the source's agent hangs ${when} ${step}: the source stands still until it is back`, async (t) => {
    const outcome = await hang({ step, when }, async () => {
      await sleep(3 * silenceMs);
      t.is((await frozenCgroups(ordeal.home)).length, 1);
    });
    const late = step === 'arbiter.commit';
    t.true(['succeeded', 'rolled-back'].includes(outcome.record.state), JSON.stringify(outcome.record));
    exact(
      t,
      outcome,
      outcome.record.state,
      outcome.record.state === 'rolled-back' && late ? 'ERR_DEADLINE' : undefined,
    );
  });
}

test.serial('an agent that dies in the freeze and stays away does not keep the source from going on', async (t) => {
  const { home, container } = ordeal;
  await order(home, { step: 'journal.source.restoring', when: 'after', action: { kind: 'crash' } });
  const outcome = await endure(
    ordeal,
    async () => {
      await until(async () => (await processOf(home, 'agent')) === undefined);
      await until(async () => (await frozenCgroups(home)).length === 0);
      const client = await container.connect({ connections: 1 });
      await client.more(20);
      await client.stop();
      t.is(await processOf(home, 'agent'), undefined, 'the agent came back too early for this test');
    },
    15_000,
  );
  exact(t, outcome, 'rolled-back', 'ERR_AGENT_HUNG');
});

test.serial('after all that it moves there and back', async (t) => {
  for (let moved = 0; moved < 2; moved += 1) exact(t, await endure(ordeal), 'succeeded');
});
