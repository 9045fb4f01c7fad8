// Stable addresses of every kind move: over VXLAN, of both families, behind a Service; and what Multus says of them
// stays true.
import { join } from 'node:path';
import { z } from 'zod';
import { stableIPSchema } from '#core/api/stable-ip.ts';
import { clusterDirectory } from '#cluster/paths.ts';
import { target } from '#cluster/target.ts';
import {
  apply,
  assertMoved,
  eventsOf,
  eventually,
  kubectl,
  migrate,
  namespaceFor,
  nodeOf,
  onClient,
  podOf,
  stableAddress,
  whileCounting,
} from './cluster.ts';
import { scenario } from './scenario.ts';
import { labels, owners, redisContainer, shell } from './workloads.ts';

const networkAnnotation = 'k8s.v1.cni.cncf.io/networks';

/** A StatefulSet's Redis on another network than the one that all scenarios have. */
function redisOn(namespace: string, network: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'shop', namespace },
    spec: {
      serviceName: 'shop',
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { [networkAnnotation]: network } },
        spec: { runtimeClassName: 'godwit', terminationGracePeriodSeconds: 5, containers: [redisContainer()] },
      },
    },
  };
}

/** One connection that increments and keeps every answer, in a pod of the cluster that does not move itself. */
function counterPod(namespace: string, network: string, address: string): object {
  const script = `while :; do echo INCR n; sleep 0.01; done | redis-cli -h ${address} > /tmp/answers`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'counter', namespace, labels: { app: 'counter' }, annotations: { [networkAnnotation]: network } },
    spec: { terminationGracePeriodSeconds: 0, containers: [shell('counter', script)] },
  };
}

scenario('a VXLAN between the nodes: connections over it move', [], async (t) => {
  const namespace = await namespaceFor(t, 'vxlan');
  const name = `tunnel-${process.pid}`;
  t.teardown(async () => void (await kubectl('delete', 'stablenetwork', name)));
  await apply({
    apiVersion: 'godwit.dev/v1alpha1',
    kind: 'StableNetwork',
    metadata: { name },
    spec: {
      mode: 'VXLAN',
      vxlan: { id: 4242 },
      mtu: 1450,
      ranges: [{ cidr: '198.18.130.0/24' }],
      namespaces: [namespace],
    },
  });
  await eventually('the attachment definition', async () =>
    (await kubectl('-n', namespace, 'get', 'net-attach-def', '-o', 'name')).includes(name) ? true : undefined,
  );
  await apply(redisOn(namespace, name));
  const pod = await podOf(namespace);
  await apply(counterPod(namespace, name, await stableAddress(namespace, pod)));
  await podOf(namespace, 'app=counter');
  const answers = async (): Promise<number[]> =>
    (await kubectl('-n', namespace, 'exec', 'counter', '--', 'cat', '/tmp/answers')).trim().split('\n').map(Number);
  for (const move of ['there', 'back']) {
    const before = (await answers()).length;
    await eventually('answers', async () => ((await answers()).length > before + 50 ? true : undefined));
    assertMoved(t, await migrate(namespace, move, pod));
    await podOf(namespace);
    const after = (await answers()).length;
    await eventually('answers after the move', async () => ((await answers()).length > after + 50 ? true : undefined));
  }
  const all = await answers();
  t.deepEqual(
    all,
    all.map((_, index) => index + 1),
  );
});

const examples = join(clusterDirectory, '../../multus-configs');

