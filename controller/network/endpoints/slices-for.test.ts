// A Service follows stable addresses: whose, at which port, where, and in which state.
import test from 'ava';
import { parseLabelSelector } from '#core/api/label-selector.ts';
import { annotations } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import type { EndpointSlice, Service } from '#core/api/service.ts';
import { at, condition, migration, pod, time } from '#core/testing/objects.ts';
import { stableIP, stableService } from '#core/testing/stable-objects.ts';
import { portsFor } from './ports.ts';
import { slicesFor, type EndpointFacts } from './slices-for.ts';

const labels = { app: 'shop' };
const ready = { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(0) }] };
const unready = { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: at(0) }] };
const shop = (
  metadata: Partial<Pod['metadata']> = {},
  parts: { spec?: Partial<Pod['spec']>; status?: Pod['status'] } = {},
): Pod =>
  pod({ metadata: { labels, annotations: { [annotations.lineage]: 'l1' }, ...metadata }, status: ready, ...parts });
const moving = migration({
  status: { lineage: 'l1', source: { name: 'shop-0', uid: 'u1', nodeName: 'a' }, conditions: [condition('Held')] },
});
const facts: EndpointFacts = {
  service: stableService(),
  asked: { network: 'stable', selector: parseLabelSelector('app=shop') },
  stableIPs: [stableIP()],
  pods: [shop()],
  migrations: [],
  published: [],
  now: time(10),
};
const slices = (more: Partial<EndpointFacts> = {}): EndpointSlice[] => slicesFor({ ...facts, ...more });
const endpoints = (more: Partial<EndpointFacts> = {}) => slices(more).flatMap((slice) => slice.endpoints ?? []);
const addresses = (more: Partial<EndpointFacts> = {}): string[] =>
  endpoints(more).flatMap((endpoint) => endpoint.addresses);

test('an endpoint as the built-in controller writes it, with the stable address', (t) => {
  t.deepEqual(slices(), [
    {
      metadata: {
        name: 'shop-stable-ipv4-0',
        namespace: 'default',
        labels: {
          'kubernetes.io/service-name': 'shop',
          'endpointslice.kubernetes.io/managed-by': 'controller.godwit.dev',
          'service.kubernetes.io/headless': '',
        },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'shop', uid: 'service-uid', controller: true }],
      },
      addressType: 'IPv4',
      ports: [{ name: 'redis', port: 6379, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: ['198.18.0.10'],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: 'a',
          targetRef: { kind: 'Pod', namespace: 'default', name: 'shop-0', uid: 'u1' },
        },
      ],
    },
  ]);
});

test('only a headless Service keeps its slices from the proxies', (t) => {
  t.false(
    'service.kubernetes.io/headless' in
      (slices({ service: stableService({ clusterIP: '10.96.0.7' }) })[0]?.metadata.labels ?? {}),
  );
});

const unheld = { status: { epoch: 1 } };
const { status: _none, ...fresh } = stableIP();
const left: [string, Partial<EndpointFacts>][] = [
  ['another network', { stableIPs: [stableIP('198.18.0.10', { network: 'other' })] }],
  ['another namespace', { stableIPs: [stableIP('198.18.0.10', { workload: { namespace: 'bank' } })] }],
  ['other labels', { pods: [shop({ labels: { app: 'bank' } })] }],
  ['nobody holds it', { stableIPs: [stableIP('198.18.0.10', unheld)] }],
  ['nobody has held it yet', { stableIPs: [fresh] }],
  ['its pod is gone', { pods: [] }],
  ['its pod is gone, and the next one waits', { pods: [shop({ uid: 'u2' })] }],
  ['it is finished', { pods: [shop({}, { status: { phase: 'Failed' } })] }],
  ["its family is not the Service's", { service: stableService({ ipFamilies: ['IPv6'] }) }],
];
for (const [what, more] of left) test(`left out: ${what}`, (t) => t.deepEqual(slices(more), []));

test('both families have a slice of their own', (t) => {
  const both = { stableIPs: [stableIP(), stableIP('fd00::5')] };
  t.deepEqual(
    slices(both).map(({ addressType, endpoints: list }) => [addressType, list?.[0]?.addresses[0]]),
    [
      ['IPv4', '198.18.0.10'],
      ['IPv6', 'fd00::5'],
    ],
  );
  t.deepEqual(addresses({ ...both, service: stableService({ ipFamilies: ['IPv4'] }) }), ['198.18.0.10']);
});

test('a pod that is not ready takes no new connections, unless the Service wants it so', (t) => {
  const pods = [shop({}, { status: unready })];
  t.deepEqual(endpoints({ pods })[0]?.conditions, { ready: false, serving: false, terminating: false });
  t.deepEqual(endpoints({ pods, service: stableService({ publishNotReadyAddresses: true }) })[0]?.conditions, {
    ready: true,
    serving: false,
    terminating: false,
  });
});

