// In a cluster: moves under the own name and under a new one, a drain of a node with ten pods, and what pods pay that
// did not opt in.
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { recordOf } from '#cli/kubectl/migration-record.ts';
import type { HandoverRecord } from '#core/api/handover.ts';
import type { Migration } from '#core/api/migration.ts';
import { run } from '#cluster/run.ts';
import type { ClientProcess } from '#workloads/client-process.ts';
import {
  apply,
  eventually,
  kubectl,
  migrate,
  migrationOf,
  openNamespace,
  podOf,
  readyPods,
  stableAddress,
  startCounter,
} from '#kubernetes/cluster.ts';
import { workers } from '#kubernetes/nodes.ts';
import { owners, shell } from '#kubernetes/workloads.ts';
import { measureController } from './controller/measure-controller.ts';
import { freezeFigures, gapsMinusFreeze, medianSteps } from './moves.ts';
import { machineFacts, percentiles, round, runsOf, wholeNumberOf } from './statistics.ts';

const connections = 8;
const between = 2000;
const drainedPods = 10;
const singleMoves = 5;
const plainPods = 30;
const runs = runsOf(50);
const namespace = `godwit-bench-${process.pid}`;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const timeOf = (text: string | undefined): number => Date.parse(text ?? '');
/** From its creation to its end. */
const totalMsOf = ({ metadata, status }: Migration): number =>
  timeOf(status?.finishedAt) - timeOf(metadata.creationTimestamp);
const clean = ({ lost, duplicated, resets, operations }: Awaited<ReturnType<ClientProcess['stop']>>) => ({
  lost,
  duplicated,
  resets,
  operations,
});
/** The Migrations that succeeded, as records of their handovers. */
const recordsOf = (migrations: readonly Migration[]): HandoverRecord[] =>
  migrations.map(recordOf).filter((record) => record !== undefined);
const freezesOf = (records: readonly HandoverRecord[]): number[] =>
  records.map(({ measures }) => measures.freezeMs).filter((ms) => ms !== undefined);

/** One pod of that owner, back and forth. */
async function moves(owner: 'StatefulSet' | 'Deployment') {
  await apply(owners[owner](namespace));
  const client = await startCounter(await stableAddress(namespace, await podOf(namespace)), connections);
  const done: Migration[] = [];
  const deleteToReadyMs: number[] = [];
  for (let nth = 0; nth < runs; nth += 1) {
    await client.more(between, 60_000);
    const migration = await migrate(namespace, `${owner.toLowerCase()}-${nth}`, await podOf(namespace));
    done.push(migration);
    const claimed = migration.status?.conditions?.find(({ type }) => type === 'Held')?.lastTransitionTime;
    await podOf(namespace);
    deleteToReadyMs.push(Date.now() - timeOf(claimed ?? undefined));
    say(`${owner} ${nth + 1} of ${runs}: ${migration.status?.phase}, frozen ${migration.status?.freezeMs} ms`);
    if (migration.status?.phase !== 'Succeeded') break;
  }
  const report = await client.stop();
  await kubectl('-n', namespace, 'delete', owner.toLowerCase(), '--all', '--timeout=60s');
  await eventually('no pods', async () =>
    (await kubectl('-n', namespace, 'get', 'pods', '-o', 'name')) === '' ? true : undefined,
  );
  // A pod of the same name would else have two addresses for a while, its own and that of the one before.
  await eventually(
    'the addresses to be free',
    async () => ((await kubectl('get', 'stableips', '-o', 'name')).includes('stable.') ? undefined : true),
    180_000,
  );
  const succeeded = done.filter(({ status }) => status?.phase === 'Succeeded');
  const records = recordsOf(succeeded);
  return {
    owner,
    runs: done.length,
    failed: done.length - succeeded.length,
    connections,
    ...clean(report),
    ...freezeFigures(records),
    silenceMinusFreezeMs: percentiles(gapsMinusFreeze(records, report.silences)),
    longestSilenceMs: report.longestSilenceMs,
    totalMs: percentiles(succeeded.map(totalMsOf)),
    deleteToReadyMs: percentiles(deleteToReadyMs),
    attempts: percentiles(succeeded.map(({ status }) => status?.attempts ?? 1)),
    stepsMs: medianSteps(records),
  };
}

