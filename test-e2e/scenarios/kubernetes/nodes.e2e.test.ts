// Nodes that die, cannot be reached or have no room, parts that are not there at all, certificates that have run out;
// and nothing is left behind.
import {
  apply,
  assertClean,
  assertMoved,
  eventually,
  kubectl,
  migrate,
  migrationOf,
  namespaceFor,
  nodeOf,
  outcomeOf,
  podOf,
  rolledOut,
  stableAddress,
  startCounter,
  startMigration,
  whileCounting,
} from './cluster.ts';
import { onNode, otherWorker, workers } from './nodes.ts';
import { scenario } from './scenario.ts';
import { owners, redisContainer, shell } from './workloads.ts';

/**
 * Two agents that cannot talk: the move is given up at its deadline, and the workload starts afresh where it was sent.
 */
scenario(
  'a target that cannot be reached: the deadline ends the move, and the workload is not lost for good',
  ['client', 'nodes'],
  async (t) => {
    const namespace = await namespaceFor(t, 'unreachable');
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    const address = await stableAddress(namespace, pod);
    const target = otherWorker(await nodeOf(namespace, pod));
    const { exec } = onNode(target);
    const cut = (verb: string) => exec('iptables', verb, 'INPUT', '-p', 'tcp', '--dport', '7411', '-j', 'DROP');
    await cut('-I');
    t.teardown(async () => void (await cut('-D').catch(() => undefined)));
    await apply({
      apiVersion: 'godwit.dev/v1alpha1',
      kind: 'Migration',
      metadata: { name: 'move', namespace },
      spec: { podName: pod, deadlineSeconds: 15 },
    });
    const { status } = await outcomeOf(namespace, 'move');
    t.is(status?.phase, 'Failed');
    await podOf(namespace, 'app=shop', 90_000);
    const client = await startCounter(address);
    await client.more(100, 30_000);
    await assertClean(t, client);
  },
);

const named = (list: string): string[] | undefined =>
  list.trim() === ''
    ? undefined
    : list
        .trim()
        .split('\n')
        .map((name) => name.slice(name.indexOf('/') + 1));

/** Who drains may believe that they are gone, since their owners' former pods are: the controller goes on. */
scenario(
  'kubectl drain while no other node can be reached: the pods go on where they were, and move later',
  ['client', 'nodes'],
  async (t) => {
    const [stateful, stateless] = [await namespaceFor(t, 'stays-set'), await namespaceFor(t, 'stays-deployment')];
    const [node = '', other = ''] = workers;
    t.teardown(async () => void (await kubectl('uncordon', node, other)));
    await kubectl('cordon', other);
    const volumeMounts = [{ name: 'scratch', mountPath: '/scratch' }];
    const beside = shell('beside', 'n=0; while :; do n=$((n+1)); echo $n > /scratch/count; sleep 0.1; done', {
      volumeMounts,
    });
    await apply(
      owners.StatefulSet(stateful, {
        spec: { containers: [redisContainer(), beside], volumes: [{ name: 'scratch', emptyDir: {} }] },
      }),
      owners.Deployment(stateless),
    );
    const pods = [
      { namespace: stateful, pod: await podOf(stateful) },
      { namespace: stateless, pod: await podOf(stateless) },
    ];
    await kubectl('uncordon', other);
    const { exec } = onNode(other);
    const cut = (verb: string) => exec('iptables', verb, 'INPUT', '-p', 'tcp', '--dport', '7411', '-j', 'DROP');
    t.teardown(async () => void (await cut('-D').catch(() => undefined)));
    await cut('-I');
    const count = async () =>
      Number(await kubectl('-n', stateful, 'exec', 'shop-0', '-c', 'beside', '--', 'cat', '/scratch/count'));
    const before = await count();
    const addresses = await Promise.all(pods.map(({ namespace, pod }) => stableAddress(namespace, pod)));
    const moves = Promise.withResolvers<void>();
    const counting = addresses.map((address) => whileCounting(t, address, () => moves.promise));
    const drained = kubectl(
      'drain',
      node,
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--pod-selector=app=shop',
      '--timeout=240s',
    );
    await Promise.all(
      pods.map(async ({ namespace }) => {
        const [name = ''] = await eventually('a Migration', async () =>
          named(await kubectl('-n', namespace, 'get', 'migrations', '-o', 'name')),
        );
        const { status } = await outcomeOf(namespace, name, 120_000);
        t.is(
          status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason,
          'KeptInPlace',
          JSON.stringify(status),
        );
        t.is(status?.target?.nodeName, node);
        t.not(status?.target?.uid, status?.source?.uid);
      }),
    );
    await cut('-D');
    for (const { namespace } of pods)
      await eventually(
        'the pod on the other node',
        async () => ((await nodeOf(namespace, await podOf(namespace)).catch(() => node)) === other ? true : undefined),
        120_000,
      );
    await drained;
    await eventually('the count goes on', async () => ((await count().catch(() => 0)) > before ? true : undefined));
    moves.resolve();
    await Promise.all(counting);
  },
);

