// What containerd hears when it ends a container of a pod, by what the cluster says of the pod at that moment.
import test, { type ExecutionContext } from 'ava';
import { at, condition, interrupted, migration, node, pod } from '#core/testing/objects.ts';
import { deskRig, type World } from '#agent/kubernetes/testing/desk-rig.ts';
import type { PodContainer } from '#agent/runtime/pod-identity.ts';
import { conversation } from '#agent/runtime/testing/conversation.ts';

const container: PodContainer = { namespace: 'default', name: 'shop-0', uid: 'u1', sandbox: 's1', container: 'app' };
const oci = { id: 'c1', root: '/r', bundle: '/b', pidFile: undefined, signal: 'SIGTERM' };
const deleted = pod({ metadata: { deletionTimestamp: at(99) } });
const preempted = interrupted('PreemptionByScheduler', { metadata: { deletionTimestamp: at(99) } });
const leaving = [node('a', { ready: { status: 'False', message: 'node is shutting down' } })];

function killer(t: ExecutionContext, parts?: Partial<World>) {
  const made = deskRig(t, parts);
  return { ...made, kill: (signal = 'SIGTERM') => made.desk.kill(conversation((answer) => made.said.push(answer)), { ...oci, signal }, container) };
}

test('an interruption is held; when nothing comes of it, the program has its own grace before it is ended', async (t) => {
  const { kill, pass, asked } = killer(t, { pods: [interrupted('PreemptionByScheduler', { spec: { terminationGracePeriodSeconds: 5 } })] });
  await kill();
  await kill('SIGKILL');
  t.deepEqual(await pass(59_900), ['hold PreemptionByScheduler', 'hold', 'hold PreemptionByScheduler', 'hold']);
  t.deepEqual(await pass(100), ['pass']);
  t.deepEqual(await pass(4_900), []);
  t.deepEqual(await pass(200), ['pass']);
  await kill();
  t.deepEqual(await pass(0), ['deliver HoldExpired', 'pass']);
  t.deepEqual(asked, []);
});

const atOnce: [string, Partial<World>, string][] = [
  ['a user\'s delete', { pods: [deleted] }, 'deliver NotInterrupted'],
  ['an interruption that the watch has not seen', { live: { pods: [preempted] } }, 'hold PreemptionByScheduler'],
  ['an interruption of a pod that the watch does not know', { pods: [], live: { pods: [preempted] } }, 'hold PreemptionByScheduler'],
  ['a pod that nobody knows', { pods: [] }, 'deliver UnknownPod'],
  ['another incarnation of the name', { pods: [pod({ metadata: { uid: 'u2' } })] }, 'deliver UnknownPod'],
  ['an API server that does not answer', { live: { silent: true } }, 'deliver NotInterrupted'],
  ['a node that is known to be shutting down', { nodes: leaving }, 'hold NodeShutdown'],
  ['a Migration that holds', { migrations: [migration({ status: { conditions: [condition('Held')], source: { name: 'shop-0', uid: 'u1' }, holdUntil: at(160) } })] }, 'hold Migration'],
  ['a Migration that has just failed', { pods: [preempted], migrations: [migration({ spec: { trigger: 'Preemption' }, status: { conditions: [condition('Succeeded', 'False')], source: { name: 'shop-0', uid: 'u1' }, finishedAt: at(99) } })] }, 'deliver MoveFailed'],
];
for (const [what, parts, decision] of atOnce) {
  test(`${what} is decided at once: ${decision}`, async (t) => {
    const { kill, pass } = killer(t, parts);
    await kill();
    t.deepEqual(await pass(0), [decision, decision.startsWith('hold') ? 'hold' : 'pass']);
  });
}

test('a kill that nobody\'s deletion explains waits for the node to say that it shuts down', async (t) => {
  const { kill, pass, world, asked } = killer(t);
  const killed = kill();
  t.deepEqual(await pass(1_500), []);
  world.nodes = leaving;
  t.deepEqual(await pass(100), ['hold NodeShutdown', 'hold']);
  await killed;
  t.deepEqual(asked, ['Pod shop-0'], 'the API server is asked once');
});

test('it waits for a mark on the pod as well', async (t) => {
  const { kill, pass, world } = killer(t);
  const killed = kill();
  await pass(300);
  world.pods = [interrupted('TerminationByKubelet')];
  t.deepEqual(await pass(100), ['hold TerminationByKubelet', 'hold']);
  await killed;
});

test('it does not wait for long: the kubelet may have reasons of its own', async (t) => {
  const { kill, pass } = killer(t);
  const killed = kill();
  t.deepEqual(await pass(1_900), []);
  t.deepEqual(await pass(100), ['deliver NotInterrupted', 'pass']);
  await killed;
});
