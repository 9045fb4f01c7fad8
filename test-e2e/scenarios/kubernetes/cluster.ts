// What scenarios ask of the cluster: objects, moves, and a counting client outside of it.
import type { ExecutionContext } from 'ava';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { isUnderway, migrationSchema, type Migration } from '#core/api/migration.ts';
import { stableIPSchema } from '#core/api/stable-ip.ts';
import { GodwitError } from '#core/errors.ts';
import { clusterDirectory } from '#cluster/paths.ts';
import { run } from '#cluster/run.ts';
import { target } from '#cluster/target.ts';
import { ClientProcess } from '#workloads/client-process.ts';
import type { WorkloadReport } from '#workloads/report.ts';

const pollMs = 250;

const kubectlPath = target.kubectl();
const { env } = target;

export async function kubectl(...args: string[]): Promise<string> {
  return whenServed(async () => run(await kubectlPath, args, { env, limitMs: 180_000 }));
}

/** The same with something on stdin. */
export async function kubectlWith(input: string, ...args: string[]): Promise<string> {
  return whenServed(async () => run(await kubectlPath, args, { env, input, limitMs: 60_000 }));
}

const apiLimitMs = 90_000;

/**
 * An API server that refuses connections, or does not know its roles yet, is waited for: scenarios kill it. Nothing has
 * been done when it does.
 */
const notServedYet = /connection refused|was refused|User "kubernetes-admin" cannot/;

async function whenServed(call: () => Promise<string>): Promise<string> {
  const deadline = Date.now() + apiLimitMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (Date.now() > deadline || !notServedYet.test(String(error))) throw error;
      await sleep(pollMs);
    }
  }
}

export async function apply(...objects: object[]): Promise<void> {
  await kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }), 'apply', '-f', '-');
}

/** Looks until `look` gives something, and says what was waited for when it does not. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, limitMs = 60_000): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new GodwitError('ERR_DEADLINE', `${what} did not happen within ${limitMs} ms`);
    await sleep(pollMs);
  }
}

export type SystemWorkload = 'daemonset/godwit-node-agent' | 'deployment/godwit-controller';

/** All pods of a part of Godwit are there, and ready. */
export async function rolledOut(part: SystemWorkload): Promise<void> {
  await kubectl('-n', 'godwit-system', 'rollout', 'status', part, '--timeout=120s');
}

/** The part has other pods than before. */
export async function renewed(part: SystemWorkload): Promise<void> {
  await kubectl('-n', 'godwit-system', 'rollout', 'restart', part);
  await rolledOut(part);
}

export async function nodeOf(namespace: string, pod: string): Promise<string> {
  return (await kubectl('-n', namespace, 'get', 'pod', pod, '-o', 'jsonpath={.spec.nodeName}')).trim();
}

const stableIPListSchema = z.object({ items: z.array(stableIPSchema) });

/** Address of the pod's stable interface, without prefix. */
export async function stableAddress(namespace: string, pod: string): Promise<string> {
  return eventually(`a StableIP of ${pod}`, async () => {
    const { items } = stableIPListSchema.parse(JSON.parse(await kubectl('get', 'stableips', '-o', 'json')));
    return items
      .find(({ spec: { workload } }) => workload.podName === pod && workload.namespace === namespace)
      ?.spec.address.split('/')[0];
  });
}

/** A command on the host of the stable network that is no node. */
export async function onClient(...command: string[]): Promise<string> {
  const [program, ...prefix] = target.client;
  return run(program, [...prefix, ...command], { limitMs: 10_000 });
}

/**
 * A Redis client outside of the cluster, whose own count is the oracle.
 *
 * @param launcher what it is started by, as `nice`
 */
export async function startCounter(
  address: string,
  connections = 4,
  launcher: readonly string[] = [],
): Promise<ClientProcess> {
  const program = join(clusterDirectory, '../workloads/clients/redis-counter.ts');
  await eventually(`an answer of ${address}`, () =>
    onClient('bash', '-c', `exec 3<>/dev/tcp/${address}/6379`).catch(() => undefined),
  );
  const [first = '', ...prefix] = [...launcher, ...target.client];
  const child = spawn(
    first,
    [...prefix, process.execPath, program, address, '6379', JSON.stringify({ connections, idle: 0 })],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const client = new ClientProcess('redis-counter', child);
  await client.ready();
  return client;
}

export async function migrationOf(namespace: string, name: string): Promise<Migration> {
  return migrationSchema.parse(JSON.parse(await kubectl('-n', namespace, 'get', 'migration', name, '-o', 'json')));
}

/** The Migration once it is over, one way or the other. */
export async function outcomeOf(namespace: string, name: string, limitMs = 60_000): Promise<Migration> {
  return eventually(
    `the end of Migration ${name}`,
    async () => {
      const migration = await migrationOf(namespace, name);
      return isUnderway(migration) ? undefined : migration;
    },
    limitMs,
  );
}

export async function startMigration(namespace: string, name: string, podName: string): Promise<void> {
  await apply({
    apiVersion: 'godwit.dev/v1alpha1',
    kind: 'Migration',
    metadata: { name, namespace },
    spec: { podName },
  });
}

export async function migrate(namespace: string, name: string, podName: string): Promise<Migration> {
  await startMigration(namespace, name, podName);
  return outcomeOf(namespace, name);
}

/** The network is the same for all scenarios; it selects their namespaces. */
const served = { 'stable-network': 'scenarios' };

function stableNetworkSpec(): object {
  const { uplink, ...range } = target.network;
  return { ranges: [range], uplink, namespaces: ['default'], namespaceSelector: { matchLabels: served } };
}

/** A namespace with a policy and the stable network; the undo begins to take it away. */
export async function openNamespace(namespace: string): Promise<() => Promise<void>> {
  await apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: served } },
    {
      apiVersion: 'godwit.dev/v1alpha1',
      kind: 'StableNetwork',
      metadata: { name: 'stable' },
      spec: stableNetworkSpec(),
    },
    {
      apiVersion: 'godwit.dev/v1alpha1',
      kind: 'InterruptionPolicy',
      metadata: { name: 'shop', namespace },
      spec: { selector: { matchLabels: { app: 'shop' } } },
    },
  );
  await eventually('the attachment definition', async () =>
    (await kubectl('-n', namespace, 'get', 'net-attach-def', '-o', 'name')).includes('stable') ? true : undefined,
  );
  return async () => void (await kubectl('delete', 'namespace', namespace, '--wait=false'));
}

