// What pods are made of moves with them: containers, volumes, probes; what cannot move is refused before anything
// happens.
import {
  apply,
  assertMoved,
  attached,
  eventually,
  kubectl,
  migrate,
  namespaceFor,
  nodeOf,
  outcomeOf,
  podOf,
  portForwardPing,
  readyPods,
  stableAddress,
  whileCounting,
} from './cluster.ts';
import { onNode, sharedVolumeDriver, workers } from './nodes.ts';
import { owners, redisContainer, shell } from './workloads.ts';
import { scenario } from './scenario.ts';

const counting =
  'n=0; while :; do n=$((n+1)); echo $n > /scratch/count.new; mv /scratch/count.new /scratch/count; sleep 0.05; done';
const scratch = [{ name: 'scratch', mountPath: '/scratch' }];

scenario('several containers, init containers and sidecars, and the emptyDir they share', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'several');
  const spec = {
    volumes: [{ name: 'scratch', emptyDir: {} }],
    initContainers: [
      shell('first', 'date +%s%N >> /scratch/first', { volumeMounts: scratch }),
      shell('sidecar', counting, { restartPolicy: 'Always', volumeMounts: scratch }),
      shell('second', 'test -e /scratch/first && echo done >> /scratch/second', { volumeMounts: scratch }),
    ],
    containers: [
      redisContainer(),
      shell('beside', 'x=0; while :; do x=$((x+1)); echo $x > /tmp/own; sleep 0.05; done'),
    ],
  };
  await apply(owners.StatefulSet(namespace, { spec }));
  const pod = await podOf(namespace);
  const read = async (container: string, path: string) =>
    (await kubectl('-n', namespace, 'exec', pod, '-c', container, '--', 'cat', path)).trim();
  const first = await read('sidecar', '/scratch/first');
  const address = await stableAddress(namespace, pod);
  for (const move of ['there', 'back']) {
    const [count, own] = [Number(await read('sidecar', '/scratch/count')), Number(await read('beside', '/tmp/own'))];
    await whileCounting(t, address, async () => assertMoved(t, await migrate(namespace, move, pod)));
    await podOf(namespace);
    t.is(await read('sidecar', '/scratch/first'), first, 'init containers do not run again');
    t.is(await read('sidecar', '/scratch/second'), 'done');
    await eventually(
      'the sidecar goes on counting',
      async () => (Number(await read('sidecar', '/scratch/count')) > count ? true : undefined),
      5_000,
    );
    await eventually(
      'the other container goes on counting',
      async () => (Number(await read('beside', '/tmp/own')) > own ? true : undefined),
      5_000,
    );
  }
});

scenario('ConfigMap, Secret, projected, downward and emptyDir volumes, and /dev/shm', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'volumes');
  await apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace }, data: { colour: 'blue' } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'secret', namespace }, stringData: { word: 'abracadabra' } },
  );
  const spec = {
    volumes: [
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'secret', secret: { secretName: 'secret' } },
      { name: 'downward', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
      {
        name: 'projected',
        projected: { sources: [{ configMap: { name: 'settings' } }, { serviceAccountToken: { path: 'token' } }] },
      },
      { name: 'disk', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' } },
    ],
  };
  const whole = ['settings', 'secret', 'downward', 'projected', 'disk', 'memory'].map((name) => ({
    name,
    mountPath: `/v/${name}`,
  }));
  const parts = [
    { name: 'disk', mountPath: '/part/disk', subPath: 'a/b' },
    { name: 'memory', mountPath: '/part/memory', subPath: 'c' },
    { name: 'settings', mountPath: '/part/colour', subPath: 'colour' },
    { name: 'secret', mountPath: '/part/word', subPath: 'word' },
  ];
  const open = 'cd /v/downward/..data; exec 3</v/secret/word 4</var/run/secrets/kubernetes.io/serviceaccount/token';
  const command = ['sh', '-c', `${open}; redis-server --save "" --protected-mode no --dir /tmp; exit`];
  await apply(owners.StatefulSet(namespace, { spec, container: { command, volumeMounts: [...whole, ...parts] } }));
  const pod = await podOf(namespace);
  const sh = async (script: string) => (await kubectl('-n', namespace, 'exec', pod, '--', 'sh', '-c', script)).trim();
  await sh(
    'echo kept > /v/disk/file; mkdir /v/disk/deep; ln /v/disk/file /v/disk/deep/link; echo kept > /v/memory/file; echo shared > /dev/shm/file; echo part > /part/disk/file; echo part > /part/memory/file',
  );
  await kubectl('-n', namespace, 'patch', 'configmap', 'settings', '-p', '{"data": {"colour": "green"}}');
  await kubectl('-n', namespace, 'label', 'pod', pod, 'look=again');
  await eventually(
    'the kubelet replaces the file',
    async () => ((await sh('cat /v/settings/colour')) === 'green' ? true : undefined),
    90_000,
  );
  t.regex(
    await sh('grep " /part/colour " /proc/self/mountinfo'),
    /\/\/deleted /,
    'what a subPath names is not replaced',
  );
  t.is(await sh('cat /part/colour'), 'blue');
  const all =
    'cat /v/settings/colour /v/secret/word /v/downward/name /v/projected/colour /v/disk/deep/link /v/memory/file /dev/shm/file /v/disk/a/b/file /part/disk/file /v/memory/c/file /part/memory/file /part/word; stat -c %h /v/disk/file; stat -c %a /dev/shm';
  const before = await sh(all);
  await whileCounting(t, await stableAddress(namespace, pod), async () =>
    assertMoved(t, await migrate(namespace, 'there', pod)),
  );
  await podOf(namespace);
  t.is(await sh(all), before);
  t.is(await sh('cat /part/colour'), 'green', 'as in any pod that starts there');
  await sh('echo more > /part/disk/more; echo more > /v/memory/c/more');
  t.is(await sh('cat /v/disk/a/b/more /part/memory/more'), 'more\nmore', 'a part is still a part');
  t.is(
    await sh('cat /proc/1/fd/3; cat /proc/1/cwd/name'),
    `abracadabra${pod}`,
    'open files and directories are those of this node',
  );
  t.is(await sh('readlink -f /v/downward/..data'), await sh('readlink /proc/1/cwd'));
  t.is(await sh('cat /proc/1/fd/4'), await sh('cat /var/run/secrets/kubernetes.io/serviceaccount/token'));
  t.regex(await sh('cat /v/projected/token'), /^[\w-]+\.[\w-]+\.[\w-]+$/);
});

