// The two-minute demo: a container with a connected client moves between two hosts on this machine, and the client's
// own count decides.
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { waterfall } from '#cli/render/waterfall.ts';
import type { HandoverRecord } from '#core/api/handover.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { move } from '#pair/move.ts';
import { productAgent, upPair, type Pair } from '#pair/pair.ts';
import { startStable, type StableContainer } from '#pair/stable-container.ts';
import type { Workload, WorkloadReport, WorkloadRun } from '#workloads/workload.ts';
import { httpDownload, postgres, redisCounter, websocketEcho } from '#workloads/workloads.ts';

interface DemoWorkload {
  workload: Workload;
  /** What the client counts. */
  unit: string;
  options: (runs: number) => Record<string, number>;
  /** Lets the client work between two moves. */
  between: (client: WorkloadRun) => Promise<void>;
}

/** pgbench runs for a fixed time, which has to cover all moves, and counts only at its end. */
const secondsPerMove = 4;
const pgbenchAloneMs = 1500;
const demos: Record<string, DemoWorkload> = {
  redis: {
    workload: redisCounter,
    unit: 'increments',
    options: () => ({ connections: 8 }),
    between: (client) => client.more(2000),
  },
  postgres: {
    workload: postgres,
    unit: 'transactions',
    options: (runs) => ({ connections: 4, seconds: 6 + secondsPerMove * runs }),
    between: () => sleep(pgbenchAloneMs),
  },
  http: {
    workload: httpDownload,
    unit: 'lines of 64 bytes',
    options: () => ({}),
    between: (client) => client.more(30_000),
  },
  websocket: { workload: websocketEcho, unit: 'messages', options: () => ({}), between: (client) => client.more(500) },
};

const say = (text: string): void => console.log(text);

async function demo(name: string, runs: number): Promise<boolean> {
  const chosen = demos[name];
  if (chosen === undefined)
    throw new GodwitError('ERR_CONFIG_INVALID', `WORKLOAD is ${Object.keys(demos).join(', ')}, not ${name}`);
  say(
    '· two hosts with containerd, one agent each, a client beside them (the first time on a machine this builds images)',
  );
  await using pair = await upPair({ name: `demo-${process.pid}`, main: productAgent });
  const { a } = pair.hosts;
  const container = await startStable(pair, a, chosen.workload, pair.hosts.stableIp(50));
  say(`· ${chosen.workload.name} runs on host a at ${container.address}; a client connects and does not stop`);
  const client = await container.connect(chosen.options(runs));
  await chosen.between(client);
  const records = await moveBackAndForth(pair, container, client, chosen, runs);
  const report = await client.stop();
  return conclude(records, report, chosen.unit);
}

async function moveBackAndForth(
  pair: Pair,
  container: StableContainer,
  client: WorkloadRun,
  { between }: DemoWorkload,
  runs: number,
): Promise<HandoverRecord[]> {
  const records: HandoverRecord[] = [];
  let [from, to] = [pair.hosts.a, pair.hosts.b];
  for (let run = 1; run <= runs; run += 1) {
    const record = await move(pair, container.id, from, to);
    records.push(record);
    if (record.state !== 'succeeded') break;
    if (runs > 1)
      say(
        `· move ${run} of ${runs}: ${from.name} → ${to.name}, frozen for ${Math.round(record.measures.freezeMs ?? 0)} ms`,
      );
    await between(client);
    [from, to] = [to, from];
  }
  return records;
}

/** True only if every move succeeded and the client itself counted nothing wrong. */
function conclude(records: readonly HandoverRecord[], report: WorkloadReport, unit: string): boolean {
  const last = records.at(-1);
  if (last !== undefined)
    say(
      [
        '',
        ...waterfall(last, { width: process.stdout.columns ?? 100, color: process.stdout.isTTY, client: report }),
        '',
      ].join('\n'),
    );
  const moved = records.every(({ state }) => state === 'succeeded');
  const exact = report.lost === 0 && report.duplicated === 0 && report.resets === 0 && report.faults.length === 0;
  say(
    `The client counted ${report.operations} ${unit}: ${report.lost} lost, ${report.duplicated} duplicated, ${report.resets} connections reset.`,
  );
  for (const fault of report.faults) say(`  ${fault}`);
  say(moved && exact ? '✓ Nothing was lost.' : '✗ The demo failed.');
  return moved && exact;
}

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '1' }, workload: { type: 'string', default: 'redis' } },
});
try {
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1)
    throw new GodwitError('ERR_CONFIG_INVALID', `RUNS is a number of moves, not ${values.runs}`);
  process.exitCode = (await demo(values.workload, runs)) ? 0 : 1;
} catch (thrown) {
  const { code, message, remedy } = asGodwitError(thrown);
  console.error(`${code}: ${message}\n${remedy}`);
  process.exitCode = 1;
}
