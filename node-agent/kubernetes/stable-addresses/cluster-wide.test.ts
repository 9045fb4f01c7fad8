// What a pod's ADD is given in a cluster: the addresses and the MAC of its workload, also on another node, so that
// network-status is right from the start.
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { parseNetwork } from '#cni/network-config.ts';
import { stableMac } from '#cni/link/mac.ts';
import type { CniCall } from '#cni/verbs/dispatch.ts';
import { parseRequest } from '#cni/verbs/request.ts';
import { readWishes, type Wishes } from '#cni/verbs/wishes.ts';
import { networkConfig } from '#core/api/network-config.ts';
import { lineageOf } from '#core/api/lineage.ts';
import { annotations, groupVersion } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import type { Namespace } from '#core/api/served-namespaces.ts';
import type { StableIP } from '#core/api/stable-ip.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';
import { GodwitError } from '#core/errors.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { stableIPs } from '#core/kube/resources.ts';
import { testCluster, type TestCluster } from '#core/kube/testing/access.ts';
import { silentLog } from '#core/log.ts';
import { condition, migration, pod } from '#core/testing/objects.ts';
import { stableNetwork } from '#core/testing/stable-objects.ts';
import { clusterWide, type ClusterWidePorts } from './cluster-wide.ts';
import { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import { AddressHolders } from './holders.ts';
import { ClusterNetworks } from './networks.ts';

/** IPv6 first, though objects are listed by name, which begins with IPv4. */
const network = stableNetwork('stable', { ranges: [{ cidr: 'fd00::/64' }, { cidr: '198.18.0.0/24' }] });
const first = pod();
const replacement = pod({
  metadata: { uid: 'u2', annotations: { [annotations.migration]: 'm1', [annotations.migrationName]: 'move' } },
});
/** The controller's word that the one continues the other. */
const move = migration({ status: { lineage: lineageOf(first), target: { name: 'shop-0', uid: 'u2' } } });

interface Node {
  add(
    forPod: Pod,
    wishes?: object,
  ): Promise<{ exitCode: number; wishes: Wishes | undefined; error: { code: number; msg: string } | undefined }>;
  /** Epochs at which links were opened. */
  activated: number[];
}

interface Parts {
  assertAlone?: ClusterWidePorts['view']['assertAlone'];
  spec?: Partial<StableNetwork['spec']>;
  /** The watch has heard of nothing yet. */
  isDeaf?: boolean;
  namespaces?: Namespace[];
  /** Why the network's condition Ready is False. */
  notReady?: string;
}

const stored = ({ server }: TestCluster): StableIP[] =>
  server.store
    .list({ kinds: `/apis/${groupVersion}/stableips`, namespace: undefined })
    .map((object) => stableIPs.parse(object));

function nodeOf(
  kube: TestCluster,
  name: string,
  { assertAlone = () => undefined, spec, isDeaf = false, namespaces = [], notReady }: Parts = {},
): Node {
  const activated: number[] = [];
  const holders = new AddressHolders(kube.api, name, { list: () => (isDeaf ? [] : stored(kube)) });
  const known = {
    ...network,
    spec: { ...network.spec, ...spec },
    ...(notReady === undefined ? {} : { status: { conditions: [condition('Ready', 'False', notReady)] } }),
  };
  const cache = {
    get: ({ name: wanted }: ObjectName) => (wanted === known.metadata.name ? known : undefined),
    list: () => [known],
    onChange: () => () => undefined,
  };
  const noObjects = { get: () => undefined, list: () => [], onChange: () => () => undefined };
  const view = new ClusterView(name, kube.api, {
    pods: noObjects,
    nodes: noObjects,
    policies: noObjects,
    migrations: { ...noObjects, list: () => [move] },
  });
  const networks = new ClusterNetworks(name, cache, view, silentLog);
  let wishes: Wishes | undefined;
  let current = first;
  const links: ClusterWidePorts['links'] = {
    knownEpoch: () => -1,
    attachmentsOf: (netns) =>
      Promise.resolve([
        {
          network: 'stable',
          containerId: 'c1',
          ifName: 'net1',
          netns,
          addresses: wishes?.claim?.addresses ?? [],
          mac: '',
          mtu: 1500,
          epoch: 0,
          state: 'parked',
        },
      ]),
    activate: (_link, epoch) => Promise.resolve(void activated.push(epoch)),
  };
  const ports: ClusterWidePorts = {
    view: {
      pod: () => current,
      livePod: () => Promise.resolve(undefined),
      assertAlone,
      claimOf: (one) => view.claimOf(one),
      namespaceNamed: (wanted) => Promise.resolve(namespaces.find(({ metadata }) => metadata.name === wanted)),
    },
    networks: { config: () => networkConfig(known), assertServed: (...asked) => networks.assertServed(...asked) },
    holders,
    links,
    log: silentLog,
  };
  const handle = clusterWide(ports, ({ env, stdin }) => {
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
      return {
        exitCode,
        wishes,
        error: exitCode === 0 ? undefined : z.object({ code: z.number(), msg: z.string() }).parse(JSON.parse(stdout)),
      };
    },
  };
}

function addOf({ metadata }: Pod, runtimeConfig: object): CniCall {
  const env = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'c1',
    CNI_NETNS: '/run/netns/x',
    CNI_IFNAME: 'net1',
    CNI_PATH: '/opt/cni/bin',
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
  t.deepEqual(claim?.addresses.map((address) => address.split('/')[1]).toSorted(), ['24', '64']);
  t.is(claim?.mac, stableMac('stable', claim?.addresses[0]?.split('/')[0] ?? ''));
  t.like(moved.wishes?.claim, { network: 'stable', ifName: 'net1', mac: claim?.mac ?? '' });
  t.deepEqual(moved.wishes?.claim?.addresses.toSorted(), claim?.addresses.toSorted());
  t.deepEqual(target.activated, []);
  const { items } = await kube.api.list(stableIPs);
  t.deepEqual([...new Set(items.map(({ spec }) => spec.mac))], [claim?.mac]);
});

