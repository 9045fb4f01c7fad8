// What fails in the middle of a move: connections are kept, or the workload starts afresh; it never runs twice, and nothing is left behind.
import test, { type ExecutionContext } from 'ava';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  apply, assertClean, assertMoved, eventually, kubectl, migrate, migrationOf, namespaceFor, nodeOf, outcomeOf, podOf, stableAddress, startCounter, startMigration, whileCounting,
} from './cluster.ts';
import { onNode, otherWorker, workers } from './nodes.ts';
import { owners } from './workloads.ts';

/** The kubelet waits longer and longer for a container that dies again and again; a new pod's count begins anew. */
async function renewAgents(): Promise<void> {
  await kubectl('-n', 'godwit-system', 'delete', 'pod', '-l', 'app.kubernetes.io/name=godwit-node-agent', '--grace-period=1');
  await kubectl('-n', 'godwit-system', 'rollout', 'status', 'daemonset/godwit-node-agent', '--timeout=60s');
}

const controlPlane = 'godwit-control-plane';
const controllers = ['-n', 'godwit-system', 'delete', 'pod', '-l', 'app.kubernetes.io/name=godwit-controller', '--grace-period=0', '--force'];

/** What is done to the parts at a moment of the move; the undo runs before the outcome is looked at. */
type Fault = (at: { source: string; target: string; namespace: string; pod: string }) => Promise<void>;

const faults: Readonly<Record<string, Fault>> = {
  'the source\'s agent is killed': ({ source }) => onNode(source).killAgent(),
  'the target\'s agent is killed': ({ target }) => onNode(target).killAgent(),
  'both agents are killed': async ({ source, target }) => void (await Promise.all([onNode(source).killAgent(), onNode(target).killAgent()])),
  'both replicas of the controller are killed': async () => void (await kubectl(...controllers)),
  'the API server is killed': () => onNode(controlPlane).killProcess('[k]ube-apiserver --'),
  'the source\'s kubelet is started again': async ({ source }) => void (await onNode(source).exec('systemctl', 'restart', 'kubelet')),
  'the target\'s kubelet is started again': async ({ target }) => void (await onNode(target).exec('systemctl', 'restart', 'kubelet')),
  'the source\'s containerd is killed': ({ source }) => onNode(source).killProcess('^/usr/bin/[c]ontainerd$'),
  'the target\'s containerd is killed': ({ target }) => onNode(target).killProcess('^/usr/bin/[c]ontainerd$'),
  'the network between the agents is cut for three seconds': async ({ target }) => {
    const { exec } = onNode(target);
    await exec('iptables', '-I', 'INPUT', '-p', 'tcp', '--dport', '7411', '-j', 'DROP');
    await sleep(3_000);
    await exec('iptables', '-D', 'INPUT', '-p', 'tcp', '--dport', '7411', '-j', 'DROP');
  },
};

/** After the Migration is held, in ms: before, within and after the handover of an ordinary move. */
const moments = [0, 700, 1_400];

for (const [what, fault] of Object.entries(faults)) {
  for (const moment of what.includes('agent') ? moments : [700]) {
    test.serial(`${what} after ${moment} ms: the pod moves all the same`, async (t) => {
      if (what.includes('killed')) await renewAgents();
      const namespace = await namespaceFor(t, 'fault');
      await apply(owners.StatefulSet(namespace));
      const pod = await podOf(namespace);
      const source = await nodeOf(namespace, pod);
      await whileCounting(t, await stableAddress(namespace, pod), async () => {
        await startMigration(namespace, 'move', pod);
        await eventually('the hold', async () => ((await migrationOf(namespace, 'move')).status?.holdUntil === undefined ? undefined : true));
        await sleep(moment);
        await fault({ source, target: otherWorker(source), namespace, pod });
        const migration = await outcomeOf(namespace, 'move', 150_000);
        t.log(`${migration.status?.attempts} attempts`);
        assertMoved(t, migration);
      });
      await podOf(namespace, 'app=shop', 90_000);
    });
  }
}

