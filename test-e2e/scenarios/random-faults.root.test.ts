// Random faults in real handovers, one after the other: RUNS of them (default 8), from a SEED that is printed.
import test, { type ExecutionContext } from 'ava';
import { sample, constantFrom, integer, oneof, record, constant, type Arbitrary } from 'fast-check';
import { order, type Fault } from '#pair/fault.ts';
import { endure, otherHost, startOrdeal } from '#pair/ordeal.ts';
import { upPair } from '#pair/pair.ts';

const runs = Number(process.env['RUNS'] ?? 8);
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

const sourceSteps = [
  'source.facts',
  'source.startDump',
  'source.freeze',
  'source.thaw',
  'source.dump',
  'source.sharedMappings',
  'source.openFiles',
  'source.releaseDump',
  'source.abandonDump',
  'source.remove',
  'source.removeNetwork',
  'source.cleanUp',
  'links.attachmentsOf',
  'links.gate',
  'links.reopen',
  'links.neighbours',
  'links.surrender',
  'links.remove',
  'arbiter.commit',
  'arbiter.revoke',
  'connect',
  'connection.send',
  'connection.sendImage',
  'connection.sendFiles',
  'connection.expect',
];
const targetSteps = [
  'target.announce',
  'target.prepareNetwork',
  'target.prepare',
  'target.openImage',
  'target.writeImage',
  'target.sealImages',
  'target.restore',
  'target.resume',
  'target.finish',
  'target.abandon',
  'target.removeNetwork',
  'links.addParked',
  'links.park',
  'links.setNeighbours',
  'links.activate',
  'links.remove',
  'connect',
];
const entries = {
  source: [
    'preparing',
    'awaiting-pages',
    'copying',
    'freezing',
    'dumping',
    'restoring',
    'committing',
    'activating',
    'releasing',
    'succeeded',
    'rolling-back',
    'rolled-back',
  ],
  target: [
    'preparing',
    'receiving',
    'restoring',
    'awaiting-commit',
    'activating',
    'succeeded',
    'undoing',
    'rolled-back',
  ],
};
const when = constantFrom('before' as const, 'after' as const);
const crash = constant({ kind: 'crash' } as const);
const anyAction = oneof(
  crash,
  crash,
  constant({ kind: 'throw' } as const),
  constant({ kind: 'disconnect' } as const),
  record({ kind: constant('delay' as const), delayMs: integer({ min: 1, max: 6_000 }) }),
  record({ kind: constant('unplug' as const), forMs: integer({ min: 1, max: 4_000 }) }),
);
/** After these a throw is against their contract: what they gave, or what ran, cannot be taken back. */
const neverThrowAfter = new Set(['target.resume', 'links.park', 'links.addParked']);

/** Before its first entry there is no handover. */
const isNothing = ({ step, when: moment }: { step: string; when: string }): boolean =>
  step === 'journal.source.preparing' && moment === 'before';

interface Blow {
  side: 'source' | 'target';
  fault: Fault;
}

function blows(side: Blow['side'], steps: readonly string[]): Arbitrary<Blow> {
  const onStep = record({ step: constantFrom(...steps), when, action: anyAction }).filter(
    (fault) => !(fault.action.kind === 'throw' && fault.when === 'after' && neverThrowAfter.has(fault.step)),
  );
  const onEntry = record({
    step: constantFrom(...entries[side].map((state) => `journal.${side}.${state}`)),
    when,
    action: crash,
  }).filter((fault) => !isNothing(fault));
  return record({ side: constant(side), fault: oneof(onStep, onEntry) });
}

/** One fault or two, which may be on the same side. */
const hardships: Arbitrary<Blow[]> = oneof(
  blows('source', sourceSteps).map((blow) => [blow]),
  blows('target', targetSteps).map((blow) => [blow]),
  record({ a: blows('source', sourceSteps), b: blows('target', targetSteps) }).map(({ a, b }) => [a, b]),
);

for (const [what, lazyFromBytes, share] of [
  ['restored whole', 2 ** 40, 0.75],
  ['restored lazily', 0, 0.25],
] as const) {
  test.serial(`${Math.ceil(runs * share)} random faults of a container that is ${what}, seed ${seed}`, async (t) => {
    t.timeout(runs * 120_000);
    await strikeAtRandom(t, Math.ceil(runs * share), lazyFromBytes);
  });
}

async function strikeAtRandom(t: ExecutionContext, numRuns: number, lazyFromBytes: number): Promise<void> {
  await using pair = await upPair({
    name: `random-faults-${process.pid}`,
    main: 'test-e2e/pair/faulty-agent.ts',
    agent: {
      lazyFromBytes,
      preCopyFromBytes: lazyFromBytes,
      imageLimitBytes: 128 * 2 ** 20,
      deadlines: { commitMs: 2_000, dumpMs: 8_000, restoreMs: 8_000, settleMs: 6_000, prepareMs: 8_000 },
    },
  });
  const ordeal = await startOrdeal(pair);
  const tally = new Map<string, number>();
  for (const [run, faults] of sample(hardships, { numRuns, seed }).entries()) {
    const hosts = { source: ordeal.home, target: otherHost(ordeal) };
    for (const { side, fault } of faults) await order(hosts[side], fault);
    const what = `run ${run}: ${JSON.stringify(faults)}`;
    try {
      const { record: handover, report } = await endure(ordeal);
      const { lost, duplicated, resets } = report;
      t.deepEqual(
        { lost, duplicated, resets, faults: report.faults },
        { lost: 0, duplicated: 0, resets: 0, faults: [] },
        what,
      );
      if (handover.state !== 'succeeded') t.truthy(handover.error?.remedy, what);
      const key = `${handover.state} ${handover.error?.code ?? ''}`;
      tally.set(key, (tally.get(key) ?? 0) + 1);
    } catch (cause) {
      throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
  t.log(Object.fromEntries(tally));
}
