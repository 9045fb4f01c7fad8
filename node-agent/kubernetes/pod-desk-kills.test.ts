// What containerd hears when it ends a container of a pod, by what the cluster says of the pod at that moment.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { at, condition, interrupted, migration, node, pod } from '#core/testing/objects.ts';
import { deskRig, type World } from '#agent/kubernetes/testing/desk-rig.ts';
import type { PodContainer } from '#agent/runtime/pod-identity.ts';
import { conversation } from '#agent/runtime/testing/conversation.ts';

const container: PodContainer = { namespace: 'default', name: 'shop-0', uid: 'u1', sandbox: 's1', container: 'app' };
const oci = { id: 'c1', root: '/r', bundle: '/b', pidFile: undefined, processFile: undefined, signal: 'SIGTERM' };
const deleted = pod({ metadata: { deletionTimestamp: at(99) } });
const preempted = interrupted('PreemptionByScheduler', { metadata: { deletionTimestamp: at(99) } });
const leaving = [node('a', { ready: { status: 'False', message: 'node is shutting down' } })];

function killer(t: ExecutionContext, parts?: Partial<World>) {
  const made = deskRig(t, parts);
  return {
    ...made,
    kill: (signal = 'SIGTERM') =>
      made.desk.kill(
        conversation((answer) => made.said.push(answer)),
        { ...oci, signal },
        container,
      ),
  };
}

test('an interruption is held; when nothing comes of it, the program has its own grace before it is ended', async (t) => {
  const { kill, pass, asked } = killer(t, {
    pods: [interrupted('PreemptionByScheduler', { spec: { terminationGracePeriodSeconds: 5 } })],
  });
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
  ["a user's delete", { pods: [deleted] }, 'deliver NotInterrupted'],
  ['an interruption that the watch has not seen', { live: { pods: [preempted] } }, 'hold PreemptionByScheduler'],
  [
    'an interruption of a pod that the watch does not know',
    { pods: [], live: { pods: [preempted] } },
    'hold PreemptionByScheduler',
  ],
  ['a pod that nobody knows', { pods: [] }, 'deliver UnknownPod'],
  ['another incarnation of the name', { pods: [pod({ metadata: { uid: 'u2' } })] }, 'deliver UnknownPod'],
  ['an API server that does not answer', { live: { silent: true } }, 'deliver NotInterrupted'],
  ['a node that is known to be shutting down', { nodes: leaving }, 'hold NodeShutdown'],
  [
    'a Migration that holds',
    {
      migrations: [
        migration({
          status: { conditions: [condition('Held')], source: { name: 'shop-0', uid: 'u1' }, holdUntil: at(160) },
        }),
      ],
    },
    'hold Migration',
  ],
  [
    'a Migration that has just failed',
    {
      pods: [preempted],
      migrations: [
        migration({
          spec: { trigger: 'Preemption' },
          status: {
            conditions: [condition('Succeeded', 'False')],
            source: { name: 'shop-0', uid: 'u1' },
            finishedAt: at(99),
          },
        }),
      ],
    },
    'deliver MoveFailed',
  ],
];
for (const [what, parts, decision] of atOnce) {
  test(`${what} is decided at once: ${decision}`, async (t) => {
    const { kill, pass } = killer(t, parts);
    await kill();
    t.deepEqual(await pass(0), [decision, decision.startsWith('hold') ? 'hold' : 'pass']);
  });
}

test("a kill that nobody's deletion explains waits for the node to say that it shuts down", async (t) => {
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

const hook = ['/bin/sh', '-c', 'redis-cli shutdown'];
const withHook = { spec: { containers: [{ name: 'app', lifecycle: { preStop: { exec: { command: hook } } } }] } };
const leavingWithHook = interrupted('EvictionByEvictionAPI', { metadata: { deletionTimestamp: at(99) }, ...withHook });

/** A killer that also begins sessions of that command in the container; resolves with whether the session was held. */
function hooker(t: ExecutionContext, parts?: Partial<World>, args: readonly string[] = hook) {
  const made = killer(t, parts);
  const processFile = join(made.runDir, 'process.json');
  writeFileSync(processFile, JSON.stringify({ args }));
  const exec = (file: string | undefined = processFile) =>
    made.desk.exec(
      conversation((answer) => made.said.push(`hook ${answer}`)),
      { ...oci, processFile: file },
      container,
    );
  return { ...made, exec };
}

test('a preStop hook is held as the kill that it begins, and run before the signal when nothing comes of the move', async (t) => {
  const { exec, kill, pass } = hooker(t, { pods: [leavingWithHook] });
  t.true(await exec());
  t.deepEqual(await pass(59_900), ['hook patience']);
  t.deepEqual(await pass(100), ['hook pass']);
  await kill();
  t.deepEqual(await pass(0), ['deliver HoldExpired', 'pass']);
});

test('a container that has moved has nothing to run its preStop hook in', async (t) => {
  const { exec, kills, pass } = hooker(t, { pods: [leavingWithHook] });
  await exec();
  kills.release('u1');
  t.deepEqual(await pass(0), ['hook patience', 'hook exit 1']);
});

test('a hook ends as soon as its container leaves: containerd tells of no end before', async (t) => {
  const { exec, execs, pass } = hooker(t, { pods: [leavingWithHook] });
  await exec();
  execs.open('c1');
  t.deepEqual(await pass(0), ['hook patience']);
  execs.refuse('c1');
  t.deepEqual(await pass(0), ['hook exit 1']);
});

const notHeld: [string, Partial<World>, (readonly string[])?][] = [
  ['a hook of a pod that its user deletes', { pods: [pod({ metadata: { deletionTimestamp: at(99) }, ...withHook })] }],
  ['another command', { pods: [leavingWithHook] }, ['/bin/sh', '-c', 'redis-cli ping']],
  ['the beginning of the hook', { pods: [leavingWithHook] }, hook.slice(0, 2)],
  ['a command of a pod without hooks', { pods: [preempted] }],
  ['a command of a pod that nobody knows', { pods: [] }],
];
for (const [what, parts, args] of notHeld) {
  test(`${what} is run`, async (t) => {
    const { exec, pass } = hooker(t, parts, args);
    t.false(await exec());
    t.deepEqual(await pass(0), []);
  });
}

test('a session whose process cannot be read is run: runc says what is wrong with it', async (t) => {
  const { exec } = hooker(t, { pods: [leavingWithHook] });
  t.false(await exec('/no/such/file'));
  t.false(await hooker(t, { pods: [leavingWithHook] }).exec('/dev/null'));
});
