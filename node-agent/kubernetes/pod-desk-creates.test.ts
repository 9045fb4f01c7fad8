// Which containers of a pod start at once, which wait for a handover, and whose claim is believed.
import test, { type ExecutionContext } from 'ava';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { annotations } from '#core/api/names.ts';
import { condition, migration, node, pod } from '#core/testing/objects.ts';
import type { Arrivals } from '#agent/kubernetes/pod/arrivals.ts';
import { deskRig, type World } from '#agent/kubernetes/testing/desk-rig.ts';
import type { OciSpec } from '#agent/runtime/oci-spec.ts';
import type { Arrival } from '#agent/runtime/pod-desk.ts';
import type { PodContainer } from '#agent/runtime/pod-identity.ts';
import { conversation } from '#agent/runtime/testing/conversation.ts';

const oci = { id: 'c1', root: '/r', bundle: '/b', pidFile: undefined, processFile: undefined, signal: 'SIGTERM' };
/** Of the replacement of a pod whose UID is `u1`. */
const container: PodContainer = {
  namespace: 'default',
  name: 'shop-0',
  uid: 'u2',
  sandbox: 's1',
  container: 'app',
  migration: 'm1',
};
const replacement = pod({
  metadata: { uid: 'u2' },
  spec: { nodeName: 'b', initContainers: [{ name: 'init' }, { name: 'side', restartPolicy: 'Always' }] },
});
const spec: OciSpec = {
  annotations: { [annotations.migrationName]: 'move' },
  linux: { namespaces: [{ type: 'network', path: '/run/netns/x' }] },
};
const source = { name: 'shop-0', uid: 'u1', nodeName: 'a' };
const held = (status: MigrationStatus = {}, parts: Parameters<typeof migration>[0] = {}): Migration =>
  migration({
    ...parts,
    status: {
      conditions: [condition('Held')],
      strategy: 'SameName',
      source,
      target: { name: 'shop-0', uid: 'u2' },
      ...status,
    },
  });
const ofAnother: MigrationStatus = { target: { name: 'shop-0', uid: 'u3' } };
const failed = (state: string): Migration =>
  held({ conditions: [condition('Held'), condition('Succeeded', 'False')], handover: { id: 'm1-1', state } });

function creator(t: ExecutionContext, parts: Partial<World>) {
  const made = deskRig(t, { pods: [replacement], ...parts });
  const create = conversation();
  const exit = (code: number, message?: string): void => void made.said.push(`exit ${code} ${message}`);
  return {
    ...made,
    create: (more: Partial<PodContainer> = {}) =>
      made.desk.create({ create: { ...create, exit }, oci, pod: { ...container, ...more }, spec }),
  };
}

/** As a handover that succeeds. */
async function take(arrivals: Arrivals, name: string): Promise<Arrival> {
  const arrival = await arrivals.expect('m1', name);
  arrivals.keep(arrival);
  return arrival;
}

const unclaimed = { migration: undefined };

test('a pod that replaces nothing starts at once', async (t) => {
  t.is(await creator(t, {}).create(unclaimed), spec);
});

const formerSelves: [string, Partial<World>, boolean][] = [
  ['is held', { migrations: [held()] }, false],
  ['may run on after a move that failed', { migrations: [failed('rolled-back')] }, false],
  ['was released', { migrations: [failed('released')] }, true],
  ['ran on a node that is gone', { migrations: [failed('rolled-back')], nodes: [node('b')] }, true],
  ['has another name', { migrations: [held({}, { spec: { podName: 'shop-1' } })] }, true],
  ['lived in another namespace', { migrations: [held({}, { metadata: { namespace: 'other' } })] }, true],
  ['gets a replacement of another name', { migrations: [held({ strategy: 'NewName' })] }, true],
];
for (const [what, parts, starts] of formerSelves) {
  test(`a pod that nobody has claimed, whose former self ${what}, ${starts ? 'starts' : 'waits'}`, async (t) => {
    const { create } = creator(t, parts);
    if (starts) t.is(await create(unclaimed), spec);
    else await t.throwsAsync(create(unclaimed), { code: 'ERR_FORMER_SELF' });
  });
}

test('the replacement that the Migration names is given to its handover', async (t) => {
  const { create, arrivals, said } = creator(t, { migrations: [held()] });
  const handed = take(arrivals, 'app');
  t.is(await create(), undefined);
  t.is((await handed).pod.uid, 'u2');
  t.deepEqual(said, []);
});

