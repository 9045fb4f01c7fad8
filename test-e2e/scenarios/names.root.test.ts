// Files that CRIU has to give names while it dumps: they go along, and none of those names is ever seen by the program
// or left on a node.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { HandoverRecord } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import { processOf } from '#hosts/daemons.ts';
import type { Host } from '#hosts/host.ts';
import { hasStruck, order, type Fault } from '#pair/fault.ts';
import { move } from '#pair/move.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import type { StableOptions } from '#pair/stable-container.ts';
import { startFeatures, type FeatureContainer } from '#workloads/features.ts';

const features = [
  'NamedSemaphore',
  'OtherName',
  'OtherNameInMemory',
  'OtherNameOnMount',
  'OtherNameInGoneDirectory',
  'ReusedName',
];
const movedSource = '/var/lib/godwit/moved-names';
const options: StableOptions = {
  mounts: [{ source: movedSource, target: '/data' }],
  annotations: { 'godwit.dev/move-mounts': '/data' },
};

let pair: Pair;
let lastAddress = 60;

test.before(async () => {
  pair = await upPair({
    name: `names-${process.pid}`,
    main: 'test-e2e/pair/faulty-agent.ts',
    agent: { deadlines: { dumpMs: 30_000, restoreMs: 30_000, settleMs: 10_000 } },
  });
});

test.after.always(async () => {
  await pair[Symbol.asyncDispose]();
});

async function start(names: readonly string[], more: StableOptions = {}): Promise<FeatureContainer> {
  for (const host of pair.hosts.nodes) await host.must(['rm', '-rf', movedSource]);
  await pair.hosts.a.must(['mkdir', movedSource]);
  return startFeatures(pair, pair.hosts.a, names, pair.hosts.stableIp((lastAddress += 1)), more);
}

async function moves(t: ExecutionContext, container: FeatureContainer, from: Host, to: Host): Promise<HandoverRecord> {
  const record = await move(pair, container.id, from, to);
  t.is(record.state, 'succeeded', JSON.stringify([record.error, record.refusals]));
  t.deepEqual(await container.faults(), {});
  return record;
}

async function thereAndBack(t: ExecutionContext, container: FeatureContainer): Promise<void> {
  const { a, b } = pair.hosts;
  t.deepEqual(await container.faults(), {});
  for (let round = 0; round < 3; round += 1) {
    await moves(t, container, a, b);
    await moves(t, container, b, a);
  }
}

/** Names in the directory that moved, on the node itself. */
const namesOn = async (host: Host): Promise<string[]> =>
  (await readdir(path.join(host.root, movedSource), { recursive: true }).catch(() => [])).toSorted((one, other) =>
    one.localeCompare(other),
  );

test.serial('files with a removed and a remaining name move six times', async (t) => {
  const { a, b } = pair.hosts;
  const container = await start(features, options);
  await thereAndBack(t, container);
  t.deepEqual([await namesOn(a), await namesOn(b)], [['names', 'names/second'], []]);
  await container.remove(a);
});

test.serial("Python's multiprocessing moves six times", async (t) => {
  const container = await start(['Multiprocessing']);
  await thereAndBack(t, container);
  await container.remove(pair.hosts.a);
});

test.serial('forked workers move six times', async (t) => {
  const container = await start(['ForkedWorkers']);
  await thereAndBack(t, container);
  await container.remove(pair.hosts.a);
});

const faults: Record<string, { on: 'a' | 'b'; fault: Fault }> = {
  'the target cannot restore': { on: 'b', fault: { step: 'target.restore', action: { kind: 'throw' } } },
  'CRIU dies on the target': { on: 'b', fault: { step: 'target.restore', action: { kind: 'kill-criu' } } },
  'CRIU dies on the source when all is dumped': {
    on: 'a',
    fault: { step: 'source.madeNames', action: { kind: 'kill-criu' } },
  },
  "the source's agent dies when all is dumped": {
    on: 'a',
    fault: { step: 'source.madeNames', action: { kind: 'crash' } },
  },
  "the source's agent dies when the names are sent": {
    on: 'a',
    fault: { step: 'source.madeNames', when: 'after', action: { kind: 'crash' } },
  },
  "the target's agent dies": { on: 'b', fault: { step: 'target.restore', when: 'after', action: { kind: 'crash' } } },
};

for (const [what, { on, fault }] of Object.entries(faults)) {
  test.serial(`no name is left when ${what}`, async (t) => {
    const { a, b } = pair.hosts;
    const container = await start(features, options);
    if (what.startsWith('CRIU dies on the source'))
      await order(b, { step: 'target.restore', action: { kind: 'throw' } });
    await order(pair.hosts[on], fault);
    const record = await endure(container);
    t.true(hasStruck(pair.hosts[on]));
    t.is(record?.state, 'rolled-back', JSON.stringify(record?.error));
    t.deepEqual(await container.faults(), {});
    t.deepEqual(await namesOn(a), ['names', 'names/second']);
    await moves(t, container, a, b);
    t.deepEqual(await namesOn(a), []);
    await container.remove(b);
  });
}

/** The source's record of a handover in which agents may die; resolves when both sides are over. */
async function endure(container: FeatureContainer): Promise<HandoverRecord | undefined> {
  const { a, b } = pair.hosts;
  const { id } = await pair.control(a).start({ container: container.id, to: b.name });
  const deadline = performance.now() + 60_000;
  for (;;) {
    for (const host of [a, b]) if ((await processOf(host, 'agent')) === undefined) await pair.startAgent(host);
    const records = await Promise.all(
      [a, b].map((host) =>
        pair
          .control(host)
          .handovers()
          .catch(() => undefined),
      ),
    );
    const own = records[0]?.find((record) => record.id === id);
    if (
      own !== undefined &&
      records.every((list) => list?.every(({ finishedAt }) => finishedAt !== undefined) === true)
    )
      return own;
    if (performance.now() > deadline)
      throw new GodwitError('ERR_DEADLINE', `the handover did not end within 60 s: ${JSON.stringify(records)}`);
    await sleep(50);
  }
}