scenario(
  'probes and a preStop hook do not end a pod that moves; logs, exec, attach and port-forward work on the restored one',
  ['client'],
  async (t) => {
    const namespace = await namespaceFor(t, 'probes');
    const probe = {
      exec: { command: ['redis-cli', 'ping'] },
      periodSeconds: 1,
      failureThreshold: 1,
      timeoutSeconds: 1,
    };
    const probes = { livenessProbe: probe, readinessProbe: probe, startupProbe: { ...probe, failureThreshold: 5 } };
    await apply(
      owners.Deployment(namespace, {
        container: { ...probes, lifecycle: { preStop: { exec: { command: ['redis-cli', 'shutdown', 'nosave'] } } } },
      }),
    );
    const before = await podOf(namespace);
    await whileCounting(t, await stableAddress(namespace, before), async () =>
      assertMoved(t, await migrate(namespace, 'there', before)),
    );
    const pod = await podOf(namespace);
    t.is((await kubectl('-n', namespace, 'exec', pod, '--', 'redis-cli', 'ping')).trim(), 'PONG');
    await kubectl('-n', namespace, 'exec', pod, '--', 'sh', '-c', 'echo to the log > /proc/1/fd/1');
    t.regex(await kubectl('-n', namespace, 'logs', pod), /to the log/);
    t.is(
      await kubectl('-n', namespace, 'get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].restartCount}'),
      '0',
    );
    t.is(await portForwardPing(namespace, pod), '+PONG');
    t.regex(await attached(namespace, pod), /to the attached/);
  },
);

for (const [code, shape] of Object.entries({
  PREFLIGHT_HOST_PATH: { spec: { volumes: [{ name: 'node', hostPath: { path: '/tmp' } }] } },
  PREFLIGHT_TTY: { container: { tty: true, stdin: true } },
  PREFLIGHT_HOST_NAMESPACES: { spec: { hostPID: true } },
})) {
  scenario(`${code}: refused before anything happens, and the pod goes on`, ['client'], async (t) => {
    const namespace = await namespaceFor(t, code);
    await apply(owners['bare pod'](namespace, shape));
    const pod = await podOf(namespace);
    const { status } = await migrate(namespace, 'refused', pod);
    t.is(status?.phase, 'Failed');
    t.deepEqual(
      status?.refusals?.map((refusal) => refusal.code),
      [code],
    );
    t.is(await podOf(namespace), pod);
  });
}

/** A line every 20 ms through one open file: none is missing, none comes twice. */
const numbering = 'exec 3>>/data/log; n=0; while :; do n=$((n+1)); echo $n >&3; sleep 0.02; done';

function volume(namespace: string, accessModes: readonly string[]): object[] {
  const name = `shared-${namespace}`;
  const common = { accessModes, storageClassName: '' };
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        ...common,
        capacity: { storage: '1Gi' },
        persistentVolumeReclaimPolicy: 'Retain',
        flexVolume: { driver: sharedVolumeDriver, options: { directory: namespace } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace },
      spec: { ...common, volumeName: name, resources: { requests: { storage: '1Gi' } } },
    },
  ];
}