test.serial('a replacement that a user deletes is followed by another', async (t) => {
  const namespace = await namespaceFor(t, 'replaced');
  await apply(owners.Deployment(namespace));
  const pod = await podOf(namespace);
  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    await startMigration(namespace, 'move', pod);
    const replacement = await eventually('a replacement', async () => (await migrationOf(namespace, 'move')).status?.target?.name);
    await kubectl('-n', namespace, 'delete', 'pod', replacement, '--grace-period=0', '--force');
    const { status } = await outcomeOf(namespace, 'move');
    t.is(status?.phase, 'Succeeded', JSON.stringify(status));
  });
});

for (const [what, args] of Object.entries({ 'scaled to none': ['scale', 'statefulset', 'shop', '--replicas=0'], 'rolled out anew': ['rollout', 'restart', 'statefulset', 'shop'] })) {
  test.serial(`an owner that is ${what} during the move: nothing is left`, async (t) => {
    const namespace = await namespaceFor(t, 'owner');
    await apply(owners.StatefulSet(namespace));
    await startMigration(namespace, 'move', await podOf(namespace));
    await eventually('the hold', async () => ((await migrationOf(namespace, 'move')).status?.holdUntil === undefined ? undefined : true));
    await kubectl('-n', namespace, ...args);
    const { status } = await outcomeOf(namespace, 'move', 150_000);
    t.log(`${status?.phase}: ${status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason}`);
    if (args[0] === 'scale') await eventually('no pods', async () => ((await kubectl('-n', namespace, 'get', 'pods', '-o', 'name')) === '' ? true : undefined), 90_000);
    else await podOf(namespace, 'app=shop', 90_000);
  });
}

test.serial('the second of two Migrations of one pod is refused', async (t) => {
  const namespace = await namespaceFor(t, 'two');
  await apply(owners.Deployment(namespace));
  const pod = await podOf(namespace);
  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    await startMigration(namespace, 'first', pod);
    const second = await migrate(namespace, 'second', pod);
    assertMoved(t, await outcomeOf(namespace, 'first'));
    t.is(second.status?.phase, 'Failed');
    t.regex(second.status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason ?? '', /AlreadyMigrating|PodNotFound/);
  });
});

test.serial('a Migration that is cancelled before its commit leaves the pod where it is', async (t) => {
  const namespace = await namespaceFor(t, 'cancel');
  await apply(owners.Deployment(namespace));
  const pod = await podOf(namespace);
  const node = await nodeOf(namespace, pod);
  const cordoned = otherWorker(node);
  await kubectl('cordon', cordoned); // so that it waits
  t.teardown(async () => void (await kubectl('uncordon', cordoned)));
  await whileCounting(t, await stableAddress(namespace, pod), async () => {
    await startMigration(namespace, 'move', pod);
    await eventually('the wait', async () => ((await migrationOf(namespace, 'move')).status?.phase === 'Pending' ? true : undefined));
    await kubectl('-n', namespace, 'patch', 'migration', 'move', '--type=merge', '-p', '{"spec":{"cancel":true}}');
    t.is((await outcomeOf(namespace, 'move')).status?.phase, 'Cancelled');
  });
  t.is(await podOf(namespace), pod);
});

/** Two agents that cannot talk: the move is given up at its deadline, and the workload starts afresh where it was sent. */
test.serial('a target that cannot be reached: the deadline ends the move, and the workload is not lost for good', async (t) => {
  const namespace = await namespaceFor(t, 'unreachable');
  await apply(owners.StatefulSet(namespace));
  const pod = await podOf(namespace);
  const address = await stableAddress(namespace, pod);
  const target = otherWorker(await nodeOf(namespace, pod));
  const { exec } = onNode(target);
  const cut = (verb: string) => exec('iptables', verb, 'INPUT', '-p', 'tcp', '--dport', '7411', '-j', 'DROP');
  await cut('-I');
  t.teardown(async () => void (await cut('-D').catch(() => undefined)));
  await apply({ apiVersion: 'godwit.dev/v1alpha1', kind: 'Migration', metadata: { name: 'move', namespace }, spec: { podName: pod, deadlineSeconds: 15 } });
  const { status } = await outcomeOf(namespace, 'move');
  t.is(status?.phase, 'Failed');
  await podOf(namespace, 'app=shop', 90_000);
  const client = await startCounter(address);
  await client.more(100, 30_000);
  await assertClean(t, client);
});

