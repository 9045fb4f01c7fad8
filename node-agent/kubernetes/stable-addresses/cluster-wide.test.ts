// What a pod's ADD is given in a cluster: the addresses and the MAC of its workload, also on another node, so that network-status is right from the start.
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { parseNetwork } from '#cni/network-config.ts';
import { stableMac } from '#cni/link/mac.ts';
import type { CniCall } from '#cni/verbs/dispatch.ts';
import { parseRequest } from '#cni/verbs/request.ts';
import { readWishes, type Wishes } from '#cni/verbs/wishes.ts';
import { networkConfig } from '#core/api/network-config.ts';
import { annotations } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { GodwitError } from '#core/errors.ts';
import { stableIPs } from '#core/kube/resources.ts';
import { testCluster, type TestCluster } from '#core/kube/testing/access.ts';
import { silentLog } from '#core/log.ts';
import { pod } from '#core/testing/objects.ts';
import { stableNetwork } from '#core/testing/stable-objects.ts';
import { clusterWide, type ClusterWidePorts } from './cluster-wide.ts';
import { AddressHolders } from './holders.ts';

/** IPv6 first, though objects are listed by name, which begins with IPv4. */
const network = stableNetwork('stable', { ranges: [{ cidr: 'fd00::/64' }, { cidr: '198.18.0.0/24' }] });
const config = networkConfig(network);
const first = pod({ metadata: { annotations: { [annotations.lineage]: 'l1' } } });
const replacement = pod({ metadata: { uid: 'u2', annotations: { [annotations.lineage]: 'l1', [annotations.migration]: 'm1' } } });

interface Node {
  add(forPod: Pod, wishes?: object): Promise<{ exitCode: number; wishes: Wishes | undefined; error: { code: number; msg: string } | undefined }>;
  /** Epochs at which links were opened. */
  activated: number[];
}

function nodeOf({ api }: TestCluster, name: string, assertAlone: ClusterWidePorts['view']['assertAlone'] = () => undefined): Node {
  const activated: number[] = [];
  const holders = new AddressHolders(api, name);
  let wishes: Wishes | undefined;
  let current = first;
  const links: ClusterWidePorts['links'] = {
    knownEpoch: () => -1,
    attachmentsOf: (netns) => Promise.resolve([{ network: 'stable', containerId: 'c1', ifName: 'net1', netns, addresses: wishes?.claim?.addresses ?? [], mac: '', mtu: 1500, epoch: 0, state: 'parked' }]),
    activate: (_link, epoch) => Promise.resolve(void activated.push(epoch)),
  };
  const handle = clusterWide({ view: { pod: () => current, livePod: () => Promise.resolve(undefined), assertAlone }, networks: { config: () => config }, holders, links, log: silentLog }, ({ env, stdin }) => {
    wishes = readWishes(parseRequest('ADD', env, stdin));
    parseNetwork(JSON.parse(stdin));
    return Promise.resolve({ exitCode: 0, stdout: '' });
  });
  return {
    activated,
    async add(forPod, runtimeConfig = {}) {
      current = forPod;
      wishes = undefined;
      const { exitCode, stdout } = await handle(addOf(forPod, runtimeConfig));
      return { exitCode, wishes, error: exitCode === 0 ? undefined : z.object({ code: z.number(), msg: z.string() }).parse(JSON.parse(stdout)) };
    },
  };
}

function addOf({ metadata }: Pod, runtimeConfig: object): CniCall {
  const env = {
    CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/x', CNI_IFNAME: 'net1', CNI_PATH: '/opt/cni/bin',
    CNI_ARGS: `K8S_POD_NAMESPACE=${metadata.namespace};K8S_POD_NAME=${metadata.name};K8S_POD_UID=${metadata.uid}`,
  };
  return { env, stdin: JSON.stringify({ cniVersion: '1.0.0', name: 'stable', type: 'godwit', runtimeConfig }) };
}

const cluster = (t: ExecutionContext): Promise<TestCluster> => testCluster(t);

test('the replacement gets the link of its source: interface, addresses and MAC', async (t) => {
  const kube = await cluster(t);
  const source = await nodeOf(kube, 'a').add(first);
  const target = nodeOf(kube, 'b');
  const moved = await target.add(replacement);
  const claim = source.wishes?.claim;
  t.deepEqual(claim?.addresses.toSorted(), ['198.18.0.1/24', 'fd00::1/64']);
  t.is(claim?.mac, stableMac('stable', 'fd00::1'));
  t.like(moved.wishes?.claim, { network: 'stable', ifName: 'net1', mac: claim?.mac ?? '' });
  t.deepEqual(moved.wishes?.claim?.addresses.toSorted(), claim?.addresses.toSorted());
  t.deepEqual(target.activated, []);
  const { items } = await kube.api.list(stableIPs);
  t.deepEqual([...new Set(items.map(({ spec }) => spec.mac))], [claim?.mac]);
});

test('what a pod asks for is what it gets', async (t) => {
  const { wishes } = await nodeOf(await cluster(t), 'a').add(first, { ips: ['198.18.0.77/24'], mac: '02:AA:00:00:00:07' });
  t.deepEqual(wishes?.claim?.addresses.toSorted(), ['198.18.0.77/24', 'fd00::1/64']);
  t.is(wishes?.claim?.mac, '02:aa:00:00:00:07');
});

test('a pod that nobody has claimed is no second holder beside its former self; its replacement is none either', async (t) => {
  const kube = await cluster(t);
  await nodeOf(kube, 'a').add(first);
  const notAlone = nodeOf(kube, 'b', (_pod, migration) => {
    if (migration !== undefined) return;
    throw new GodwitError('ERR_FORMER_SELF', 'its former self may run on a');
  });
  const { error, wishes } = await notAlone.add(pod({ metadata: { uid: 'u2', annotations: { [annotations.lineage]: 'l1' } } }));
  t.deepEqual(error, { code: 11, msg: 'its former self may run on a' });
  t.is(wishes, undefined);
  t.is((await notAlone.add(replacement)).error, undefined);
  t.deepEqual(notAlone.activated, []);
  const { items } = await kube.api.list(stableIPs);
  t.deepEqual(items.map(({ status }) => status?.holder?.uid), ['u1', 'u1']);
});

test('an address that was released and is taken again has newer epochs than nodes can remember', async (t) => {
  const kube = await cluster(t);
  const node = nodeOf(kube, 'a');
  await node.add(first);
  const { items } = await kube.api.list(stableIPs);
  const made = items.map(({ metadata }) => Math.floor((Date.parse(metadata.creationTimestamp ?? '') - Date.parse('2026-01-01T00:00:00Z')) / 1000));
  t.deepEqual(node.activated, [Math.max(...made) + 1]);
});

test('of two that claim one address the second is told so, and leaves nothing behind', async (t) => {
  const kube = await cluster(t);
  await nodeOf(kube, 'a').add(first, { ips: ['198.18.0.77/24'] });
  const { error } = await nodeOf(kube, 'b').add(pod({ metadata: { name: 'bank-0', uid: 'u3' } }), { ips: ['198.18.0.77/24'] });
  t.deepEqual(error, { code: 11, msg: '198.18.0.77 is in use' });
  t.is((await kube.api.list(stableIPs)).items.length, 2);
});
