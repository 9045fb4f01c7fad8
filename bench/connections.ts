// What an established connection costs: Redis with 10, 100 and 1,000 idle connections moves back and forth.
import { productAgent, upPair, type Pair } from '#pair/pair.ts';
import { startStable } from '#pair/stable-container.ts';
import { redisCounter } from '#workloads/workloads.ts';
import { freezeFigures, medianSteps, moveRepeatedly } from './moves.ts';
import { machineFacts, round, runsOf } from './statistics.ts';

const counts = [10, 100, 1000] as const;
/** Redis keeps some descriptors for itself. */
const openFiles = 4096;

async function measure(pair: Pair, idle: number, last: number, runs: number) {
  const container = await startStable(pair, pair.hosts.a, redisCounter, pair.hosts.stableIp(last), { openFiles });
  const client = await container.connect({ connections: 1, idle });
  const records = await moveRepeatedly(pair, container, runs, () => client.more(100));
  const { lost, duplicated, resets } = await client.stop();
  await container.remove(runs % 2 === 0 ? pair.hosts.a : pair.hosts.b);
  return { connections: idle, lost, duplicated, resets, ...freezeFigures(records), stepsMs: medianSteps(records) };
}

const runs = runsOf(20);
await using pair = await upPair({ name: `bench-${process.pid}`, main: productAgent });
const rows = [];
for (const [index, idle] of counts.entries()) rows.push(await measure(pair, idle, 50 + index, runs));
const [few, , many] = rows.map(({ freezeMs }) => freezeMs.p50);
console.log(
  JSON.stringify({
    benchmark: 'connections',
    runs,
    machine: machineFacts(),
    rows,
    ratioManyToFew: round((many ?? 0) / (few ?? 1)),
    freezeMsPerConnection: round(((many ?? 0) - (few ?? 0)) / (counts[2] - counts[0])),
    stepsMs: rows.at(-1)?.stepsMs,
  }),
);
