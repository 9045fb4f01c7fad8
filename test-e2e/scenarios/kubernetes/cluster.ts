// What scenarios ask of the cluster: objects, moves, and a counting client outside of it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrationSchema, type Migration } from '#core/api/migration.ts';
import { hasCondition } from '#core/api/conditions.ts';
import { GodwitError } from '#core/errors.ts';
import { binaries, podmanEnv } from '#cluster/kind.ts';
import { clusterDirectory, dataNetwork } from '#cluster/paths.ts';
import { run } from '#cluster/run.ts';
import { ClientProcess } from '#workloads/client-process.ts';

const pollMs = 250;

export const image = 'localhost/godwit-test/workloads:1';
const kubectlPath = binaries().then((directory) => join(directory, 'kubectl'));

export async function kubectl(...args: string[]): Promise<string> {
  return run(await kubectlPath, args, { env: podmanEnv, limitMs: 180_000 });
}

export async function apply(...objects: object[]): Promise<void> {
  await run(await kubectlPath, ['apply', '-f', '-'], { env: podmanEnv, input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) });
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

export async function nodeOf(namespace: string, pod: string): Promise<string> {
  return (await kubectl('-n', namespace, 'get', 'pod', pod, '-o', 'jsonpath={.spec.nodeName}')).trim();
}

/** Address of the pod's stable interface, without prefix. */
export async function stableAddress(namespace: string, pod: string): Promise<string> {
  const path = `{.items[?(@.spec.workload.podName=="${pod}")].spec}`;
  return eventually(`a StableIP of ${pod}`, async () => {
    const spec = (await kubectl('get', 'stableips', '-o', `jsonpath=${path}`)).trim();
    if (spec === '') return undefined;
    const parsed: { address: string; workload: { namespace: string } } = JSON.parse(spec);
    return parsed.workload.namespace === namespace ? parsed.address.split('/')[0] : undefined;
  });
}

/** A Redis client outside of the cluster, whose own count is the oracle. */
export async function startCounter(address: string, connections = 4): Promise<ClientProcess> {
  const program = join(clusterDirectory, '../workloads/clients/redis-counter.ts');
  await eventually(`an answer of ${address}`, () => run('ip', ['netns', 'exec', dataNetwork.clientNetns, 'bash', '-c', `exec 3<>/dev/tcp/${address}/6379`], { limitMs: 2_000 }).catch(() => undefined));
  const child = spawn('ip', ['netns', 'exec', dataNetwork.clientNetns, process.execPath, program, address, '6379', JSON.stringify({ connections, idle: 0 })], { stdio: ['pipe', 'pipe', 'pipe'] });
  const client = new ClientProcess('redis-counter', child);
  await client.ready();
  return client;
}

/** The Migration once it is over, one way or the other. */
export async function outcomeOf(namespace: string, name: string): Promise<Migration> {
  return eventually(`the end of Migration ${name}`, async () => {
    const migration = migrationSchema.parse(JSON.parse(await kubectl('-n', namespace, 'get', 'migration', name, '-o', 'json')));
    const { conditions } = migration.status ?? {};
    return hasCondition(conditions, 'Succeeded', 'True') || hasCondition(conditions, 'Succeeded', 'False') ? migration : undefined;
  });
}

export async function migrate(namespace: string, name: string, podName: string): Promise<Migration> {
  await apply({ apiVersion: 'godwit.dev/v1alpha1', kind: 'Migration', metadata: { name, namespace }, spec: { podName } });
  return outcomeOf(namespace, name);
}

const container = { name: 'redis', image, imagePullPolicy: 'Never', command: ['redis-server', '--save', '', '--protected-mode', 'no', '--dir', '/tmp'] };
const metadata = { labels: { app: 'shop' }, annotations: { 'k8s.v1.cni.cncf.io/networks': 'stable' } };
const spec = { runtimeClassName: 'godwit', terminationGracePeriodSeconds: 5, containers: [container] };

export const redis = {
  statefulSet: (namespace: string) => ({
    apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'shop', namespace },
    spec: { serviceName: 'shop', replicas: 1, selector: { matchLabels: metadata.labels }, template: { metadata, spec } },
  }),
  deployment: (namespace: string) => ({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace },
    spec: { replicas: 1, selector: { matchLabels: metadata.labels }, template: { metadata, spec } },
  }),
  bare: (namespace: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: 'lonely', namespace }, spec }),
};

/** A namespace with a policy and the stable network; the undo takes it away. */
export async function openNamespace(namespace: string): Promise<() => Promise<void>> {
  await apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'godwit.dev/v1alpha1', kind: 'StableNetwork', metadata: { name: 'stable' }, spec: { ranges: [{ cidr: dataNetwork.subnet, rangeStart: '198.18.128.50', rangeEnd: '198.18.128.250' }], uplink: dataNetwork.uplink, namespaces: [...new Set(['default', namespace])] } },
    { apiVersion: 'godwit.dev/v1alpha1', kind: 'InterruptionPolicy', metadata: { name: 'shop', namespace }, spec: { selector: { matchLabels: { app: 'shop' } } } },
  );
  await eventually('the attachment definition', async () => ((await kubectl('-n', namespace, 'get', 'net-attach-def', '-o', 'name')).includes('stable') ? true : undefined));
  return async () => void (await kubectl('delete', 'namespace', namespace, '--wait=false'));
}