test('the link of a new sandbox of a pod is newer than that of its former one, which the node remembers', async (t) => {
  const node = nodeOf(await cluster(t), 'a');
  await node.add(first);
  t.is((await node.add(first)).exitCode, 0);
  const [before = 0, after = 0] = node.activated;
  t.true(after > before, JSON.stringify(node.activated));
});

test('what a pod asks for is what it gets', async (t) => {
  const { wishes } = await nodeOf(await cluster(t), 'a').add(first, {
    ips: ['198.18.0.77/24'],
    mac: '02:AA:00:00:00:07',
  });
  t.true(wishes?.claim?.addresses.includes('198.18.0.77/24'));
  t.is(wishes?.claim?.addresses.length, 2);
  t.is(wishes?.claim?.mac, '02:aa:00:00:00:07');
});

test('a pod that nobody has claimed is no second holder beside its former self; its replacement is none either', async (t) => {
  const kube = await cluster(t);
  await nodeOf(kube, 'a').add(first);
  const notAlone = nodeOf(kube, 'b', {
    assertAlone: (_pod, claimedBy) => {
      if (claimedBy !== undefined) return;
      throw new GodwitError('ERR_FORMER_SELF', 'its former self may run on a');
    },
  });
  const { error, wishes } = await notAlone.add(pod({ metadata: { uid: 'u2' } }));
  t.deepEqual(error, { code: 11, msg: 'its former self may run on a' });
  t.is(wishes, undefined);
  t.is((await notAlone.add(replacement)).error, undefined);
  t.deepEqual(notAlone.activated, []);
  const { items } = await kube.api.list(stableIPs);
  t.deepEqual(
    items.map(({ status }) => status?.holder?.uid),
    ['u1', 'u1'],
  );
});

test('an address that was released and is taken again has newer epochs than nodes can remember', async (t) => {
  const kube = await cluster(t);
  const node = nodeOf(kube, 'a');
  await node.add(first);
  const { items } = await kube.api.list(stableIPs);
  const made = items.map(({ metadata }) =>
    Math.floor((Date.parse(metadata.creationTimestamp ?? '') - Date.parse('2026-01-01T00:00:00Z')) / 1000),
  );
  t.deepEqual(node.activated, [Math.max(...made) + 1]);
});

