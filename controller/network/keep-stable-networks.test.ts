// The leader's work on stable networks against an API server: what is written, when, and that nothing is written twice.
import test, { type ExecutionContext } from 'ava';
import { setTimeout as sleep } from 'node:timers/promises';
import { networkConfig } from '#core/api/network-config.ts';
import { annotations, serviceAnnotations } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { Controller, type Reconciler } from '#core/kube/controller.ts';
import { Events } from '#core/kube/events.ts';
import type { KubeApi } from '#core/kube/port.ts';
import {
  attachmentDefinitions,
  endpointSlices,
  namespaces,
  pods,
  services,
  stableIPs,
  stableNetworks,
} from '#core/kube/resources.ts';
import { testCluster } from '#core/kube/testing/access.ts';
import type { ApiServer } from '#core/kube/testing/api-server.ts';
import { HandClock } from '#core/kube/testing/hand-clock.ts';
import { silentLog } from '#core/log.ts';
import { at, pod, time } from '#core/testing/objects.ts';
import { stableIP, stableNetwork, stableService } from '#core/testing/stable-objects.ts';
import { Cluster } from '#controller/cluster.ts';
import { keepStableNetworks } from './keep-stable-networks.ts';

const limitMs = 20_000;
/** So much of the controller's time passes between two looks. */
const stepMs = 200;

interface Led {
  api: KubeApi;
  server: ApiServer;
  clock: HandClock;
  cluster: Cluster;
  /** Lets due timers run until `condition` holds. */
  eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void>;
}

async function lead(t: ExecutionContext): Promise<Led> {
  const { api, connection, server } = await testCluster(t);
  const clock = new HandClock(0, time(100));
  const cluster = new Cluster({ api, connection, clock, log: silentLog });
  await cluster.start();
  const stops: (() => void)[] = [];
  const controllers: Controller[] = [];
  const run = (reconciler: Reconciler): Controller => {
    const controller = new Controller(reconciler, clock, silentLog);
    controllers.push(controller);
    return controller;
  };
  keepStableNetworks({
    cluster,
    events: new Events(api, clock, silentLog, { controller: 'test', instance: 'test' }),
    run,
    subscribe: (stop) => void stops.push(stop),
  });
  t.teardown(async () => {
    for (const stop of stops) stop();
    await Promise.all(controllers.map((controller) => controller.close()));
    await cluster.close();
  });
  const eventually = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
    const deadline = performance.now() + limitMs;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
      clock.advance(stepMs);
      await sleep(1);
    }
  };
  return { api, server, clock, cluster, eventually };
}

const shop = (metadata: Partial<Pod['metadata']> = {}): Pod =>
  pod({
    metadata: { labels: { app: 'shop' }, annotations: { [annotations.lineage]: 'l1' }, ...metadata },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(0) }] },
  });
const events = (server: ApiServer): string[] =>
  server
    .asked('POST', /\/events$/)
    .map(({ body }) => (typeof body === 'object' && body !== null && 'reason' in body ? String(body.reason) : ''));
const wroteSlices = (server: ApiServer): number =>
  server.received.filter(({ method, path }) => method !== 'GET' && path.includes('/endpointslices')).length;
const addressesOf = async (api: KubeApi): Promise<string[]> =>
  (await api.list(endpointSlices, { namespace: 'default' })).items.flatMap((slice) =>
    (slice.endpoints ?? []).flatMap(({ addresses }) => addresses),
  );

test('a network is attached where it is asked for, and says what it has', async (t) => {
  const { api, server, eventually } = await lead(t);
  await api.create(stableNetworks, stableNetwork());
  await api.create(stableIPs, stableIP());
  await eventually(
    async () => (await api.get(stableNetworks, { name: 'stable' })).status?.addresses?.used === 1,
    'the count',
  );
  const { status } = await api.get(stableNetworks, { name: 'stable' });
  t.deepEqual(status?.addresses, { used: 1, total: 10 });
  t.deepEqual(Object.fromEntries((status?.conditions ?? []).map(({ type, reason }) => [type, reason])), {
    Attached: 'Attached',
    Ready: 'Attached',
    Exhausted: 'AddressesFree',
  });
  t.truthy(await api.find(attachmentDefinitions, { name: 'stable', namespace: 'default' }));
  t.deepEqual(events(server), []);
});

