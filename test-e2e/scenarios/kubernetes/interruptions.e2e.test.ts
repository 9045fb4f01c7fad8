// Every interruption becomes a move, and what is no interruption is delivered at once (docs/interruptions.md has the
// table).
import type { ExecutionContext } from 'ava';
import { z } from 'zod';
import { hasCondition } from '#core/api/conditions.ts';
import { isUnderway, migrationSchema, type Migration, type Trigger } from '#core/api/migration.ts';
import {
  apply,
  assertClean,
  assertMoved,
  eventually,
  kubectl,
  kubectlWith,
  migrationOf,
  namespaceFor,
  nodeOf,
  onlyMigration,
  outcomeOf,
  podOf,
  readyPods,
  renewed,
  stableAddress,
  startCounter,
  whileCounting,
} from './cluster.ts';
import { onNode, otherWorker, workers } from './nodes.ts';
import { labels, owners, redisContainer, shell } from './workloads.ts';
import { scenario } from './scenario.ts';

const [worker = ''] = workers;

/** The pod leaves its node by `interrupt`, and nobody notices. */
async function assertMovedBy(
  t: ExecutionContext,
  namespace: string,
  trigger: Trigger,
  interrupt: (node: string, pod: string) => Promise<unknown>,
): Promise<void> {
  const pod = await podOf(namespace);
  const node = await nodeOf(namespace, pod);
  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    await interrupt(node, pod);
    const migration = await outcomeOf(namespace, await onlyMigration(namespace));
    assertMoved(t, migration);
    t.is(migration.spec.trigger, trigger);
  });
  t.not(await nodeOf(namespace, await podOf(namespace)), node);
}

const drain = (node: string) =>
  kubectl(
    'drain',
    node,
    '--ignore-daemonsets',
    '--delete-emptydir-data',
    '--force',
    '--pod-selector=app=shop',
    '--timeout=90s',
  );

for (const kind of ['StatefulSet', 'Deployment', 'bare pod'] as const) {
  scenario(`kubectl drain of a ${kind}`, ['client'], async (t) => {
    const namespace = await namespaceFor(t, `drain-${kind}`);
    await apply(owners[kind](namespace));
    await assertMovedBy(t, namespace, 'Drain', async (node) => {
      t.teardown(async () => void (await kubectl('uncordon', node)));
      await drain(node);
    });
  });
}

const drainedPods = 4;
/** Of the controller, unless its flags say otherwise: moves that leave a node at a time. */
const movesPerNode = 2;

scenario(
  'kubectl drain of a node with several pods: no more moves at a time than the limit, and no connection is lost',
  ['client'],
  async (t) => {
    const namespace = await namespaceFor(t, 'drain-many');
    const other = otherWorker(worker);
    await kubectl('cordon', other);
    t.teardown(async () => void (await kubectl('uncordon', worker, other)));
    await apply(owners.StatefulSet(namespace, { replicas: drainedPods }));
    const pods = await eventually('all pods', async () => {
      const ready = await readyPods(namespace);
      return ready.length === drainedPods ? ready : undefined;
    });
    await kubectl('uncordon', other);
    const clients = await Promise.all(pods.map(async (pod) => startCounter(await stableAddress(namespace, pod), 1)));
    for (const client of clients) t.teardown(async () => void (await client.stop().catch(() => undefined)));
    const over = new AbortController();
    let most = 0;
    const watched = (async () => {
      while (!over.signal.aborted) most = Math.max(most, (await movesUnderway(namespace)).length);
    })();
    await drain(worker);
    over.abort();
    await watched;
    t.true(most >= 1 && most <= movesPerNode, `${most} moves at a time`);
    for (const pod of pods) t.is(await nodeOf(namespace, pod), other);
    for (const client of clients) await client.more(100, 30_000);
    for (const client of clients) await assertClean(t, client);
  },
);

const migrationListSchema = z.object({ items: z.array(migrationSchema) });

/** Admitted, and not over. */
async function movesUnderway(namespace: string): Promise<Migration[]> {
  const { items } = migrationListSchema.parse(
    JSON.parse(await kubectl('-n', namespace, 'get', 'migrations', '-o', 'json')),
  );
  return items.filter((migration) => isUnderway(migration) && hasCondition(migration.status?.conditions, 'Admitted'));
}

/**
 * Once it is committed its replacement serves, which lets the next one begin while the source is still being removed.
 */
const isAway = ({ status }: Migration): boolean => !hasCondition(status?.conditions, 'Committed');

scenario('an eviction is refused with the reason and the time, and the pod moves', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'eviction');
  await apply(owners.Deployment(namespace));
  await assertMovedBy(t, namespace, 'Eviction', async (_node, pod) => {
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace } };
    const refused = await t.throwsAsync(
      kubectlWith(
        JSON.stringify(eviction),
        'create',
        '--raw',
        `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`,
        '-f',
        '-',
      ),
    );
    t.regex(refused.message, /Eviction triggered evacuation.*let through at \d{4}-/);
  });
});