test('of two that claim one address the second is told so, and leaves nothing behind', async (t) => {
  const kube = await cluster(t);
  await nodeOf(kube, 'a').add(first, { ips: ['198.18.0.77/24'] });
  const { error } = await nodeOf(kube, 'b').add(pod({ metadata: { name: 'bank-0', uid: 'u3' } }), {
    ips: ['198.18.0.77/24'],
  });
  t.deepEqual(error, { code: 11, msg: '198.18.0.77 is in use' });
  t.is((await kube.api.list(stableIPs)).items.length, 2);
});

const lies: [string, Pod][] = [
  [
    'the lineage that it says of itself',
    pod({ metadata: { namespace: 'mallory', name: 'evil', uid: 'u9', annotations: { [annotations.lineage]: 'u1' } } }),
  ],
  [
    'the Migration that it says it is the replacement of',
    pod({
      metadata: {
        namespace: 'mallory',
        name: 'evil',
        uid: 'u9',
        annotations: {
          [annotations.migration]: 'm1',
          [annotations.migrationName]: 'move',
          [annotations.lineage]: 'u1',
        },
      },
    }),
  ],
  [
    'a UID in another namespace',
    pod({
      metadata: {
        namespace: 'mallory',
        name: 'shop-0',
        uid: 'u2',
        annotations: { [annotations.migration]: 'm1', [annotations.migrationName]: 'move' },
      },
    }),
  ],
  [
    'no runtime class',
    pod({
      metadata: { namespace: 'mallory', name: 'evil', uid: 'u9', annotations: { [annotations.lineage]: 'u1' } },
      spec: { runtimeClassName: undefined },
    }),
  ],
  [
    'its own namespace and another name',
    pod({
      metadata: {
        name: 'evil',
        uid: 'u9',
        annotations: { [annotations.lineage]: 'u1', [annotations.migration]: 'm1' },
      },
    }),
  ],
];
for (const [what, liar] of lies) {
  test(`nobody gets another's address by ${what}`, async (t) => {
    const kube = await cluster(t);
    const everywhere = { spec: { namespaces: ['default', 'mallory'] } };
    const victim = await nodeOf(kube, 'a', everywhere).add(first);
    const { wishes } = await nodeOf(kube, 'b', everywhere).add(liar);
    t.true(wishes?.claim?.addresses.every((address) => victim.wishes?.claim?.addresses.includes(address) === false));
    t.deepEqual(
      stored(kube)
        .filter(({ spec }) => spec.workload.podName === 'shop-0' && spec.workload.namespace === 'default')
        .map(({ status }) => status?.holder?.uid),
      ['u1', 'u1'],
    );
  });
}

test('an address that is asked for by its number is refused to another namespace', async (t) => {
  const kube = await cluster(t);
  const everywhere = { spec: { namespaces: ['default', 'mallory'] } };
  const victim = await nodeOf(kube, 'a', everywhere).add(first);
  const evil = pod({ metadata: { namespace: 'mallory', name: 'evil', uid: 'u9' } });
  for (const isDeaf of [false, true]) {
    const { error } = await nodeOf(kube, 'b', { ...everywhere, isDeaf }).add(evil, {
      ips: victim.wishes?.claim?.addresses,
    });
    t.regex(error?.msg ?? '', /is in use$/);
  }
});

test('who holds an address is of its namespace, whatever object names it', async (t) => {
  const kube = await cluster(t);
  await nodeOf(kube, 'a').add(first);
  const [address] = stored(kube);
  const holders = new AddressHolders(kube.api, 'b', { list: () => stored(kube) });
  await t.throwsAsync(
    holders.hold(address?.metadata.name ?? '', { namespace: 'mallory', name: 'shop-0', uid: 'u1' }, 2_000_000_000),
    { code: 'ERR_ADDRESS_TAKEN' },
  );
});

test('a replacement keeps its address after its Migration is gone', async (t) => {
  const kube = await cluster(t);
  const { wishes } = await nodeOf(kube, 'a').add(first);
  for (const { metadata, status } of stored(kube))
    await kube.api.patch(
      stableIPs,
      { name: metadata.name },
      { status: { epoch: (status?.epoch ?? 0) + 1, holder: { name: 'shop-0', uid: 'u2', nodeName: 'b' } } },
      'status',
    );
  const later = await nodeOf(kube, 'b').add(pod({ metadata: { uid: 'u2' } }));
  t.deepEqual(later.wishes?.claim?.addresses.toSorted(), wishes?.claim?.addresses.toSorted());
});