test('a network without free addresses tells so once', async (t) => {
  const { api, server, eventually } = await lead(t);
  await api.create(
    stableNetworks,
    stableNetwork('stable', {
      ranges: [{ cidr: '198.18.0.0/24', rangeStart: '198.18.0.10', rangeEnd: '198.18.0.10' }],
    }),
  );
  await api.create(stableIPs, stableIP());
  await eventually(() => events(server).length > 0, 'the event');
  await api.create(stableIPs, stableIP('198.18.0.99'));
  await eventually(
    async () => (await api.get(stableNetworks, { name: 'stable' })).status?.addresses?.used === 2,
    'the count',
  );
  t.deepEqual(events(server), ['AddressPoolExhausted']);
});

test('a Service gets endpoints, keeps them through changes that are none, and loses them with its annotation', async (t) => {
  const { api, server, cluster, eventually } = await lead(t);
  await api.create(stableNetworks, stableNetwork());
  await api.create(services, stableService());
  await api.create(pods, shop());
  await api.create(stableIPs, stableIP());
  await eventually(async () => (await addressesOf(api)).length === 1, 'the endpoint');
  t.deepEqual(await addressesOf(api), ['198.18.0.10']);
  await eventually(() => cluster.endpointSlices.list().length === 1, 'the watch');
  const before = wroteSlices(server);
  await api.patch(pods, { name: 'shop-0', namespace: 'default' }, { metadata: { annotations: { some: 'thing' } } });
  await eventually(() => cluster.pods.list()[0]?.metadata.annotations?.['some'] === 'thing', 'the watch');
  await api.patch(
    services,
    { name: 'shop', namespace: 'default' },
    { metadata: { annotations: { [serviceAnnotations.network]: null, [serviceAnnotations.selector]: null } } },
  );
  await eventually(async () => (await addressesOf(api)).length === 0, 'the end');
  t.is(wroteSlices(server) - before, 1);
});

test('an endpoint that somebody took away comes back', async (t) => {
  const { api, cluster, eventually } = await lead(t);
  await api.create(stableNetworks, stableNetwork());
  await api.create(pods, shop());
  await api.create(stableIPs, stableIP());
  await api.create(services, stableService());
  await eventually(() => cluster.endpointSlices.list().length === 1, 'the endpoint');
  await api.delete(endpointSlices, { name: 'shop-stable-ipv4-0', namespace: 'default' });
  await eventually(async () => (await addressesOf(api)).length === 1, 'the endpoint again');
  t.pass();
});

test('a Service that cannot have endpoints is told why, once', async (t) => {
  const { api, server, cluster, eventually } = await lead(t);
  await api.create(
    services,
    stableService({}, { [serviceAnnotations.network]: 'stable', [serviceAnnotations.selector]: 'app=(' }),
  );
  await eventually(() => events(server).length === 1, 'the event');
  await api.create(stableNetworks, stableNetwork());
  await eventually(() => events(server).length === 2, 'the next event');
  await api.create(pods, shop());
  await eventually(() => cluster.pods.list().length === 1, 'the watch');
  t.deepEqual(events(server), ['NetworkUnknown', 'SelectorInvalid']);
  t.is(wroteSlices(server), 0);
});

test('an address is released a minute after its workload is gone, not before', async (t) => {
  const { api, clock, eventually } = await lead(t);
  await api.create(stableIPs, stableIP());
  await eventually(
    async () =>
      (await api.get(stableIPs, { name: 'stable.198-18-0-10' })).status?.conditions?.[0]?.reason === 'Released',
    'the condition',
  );
  const seenAtMs = clock.nowMs();
  await eventually(
    async () => (await api.find(stableIPs, { name: 'stable.198-18-0-10' })) === undefined,
    'the release',
  );
  t.true(clock.nowMs() - seenAtMs > 55_000);
});

