// Two pods have the same hash exactly where the processes of one can go on as the other.
import test from 'ava';
import * as fc from 'fast-check';
import type { Pod } from '#core/api/pod.ts';
import { restoreHash } from './restore-hash.ts';

type Spec = Pod['spec'];
type Container = Spec['containers'][number];

const word = fc.constantFrom('a', 'b', 'c', '', '1');
const words = fc.array(word, { maxLength: 3 });
const mount = fc.record(
  { name: word, mountPath: word, readOnly: fc.boolean(), subPath: word },
  { requiredKeys: ['name', 'mountPath'] },
);
const container: fc.Arbitrary<Container> = fc.record(
  {
    name: word,
    image: word,
    command: words,
    args: words,
    workingDir: word,
    env: fc.array(fc.record({ name: word, value: word }), { maxLength: 3 }),
    envFrom: fc.array(fc.record({ configMapRef: fc.record({ name: word }) }), { maxLength: 2 }),
    restartPolicy: fc.constant('Always'),
    securityContext: fc.record({ runAsUser: fc.nat(), privileged: fc.boolean() }, { requiredKeys: [] }),
    volumeMounts: fc.array(mount, { maxLength: 3 }),
  },
  { requiredKeys: ['name'] },
);
const containers = fc.array(container, { minLength: 1, maxLength: 3 });
const spec: fc.Arbitrary<Spec> = fc.record(
  {
    containers,
    initContainers: containers,
    securityContext: fc.record({ runAsUser: fc.nat(), fsGroup: fc.nat() }, { requiredKeys: [] }),
    volumes: fc.array(fc.record({ name: word, configMap: fc.record({ name: word, optional: fc.boolean() }) }), {
      maxLength: 3,
    }),
  },
  { requiredKeys: ['containers'] },
);

const hashOf = (of: Spec): string => restoreHash({ spec: of });

/** The same value with the keys of every object in another order. */
function turned<T>(value: T): T {
  const copy = structuredClone(value);
  turn(copy);
  return copy;
}

function turn(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, field] of Object.entries(value).toReversed()) {
    turn(field);
    if (Array.isArray(value)) continue;
    Reflect.deleteProperty(value, key);
    Reflect.set(value, key, field);
  }
}

const everyContainer = (of: Spec, change: (container: Container) => Container): Spec => ({
  ...of,
  containers: of.containers.map(change),
  ...(of.initContainers === undefined ? {} : { initContainers: of.initContainers.map(change) }),
});

const withToken = (of: Spec, name: string): Spec => ({
  ...everyContainer(of, (each) =>
    Object.assign({}, each, {
      volumeMounts: [
        ...(each.volumeMounts ?? []),
        { name, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
      ],
    }),
  ),
  volumes: [...(of.volumes ?? []), { name, projected: { sources: [] } }],
});

test('it is short and says nothing else', (t) => {
  fc.assert(fc.property(spec, (of) => void t.regex(hashOf(of), /^[0-9a-f]{16}$/)));
});

test('the order of keys does not matter', (t) => {
  fc.assert(fc.property(spec, (of) => void t.is(hashOf(turned(of)), hashOf(of))));
});

test('neither does what admission calls the volume of the token, or whether it made one', (t) => {
  fc.assert(
    fc.property(spec, fc.stringMatching(/^[a-z0-9]{5}$/), (of, suffix) => {
      t.is(hashOf(withToken(of, `kube-api-access-${suffix}`)), hashOf(withToken(of, 'kube-api-access-other')));
      t.is(
        hashOf(withToken(of, `kube-api-access-${suffix}`)),
        hashOf({
          ...everyContainer(of, (each) => Object.assign({}, each, { volumeMounts: each.volumeMounts ?? [] })),
          volumes: of.volumes ?? [],
        }),
      );
    }),
  );
});

const idle: [string, Partial<Container>, Partial<Spec>][] = [
  [
    'resources',
    { resources: { requests: { cpu: '2' }, limits: { memory: '1Gi' } } },
    { resources: { requests: { cpu: '4' } } },
  ],
  ['probes', { livenessProbe: { periodSeconds: 3 }, readinessProbe: {} }, {}],
  [
    'placement',
    {},
    {
      nodeName: 'b',
      nodeSelector: { zone: 'z' },
      affinity: { nodeAffinity: {} },
      tolerations: [{ operator: 'Exists' }],
      schedulingGates: [{ name: 'g' }],
    },
  ],
  ['what is left out by being undefined', { image: undefined }, { volumes: undefined }],
];
for (const [what, ofContainer, ofPod] of idle) {
  test(`${what} may differ`, (t) => {
    fc.assert(
      fc.property(fc.array(fc.record({ name: word }), { minLength: 1, maxLength: 3 }), (bare) => {
        const of = { containers: bare };
        t.is(hashOf({ ...everyContainer(of, (each) => Object.assign({}, each, ofContainer)), ...ofPod }), hashOf(of));
      }),
    );
  });
}

const telling: [string, Partial<Container>][] = [
  ['the image', { image: 'other' }],
  ['the command', { command: ['other'] }],
  ['the arguments', { args: ['other'] }],
  ['the working directory', { workingDir: '/other' }],
  ['the environment', { env: [{ name: 'OTHER', value: '1' }] }],
  ['where the environment comes from', { envFrom: [{ secretRef: { name: 'other' } }] }],
  ['the mounts', { volumeMounts: [{ name: 'data', mountPath: '/other' }] }],
  ['the user', { securityContext: { runAsUser: 12_345 } }],
  ['the name', { name: 'other' }],
  ['whether an init container stays', { restartPolicy: 'Never' }],
];
for (const [what, change] of telling) {
  test(`${what} of any container must be the same`, (t) => {
    fc.assert(
      fc.property(spec, fc.boolean(), fc.nat(), (of, inInit, place) => {
        const list = inInit ? (of.initContainers ?? of.containers) : of.containers;
        const index = place % list.length;
        const changed = list.with(index, Object.assign({}, list[index], change));
        t.not(
          hashOf({ ...of, ...(list === of.containers ? { containers: changed } : { initContainers: changed }) }),
          hashOf(of),
        );
      }),
    );
  });
}

test('volumes, the user of the pod, and the order of containers must be the same', (t) => {
  const of: Spec = {
    containers: [{ name: 'a' }, { name: 'b' }],
    volumes: [{ name: 'v', configMap: { name: 'c' } }],
    securityContext: { fsGroup: 1 },
  };
  const others: Spec[] = [
    { ...of, volumes: [{ name: 'v', configMap: { name: 'd' } }] },
    { ...of, volumes: [] },
    { ...of, securityContext: { fsGroup: 2 } },
    { ...of, containers: of.containers.toReversed() },
    { ...of, containers: [{ name: 'b' }], initContainers: [{ name: 'a' }] },
  ];
  t.is(new Set([of, ...others].map(hashOf)).size, others.length + 1);
});