const foreign = pod({ metadata: { namespace: 'shop', uid: 'u3' } });
test('a namespace that the network does not serve gets no address, wherever its attachment definition lies', async (t) => {
  const kube = await cluster(t);
  const { error, wishes } = await nodeOf(kube, 'a').add(foreign);
  t.regex(error?.msg ?? '', /does not serve the namespace shop/);
  t.is(wishes, undefined);
  t.deepEqual(stored(kube), []);
  const selecting = { spec: { namespaceSelector: { matchLabels: { net: 'yes' } } } };
  t.regex(
    (await nodeOf(kube, 'a', { ...selecting, namespaces: [{ metadata: { name: 'shop' } }] }).add(foreign)).error?.msg ??
      '',
    /does not serve/,
  );
  t.is(
    (
      await nodeOf(kube, 'a', {
        ...selecting,
        namespaces: [{ metadata: { name: 'shop', labels: { net: 'yes' } } }],
      }).add(foreign)
    ).error,
    undefined,
  );
});

test('what a namespace has it keeps when it is served no longer, and moves with it', async (t) => {
  const kube = await cluster(t);
  const { wishes } = await nodeOf(kube, 'a').add(first);
  const moved = await nodeOf(kube, 'b', { spec: { namespaces: ['other'] } }).add(replacement);
  t.deepEqual(moved.wishes?.claim?.addresses.toSorted(), wishes?.claim?.addresses.toSorted());
});

test('the MAC of another workload is refused, and one that was taken before its address is not given twice', async (t) => {
  const kube = await cluster(t);
  await nodeOf(kube, 'a').add(first, { mac: stableMac('stable', 'fd00::7') });
  const second = pod({ metadata: { name: 'bank-0', uid: 'u3' } });
  for (const isDeaf of [false, true]) {
    const { error } = await nodeOf(kube, 'b', { isDeaf }).add(second, { mac: stableMac('stable', 'fd00::7') });
    t.regex(error?.msg ?? '', /MAC address .* is in use/);
  }
  t.is(stored(kube).length, 2, 'nothing is left behind');
  const { wishes } = await nodeOf(kube, 'b').add(second, { ips: ['fd00::7/64'] });
  t.not(wishes?.claim?.mac, stableMac('stable', 'fd00::7'));
});

test('of many pods that start at once on nodes that know nothing yet each gets an address', async (t) => {
  const kube = await cluster(t);
  const names = Array.from({ length: 80 }, (_, index) => `pod-${index}`);
  const ends = await Promise.all(
    names.map((name) => nodeOf(kube, name, { isDeaf: true }).add(pod({ metadata: { name, uid: `uid-${name}` } }))),
  );
  t.deepEqual(
    ends.flatMap(({ error }) => error ?? []),
    [],
  );
  t.is(new Set(ends.flatMap(({ wishes }) => wishes?.claim?.addresses ?? [])).size, 160);
  t.true(
    kube.server.asked('POST', /stableips/).length < 2 * 160,
    `${kube.server.asked('POST', /stableips/).length} tries`,
  );
});

test('nobody takes a network by a list of wishes', async (t) => {
  const kube = await cluster(t);
  const { error } = await nodeOf(kube, 'a').add(first, {
    ips: Array.from({ length: 200 }, (_, index) => `198.18.0.${index + 1}/24`),
  });
  t.regex(error?.msg ?? '', /200 addresses were asked for/);
  t.deepEqual(stored(kube), []);
});

test("a network whose addresses or segment are another's gives none", async (t) => {
  const kube = await cluster(t);
  t.regex(
    (await nodeOf(kube, 'a', { notReady: 'RangesOverlap' }).add(first)).error?.msg ?? '',
    /StableNetwork stable is not ready \(RangesOverlap\)/,
  );
  t.deepEqual(stored(kube), []);
  t.is((await nodeOf(kube, 'a', { notReady: 'NamespaceMissing' }).add(first)).error, undefined);
  t.is(
    (await nodeOf(kube, 'b', { notReady: 'SegmentShared' }).add(replacement)).error,
    undefined,
    'what is there moves',
  );
});
