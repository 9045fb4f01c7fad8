// In a cluster: moves under the own name and under a new one, a drain of a node with ten pods, and what pods pay that did not opt in.
import process from 'node:process';
import type { Migration } from '#core/api/migration.ts';
import type { ClientProcess } from '#workloads/client-process.ts';
import { apply, eventually, kubectl, migrate, migrationOf, openNamespace, podOf, readyPods, stableAddress, startCounter } from '#kubernetes/cluster.ts';
import { owners, shell } from '#kubernetes/workloads.ts';
import { machineFacts, percentiles, runsOf } from './statistics.ts';

const connections = 8;
const between = 2000;
const drainedPods = 10;
const plainPods = 10;
const runs = runsOf(50);
const namespace = `godwit-bench-${process.pid}`;
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const workers = ['godwit-worker', 'godwit-worker2'] as const;

const timeOf = (text: string | undefined): number => Date.parse(text ?? '');
/** Medians of the steps of the handovers, in ms: `{ 'source dump': 12.1 }`. */
function stepsOf(migrations: readonly Migration[]): Record<string, number> {
  const all = new Map<string, number[]>();
  for (const { lane, step, startedAt, finishedAt } of migrations.flatMap(({ status }) => status?.handover?.timeline ?? [])) {
    const key = `${lane} ${step}`;
    all.set(key, [...(all.get(key) ?? []), finishedAt - startedAt]);
  }
  return Object.fromEntries([...all].map(([key, values]) => [key, percentiles(values).p50]));
}

const clean = ({ lost, duplicated, resets, operations }: Awaited<ReturnType<ClientProcess['stop']>>) => ({ lost, duplicated, resets, operations });
const freezesOf = (migrations: readonly Migration[]): number[] => migrations.map(({ status }) => status?.handover?.measures?.freezeMs).filter((ms) => ms !== undefined);

/** One pod of that owner, back and forth. */
async function moves(owner: 'StatefulSet' | 'Deployment') {
  await apply(owners[owner](namespace));
  const client = await startCounter(await stableAddress(namespace, await podOf(namespace)), connections);
  const done: Migration[] = [];
  const deleteToReadyMs: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await client.more(between, 60_000);
    const migration = await migrate(namespace, `${owner.toLowerCase()}-${run}`, await podOf(namespace));
    done.push(migration);
    const claimed = migration.status?.conditions?.find(({ type }) => type === 'Held')?.lastTransitionTime;
    await podOf(namespace);
    deleteToReadyMs.push(Date.now() - timeOf(claimed ?? undefined));
    say(`${owner} ${run + 1} of ${runs}: ${migration.status?.phase}, frozen ${migration.status?.freezeMs} ms`);
    if (migration.status?.phase !== 'Succeeded') break;
  }
  const report = await client.stop();
  await kubectl('-n', namespace, 'delete', owner.toLowerCase(), '--all', '--timeout=60s');
  await eventually('no pods', async () => ((await kubectl('-n', namespace, 'get', 'pods', '-o', 'name')) === '' ? true : undefined));
  const succeeded = done.filter(({ status }) => status?.phase === 'Succeeded');
  return {
    owner, runs: done.length, failed: done.length - succeeded.length, connections, ...clean(report),
    freezeMs: percentiles(freezesOf(succeeded)),
    longestSilenceMs: report.longestSilenceMs,
    totalMs: percentiles(succeeded.map(({ metadata, status }) => timeOf(status?.finishedAt) - timeOf(metadata.creationTimestamp))),
    deleteToReadyMs: percentiles(deleteToReadyMs),
    stepsMs: stepsOf(succeeded),
  };
}

/** All pods on one node, each with a client; then the node is drained. */
async function drain() {
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [workers[0]] }] } }] } };
  await kubectl('cordon', workers[1]);
  await apply(owners.StatefulSet(namespace, { replicas: drainedPods, spec: { affinity } }));
  const names = await eventually('all pods', async () => {
    const ready = await readyPods(namespace);
    return ready.length === drainedPods ? ready : undefined;
  }, 120_000);
  await kubectl('uncordon', workers[1]);
  const clients: ClientProcess[] = [];
  for (const name of names) clients.push(await startCounter(await stableAddress(namespace, name), 1));
  const started = Date.now();
  await kubectl('drain', workers[0], '--ignore-daemonsets', '--delete-emptydir-data', '--pod-selector=app=shop', '--timeout=170s');
  const totalMs = Date.now() - started;
  await kubectl('uncordon', workers[0]);
  const reports = await Promise.all(clients.map((client) => client.stop()));
  const list = (await kubectl('-n', namespace, 'get', 'migrations', '-l', 'godwit.dev/trigger=Drain', '-o', 'jsonpath={.items[*].metadata.name}')).trim().split(' ');
  const migrations = await Promise.all(list.map((name) => migrationOf(namespace, name)));
  await kubectl('-n', namespace, 'delete', 'statefulset', '--all', '--timeout=60s');
  const sum = (field: 'lost' | 'duplicated' | 'resets') => reports.reduce((total, report) => total + report[field], 0);
  return { pods: drainedPods, moved: migrations.filter(({ status }) => status?.phase === 'Succeeded').length, lost: sum('lost'), duplicated: sum('duplicated'), resets: sum('resets'), totalMs, freezeMs: percentiles(freezesOf(migrations)), freezesMs: freezesOf(migrations).map(Math.round) };
}

const summary = ({ create, delete: gone }: { create: number[]; delete: number[] }) => ({ createMs: percentiles(create), deleteMs: percentiles(gone) });

/** Creation to Ready, and deletion to gone, of pods with and without the runtime class; neither has a policy. */
async function bystanders() {
  const times = { plain: { create: [] as number[], delete: [] as number[] }, godwit: { create: [] as number[], delete: [] as number[] } };
  for (let run = 0; run < plainPods; run += 1) {
    for (const kind of ['plain', 'godwit'] as const) {
      const name = `${kind}-${run}`;
      const spec = { terminationGracePeriodSeconds: 0, nodeName: workers[run % 2], containers: [shell('idle', 'exec sleep infinity')], ...(kind === 'godwit' ? { runtimeClassName: 'godwit' } : {}) };
      const begun = performance.now();
      await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { bystander: name } }, spec });
      await kubectl('-n', namespace, 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
      const created = performance.now();
      await kubectl('-n', namespace, 'delete', 'pod', name, '--timeout=60s');
      times[kind].create.push(created - begun);
      times[kind].delete.push(performance.now() - created);
    }
  }
  return { pods: plainPods, plain: summary(times.plain), runtimeClass: summary(times.godwit) };
}

const close = await openNamespace(namespace);
try {
  const sameName = await moves('StatefulSet');
  const newName = await moves('Deployment');
  const drained = await drain();
  const notOptedIn = await bystanders();
  console.log(JSON.stringify({ benchmark: 'cluster', machine: machineFacts(), moves: [sameName, newName], drain: drained, notOptedIn }));
} finally {
  await kubectl('uncordon', ...workers);
  await close();
}