scenario(
  'the networks of multus-configs can be applied, and a pod gets an address of each family on each of them',
  [],
  async (t) => {
    t.teardown(async () => void (await kubectl('delete', '--wait=false', '--ignore-not-found', '-f', examples)));
    await kubectl('apply', '-f', examples);
    const networks = ['bridge', 'vxlan', 'dual-stack', 'clients', 'peers'];
    await eventually('all networks attached', async () => {
      const reasons = await kubectl(
        'get',
        'stablenetworks',
        ...networks,
        '-o',
        'jsonpath={.items[*].status.conditions[?(@.type=="Attached")].reason}',
      );
      return reasons === networks.map(() => 'Attached').join(' ') ? true : undefined;
    });
    const name = `examples-${process.pid}`;
    t.teardown(async () => void (await kubectl('-n', 'default', 'delete', 'pod', name, '--wait=false')));
    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'default',
        labels: { app: name },
        annotations: { [networkAnnotation]: 'vxlan,dual-stack,clients,peers' },
      },
      spec: { runtimeClassName: 'godwit', terminationGracePeriodSeconds: 0, containers: [redisContainer()] },
    });
    await podOf('default', `app=${name}`);
    const { items } = addressesSchema.parse(JSON.parse(await kubectl('get', 'stableips', '-o', 'json')));
    const own = items
      .filter(({ spec }) => spec.workload.podName === name)
      .map(({ spec }) => `${spec.ifName} ${spec.network}`);
    t.deepEqual(own.toSorted(), ['net1 vxlan', 'net2 dual-stack', 'net2 dual-stack', 'net3 clients', 'net4 peers']);
  },
);

scenario(
  'a namespace that a network does not serve: the pod says so, plan says so, and it starts when the namespace is labelled',
  [],
  async (t) => {
    const namespace = await namespaceFor(t, 'unserved');
    const name = `chosen-${process.pid}`;
    t.teardown(async () => void (await kubectl('delete', 'stablenetwork', name)));
    const chosen = { matchLabels: { [`godwit.test/${name}`]: 'yes' } };
    await apply({
      apiVersion: 'godwit.dev/v1alpha1',
      kind: 'StableNetwork',
      metadata: { name },
      spec: {
        mode: 'VXLAN',
        vxlan: { id: 100_000 + process.pid },
        mtu: 1450,
        ranges: [{ cidr: '198.18.132.0/24' }],
        namespaces: [],
        namespaceSelector: chosen,
      },
    });
    await eventually('the network', async () =>
      (await kubectl('get', 'stablenetwork', name, '-o', 'jsonpath={.status.addresses.total}')) === ''
        ? undefined
        : true,
    );
    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'waiting', namespace, labels, annotations: { [networkAnnotation]: name } },
      spec: { runtimeClassName: 'godwit', terminationGracePeriodSeconds: 0, containers: [redisContainer()] },
    });
    await eventually('the event', async () =>
      (await eventsOf(namespace, 'waiting')).find((message) =>
        message.includes(`${name} does not serve the namespace ${namespace}`),
      ),
    );
    const { status } = await migrate(namespace, 'move', 'waiting');
    t.deepEqual(
      status?.refusals?.map(({ code }) => code),
      ['PREFLIGHT_NAMESPACE_NOT_SERVED'],
      JSON.stringify(status),
    );
    await kubectl('label', 'namespace', namespace, `godwit.test/${name}=yes`);
    await podOf(namespace, 'app=shop', 90_000);
  },
);

const addressesSchema = z.object({ items: z.array(stableIPSchema) });

scenario('a network of both families: a connection over IPv6 moves', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'dual');
  const name = `dual-${process.pid}`;
  t.teardown(async () => void (await kubectl('delete', 'stablenetwork', name)));
  // The segment of the other network: its bridge and its uplink.
  const { uplink } = target.network;
  const ranges = [
    { cidr: '198.18.131.0/24' },
    { cidr: 'fd00:198:18::/64', rangeStart: 'fd00:198:18::100', rangeEnd: 'fd00:198:18::1ff' },
  ];
  await apply({
    apiVersion: 'godwit.dev/v1alpha1',
    kind: 'StableNetwork',
    metadata: { name },
    spec: { bridge: 'gw-stable', uplink, ranges, namespaces: [namespace] },
  });
  await eventually('the attachment definition', async () =>
    (await kubectl('-n', namespace, 'get', 'net-attach-def', '-o', 'name')).includes(name) ? true : undefined,
  );
  await apply(redisOn(namespace, name));
  const pod = await podOf(namespace);
  const device =
    (await onClient('sh', '-c', 'ip -o route show default 0/0; ls /sys/class/net | grep -v lo'))
      .trim()
      .split(/\s+/)
      .at(-1) ?? 'eth1';
  await onClient('ip', 'address', 'replace', 'fd00:198:18::2/64', 'dev', device, 'nodad');
  const { items } = addressesSchema.parse(
    JSON.parse(await kubectl('get', 'stableips', '-l', `godwit.dev/network=${name}`, '-o', 'json')),
  );
  const address = items.map(({ spec }) => spec.address.split('/')[0] ?? '').find((text) => text.includes(':')) ?? '';
  t.is(items.length, 2);
  t.is(new Set(items.map(({ spec }) => spec.mac)).size, 1, 'one link has one MAC');
  for (const move of ['there', 'back']) {
    await whileCounting(t, address, async () => assertMoved(t, await migrate(namespace, move, pod)));
    await podOf(namespace);
  }
});

