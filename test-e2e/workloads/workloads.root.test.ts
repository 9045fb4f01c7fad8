// Every workload serves its client from a container, and its count notices what a handover must not do.
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { pauseContainer, removeContainer, runContainer } from '#hosts/containers.ts';
import { upHosts, type HostSet } from '#hosts/hosts.ts';
import { addPlainNetwork } from '#hosts/plain-network.ts';
import { startClient, type WorkloadReport } from './workload.ts';
import { httpDownload, postgres, redisCounter, websocketEcho, workloads } from './workloads.ts';

/** Well above the shortest silence that is told. */
const pauseMs = 100;
const clean = { lost: 0, duplicated: 0, resets: 0, faults: [] };

async function served(set: HostSet, workload: (typeof workloads)[number]): Promise<string> {
  const address = set.stableIp(50 + workloads.indexOf(workload));
  await addPlainNetwork(set.a, workload.client.slice(0, 9), `${address}/24`);
  await runContainer(set.a, {
    id: workload.name,
    image: workload.image,
    args: workload.args,
    netns: workload.client.slice(0, 9),
    runcBinary: 'runc',
  });
  return address;
}

function isClean(
  t: ExecutionContext,
  { lost, duplicated, resets, faults, operations, longestSilenceMs }: WorkloadReport,
): void {
  t.deepEqual({ lost, duplicated, resets, faults }, { ...clean, faults: [] });
  t.true(operations > 0 && longestSilenceMs > 0);
}

test.serial('every workload runs without a fault', async (t) => {
  await using set = await upHosts({ name: `wl-clean-${process.pid}` });
  const runs = [];
  for (const [workload, options] of [
    [redisCounter, { connections: 3, idle: 10 }],
    [postgres, { seconds: 3 }],
    [httpDownload, {}],
    [websocketEcho, {}],
  ] as const)
    runs.push(await startClient(workload, set.client, await served(set, workload), options));
  for (const run of runs.filter((_, index) => index !== 1)) await run.more(1);
  for (const run of runs) isClean(t, await run.stop());
});

test.serial('the redis client notices a reset, a pause and counters that went back', async (t) => {
  await using set = await upHosts({ name: `wl-fault-${process.pid}` });
  const address = await served(set, redisCounter);
  const keys = async () =>
    (await set.client.must(['redis-cli', '-h', address, 'keys', 'counter-*'])).trim().split('\n');

  const paused = await startClient(redisCounter, set.client, address);
  await paused.more(1);
  await pauseContainer(set.a, redisCounter.name);
  const pausedAtMs = Date.now();
  await sleep(pauseMs);
  await set.a.must(['ctr', 'tasks', 'resume', redisCounter.name]);
  await paused.more(1);
  const [key = ''] = await keys();
  await set.client.must(['redis-cli', '-h', address, 'incrby', key, '5']);
  await paused.more(1);
  await set.client.must(['redis-cli', '-h', address, 'decrby', key, '3']);
  await paused.more(1);
  const report = await paused.stop();
  t.deepEqual(
    { lost: report.lost, duplicated: report.duplicated, resets: report.resets },
    { lost: 3, duplicated: 5, resets: 0 },
  );
  t.true(report.silences.some(({ atMs, ms }) => atMs < pausedAtMs + 1 && atMs + ms >= pausedAtMs + pauseMs));

  const killed = await startClient(redisCounter, set.client, address, { connections: 2, idle: 2 });
  await killed.more(1);
  await removeContainer(set.a, redisCounter.name);
  t.is((await killed.stop()).resets, 4);
});

test.serial('the postgres client notices rows that nobody committed', async (t) => {
  await using set = await upHosts({ name: `wl-pg-${process.pid}` });
  const address = await served(set, postgres);
  const run = await startClient(postgres, set.client, address, { seconds: 3, connections: 2 });
  await set.client.must([
    'psql',
    '-h',
    address,
    '-U',
    'postgres',
    '-c',
    'insert into pgbench_history(tid) values (0), (0)',
  ]);
  const { lost, duplicated } = await run.stop();
  t.deepEqual({ lost, duplicated }, { lost: 0, duplicated: 2 });
});