test('an address whose pod the watch has not told of is not released', async (t) => {
  const { api, server, cluster, clock, eventually } = await lead(t);
  await api.create(stableIPs, stableIP());
  await eventually(() => cluster.stableIPs.list()[0]?.status?.conditions?.[0]?.reason === 'Released', 'the condition');
  await cluster.pods.close();
  await api.create(pods, shop());
  const asked = server.asked('GET', /namespaces\/default\/pods/).length;
  clock.advance(61_000);
  await eventually(() => server.asked('GET', /namespaces\/default\/pods/).length > asked, 'the question');
  await eventually(() => clock.nowMs() > 200_000, 'time');
  t.truthy(await api.find(stableIPs, { name: 'stable.198-18-0-10' }));
});

test("the holder's agent and the controller write one status without losing each other's part", async (t) => {
  const { api, eventually } = await lead(t);
  await api.create(pods, shop());
  await api.create(stableIPs, stableIP());
  await eventually(
    async () => (await api.get(stableIPs, { name: 'stable.198-18-0-10' })).status?.conditions?.[0]?.reason === 'Held',
    'the condition',
  );
  t.like((await api.get(stableIPs, { name: 'stable.198-18-0-10' })).status, {
    epoch: 1,
    holder: { uid: 'u1', nodeName: 'a' },
  });
});

test('a namespace that gets the labels which a network selects is served from then on', async (t) => {
  const { api, eventually } = await lead(t);
  await api.create(namespaces, { metadata: { name: 'shop' } });
  await api.create(stableNetworks, stableNetwork('stable', { namespaceSelector: { matchLabels: { team: 'a' } } }));
  const isServed = async (namespace: string): Promise<boolean> =>
    (await api.find(attachmentDefinitions, { name: 'stable', namespace })) !== undefined;
  await eventually(() => isServed('default'), 'the named namespace');
  t.false(await isServed('shop'));
  await api.patch(namespaces, { name: 'shop' }, { metadata: { labels: { team: 'a' } } });
  await eventually(() => isServed('shop'), 'the selected namespace');
});

test('a pod that cannot start because its namespace is not served is told so, once', async (t) => {
  const { api, server, eventually } = await lead(t);
  await api.create(stableNetworks, stableNetwork());
  const waiting = shop({
    name: 'shop-9',
    uid: 'u9',
    namespace: 'shop',
    annotations: { 'k8s.v1.cni.cncf.io/networks': 'stable' },
  });
  await api.create(pods, { ...waiting, status: { phase: 'Pending' } });
  await eventually(() => events(server).includes('NamespaceNotServed'), 'the event');
  await api.patch(pods, { name: 'shop-9', namespace: 'shop' }, { metadata: { labels: { more: 'labels' } } });
  await api.create(pods, {
    ...shop({ name: 'served', uid: 'u8', annotations: { 'k8s.v1.cni.cncf.io/networks': 'stable' } }),
    status: { phase: 'Pending' },
  });
  await eventually(
    async () => (await api.get(stableNetworks, { name: 'stable' })).status?.addresses !== undefined,
    'the status',
  );
  t.deepEqual(events(server), ['NamespaceNotServed']);
});

test('an attachment definition that a person wrote is left as it is while it says the same, and put right when it does not', async (t) => {
  const { api, server, eventually } = await lead(t);
  const written = JSON.stringify(networkConfig(stableNetwork()), undefined, 2);
  await api.create(attachmentDefinitions, {
    metadata: { name: 'stable', namespace: 'default' },
    spec: { config: written },
  });
  await api.create(attachmentDefinitions, {
    metadata: { name: 'stable', namespace: 'shop' },
    spec: { config: 'nothing' },
  });
  await api.create(stableNetworks, stableNetwork('stable', { namespaces: ['default', 'shop'] }));
  await eventually(
    async () =>
      (await api.get(attachmentDefinitions, { name: 'stable', namespace: 'shop' })).spec?.config !== 'nothing',
    'the right definition',
  );
  t.is((await api.get(attachmentDefinitions, { name: 'stable', namespace: 'default' })).spec?.config, written);
  t.is(server.asked('PATCH', /network-attachment-definitions/).length, 1);
});