const clean = { lost: 0, duplicated: 0, resets: 0, faults: [] };

/** Stops the client and holds its own count against the truth. */
export async function assertClean(t: ExecutionContext, client: ClientProcess): Promise<WorkloadReport> {
  const report = await client.stop();
  t.like(report, clean);
  return report;
}

/** What happens in `during` happens to a pod that is being counted on. */
export async function whileCounting(
  t: ExecutionContext,
  address: string,
  during: () => Promise<void>,
): Promise<WorkloadReport> {
  const client = await startCounter(address);
  t.teardown(async () => void (await client.stop().catch(() => undefined)));
  await client.more(300, 30_000);
  await during();
  await client.more(300, 60_000);
  return assertClean(t, client);
}

export function assertMoved(t: ExecutionContext, { status }: Migration): void {
  t.is(status?.phase, 'Succeeded', JSON.stringify(status));
  t.not(status?.source?.nodeName, status?.target?.nodeName);
  t.log(`frozen ${status?.freezeMs ?? -1} ms`);
}

let namespaces = 0;

/** A namespace for one scenario; it goes with it. */
export async function namespaceFor(t: ExecutionContext, name: string): Promise<string> {
  namespaces += 1;
  const namespace = `e2e-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-${process.pid}-${namespaces}`;
  t.teardown(await openNamespace(namespace));
  return namespace;
}

/** Name of the ready pod with these labels that nobody deletes. */
export async function podOf(namespace: string, selector = 'app=shop', limitMs = 60_000): Promise<string> {
  return eventually(`a ready pod with ${selector}`, async () => (await readyPods(namespace, selector))[0], limitMs);
}

export async function readyPods(namespace: string, selector = 'app=shop'): Promise<string[]> {
  const { items } = podListSchema.parse(
    JSON.parse(await kubectl('-n', namespace, 'get', 'pods', '-l', selector, '-o', 'json')),
  );
  const isReady = ({ metadata, status }: (typeof items)[number]) =>
    metadata.deletionTimestamp === undefined &&
    status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
  return items.filter(isReady).map(({ metadata }) => metadata.name);
}

const podListSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), deletionTimestamp: z.string().optional() }),
      status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional() }),
    }),
  ),
});

/** The namespace's only Migration, once there is one. */
export async function onlyMigration(namespace: string): Promise<string> {
  return eventually('a Migration', async () => {
    const names = (
      await kubectl('-n', namespace, 'get', 'migrations', '-o', 'jsonpath={.items[*].metadata.name}')
    ).trim();
    return names === '' ? undefined : names;
  });
}

const localPort = 16_379;

/** What a Redis behind `kubectl port-forward` answers to a ping. */
export async function portForwardPing(namespace: string, pod: string): Promise<string> {
  const child = spawn(await kubectlPath, ['-n', namespace, 'port-forward', `pod/${pod}`, `${localPort}:6379`], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  try {
    return await eventually(
      'an answer through port-forward',
      async () => {
        const answer = await run(
          'bash',
          ['-c', `exec 3<>/dev/tcp/127.0.0.1/${localPort}; printf 'PING\\r\\n' >&3; head -n 1 <&3`],
          { limitMs: 2_000 },
        ).catch(() => '');
        return answer.trim() === '' ? undefined : answer.trim();
      },
      15_000,
    );
  } finally {
    child.kill();
  }
}

/** What `kubectl attach` shows while the container writes a line again and again. */
export async function attached(namespace: string, pod: string): Promise<string> {
  const child = spawn(await kubectlPath, ['-n', namespace, 'attach', pod], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let seen = '';
  child.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  try {
    return await eventually(
      'a line through attach',
      async () => {
        await kubectl('-n', namespace, 'exec', pod, '--', 'sh', '-c', 'echo to the attached > /proc/1/fd/1');
        return seen === '' ? undefined : seen;
      },
      15_000,
    );
  } finally {
    child.kill();
  }
}

/** Messages of the events about an object of that name. */
export async function eventsOf(namespace: string, name: string): Promise<string[]> {
  const text = await kubectl(
    '-n',
    namespace,
    'get',
    'events',
    '--field-selector',
    `involvedObject.name=${name}`,
    '-o',
    'jsonpath={range .items[*]}{.message}{"\\n"}{end}',
  );
  return text.split('\n').filter((line) => line !== '');
}
