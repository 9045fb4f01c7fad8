// What an eviction is judged by: the pod, its policy and its node as they are, whatever the watches have heard.
import test, { type ExecutionContext } from 'ava';
import { groupVersion } from '#core/api/names.ts';
import { migrations } from '#core/kube/resources.ts';
import { migration, node, pod, policy } from '#core/testing/objects.ts';
import { interruptionMigration } from '#controller/interruptions/interruptions.ts';
import { runningCluster, type Seed } from '#controller/testing/running-cluster.ts';
import { judgeEviction } from './judge-eviction.ts';

async function rig(t: ExecutionContext, seed: Seed) {
  const { cluster, api, server } = await runningCluster(t, seed);
  const codes: number[] = [];
  const settings = { own: [], onEviction: (code: number) => void codes.push(code) };
  const judge = (request: object = {}) =>
    judgeEviction(cluster, settings, {
      uid: 'review',
      operation: 'CREATE',
      object: undefined,
      name: 'shop-0',
      namespace: 'default',
      ...request,
    });
  const begun = async () =>
    (await api.list(migrations, { namespace: 'default' })).items.map(({ spec }) => spec.trigger);
  return { cluster, server, judge, begun, codes };
}

test('it is refused, and begins a move', async (t) => {
  const { judge, begun, codes } = await rig(t, { pods: [pod()] });
  t.like(await judge(), { allowed: false, code: 429 });
  t.deepEqual(await begun(), ['Eviction']);
  t.deepEqual(codes, [429]);
});

test('a Migration of the name that it would have, which moves nothing, does not keep the pod from moving', async (t) => {
  const { judge, begun, server } = await rig(t, { pods: [pod()] });
  const squat = (name: string) =>
    server.store.write(
      `/apis/${groupVersion}/migrations`,
      migration({ metadata: { name, uid: undefined }, spec: { podUID: 'u1', dryRun: true } }),
    );
  squat(interruptionMigration(pod(), 'Eviction', 900, undefined).metadata.name);
  t.like(await judge(), { allowed: false, code: 429 });
  t.deepEqual((await begun()).toSorted(), ['Eviction', 'User']);
  await judge();
  t.deepEqual((await begun()).toSorted(), ['Eviction', 'User'], 'whoever comes later finds the same');
});

test('however many names are taken, the move begins', async (t) => {
  const { judge, begun, server } = await rig(t, { pods: [pod()] });
  const answers = server.fail('GET', /migrations\/shop-0-/, { status: 404 }, 4); // each was made anew meanwhile
  server.fail('POST', /migrations$/, { status: 409, body: { reason: 'AlreadyExists' } }, 4);
  await judge();
  answers();
  t.deepEqual(await begun(), ['Eviction']);
});

test('a dry run is answered alike, and begins nothing', async (t) => {
  const { judge, begun } = await rig(t, { pods: [pod()] });
  t.like(await judge({ dryRun: true }), { allowed: false, code: 429 });
  t.deepEqual(await begun(), []);
});

test('right after a cordon it is known as a drain, though the watch has not heard of the cordon', async (t) => {
  const { judge, begun, cluster, server } = await rig(t, { pods: [pod()] });
  await cluster.close();
  server.store.write('/api/v1/nodes', node('a', { spec: { unschedulable: true } }));
  t.like(await judge(), { allowed: false, code: 429 });
  t.deepEqual(await begun(), ['Drain']);
});

test('a policy of which the watch has not heard counts', async (t) => {
  const { judge, cluster, server } = await rig(t, { pods: [pod()], policies: [] });
  await cluster.close();
  server.store.write(`/apis/${groupVersion}/interruptionpolicies`, policy());
  t.like(await judge(), { allowed: false, code: 429 });
});

test('a pod of another runtime class goes at once, and nothing but the pod is asked for', async (t) => {
  const { judge, begun, server } = await rig(t, { pods: [pod({ spec: { runtimeClassName: 'runc' } })] });
  server.received.splice(0);
  t.like(await judge(), { allowed: true });
  t.is(server.received.filter(({ path }) => !path.includes('watch=')).length, 1);
  t.deepEqual(await begun(), []);
});
