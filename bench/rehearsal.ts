// What a rehearsal costs a busy Redis of 4 MB and one process with 1 GiB, and how well it foretells the freeze of the
// moves that follow.
import { setTimeout as sleep } from 'node:timers/promises';
import { planSchema } from '#core/api/handover.ts';
import { move } from '#pair/move.ts';
import { productAgent, upPair, type Pair } from '#pair/pair.ts';
import { startStable, type StableContainer } from '#pair/stable-container.ts';
import { awaitPort } from '#hosts/reachable.ts';
import { images } from '#workloads/images.ts';
import { redisCounter } from '#workloads/workloads.ts';
import { machineFacts, percentiles, round, runsOf } from './statistics.ts';

const gibibyte = 2 ** 30;
const moves = 6;
const keepMs = 300;
const goals = { small: 100, large: 250 };
const fill = `
import os, socket, sys
size = int(sys.argv[1])
data = bytearray(size)
view = memoryview(data)
for at in range(0, size, 1 << 20): view[at:at + (1 << 20)] = os.urandom(1 << 20)
server = socket.create_server(('0.0.0.0', 9000))
while True: server.accept()[0].close()
`;

const runs = runsOf(20);
await using pair = await upPair({
  name: `bench-${process.pid}`,
  main: productAgent,
  agent: { rehearsal: { when: 'Always', keepMs } },
});

/** Each plan has a rehearsal of its own. */
async function pausesOf(container: StableContainer): Promise<number[]> {
  const pauses: number[] = [];
  for (let nth = 0; nth < runs; nth += 1) {
    await sleep(2 * keepMs);
    const { forecast, notes, refusals } = planSchema.parse(
      await pair.control(pair.hosts.a).plan({ container: container.id, to: 'b' }),
    );
    if (forecast === undefined) throw new Error(JSON.stringify([...notes, ...refusals]));
    pauses.push(forecast.rehearsalPauseMs);
  }
  return pauses;
}

/** What was foretold right before each move, and what it was. */
async function foretold({ hosts, control }: Pair, container: StableContainer) {
  const found: { expectedMs: number; freezeMs: number }[] = [];
  for (let nth = 0; nth < moves; nth += 1) {
    const [from, to] = nth % 2 === 0 ? [hosts.a, hosts.b] : [hosts.b, hosts.a];
    await sleep(2_000);
    const { forecast } = await control(from).plan({ container: container.id, to: to.name });
    const { measures } = await move(pair, container.id, from, to);
    found.push({ expectedMs: forecast?.freezeMs ?? Number.NaN, freezeMs: round(measures.freezeMs ?? Number.NaN) });
  }
  return {
    moves: found,
    within30Percent: found.filter(({ expectedMs, freezeMs }) => Math.abs(expectedMs / freezeMs - 1) <= 0.3).length,
  };
}

const redis = await startStable(pair, pair.hosts.a, redisCounter, pair.hosts.stableIp(50));
const client = await redis.connect({ connections: 8 });
await client.more(1000);
const small = { pauseMs: percentiles(await pausesOf(redis)), goalMs: goals.small, ...(await foretold(pair, redis)) };
const { lost, duplicated, resets, longestSilenceMs } = await client.stop();
await redis.remove(pair.hosts.a);
const workload = {
  name: 'memory',
  image: images.python,
  args: ['python3', '-c', fill, String(gibibyte)],
  port: 9000,
  memoryBytes: gibibyte,
  client: 'none',
  options: {},
};
const gibibyteHolder = await startStable(pair, pair.hosts.a, workload, pair.hosts.stableIp(51));
await awaitPort(pair.hosts.client, gibibyteHolder.address, 9000, 120_000);
const large = {
  pauseMs: percentiles(await pausesOf(gibibyteHolder)),
  goalMs: goals.large,
  ...(await foretold(pair, gibibyteHolder)),
};
console.log(
  JSON.stringify({
    benchmark: 'rehearsal',
    runs,
    machine: machineFacts(),
    lost,
    duplicated,
    resets,
    longestSilenceMs,
    small,
    large,
  }),
);
