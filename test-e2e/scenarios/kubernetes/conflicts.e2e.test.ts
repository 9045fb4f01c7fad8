// Others act on the same pod, owner or address while it moves: the move ends one way or the other, it never runs twice,
// and the object says why.
import type { ExecutionContext } from 'ava';
import type { MigrationReason } from '#core/api/reasons.ts';
import {
  apply,
  assertMoved,
  eventsOf,
  eventually,
  kubectl,
  migrate,
  migrationOf,
  namespaceFor,
  nodeOf,
  onlyMigration,
  outcomeOf,
  podOf,
  stableAddress,
  startMigration,
  whileCounting,
} from './cluster.ts';
import { onNode, otherWorker } from './nodes.ts';
import { scenario } from './scenario.ts';
import { owners, redisContainer } from './workloads.ts';
import type { Migration } from '#core/api/migration.ts';

const held = (namespace: string) =>
  eventually('the hold', async () =>
    (await migrationOf(namespace, 'move')).status?.holdUntil === undefined ? undefined : true,
  );

function assertFailed(t: ExecutionContext, { status }: Migration, ...reasons: MigrationReason[]): void {
  const { reason, message = '' } = status?.conditions?.find(({ type }) => type === 'Succeeded') ?? {};
  t.is(status?.phase, 'Failed', JSON.stringify(status));
  t.true(
    reasons.some((wanted) => wanted === reason),
    `${reason}: ${message}`,
  );
}

scenario('a replacement that a user deletes is followed by another', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'replaced');
  await apply(owners.Deployment(namespace));
  const pod = await podOf(namespace);
  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    await startMigration(namespace, 'move', pod);
    const replacement = await eventually(
      'a replacement',
      async () => (await migrationOf(namespace, 'move')).status?.target?.name,
    );
    await kubectl('-n', namespace, 'delete', 'pod', replacement, '--grace-period=0', '--force');
    const { status } = await outcomeOf(namespace, 'move');
    t.is(status?.phase, 'Succeeded', JSON.stringify(status));
  });
});

scenario(
  'an owner that is scaled to none during the move: the pod ends as it would, and nothing is left',
  [],
  async (t) => {
    const namespace = await namespaceFor(t, 'scaled');
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    await startMigration(namespace, 'move', pod);
    await held(namespace);
    await kubectl('-n', namespace, 'scale', 'statefulset', 'shop', '--replicas=0');
    const migration = await outcomeOf(namespace, 'move');
    if (migration.status?.phase === 'Succeeded') assertMoved(t, migration); // it was faster
    else assertFailed(t, migration, 'ReplacementMissing');
    await eventually(
      'no pods',
      async () => ((await kubectl('-n', namespace, 'get', 'pods', '-o', 'name')) === '' ? true : undefined),
      60_000,
    );
  },
);

/** The template has changed, but nobody has made pods of it yet. */
const secondEdition = (namespace: string, name: string) =>
  kubectl('-n', namespace, 'set', 'env', name, 'EDITION=second');
const editionOf = async (namespace: string) =>
  (
    await kubectl(
      '-n',
      namespace,
      'exec',
      await podOf(namespace, 'app=shop', 90_000),
      '--',
      'sh',
      '-c',
      'echo $EDITION',
    )
  ).trim();

scenario(
  'a StatefulSet whose template has changed: the old processes do not go on in a pod of the new one',
  [],
  async (t) => {
    const namespace = await namespaceFor(t, 'edition');
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    await kubectl(
      '-n',
      namespace,
      'patch',
      'statefulset',
      'shop',
      '-p',
      '{"spec":{"updateStrategy":{"type":"OnDelete","rollingUpdate":null}}}',
    );
    await secondEdition(namespace, 'statefulset/shop');
    const migration = await migrate(namespace, 'move', pod);
    assertFailed(t, migration, 'PreflightRefused');
    t.deepEqual(
      migration.status?.refusals?.map(({ code }) => code),
      ['PREFLIGHT_REPLACEMENT_DIFFERS'],
    );
    t.is(await editionOf(namespace), '');
  },
);

