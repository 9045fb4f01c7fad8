// Every code of the API's preflight has a pod that passes its check and one that it refuses.
import test from 'ava';
import type { Pod } from '#core/api/pod.ts';
import { pod, policy } from '#core/testing/objects.ts';
import type { PodFacts } from './pod-check.ts';
import { podChecks, podNotes, podRefusals } from './refusals.ts';

type Facts = Partial<PodFacts>;

const of = (spec: Partial<Pod['spec']>): Facts => ({ pod: pod({ spec }) });
const owned = (owner: string): Facts => ({ pod: pod({ owner }) });
const device = (...resources: string[]): Facts =>
  of({
    containers: [{ name: 'app', resources: { limits: Object.fromEntries(resources.map((name) => [name, '1'])) } }],
  });
type Spec = Partial<Pod['spec']>;
type Container = Pod['spec']['containers'][number];
const app = (more: Partial<Container> = {}, name = 'app'): Container => ({ name, ...more });
const sidecar = (more: Partial<Container>): Container => ({ name: 'proxy', restartPolicy: 'Always', ...more });
type Mounts = NonNullable<Pod['spec']['containers'][number]['volumeMounts']>;
const volume = (kind: string, content: unknown = {}): Facts =>
  of({
    volumes: [
      { name: 'cache', emptyDir: {} },
      { name: 'store', [kind]: content },
    ],
  });
/** A pod that mounts claim `data` in each of the given ways, beside one that everybody may write. */
const claim = (
  accessModes: string[],
  mounts: Partial<Mounts[number]>[] = [{}],
  own: { readOnly?: boolean } = {},
): Facts => {
  const spec: Spec = {
    volumes: [
      { name: 'shared', persistentVolumeClaim: { claimName: 'shared' } },
      { name: 'store', persistentVolumeClaim: { claimName: 'data', ...own } },
    ],
    initContainers: [{ name: 'side', volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }],
    containers: mounts.map((more, index) => ({
      name: `c${index}`,
      volumeMounts: [{ name: 'store', mountPath: '/store', ...more }],
    })),
  };
  return {
    ...of(spec),
    claims: [
      { name: 'shared', accessModes: ['ReadWriteMany'] },
      { name: 'data', accessModes },
    ],
  };
};

interface Row {
  passes: Facts[];
  /** With what the fact has to name. */
  refused: [Facts, RegExp][];
}