const believed: [string, Partial<World>, boolean][] = [
  ['names another pod', { migrations: [held(ofAnother)] }, false],
  ['names no pod', { migrations: [migration({ status: { conditions: [condition('Held')], source } })] }, false],
  ['names it in another namespace', { migrations: [held({}, { metadata: { namespace: 'other' } })] }, false],
  ['names it, though the watch is late', { migrations: [held(ofAnother)], live: { migrations: [held()] } }, true],
  [
    'names it, though the watch knows nothing of the Migration',
    { migrations: [], live: { migrations: [held()] } },
    true,
  ],
  [
    'was made anew, and names it',
    { migrations: [held(ofAnother)], live: { migrations: [held({}, { metadata: { uid: 'm2' } })] } },
    false,
  ],
];
for (const [what, parts, isBelieved] of believed) {
  test(`a claim is ${isBelieved ? '' : 'not '}believed when the Migration ${what}`, async (t) => {
    const { create, arrivals } = creator(t, parts);
    void take(arrivals, 'app');
    if (isBelieved) t.is(await create(), undefined);
    else await t.throwsAsync(create(), { code: 'ERR_NOT_CLAIMED' });
  });
}

test('what an init container did arrives with the memory: it only has to succeed; a sidecar goes on', async (t) => {
  const { create, arrivals } = creator(t, { migrations: [held()] });
  const skipped = await create({ container: 'init' });
  t.deepEqual(skipped?.process?.args, ['/dev/godwit-done']);
  t.like(skipped?.mounts?.at(-1), {
    destination: '/dev/godwit-done',
    source: '/opt/godwit/godwit-runc',
    options: ['bind', 'ro'],
  });
  void take(arrivals, 'side');
  t.is(await create({ container: 'side' }), undefined);
  await t.throwsAsync(create({ container: 'debugger' }), { code: 'ERR_CONTAINER_UNKNOWN' });
});

const settled: [string, Partial<World>][] = [
  ['has moved, and whose node has booted since', { migrations: [held({ conditions: [condition('Succeeded')] })] }],
  ['moved long ago', { migrations: [] }],
  ['starts afresh after a move that failed', { migrations: [failed('released')] }],
];
for (const [what, parts] of settled)
  test(`init containers of a pod that ${what} run`, async (t) => {
    const { create } = creator(t, parts);
    t.is(await create({ container: 'init' }), spec);
    t.is(await create({ container: 'side' }), spec);
  });

test('init containers that were left out for a move that did not come run in a new sandbox', async (t) => {
  const { create, pass, world } = creator(t, { migrations: [held()] });
  t.not(await create({ container: 'init' }), spec);
  const created = create();
  await pass(1_000);
  world.migrations = [failed('released')];
  const [ended, answer, ...more] = await pass(500);
  t.is(ended, 'ended sandbox s1 below /r');
  t.regex(answer ?? '', /^exit 1 godwit: ERR_INIT_SKIPPED: /);
  t.deepEqual(more, []);
  t.is(await created, undefined);
  const anew = { sandbox: 's2' };
  t.is(await create({ ...anew, container: 'init' }), spec);
  t.is(await create(anew), spec);
  t.deepEqual(await pass(0), ['opened /run/netns/x for u2']);
});

test("a handover that does not come is waited for within the kubelet's patience", async (t) => {
  const { create, pass } = creator(t, { migrations: [held()] });
  const created = create();
  t.deepEqual(await pass(99_900), []);
  const [answer, ...more] = await pass(100);
  t.regex(answer ?? '', /^exit 1 godwit: ERR_HANDOVER_UNKNOWN: /);
  t.is(await created, undefined);
  t.deepEqual(more, []);
});

test('it starts afresh when its Migration has failed and the source has ended, and so do all of its containers', async (t) => {
  const { create, pass, world } = creator(t, { migrations: [held()] });
  const created = create();
  await pass(1_000);
  world.migrations = [failed('rolled-back')];
  t.deepEqual(await pass(5_000), []);
  world.migrations = [failed('released')];
  t.deepEqual(await pass(500), ['opened /run/netns/x for u2']);
  t.is(await created, spec);
  t.is(await create({ container: 'side' }), spec);
});