test.serial('a dead node: its pod starts afresh elsewhere with the same address, and the node that comes back is fenced', async (t) => {
  const namespace = await namespaceFor(t, 'dead');
  const soon = ['not-ready', 'unreachable'].map((key) => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }));
  await apply(owners.StatefulSet(namespace, { spec: { tolerations: soon } }));
  const pod = await podOf(namespace);
  const address = await stableAddress(namespace, pod);
  const node = await nodeOf(namespace, pod);
  const { powerOff, powerOn } = onNode(node);
  await powerOff();
  t.teardown(powerOn);
  await kubectl('taint', 'node', node, 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute');
  t.teardown(async () => void (await kubectl('taint', 'node', node, 'node.kubernetes.io/out-of-service-').catch(() => undefined)));
  await eventually('the pod elsewhere', async () => ((await nodeOf(namespace, pod).catch(() => node)) === otherWorker(node) ? true : undefined), 180_000);
  t.is(await podOf(namespace, 'app=shop', 90_000), pod);
  t.is(await stableAddress(namespace, pod), address);
  await whileCounting(t, address, async () => {
    await powerOn();
    await kubectl('taint', 'node', node, 'node.kubernetes.io/out-of-service-');
    await kubectl('wait', '--for=condition=Ready', `node/${node}`, '--timeout=120s');
    await kubectl('-n', 'godwit-system', 'rollout', 'status', 'daemonset/godwit-node-agent', '--timeout=120s');
  });
  await whileCounting(t, address, async () => assertMoved(t, await migrate(namespace, 'back', pod)));
});

const scaleController = (replicas: number) => kubectl('-n', 'godwit-system', 'scale', 'deployment', 'godwit-controller', `--replicas=${replicas}`);

test.serial('without the controller pods are made and evicted as without Godwit', async (t) => {
  await scaleController(0);
  t.teardown(async () => {
    await scaleController(2);
    await kubectl('-n', 'godwit-system', 'rollout', 'status', 'deployment/godwit-controller', '--timeout=90s');
  });
  await eventually('no controller', async () => ((await kubectl('-n', 'godwit-system', 'get', 'pods', '-l', 'app.kubernetes.io/name=godwit-controller', '-o', 'name')) === '' ? true : undefined));
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `e2e-without-${process.pid}` } });
  const namespace = `e2e-without-${process.pid}`;
  t.teardown(async () => void (await kubectl('delete', 'namespace', namespace, '--timeout=60s')));
  const shape = { spec: { terminationGracePeriodSeconds: 1 } };
  await apply(owners.Deployment(namespace, shape));
  const pod = await podOf(namespace);
  const node = await nodeOf(namespace, pod);
  t.teardown(async () => void (await kubectl('uncordon', node)));
  await kubectl('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--pod-selector=app=shop', '--timeout=90s');
  t.not(await podOf(namespace), pod);
});

function assertNothingLeft(t: ExecutionContext, node: string, said: string): void {
  t.is(said.trim(), '', `left on ${node}`);
}

test.serial('nothing is left on the nodes: no held kill, no frozen cgroup, no sibling of a restore', async (t) => {
  for (const node of workers) {
    const { exec } = onNode(node);
    assertNothingLeft(t, node, await exec('sh', '-c', 'pgrep -af "[g]odwit-runc .* kill" || true'));
    assertNothingLeft(t, node, await exec('sh', '-c', 'find /sys/fs/cgroup -type d -name "godwit-[0-9a-f]*" 2>/dev/null || true'));
    assertNothingLeft(t, node, await exec('sh', '-c', 'for f in $(find /sys/fs/cgroup/freezer -name freezer.state 2>/dev/null); do grep -l FROZEN $f; done || true'));
  }
});