scenario(
  'a Deployment whose rollout is paused: the pod moves with its old template, and the rollout ends it when it goes on',
  ['client'],
  async (t) => {
    const namespace = await namespaceFor(t, 'paused');
    await apply(owners.Deployment(namespace));
    const pod = await podOf(namespace);
    await kubectl('-n', namespace, 'rollout', 'pause', 'deployment/web');
    await secondEdition(namespace, 'deployment/web');
    await whileCounting(t, await stableAddress(namespace, pod), async () =>
      assertMoved(t, await migrate(namespace, 'move', pod)),
    );
    await kubectl('-n', namespace, 'rollout', 'resume', 'deployment/web');
    await kubectl('-n', namespace, 'rollout', 'status', 'deployment/web', '--timeout=90s');
    t.is(await editionOf(namespace), 'second');
  },
);

scenario('the second of two Migrations of one pod is refused', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'two');
  await apply(owners.Deployment(namespace));
  const pod = await podOf(namespace);
  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    await startMigration(namespace, 'first', pod);
    const second = await migrate(namespace, 'second', pod);
    assertMoved(t, await outcomeOf(namespace, 'first'));
    assertFailed(t, second, 'AlreadyMigrating', 'PodNotFound');
  });
});

scenario('a Migration of a pod that a drain moves already is refused, and the drain goes on', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'drained');
  await apply(owners.StatefulSet(namespace));
  const pod = await podOf(namespace);
  const node = await nodeOf(namespace, pod);
  t.teardown(async () => void (await kubectl('uncordon', node)));
  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    const drain = kubectl(
      'drain',
      node,
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--force',
      '--pod-selector=app=shop',
      '--timeout=90s',
    );
    const first = await onlyMigration(namespace);
    assertFailed(t, await migrate(namespace, 'second', pod), 'AlreadyMigrating', 'PodNotFound');
    await drain;
    assertMoved(t, await outcomeOf(namespace, first));
  });
});

scenario('a Migration that is cancelled before its commit leaves the pod where it is', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'cancel');
  await apply(owners.Deployment(namespace));
  const pod = await podOf(namespace);
  const cordoned = otherWorker(await nodeOf(namespace, pod));
  await kubectl('cordon', cordoned); // so that it waits
  t.teardown(async () => void (await kubectl('uncordon', cordoned)));
  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    await startMigration(namespace, 'move', pod);
    await eventually('the wait', async () =>
      (await migrationOf(namespace, 'move')).status?.phase === 'Pending' ? true : undefined,
    );
    await kubectl('-n', namespace, 'patch', 'migration', 'move', '--type=merge', '-p', '{"spec":{"cancel":true}}');
    t.is((await outcomeOf(namespace, 'move')).status?.phase, 'Cancelled');
  });
  t.is(await podOf(namespace), pod);
});

scenario(
  'a Migration that is deleted in the middle is rolled back first: its pod is there afterwards, once',
  ['nodes'],
  async (t) => {
    const namespace = await namespaceFor(t, 'forgotten');
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    const source = onNode(await nodeOf(namespace, pod));
    await startMigration(namespace, 'move', pod);
    const { metadata } = await migrationOf(namespace, 'move');
    await source.reaches(metadata.uid ?? '', 'copying');
    await kubectl('-n', namespace, 'delete', 'migration', 'move', '--timeout=90s');
    t.is(await podOf(namespace, 'app=shop', 90_000), pod);
    t.is(
      (
        await source.exec(
          'sh',
          '-c',
          `grep -l '"uid":"${metadata.uid}"' /var/lib/godwit/handovers/*.jsonl 2>/dev/null | wc -l`,
        )
      ).trim(),
      '0',
    );
  },
);

scenario('while no webhook answers a move waits and says so, and goes on when one does', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'ungated');
  await apply(owners.StatefulSet(namespace));
  const pod = await podOf(namespace);
  const address = await stableAddress(namespace, pod);
  const webhook = await kubectl('get', 'mutatingwebhookconfiguration', 'godwit-controller', '-o', 'json');
  const { metadata, ...rest }: { metadata: { name: string }; webhooks: unknown; apiVersion: string; kind: string } =
    JSON.parse(webhook);
  const restore = () => apply({ ...rest, metadata: { name: metadata.name } });
  t.teardown(restore);
  await kubectl('delete', 'mutatingwebhookconfiguration', 'godwit-controller');
  await whileCounting(t, address, async () => {
    await startMigration(namespace, 'move', pod);
    const said = await eventually(
      'why it waits',
      async () =>
        (await migrationOf(namespace, 'move')).status?.conditions?.find(({ type }) => type === 'Admitted')?.message,
    );
    t.regex(said, /webhook of Godwit does not answer/);
    await restore();
    assertMoved(t, await outcomeOf(namespace, 'move'));
  });
  t.is(await podOf(namespace), pod);
});