scenario('a PodDisruptionBudget that allows nothing refuses the eviction, and nothing moves', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'budget');
  await apply(owners.Deployment(namespace), {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'shop', namespace },
    spec: { minAvailable: 1, selector: { matchLabels: labels } },
  });
  const pod = await podOf(namespace);
  await eventually('the budget to be counted', async () =>
    (await kubectl('-n', namespace, 'get', 'pdb', 'shop', '-o', 'jsonpath={.status.currentHealthy}')) === '1'
      ? true
      : undefined,
  );
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace } };
  const refused = await t.throwsAsync(
    kubectlWith(
      JSON.stringify(eviction),
      'create',
      '--raw',
      `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`,
      '-f',
      '-',
    ),
  );
  t.regex(refused.message, /disruption budget/);
  t.is(await kubectl('-n', namespace, 'get', 'migrations', '-o', 'name'), '');
});

scenario(
  'kubectl drain of pods whose budget allows none: they move where the policy says so, one at a time',
  [],
  async (t) => {
    const namespace = await namespaceFor(t, 'undercut');
    const other = otherWorker(worker);
    await kubectl('cordon', other);
    t.teardown(async () => void (await kubectl('uncordon', worker, other)));
    await kubectl(
      '-n',
      namespace,
      'patch',
      'interruptionpolicy',
      'shop',
      '--type=merge',
      '-p',
      '{"spec":{"disruptionBudgets":"MoveAllowed"}}',
    );
    await apply(owners.StatefulSet(namespace, { replicas: 2 }), {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'shop', namespace },
      spec: { minAvailable: '100%', selector: { matchLabels: labels } },
    });
    await eventually('the budget to be counted', async () =>
      (await kubectl('-n', namespace, 'get', 'pdb', 'shop', '-o', 'jsonpath={.status.currentHealthy}')) === '2'
        ? true
        : undefined,
    );
    await kubectl('uncordon', other);
    const over = new AbortController();
    let most = 0;
    const watched = (async () => {
      while (!over.signal.aborted) most = Math.max(most, (await movesUnderway(namespace)).filter(isAway).length);
    })();
    await drain(worker);
    over.abort();
    await watched;
    t.is(most, 1);
    for (const pod of ['shop-0', 'shop-1']) t.is(await nodeOf(namespace, pod), other);
  },
);

scenario('a taint', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'taint');
  await apply(owners.StatefulSet(namespace));
  await assertMovedBy(t, namespace, 'Taint', async (node) => {
    t.teardown(async () => void (await kubectl('taint', 'node', node, 'godwit.test/leave-')));
    await kubectl('taint', 'node', node, 'godwit.test/leave=now:NoExecute');
  });
});

scenario('preemption by a pod of higher priority', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'preemption');
  const priority = `e2e-urgent-${process.pid}`;
  t.teardown(async () => void (await kubectl('delete', 'priorityclass', priority)));
  await apply({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: priority },
    value: 1_000_000,
  });
  await apply(owners.Deployment(namespace, { container: { resources: { requests: { cpu: '1' } } } }));
  await assertMovedBy(t, namespace, 'Preemption', async (node) => {
    const urgent = shell('urgent', 'exec sleep infinity', { resources: { requests: { cpu: '1500m' } } });
    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'urgent', namespace },
      spec: {
        priorityClassName: priority,
        terminationGracePeriodSeconds: 0,
        nodeSelector: { 'kubernetes.io/hostname': node },
        containers: [urgent],
      },
    });
  });
  await eventually('the urgent pod runs', async () =>
    (await kubectl('-n', namespace, 'get', 'pod', 'urgent', '-o', 'jsonpath={.status.phase}')) === 'Running'
      ? true
      : undefined,
  );
});

scenario('a node that shuts down', ['client', 'nodes'], async (t) => {
  // Kills that the kubelet has begun go on when the shutdown is called off: only new pods are sure to stay.
  t.teardown(
    async () =>
      void (await Promise.all([renewed('deployment/godwit-controller'), renewed('daemonset/godwit-node-agent')])),
  );
  for (const node of workers) t.teardown(await onNode(node).allowGracefulShutdown());
  const namespace = await namespaceFor(t, 'shutdown');
  await apply(owners.StatefulSet(namespace, { spec: { terminationGracePeriodSeconds: 30 } }));
  await assertMovedBy(t, namespace, 'NodeShutdown', async (node) => {
    const { announceShutdown } = onNode(node);
    t.teardown(() => announceShutdown(false));
    await announceShutdown(true);
  });
});

scenario('a node that is uncordoned keeps what has not frozen', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'uncordon');
  const only = {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [workers[0]] }] },
          ],
        },
      },
    },
  };
  await apply(owners.Deployment(namespace, { spec: only }));
  const pod = await podOf(namespace);
  t.teardown(async () => void (await kubectl('uncordon', worker)));
  await t.throwsAsync(
    kubectl(
      'drain',
      worker,
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--force',
      '--pod-selector=app=shop',
      '--timeout=6s',
    ),
  );
  await kubectl('uncordon', worker);
  const { spec, status } = await outcomeOf(namespace, await onlyMigration(namespace));
  t.is(status?.phase, 'Cancelled', JSON.stringify({ spec, status }));
  t.is(await podOf(namespace), pod);
});