const rows: Record<string, Row> = {
  PREFLIGHT_RUNTIME_CLASS: {
    passes: [{}],
    refused: [
      [of({ runtimeClassName: 'runc' }), /runc/],
      [of({ runtimeClassName: undefined }), /none/],
    ],
  },
  PREFLIGHT_POLICY_NEVER: {
    passes: [{ policy: policy() }, { policy: undefined }],
    refused: [[{ policy: policy({ action: 'Never' }, 'no-moves') }, /no-moves/]],
  },
  PREFLIGHT_OWNER: {
    passes: [{}, owned('StatefulSet'), owned('ReplicaSet'), owned('Job')],
    refused: [
      [owned('DaemonSet'), /DaemonSet/],
      [owned('Node'), /Node/],
      [{ pod: pod({ metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }) }, /static/],
    ],
  },
  PREFLIGHT_HOST_NAMESPACES: {
    passes: [of({ hostNetwork: false, hostPID: false, hostIPC: false })],
    refused: [
      [of({ hostNetwork: true }), /node/],
      [of({ hostPID: true }), /node/],
      [of({ hostIPC: true }), /node/],
    ],
  },
  PREFLIGHT_HOST_PATH: {
    passes: [
      of({
        volumes: [
          { name: 'cache', emptyDir: {} },
          { name: 'config', configMap: { name: 'c' } },
        ],
      }),
    ],
    refused: [
      [
        of({
          volumes: [
            { name: 'cache', emptyDir: {} },
            { name: 'logs', hostPath: { path: '/var/log' } },
          ],
        }),
        /logs/,
      ],
    ],
  },
  PREFLIGHT_VOLUME_EPHEMERAL: {
    passes: [volume('emptyDir'), volume('configMap'), volume('projected')],
    refused: [
      [volume('ephemeral', { volumeClaimTemplate: {} }), /store/],
      [volume('csi', { driver: 'inline.example.com' }), /store/],
    ],
  },
  PREFLIGHT_VOLUME_SINGLE_NODE: {
    passes: [
      { claims: [] },
      claim(['ReadWriteMany']),
      claim(['ReadWriteOnce', 'ReadWriteMany']),
      claim(['ReadOnlyMany'], [{ readOnly: true }, { readOnly: true }]),
      claim(['ReadWriteOnce', 'ReadOnlyMany'], [{ readOnly: true }]),
      claim(['ReadOnlyMany'], [{}], { readOnly: true }),
      volume('image'),
      volume('nfs', { server: 's', path: '/' }),
      volume('secret'),
      volume('downwardAPI'),
      of({ volumes: [{ name: 'none', iscsi: null }] }),
    ],
    refused: [
      [claim(['ReadWriteOnce']), /data.*ReadWriteOnce/],
      [claim(['ReadWriteOncePod']), /data/],
      [claim(['ReadWriteOncePod', 'ReadWriteMany']), /data/],
      [claim([]), /data.*no access modes/],
      [claim(['ReadWriteOnce', 'ReadOnlyMany']), /data.*for writing/],
      [claim(['ReadOnlyMany']), /data.*for writing/],
      [claim(['ReadOnlyMany'], [{ readOnly: true }, { readOnly: false }]), /data.*for writing/],
      [claim(['ReadWriteOnce'], [{ readOnly: true }]), /data/],
      [volume('iscsi', { lun: 0 }), /store.*iscsi/],
      [volume('awsElasticBlockStore', { volumeID: 'v' }), /store.*awsElasticBlockStore/],
    ],
  },
  PREFLIGHT_NAMESPACE_NOT_SERVED: {
    passes: [{ unserved: [] }],
    refused: [[{ unserved: [{ network: 'stable', namespace: 'shop' }] }, /StableNetwork stable .* namespace shop/]],
  },
  PREFLIGHT_TTY: {
    passes: [of({ containers: [{ name: 'app', tty: false }] })],
    refused: [
      [of({ containers: [{ name: 'app' }, { name: 'shell', tty: true }] }), /shell/],
      [of({ initContainers: [{ name: 'side', tty: true }] }), /side/],
    ],
  },
  PREFLIGHT_DEVICES: {
    passes: [
      of({ resourceClaims: [] }),
      device('cpu', 'memory', 'ephemeral-storage', 'hugepages-2Mi', 'godwit.dev/slot'),
    ],
    refused: [
      [device('cpu', 'nvidia.com/gpu'), /: nvidia\.com\/gpu$/],
      [
        of({
          initContainers: [{ name: 'side', resources: { requests: { 'example.com/nic': '1' } } }],
          containers: [{ name: 'app', resources: { limits: { 'example.com/nic': '1' } } }],
        }),
        /: example\.com\/nic$/,
      ],
      [device('cpus'), /cpus/],
      [of({ resourceClaims: [{ name: 'gpu', resourceClaimName: 'big' }] }), /: resource claim gpu$/],
      [
        of({ containers: [{ name: 'app', volumeDevices: [{ name: 'disk', devicePath: '/dev/xvda' }] }] }),
        /: block volume disk$/,
      ],
      [
        of({
          initContainers: [{ name: 'side', volumeDevices: [{ name: 'disk' }] }],
          resourceClaims: [{ name: 'gpu' }],
          containers: [{ name: 'app', resources: { limits: { 'example.com/nic': '1' } } }],
        }),
        /: example\.com\/nic, resource claim gpu, block volume disk$/,
      ],
    ],
  },
  PREFLIGHT_START_ORDER: {
    passes: [
      // one container has nobody to wait for, and the last one runs when it is started
      of({
        initContainers: [{ name: 'init', lifecycle: { postStart: {} } }],
        containers: [app({ lifecycle: { postStart: {} }, startupProbe: {}, livenessProbe: { failureThreshold: 1 } })],
      }),
      of({
        containers: [app({}, 'cache'), app({ lifecycle: { postStart: {} }, livenessProbe: { periodSeconds: 1 } })],
      }),
      of({ initContainers: [sidecar({ lifecycle: { preStop: {} }, livenessProbe: {} })], containers: [app()] }),
      of({
        containers: [
          app({ startupProbe: {}, livenessProbe: { initialDelaySeconds: 5, failureThreshold: 1 } }),
          app({}, 'log'),
        ],
      }),
      of({ containers: [app({ livenessProbe: { periodSeconds: 1, failureThreshold: 6 } }), app({}, 'log')] }),
    ],
    refused: [
      [
        of({ initContainers: [sidecar({ startupProbe: { failureThreshold: 30 } })], containers: [app()] }),
        /startupProbe of proxy$/,
      ],
      [of({ initContainers: [sidecar({ lifecycle: { postStart: {} } })], containers: [app()] }), /postStart of proxy$/],
      [
        of({
          containers: [app({ lifecycle: { postStart: {} }, livenessProbe: { failureThreshold: 1 } }), app({}, 'log')],
        }),
        /postStart of app, livenessProbe of app$/,
      ],
      [
        of({ containers: [app({ livenessProbe: { periodSeconds: 1, failureThreshold: 5 } }), app({}, 'log')] }),
        /livenessProbe of app$/,
      ],
      [of({ containers: [app({ startupProbe: { periodSeconds: 2 } }), app({}, 'log')] }), /startupProbe of app$/],
    ],
  },
};