/** Each of the pods on one node has a client; some move alone, then the node is drained. */
async function drain() {
  const [drained = '', other = ''] = workers;
  using light = lightweightClients();
  const affinity = {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [drained] }] },
        },
      ],
    },
  };
  await kubectl('cordon', other);
  await apply(owners.StatefulSet(namespace, { replicas: drainedPods, spec: { affinity } }));
  const names = await eventually(
    'all pods',
    async () => {
      const ready = await readyPods(namespace);
      return ready.length === drainedPods ? ready : undefined;
    },
    120_000,
  );
  await kubectl('uncordon', other);
  const clients: ClientProcess[] = [];
  for (const name of names)
    clients.push(await startCounter(await stableAddress(namespace, name), connections, light.launcher));
  const alone = [];
  for (const [nth, name] of names.slice(0, singleMoves).entries())
    for (const way of ['away', 'back']) alone.push(await migrate(namespace, `alone-${nth}-${way}`, name));
  for (const client of clients) await client.more(between, 120_000);
  const started = Date.now();
  await kubectl(
    'drain',
    drained,
    '--ignore-daemonsets',
    '--delete-emptydir-data',
    '--pod-selector=app=shop',
    '--timeout=170s',
  );
  const totalMs = Date.now() - started;
  await kubectl('uncordon', drained);
  const reports = await Promise.all(clients.map((client) => client.stop()));
  const list = (
    await kubectl(
      '-n',
      namespace,
      'get',
      'migrations',
      '-l',
      'godwit.dev/trigger=Drain',
      '-o',
      'jsonpath={.items[*].metadata.name}',
    )
  )
    .trim()
    .split(' ');
  const migrations = await Promise.all(list.map((name) => migrationOf(namespace, name)));
  await kubectl('-n', namespace, 'delete', 'statefulset', '--all', '--timeout=60s');
  const sum = (field: 'lost' | 'duplicated' | 'resets') => reports.reduce((total, report) => total + report[field], 0);
  for (const { metadata, status } of migrations)
    if (status?.phase !== 'Succeeded' || status.attempts !== 1) say(`${metadata.name}: ${JSON.stringify(status)}`);
  const [records, singleRecords] = [recordsOf(migrations), recordsOf(alone)];
  const freezes = freezesOf(records);
  const single = percentiles(freezesOf(singleRecords));
  return {
    connections,
    singleFreezeMs: single,
    freezeRatio: round(percentiles(freezes).p50 / single.p50),
    pods: drainedPods,
    moved: migrations.filter(({ status }) => status?.phase === 'Succeeded').length,
    lost: sum('lost'),
    duplicated: sum('duplicated'),
    resets: sum('resets'),
    totalMs,
    freezeMs: percentiles(freezes),
    freezesMs: freezes.map(Math.round),
    longestSilenceMs: Math.max(...reports.map(({ longestSilenceMs }) => longestSilenceMs)),
    stepsMs: medianSteps(records),
    singleStepsMs: medianSteps(singleRecords),
    totalsMs: migrations.map(totalMsOf),
  };
}

/**
 * The clients stand for other machines: together they get little of the cores that the nodes share. The undo takes
 * their cgroup away.
 */
function lightweightClients(): { launcher: readonly string[] } & Disposable {
  const cgroup = `${existsSync('/sys/fs/cgroup/cpu') ? '/sys/fs/cgroup/cpu' : '/sys/fs/cgroup'}/godwit-bench-${process.pid}`;
  mkdirSync(cgroup);
  for (const [file, weight] of [
    ['cpu.shares', '64'],
    ['cpu.weight', '6'],
  ] as const)
    if (existsSync(`${cgroup}/${file}`)) writeFileSync(`${cgroup}/${file}`, weight);
  return {
    launcher: ['sh', '-c', `echo $$ > ${cgroup}/cgroup.procs; exec "$@"`, 'sh'],
    [Symbol.dispose]: () => rmdirSync(cgroup),
  };
}

interface Times {
  create: number[];
  delete: number[];
}
const timesOf = (): Times => ({ create: [], delete: [] });
const summary = ({ create, delete: gone }: Times) => ({ createMs: percentiles(create), deleteMs: percentiles(gone) });

/** Creation to Ready, and deletion to gone, of pods that did not opt in. */
async function lives(times: Times, extra: object = {}): Promise<void> {
  for (let nth = 0; nth < plainPods; nth += 1) {
    const spec = {
      terminationGracePeriodSeconds: 0,
      nodeName: workers[nth % 2],
      containers: [shell('idle', 'exec sleep infinity')],
      ...extra,
    };
    const begun = performance.now();
    await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bystander', namespace }, spec });
    await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod/bystander', '--timeout=60s');
    const created = performance.now();
    await kubectl('-n', namespace, 'delete', 'pod', 'bystander', '--timeout=60s');
    times.create.push(created - begun);
    times.delete.push(performance.now() - created);
  }
}

const system = ['-n', 'godwit-system'];

/** No webhook, no controller, no agent; the undo brings them back. */
async function withoutGodwit(): Promise<() => Promise<void>> {
  await kubectl('delete', 'mutatingwebhookconfiguration,validatingwebhookconfiguration', 'godwit-controller');
  await kubectl(...system, 'delete', 'deployment,daemonset', '--all', '--timeout=60s');
  return async () =>
    void (await run(fileURLToPath(new URL('../test-e2e/cluster/install.sh', import.meta.url)), [], {
      limitMs: 300_000,
    }));
}

/**
 * With Godwit, without it, and with it again: what the machine does by itself shows as the difference of the first and
 * the last.
 */
async function bystanders() {
  const [before, absent, after, runtimeClass] = [timesOf(), timesOf(), timesOf(), timesOf()];
  await lives(before);
  await lives(runtimeClass, { runtimeClassName: 'godwit' });
  const install = await withoutGodwit();
  try {
    await lives(absent);
  } finally {
    await install();
  }
  await lives(after);
  const present = { create: [...before.create, ...after.create], delete: [...before.delete, ...after.delete] };
  const ratio = (kind: keyof Times): number => round(percentiles(present[kind]).p50 / percentiles(absent[kind]).p50);
  return {
    pods: plainPods,
    before: summary(before),
    absent: summary(absent),
    after: summary(after),
    createRatio: ratio('create'),
    deleteRatio: ratio('delete'),
    ofTheRuntimeClass: summary(runtimeClass),
  };
}

const parts = {
  moves: async () => [await moves('StatefulSet'), await moves('Deployment')],
  drain,
  notOptedIn: bystanders,
  controller: () =>
    measureController(
      { nodes: wholeNumberOf('NODES', 5_000), pods: wholeNumberOf('PODS', 10_000) },
      wholeNumberOf('EVENTS', 60),
    ),
};
const wanted = process.env['PARTS']?.split(',');

const close = await openNamespace(namespace);
try {
  const results: Record<string, unknown> = {};
  for (const [name, measure] of Object.entries(parts))
    if (wanted === undefined || wanted.includes(name)) results[name] = await measure();
  console.log(JSON.stringify({ benchmark: 'cluster', machine: machineFacts(), ...results }));
} finally {
  await kubectl('uncordon', ...workers);
  await close();
}