/** Lets a pod go on that waits at a gate of somebody else. */
async function passGate(namespace: string, pod: string, name: string): Promise<void> {
  const patch = JSON.stringify({ spec: { schedulingGates: [{ name, $patch: 'delete' }] } });
  await eventually(`${pod} at its gate`, () =>
    kubectl('-n', namespace, 'patch', 'pod', pod, '-p', patch).then(
      () => true,
      () => undefined,
    ),
  );
}

scenario('a program that ends by itself while its pod is held ends the move, and starts anew', ['nodes'], async (t) => {
  const namespace = await namespaceFor(t, 'ended');
  const gate = 'godwit.test/not-yet';
  await apply(owners.StatefulSet(namespace, { spec: { schedulingGates: [{ name: gate }] } }));
  await passGate(namespace, 'shop-0', gate);
  const pod = await podOf(namespace);
  const of = (path: string) => kubectl('-n', namespace, 'get', 'pod', pod, '-o', `jsonpath={${path}}`);
  const [uid, node] = [await of('.metadata.uid'), await nodeOf(namespace, pod)];
  const id = (await of('.status.containerStatuses[0].containerID')).replace('containerd://', '');
  await startMigration(namespace, 'move', pod);
  await eventually('the next pod, which waits', async () =>
    [uid, ''].includes(await of('.metadata.uid').catch(() => '')) ? undefined : true,
  );
  const pidFile = `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/init.pid`;
  await onNode(node).exec('sh', '-c', `kill -9 $(cat ${pidFile})`);
  assertFailed(t, await outcomeOf(namespace, 'move', 20_000), 'SourceEnded');
  await passGate(namespace, pod, gate);
  t.is(await podOf(namespace), pod);
});

scenario('an address that another workload has is not given, and the pod says why', [], async (t) => {
  const namespace = await namespaceFor(t, 'taken');
  await apply(owners['bare pod'](namespace));
  const address = await stableAddress(namespace, await podOf(namespace));
  const wish = JSON.stringify([{ name: 'stable', ips: [`${address}/24`] }]);
  const second = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'second',
      namespace,
      labels: { app: 'second' },
      annotations: { 'k8s.v1.cni.cncf.io/networks': wish },
    },
    spec: { runtimeClassName: 'godwit', terminationGracePeriodSeconds: 1, containers: [redisContainer()] },
  };
  await apply(second);
  const said = await eventually('an event', async () =>
    (await eventsOf(namespace, 'second')).find((message) => message.includes(address)),
  );
  t.regex(said, /ERR_ADDRESS_TAKEN|in use|taken/);
});

scenario(
  'a pool that is exhausted says so on the pod and on the network, and gives again what is freed',
  [],
  async (t) => {
    const namespace = await namespaceFor(t, 'exhausted');
    const name = `tiny-${process.pid}`;
    t.teardown(async () => void (await kubectl('delete', 'stablenetwork', name)));
    await apply({
      apiVersion: 'godwit.dev/v1alpha1',
      kind: 'StableNetwork',
      metadata: { name },
      spec: {
        ranges: [{ cidr: '198.18.129.0/24', rangeStart: '198.18.129.10', rangeEnd: '198.18.129.10' }],
        namespaces: [namespace],
      },
    });
    await eventually('the attachment definition', async () =>
      (await kubectl('-n', namespace, 'get', 'net-attach-def', '-o', 'name')).includes(name) ? true : undefined,
    );
    const pod = (podName: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: podName,
        namespace,
        labels: { app: podName },
        annotations: { 'k8s.v1.cni.cncf.io/networks': name },
      },
      spec: { runtimeClassName: 'godwit', terminationGracePeriodSeconds: 1, containers: [redisContainer()] },
    });
    await apply(pod('first'));
    await podOf(namespace, 'app=first');
    await apply(pod('second'));
    await eventually('an event', async () =>
      (await eventsOf(namespace, 'second')).find((message) => message.includes('ERR_ADDRESS_EXHAUSTED')),
    );
    await kubectl('-n', namespace, 'delete', 'pod', 'first');
    await podOf(namespace, 'app=second', 150_000);
    t.is(await stableAddress(namespace, 'second'), '198.18.129.10');
  },
);