scenario(
  'a dead node: its pod starts afresh elsewhere with the same address, and the node that comes back is fenced',
  ['client', 'nodes'],
  async (t) => {
    const namespace = await namespaceFor(t, 'dead');
    const soon = ['not-ready', 'unreachable'].map((key) => ({
      key: `node.kubernetes.io/${key}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 1,
    }));
    await apply(owners.StatefulSet(namespace, { spec: { tolerations: soon } }));
    const pod = await podOf(namespace);
    const address = await stableAddress(namespace, pod);
    const node = await nodeOf(namespace, pod);
    const { powerOff, powerOn } = onNode(node);
    await powerOff();
    t.teardown(powerOn);
    await kubectl('taint', 'node', node, 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute');
    t.teardown(
      async () =>
        void (await kubectl('taint', 'node', node, 'node.kubernetes.io/out-of-service-').catch(() => undefined)),
    );
    await eventually(
      'the pod elsewhere',
      async () => ((await nodeOf(namespace, pod).catch(() => node)) === otherWorker(node) ? true : undefined),
      180_000,
    );
    t.is(await podOf(namespace, 'app=shop', 90_000), pod);
    t.is(await stableAddress(namespace, pod), address);
    await whileCounting(t, address, async () => {
      await powerOn();
      await kubectl('taint', 'node', node, 'node.kubernetes.io/out-of-service-');
      await kubectl('wait', '--for=condition=Ready', `node/${node}`, '--timeout=120s');
      await rolledOut('daemonset/godwit-node-agent');
    });
    await whileCounting(t, address, async () => assertMoved(t, await migrate(namespace, 'back', pod)));
  },
);

const scaleController = (replicas: number) =>
  kubectl('-n', 'godwit-system', 'scale', 'deployment', 'godwit-controller', `--replicas=${replicas}`);

scenario('without the controller pods are made and evicted as without Godwit', [], async (t) => {
  const namespace = await namespaceFor(t, 'without');
  await scaleController(0);
  t.teardown(async () => {
    await scaleController(2);
    await rolledOut('deployment/godwit-controller');
  });
  await eventually('no controller', async () =>
    (await kubectl(
      '-n',
      'godwit-system',
      'get',
      'pods',
      '-l',
      'app.kubernetes.io/name=godwit-controller',
      '-o',
      'name',
    )) === ''
      ? true
      : undefined,
  );
  const shape = { spec: { terminationGracePeriodSeconds: 1 } };
  await apply(owners.Deployment(namespace, shape));
  const pod = await podOf(namespace);
  const node = await nodeOf(namespace, pod);
  t.teardown(async () => void (await kubectl('uncordon', node)));
  await kubectl(
    'drain',
    node,
    '--ignore-daemonsets',
    '--delete-emptydir-data',
    '--force',
    '--pod-selector=app=shop',
    '--timeout=90s',
  );
  t.not(await podOf(namespace), pod);
});

scenario('an agent whose certificate has run out gets another, and moves pods', ['client', 'nodes'], async (t) => {
  const namespace = await namespaceFor(t, 'expired');
  await apply(owners.StatefulSet(namespace));
  const pod = await podOf(namespace);
  const source = onNode(await nodeOf(namespace, pod));
  const pki = '/var/lib/godwit/pki';
  // The agent's own key, with a certificate for yesterday: nobody believes it.
  await source.exec(
    'sh',
    '-ec',
    `cd ${pki}; cp node.crt old.crt; openssl req -new -key node.key -subj /CN=old -out old.csr; openssl x509 -req -in old.csr -signkey node.key -not_before 20200101000000Z -not_after 20200102000000Z -out node.crt; rm old.csr`,
  );
  await source.kill('agent');
  await eventually(
    'another certificate',
    async () =>
      (await source.exec('sh', '-c', `openssl x509 -in ${pki}/node.crt -noout -checkend 3600 || true`)).includes(
        'will not expire',
      )
        ? true
        : undefined,
    90_000,
  );
  await source.exec('rm', '-f', `${pki}/old.crt`);
  await rolledOut('daemonset/godwit-node-agent');
  await whileCounting(t, await stableAddress(namespace, pod), async () =>
    assertMoved(t, await migrate(namespace, 'move', pod)),
  );
});

for (const [what, block] of Object.entries({
  full: async (node: string, namespace: string) => {
    const allocatable = (await kubectl('get', 'node', node, '-o', 'jsonpath={.status.allocatable.cpu}')).trim();
    const free = allocatable.endsWith('m') ? Number.parseInt(allocatable, 10) / 1000 : Number(allocatable);
    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'filler', namespace },
      spec: {
        nodeSelector: { 'kubernetes.io/hostname': node },
        terminationGracePeriodSeconds: 0,
        containers: [shell('filler', 'exec sleep infinity', { resources: { requests: { cpu: String(free - 0.5) } } })],
      },
    });
    await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod/filler', '--timeout=60s');
    return () => kubectl('-n', namespace, 'delete', 'pod', 'filler');
  },
  tainted: async (node: string) => {
    await kubectl('taint', 'node', node, 'godwit.test/closed=now:NoSchedule');
    return () => kubectl('taint', 'node', node, 'godwit.test/closed-');
  },
})) {
  scenario(
    `a target that is ${what}: the move waits, says why, and goes on when there is room`,
    ['client'],
    async (t) => {
      const namespace = await namespaceFor(t, what);
      await apply(owners.Deployment(namespace, { container: { resources: { requests: { cpu: '600m' } } } }));
      const pod = await podOf(namespace);
      const free = await block(otherWorker(await nodeOf(namespace, pod)), namespace);
      let freed = false;
      t.teardown(async () => void (freed || (await free())));
      await whileCounting(t, await stableAddress(namespace, pod), async () => {
        await startMigration(namespace, 'move', pod);
        const message = await eventually(
          'the reason',
          async () =>
            (await migrationOf(namespace, 'move')).status?.conditions?.find(
              ({ type, status }) => type === 'Admitted' && status === 'False',
            )?.message,
        );
        t.regex(message, what === 'full' ? /not enough cpu/ : /taint godwit.test\/closed/);
        await free();
        freed = true;
        assertMoved(t, await outcomeOf(namespace, 'move'));
      });
    },
  );
}

/** Before the commit the source goes on; after it, it waits for the target's word that nothing ran there. */
scenario(
  'a target that dies in the middle of a move: nothing is lost, and the pod moves when the node is back',
  ['client', 'nodes'],
  async (t) => {
    const namespace = await namespaceFor(t, 'target-dies');
    await apply(owners.Deployment(namespace));
    const pod = await podOf(namespace);
    const source = await nodeOf(namespace, pod);
    const target = onNode(otherWorker(source));
    t.teardown(async () => {
      await target.powerOn();
      await kubectl('wait', '--for=condition=Ready', 'node', '--all', '--timeout=120s');
      await rolledOut('daemonset/godwit-node-agent');
    });
    await whileCounting(t, await stableAddress(namespace, pod), async () => {
      await apply({
        apiVersion: 'godwit.dev/v1alpha1',
        kind: 'Migration',
        metadata: { name: 'move', namespace },
        spec: { podName: pod, deadlineSeconds: 300 },
      });
      const { metadata } = await migrationOf(namespace, 'move');
      await onNode(source).reaches(metadata.uid ?? '', 'dumping');
      await target.powerOff();
      await eventually(
        'the roll-back or the commit',
        async () => {
          const { handover, commit } = (await migrationOf(namespace, 'move')).status ?? {};
          return handover?.state === 'rolled-back' || commit?.decision === 'committed' ? true : undefined;
        },
        90_000,
      );
      await target.powerOn();
      assertMoved(t, await outcomeOf(namespace, 'move', 280_000));
    });
  },
);

scenario(
  'a source that dies right after the commit: the target goes on, and the Migration ends when the node is declared out of service',
  ['client', 'nodes'],
  async (t) => {
    const namespace = await namespaceFor(t, 'source-dies');
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    const node = await nodeOf(namespace, pod);
    const source = onNode(node);
    t.teardown(async () => {
      await kubectl('taint', 'node', node, 'node.kubernetes.io/out-of-service-').catch(() => undefined);
      await source.powerOn();
      await kubectl('wait', '--for=condition=Ready', 'node', '--all', '--timeout=120s');
      await rolledOut('daemonset/godwit-node-agent');
    });
    await whileCounting(t, await stableAddress(namespace, pod), async () => {
      await startMigration(namespace, 'move', pod);
      const { metadata } = await migrationOf(namespace, 'move');
      await onNode(otherWorker(node)).reaches(metadata.uid ?? '', 'activating');
      await source.powerOff();
      t.is((await migrationOf(namespace, 'move')).status?.commit?.decision, 'committed');
      await kubectl('taint', 'node', node, 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute');
      const { status } = await outcomeOf(namespace, 'move', 120_000);
      t.is(status?.phase, 'Succeeded', JSON.stringify(status));
      t.is(await nodeOf(namespace, pod), otherWorker(node));
    });
  },
);

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** What a node may show when no pod of ours is left: each command says nothing then. */
const leftovers: Readonly<Record<string, string>> = {
  'held kills': 'pgrep -af "[g]odwit-runc .* kill" || true',
  'cgroups of restores': 'find /sys/fs/cgroup -type d -name "godwit-[0-9a-f]*" 2>/dev/null || true',
  'frozen cgroups':
    'for f in $(find /sys/fs/cgroup/freezer -name freezer.state 2>/dev/null); do grep -l FROZEN $f; done || true',
  images: 'ls /run/godwit/images',
  marks: 'ls /run/godwit/held /run/godwit/restored | grep -v : || true',
  links: 'ls /sys/class/net/gw-stable/brif | grep -v "^eth1$" || true',
  CRIU: 'pgrep -a criu || true',
};

scenario('nothing is left: neither on the nodes nor in the API', ['nodes'], async (t) => {
  await eventually(
    'the namespaces to go',
    async () => ((await kubectl('get', 'namespaces', '-o', 'name')).includes('/e2e-') ? undefined : true),
    180_000,
  );
  for (const node of workers) {
    for (const [what, command] of Object.entries(leftovers)) {
      const left = await eventually(
        `${what} of ${node} to go`,
        async () => (lines(await onNode(node).exec('sh', '-c', command)).length === 0 ? [] : undefined),
        60_000,
      ).catch(async () => lines(await onNode(node).exec('sh', '-c', command)));
      t.deepEqual(left, [], `${what} on ${node}`);
    }
  }
  t.is((await kubectl('get', 'migrations', '-A', '-o', 'name')).trim(), '');
  await eventually(
    'the addresses to be free',
    async () => ((await kubectl('get', 'stableips', '-o', 'name')).trim() === '' ? true : undefined),
    180_000,
  );
});