scenario('a volume that several nodes can mount: the open file goes on where it was', ['nodes'], async (t) => {
  for (const node of workers) await onNode(node).installSharedVolumes();
  const namespace = await namespaceFor(t, 'rwx');
  t.teardown(async () => void (await kubectl('delete', 'pv', `shared-${namespace}`, '--wait=false')));
  const containers = [shell('writer', numbering, { volumeMounts: [{ name: 'data', mountPath: '/data' }] })];
  await apply(
    ...volume(namespace, ['ReadWriteMany']),
    owners.StatefulSet(namespace, {
      spec: { containers, volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
    }),
  );
  const pod = await podOf(namespace);
  const lines = async (): Promise<number[]> =>
    (await kubectl('-n', namespace, 'exec', pod, '--', 'cat', '/data/log')).trim().split('\n').map(Number);
  await eventually('some lines', async () => ((await lines()).length > 50 ? true : undefined));
  assertMoved(t, await migrate(namespace, 'there', pod));
  await podOf(namespace);
  const before = (await lines()).length;
  await eventually('more lines', async () => ((await lines()).length > before + 20 ? true : undefined));
  const all = await lines();
  t.deepEqual(
    all,
    all.map((_, index) => index + 1),
  );
});

scenario('a volume that one node can mount: refused with the reason, and the pod goes on', ['nodes'], async (t) => {
  for (const node of workers) await onNode(node).installSharedVolumes();
  const namespace = await namespaceFor(t, 'rwo');
  t.teardown(async () => void (await kubectl('delete', 'pv', `shared-${namespace}`, '--wait=false')));
  await apply(
    ...volume(namespace, ['ReadWriteOnce']),
    owners.StatefulSet(namespace, {
      spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
      container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
    }),
  );
  const pod = await podOf(namespace);
  const { status } = await migrate(namespace, 'refused', pod);
  t.deepEqual(
    status?.refusals?.map(({ code }) => code),
    ['PREFLIGHT_VOLUME_SINGLE_NODE'],
  );
  t.is(await podOf(namespace), pod);
});

scenario('300 MiB beside a small container: copied before the freeze, and whole', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'memory');
  const spec = { containers: [redisContainer(), shell('beside', 'while :; do sleep 1; done')] };
  await apply(owners.StatefulSet(namespace, { spec }));
  const pod = await podOf(namespace);
  const ask = async (script: string) =>
    (await kubectl('-n', namespace, 'exec', pod, '-c', 'redis', '--', 'redis-cli', 'eval', script, '0')).trim();
  await ask(
    "for i = 1, 300 do redis.call('SET', 'large' .. i, string.rep('x' .. i .. '-', 262144):sub(1, 1048576)) end",
  );
  const digest = "local d = '' for i = 1, 300 do d = redis.sha1hex(d .. redis.call('GET', 'large' .. i)) end return d";
  const before = await ask(digest);
  const address = await stableAddress(namespace, pod);
  for (const move of ['there', 'back'])
    await whileCounting(t, address, async () => {
      const migration = await migrate(namespace, move, pod);
      assertMoved(t, migration);
      const { memoryRounds, memoryBytes = 0, freezeMs } = migration.status?.handover?.measures ?? {};
      t.log({ memoryRounds, memoryBytes, freezeMs });
      t.true(memoryBytes >= 300 * 2 ** 20, `${memoryBytes} bytes were copied before the freeze`);
      await podOf(namespace);
      t.is(await ask(digest), before);
    });
});

scenario('init containers run again when the sandbox of a pod that has moved is made anew', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'initialised');
  const spec = {
    volumes: [{ name: 'scratch', emptyDir: {} }],
    initContainers: [shell('init', 'echo run >> /scratch/runs', { volumeMounts: scratch })],
    containers: [redisContainer({ volumeMounts: scratch })],
  };
  await apply(owners.StatefulSet(namespace, { spec }));
  const pod = await podOf(namespace);
  assertMoved(t, await migrate(namespace, 'there', pod));
  await podOf(namespace);
  const runs = async () =>
    (await kubectl('-n', namespace, 'exec', pod, '-c', 'redis', '--', 'cat', '/scratch/runs')).trim().split('\n')
      .length;
  t.is(await runs(), 1);
  const sandboxes = `ctr -n k8s.io containers ls -q 'labels."io.kubernetes.pod.namespace"==${namespace},labels."io.cri-containerd.kind"==sandbox'`;
  const node = await nodeOf(namespace, pod);
  const [sandbox = ''] = (await onNode(node).exec('sh', '-c', sandboxes)).trim().split('\n');
  await onNode(node).exec('ctr', '-n', 'k8s.io', 'tasks', 'kill', '--signal', 'SIGKILL', sandbox);
  await eventually('init containers have run again', async () =>
    (await runs().catch(() => 0)) === 2 ? true : undefined,
  );
});

scenario('two that keep apart on two nodes: not held, and the rule is named', [], async (t) => {
  const namespace = await namespaceFor(t, 'apart');
  const term = { labelSelector: { matchLabels: { app: 'shop' } }, topologyKey: 'kubernetes.io/hostname' };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  await apply(owners.StatefulSet(namespace, { replicas: 2, spec: { affinity } }));
  await eventually('both are ready', async () => ((await readyPods(namespace)).length === 2 ? true : undefined));
  const migration = { apiVersion: 'godwit.dev/v1alpha1', kind: 'Migration', metadata: { name: 'plan', namespace } };
  await apply({ ...migration, spec: { podName: 'shop-0', dryRun: true } });
  const { status } = await outcomeOf(namespace, 'plan');
  t.regex(JSON.stringify(status), /PREFLIGHT_NO_CANDIDATE.*anti-affinity/);
});