const slicesSchema = z.object({
  items: z.array(
    z.object({
      addressType: z.string(),
      endpoints: z
        .array(
          z.object({
            addresses: z.array(z.string()),
            nodeName: z.string().optional(),
            conditions: z.object({ ready: z.boolean().optional() }),
            targetRef: z.object({ uid: z.string().optional() }).optional(),
          }),
        )
        .nullish(),
      ports: z.array(z.object({ port: z.number().optional(), name: z.string().optional() })).nullish(),
    }),
  ),
});

scenario(
  'a Service on stable addresses follows its pods, and what Multus says of them stays true',
  ['client'],
  async (t) => {
    const namespace = await namespaceFor(t, 'service');
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'shop',
        namespace,
        annotations: { 'godwit.dev/stable-network': 'stable', 'godwit.dev/selector': 'app=shop' },
      },
      spec: { clusterIP: 'None', ports: [{ name: 'redis', port: 6379 }] },
    };
    await apply(service, owners.StatefulSet(namespace, { replicas: 2 }));
    const pod = 'shop-0';
    await eventually('both pods', async () =>
      (
        await kubectl(
          '-n',
          namespace,
          'get',
          'pods',
          '-o',
          'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}',
        )
      ).trim() === 'True True'
        ? true
        : undefined,
    );
    const address = await stableAddress(namespace, pod);
    const endpoints = async () =>
      slicesSchema
        .parse(
          JSON.parse(
            await kubectl(
              '-n',
              namespace,
              'get',
              'endpointslices',
              '-l',
              'kubernetes.io/service-name=shop',
              '-o',
              'json',
            ),
          ),
        )
        .items.flatMap((slice) => slice.endpoints ?? []);
    const own = async () => (await endpoints()).find(({ addresses }) => addresses.includes(address));
    await eventually('two endpoints', async () =>
      (await endpoints()).filter(({ conditions }) => conditions.ready === true).length === 2 ? true : undefined,
    );
    const sourceNode = await nodeOf(namespace, pod);
    t.is((await own())?.nodeName, sourceNode);

    let unready = 0;
    await whileCounting(t, address, async () => {
      const over = new AbortController();
      const watched = (async () => {
        while (!over.signal.aborted) if ((await own())?.conditions.ready !== true) unready += 1;
      })();
      assertMoved(t, await migrate(namespace, 'move', pod));
      await podOf(namespace);
      over.abort();
      await watched;
    });
    t.is(unready, 0, 'its endpoint is ready all the time');
    const node = await nodeOf(namespace, pod);
    t.not(node, sourceNode);
    const uid = await kubectl('-n', namespace, 'get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}');
    await eventually('the endpoint on its new node', async () => {
      const endpoint = await own();
      return endpoint?.nodeName === node && endpoint.targetRef?.uid === uid ? true : undefined;
    });

    const status: { name: string; ips?: string[]; mac?: string }[] = JSON.parse(
      await kubectl(
        '-n',
        namespace,
        'get',
        'pod',
        pod,
        '-o',
        'jsonpath={.metadata.annotations.k8s\\.v1\\.cni\\.cncf\\.io/network-status}',
      ),
    );
    const { items } = addressesSchema.parse(JSON.parse(await kubectl('get', 'stableips', '-o', 'json')));
    const link = status.find(({ name }) => name === `${namespace}/stable`);
    t.deepEqual(link?.ips, [address]);
    t.is(link?.mac, items.find(({ spec }) => spec.address.startsWith(`${address}/`))?.spec.mac);

    await kubectl('-n', namespace, 'annotate', 'service', 'shop', 'godwit.dev/selector-', 'godwit.dev/stable-network-');
    await eventually('no slices', async () => ((await endpoints()).length === 0 ? true : undefined));
  },
);