test('a pod that is deleted drains', (t) => {
  t.deepEqual(endpoints({ pods: [shop({ deletionTimestamp: at(1) })] })[0]?.conditions, {
    ready: false,
    serving: true,
    terminating: true,
  });
});

test('the pods of a StatefulSet get their DNS names', (t) => {
  t.is(
    endpoints({ pods: [shop({}, { spec: { hostname: 'shop-0', subdomain: 'shop' }, status: ready })] })[0]?.hostname,
    'shop-0',
  );
  t.is(
    endpoints({ pods: [shop({}, { spec: { hostname: 'shop-0', subdomain: 'other' }, status: ready })] })[0]?.hostname,
    undefined,
  );
});

test("through a move of the same name the endpoint is there, ready, and the same, until it is the replacement's", (t) => {
  const before = slices();
  const replacement = shop({ uid: 'u2' }, { spec: { nodeName: 'b' }, status: unready });
  const gone = { migrations: [moving], pods: [], published: before };
  t.deepEqual(slices(gone), before);
  t.deepEqual(slices({ ...gone, pods: [replacement] }), before);
  const arrived = slices({
    ...gone,
    pods: [replacement],
    stableIPs: [
      stableIP('198.18.0.10', { status: { epoch: 2, holder: { name: 'shop-0', uid: 'u2', nodeName: 'b' } } }),
    ],
  });
  t.like(arrived[0]?.endpoints?.[0], {
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: 'b',
    targetRef: { uid: 'u2' },
  });
  t.is(arrived[0]?.metadata.name, before[0]?.metadata.name);
});

test('while a pod is gone nobody can see its labels: who was told of before is told of still', (t) => {
  t.deepEqual(addresses({ migrations: [moving], pods: [] }), []);
  t.deepEqual(
    addresses({
      migrations: [{ ...moving, status: { ...moving.status, target: { name: 'shop-0', uid: 'u2' } } }],
      pods: [shop({ uid: 'u2', labels: { app: 'bank' } })],
      published: slices(),
    }),
    [],
  );
});

const named: Service = stableService({
  ports: [
    { name: 'redis', protocol: 'TCP', port: 80, targetPort: 'client' },
    { name: 'gossip', protocol: 'UDP', port: 81, targetPort: 'client', appProtocol: 'g' },
  ],
});
const withPorts = (uid: string, tcp: number, lineage = 'l1'): Pod =>
  shop(
    { uid, name: `shop-${uid}`, annotations: { [annotations.lineage]: lineage } },
    {
      status: ready,
      spec: {
        containers: [
          { name: 'log' },
          {
            name: 'app',
            ports: [
              { name: 'client', containerPort: tcp },
              { name: 'client', containerPort: 9, protocol: 'UDP' },
            ],
          },
        ],
      },
    },
  );

test("a named port is the container's of that name and protocol", (t) => {
  t.deepEqual(portsFor(named, withPorts('u1', 7000)), [
    { name: 'redis', port: 7000, protocol: 'TCP' },
    { name: 'gossip', port: 9, protocol: 'UDP', appProtocol: 'g' },
  ]);
  t.deepEqual(portsFor(named, shop()), []);
  t.deepEqual(portsFor(stableService({ ports: [{ port: 5 }] }), shop()), [{ name: '', port: 5, protocol: 'TCP' }]);
  t.deepEqual(portsFor(stableService({ ports: [] }), shop()), []);
});

const withInit = (restartPolicy?: string): Pod =>
  shop(
    {},
    {
      spec: {
        initContainers: [
          {
            name: 'init',
            ports: [{ name: 'client', containerPort: 5 }],
            ...(restartPolicy === undefined ? {} : { restartPolicy }),
          },
        ],
      },
    },
  );

test('a named port may be that of a sidecar, not of an init container', (t) => {
  t.is(portsFor(named, withInit('Always'))[0]?.port, 5);
  t.deepEqual(portsFor(named, withInit()), []);
});

test('pods with different ports are in different slices, and a pod that is gone keeps its own', (t) => {
  const both = {
    service: named,
    stableIPs: [
      stableIP(),
      stableIP('198.18.0.11', {
        workload: { lineage: 'l2' },
        status: { epoch: 1, holder: { name: 'shop-u2', uid: 'u2', nodeName: 'a' } },
      }),
    ],
  };
  const before = slices({ ...both, pods: [withPorts('u1', 7000), withPorts('u2', 7001, 'l2')] });
  t.deepEqual(
    before.map(({ ports }) => ports?.[0]?.port),
    [7000, 7001],
  );
  t.deepEqual(
    slices({ ...both, pods: [withPorts('u2', 7001, 'l2')], migrations: [moving], published: before }),
    before,
  );
});