const facts = (more: Facts): PodFacts => ({ pod: pod(), policy: policy(), claims: [], unserved: [], ...more });

test('every code has its row', (t) => t.deepEqual(Object.keys(rows).toSorted(), Object.keys(podChecks).toSorted()));

for (const [code, { passes, refused }] of Object.entries(rows)) {
  test(`${code} lets ordinary pods pass`, (t) => {
    t.true(passes.length > 0);
    for (const more of passes) t.is(podChecks[code]?.run(facts(more)), undefined);
  });
  test(`${code} says what it found and what to do, and is the only one in the way`, (t) => {
    t.true(refused.length > 0);
    for (const [more, named] of refused) {
      const refusals = podRefusals(facts(more));
      t.deepEqual(
        refusals.map((refusal) => refusal.code),
        [code],
      );
      t.regex(refusals[0]?.fact ?? '', named);
      t.not(refusals[0]?.remedy ?? '', '');
    }
  });
}

test('every check says what it is about', (t) => {
  for (const { about } of Object.values(podChecks)) t.regex(about, /^[A-Z].*\.$/);
});

test('an ordinary pod is not refused, and everything in the way is said at once', (t) => {
  t.deepEqual(podRefusals(facts({})), []);
  const both = facts({
    pod: pod({ spec: { hostPID: true } }),
    claims: [{ name: 'data', accessModes: ['ReadWriteOnce'] }],
  });
  t.deepEqual(
    podRefusals(both).map(({ code }) => code),
    ['PREFLIGHT_HOST_NAMESPACES', 'PREFLIGHT_VOLUME_SINGLE_NODE'],
  );
});

test('a hook that runs again is worth a note, and one that waits is not', (t) => {
  for (const preStop of [{}, { exec: { command: ['sync'] } }, { sleep: { seconds: 5 } }])
    t.deepEqual(podNotes(facts(of({ containers: [{ name: 'app', lifecycle: { preStop } }] }))), []);
  const [note, ...more] = podNotes(
    facts(
      of({
        initContainers: [{ name: 'side', lifecycle: { postStart: {} } }],
        containers: [{ name: 'app', lifecycle: { postStart: {} } }, { name: 'other' }],
      }),
    ),
  );
  t.deepEqual(more, []);
  t.is(note?.code, 'NOTE_POST_START');
  t.regex(note?.fact ?? '', /^postStart of side, app /);
});

test('a request of the kubelet before the end cannot be held, and is worth a note', (t) => {
  for (const preStop of [{ httpGet: { port: 80 } }, { tcpSocket: { port: 80 } }]) {
    const notes = podNotes(facts(of({ containers: [{ name: 'app', lifecycle: { preStop } }, { name: 'other' }] })));
    t.deepEqual(
      notes.map(({ code }) => code),
      ['NOTE_PRE_STOP'],
    );
    t.regex(notes[0]?.fact ?? '', /^preStop of app /);
  }
});