const controllerPods = [
  '-n',
  'godwit-system',
  'get',
  'pods',
  '-l',
  'app.kubernetes.io/name=godwit-controller',
  '--field-selector=status.phase=Running',
  '-o',
  'name',
] as const;
const formerControllersGone = () =>
  eventually('the end of the former controllers', async () =>
    (await kubectl(...controllerPods)).trim().split('\n').length === 2 ? true : undefined,
  );

scenario('no eviction slips through while the controller is rolled out', [], async (t) => {
  const namespace = await namespaceFor(t, 'updated');
  // nowhere else to go
  await apply(owners['bare pod'](namespace, { spec: { nodeSelector: { 'kubernetes.io/hostname': worker } } }));
  const pod = await podOf(namespace);
  const eviction = JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace } });
  const over = new AbortController();
  let refused = 0;
  const evict = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const error = await t.throwsAsync(
        kubectlWith(eviction, 'create', '--raw', `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`, '-f', '-'),
      );
      t.regex(error.message, /Eviction triggered evacuation/);
      refused += 1;
    }
  };
  const evicting = evict();
  try {
    await renewed('deployment/godwit-controller');
    await formerControllersGone();
  } finally {
    over.abort();
    await evicting;
  }
  t.log(`${refused} evictions refused`);
  t.is(await podOf(namespace), pod);
});

/** The pod ends, as fast as without Godwit, and nothing is moved. */
async function assertDelivered(
  t: ExecutionContext,
  namespace: string,
  act: (pod: string) => Promise<unknown>,
): Promise<void> {
  const pod = await podOf(namespace);
  const uid = await kubectl('-n', namespace, 'get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}');
  const started = Date.now();
  await act(pod);
  await eventually(
    'the end of the pod',
    async () =>
      (await kubectl('-n', namespace, 'get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}')).includes(uid)
        ? undefined
        : true,
    20_000,
  );
  t.log(`gone after ${Date.now() - started} ms`);
  t.is(await kubectl('-n', namespace, 'get', 'migrations', '-o', 'name'), '');
}

scenario("a user's delete is delivered at once", ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'deleted');
  await apply(owners['bare pod'](namespace));
  await assertDelivered(t, namespace, (pod) => kubectl('-n', namespace, 'delete', 'pod', pod, '--wait=false'));
});

scenario('a scale-down is delivered at once', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'scaled');
  await apply(owners.StatefulSet(namespace));
  await assertDelivered(t, namespace, () => kubectl('-n', namespace, 'scale', 'statefulset', 'shop', '--replicas=0'));
});

scenario('a rollout is delivered at once', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'rollout');
  await apply(owners.Deployment(namespace));
  await assertDelivered(t, namespace, () => kubectl('-n', namespace, 'rollout', 'restart', 'deployment', 'web'));
});

scenario('a pod with the policy Never is evicted as without Godwit', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'never');
  await apply(
    {
      apiVersion: 'godwit.dev/v1alpha1',
      kind: 'InterruptionPolicy',
      metadata: { name: 'never', namespace },
      spec: { selector: { matchLabels: labels }, action: 'Never', precedence: 1 },
    },
    owners.Deployment(namespace),
  );
  await assertDelivered(t, namespace, async (pod) => {
    const node = await nodeOf(namespace, pod);
    t.teardown(async () => void (await kubectl('uncordon', node)));
    await drain(node);
  });
});

scenario('a completed container is not kept', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'completed');
  await apply(
    owners['bare pod'](namespace, { spec: { restartPolicy: 'Never', containers: [shell('short', 'exit 0')] } }),
  );
  await eventually('the pod is done', async () =>
    (await kubectl('-n', namespace, 'get', 'pod', 'lonely', '-o', 'jsonpath={.status.phase}')) === 'Succeeded'
      ? true
      : undefined,
  );
  await kubectl('-n', namespace, 'delete', 'pod', 'lonely', '--timeout=20s');
  t.is(await kubectl('-n', namespace, 'get', 'migrations', '-o', 'name'), '');
});

scenario('a pod that finds no room in time is evicted with the reason on its Migration', ['client'], async (t) => {
  const namespace = await namespaceFor(t, 'no-room');
  await apply(
    {
      apiVersion: 'godwit.dev/v1alpha1',
      kind: 'InterruptionPolicy',
      metadata: { name: 'hasty', namespace },
      spec: { selector: { matchLabels: labels }, holdSeconds: 5, evictionDeadlineSeconds: 5, precedence: 1 },
    },
    owners.Deployment(namespace, {
      spec: { containers: [redisContainer()], nodeSelector: { 'kubernetes.io/hostname': worker } },
    }),
  );
  await podOf(namespace);
  t.teardown(async () => void (await kubectl('uncordon', worker)));
  await kubectl(
    'drain',
    worker,
    '--ignore-daemonsets',
    '--delete-emptydir-data',
    '--force',
    '--pod-selector=app=shop',
    '--timeout=60s',
  );
  const migration = await migrationOf(namespace, await onlyMigration(namespace));
  t.is(migration.status?.phase, 'Failed');
  t.is(migration.status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason, 'NoCandidate');
});
